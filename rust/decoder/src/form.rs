//! In which format a network keeps its weights, and in which its keys, values and projected distances.

use crate::element::{Element, Float16, Float32};

pub(crate) trait Form: 'static {
    type Weight: Element;
    type Memory: Element;
}

impl<E: Element> Form for E {
    type Weight = E;
    type Memory = E;
}

/// 32-bit floats whose weights happen to be 16-bit floats: half as much to read, and every result the same to the bit.
pub(crate) struct Float32InHalf;

impl Form for Float32InHalf {
    type Weight = Float16;
    type Memory = Float32;
}
