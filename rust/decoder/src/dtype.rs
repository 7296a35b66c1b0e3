//! The numeric format of a model.

/// How weights, keys, values and projected distances are kept. Everything else is computed in 32-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit floats.
    Float32,
    /// The upper half of a 32-bit float, rounded to nearest even; inputs stay 32-bit floats.
    Bfloat16,
    /// Eight bits with a scale a row, their inputs with a scale a vector; sums are exact.
    Int8,
}
