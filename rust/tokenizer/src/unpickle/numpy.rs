//! What numpy puts into a pickle: arrays, their types, and numbers of such types.

use super::literal::{little_endian, parse};
use super::{Id, Object};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dtype {
    /// `i`, `u` or `f`.
    pub(crate) kind: u8,
    pub(crate) size: usize,
    pub(crate) big_endian: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub(crate) shape: Vec<i64>,
    pub(crate) dtype: Id,
    /// Whether the first index varies fastest.
    pub(crate) fortran: bool,
    pub(crate) data: Id,
}

pub(super) fn dtype(name: &Object) -> Option<Dtype> {
    let name = match name {
        Object::Bytes(name) => name.as_slice(),
        Object::Text(name) => name.as_bytes(),
        _ => return None,
    };
    let (&kind, size) = name.split_first()?;
    let size = parse(size).filter(|size| [1, 2, 4, 8].contains(size))?;
    matches!(kind, b'i' | b'u' | b'f').then_some(Dtype { kind, size, big_endian: false })
}

pub(super) fn scalar(dtype: Dtype, bytes: &[u8]) -> Option<Object> {
    if bytes.len() != dtype.size {
        return None;
    }
    let mut bytes = bytes.to_vec();
    if dtype.big_endian {
        bytes.reverse();
    }
    let bits = little_endian(&bytes);
    let unused = 64 - 8 * dtype.size as u32;
    Some(match (dtype.kind, dtype.size) {
        (b'f', 8) => Object::Float(f64::from_bits(bits)),
        (b'f', 4) => Object::Float(f64::from(f32::from_bits(bits as u32))),
        (b'u', _) => Object::Int(i64::try_from(bits).ok()?),
        (b'i', _) => Object::Int(((bits << unused) as i64) >> unused),
        _ => return None,
    })
}
