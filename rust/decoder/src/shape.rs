//! The shape of a model and the form of its weights.

use crate::error::DecoderError;

/// No side of a matrix is larger: sums of so many products of 8 bits fit into 32 bits.
pub const MAX_SIDE: usize = 65_536;

/// Hyper-parameters of a Transformer-XL, named as in its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the field's names say it")]
pub struct Shape {
    pub vocab_size: usize,
    pub n_layer: usize,
    pub n_head: usize,
    pub d_model: usize,
    pub d_head: usize,
    pub d_inner: usize,
    /// Whether the input of each half of a layer is normalised, not its output.
    pub pre_norm: bool,
}

/// How weights, keys, values and distances are kept. Everything else is computed in 32-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// As they are.
    Float32,
    /// The upper half of a 32-bit float, rounded to nearest even; inputs stay 32-bit floats.
    Bfloat16,
    /// Eight bits with a scale a row, their inputs with a scale a vector; sums are exact.
    Int8,
}

impl Shape {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// If a number is 0 or above [`MAX_SIDE`].
    pub fn check(&self) -> Result<(), DecoderError> {
        let sides = [
            ("vocab_size", self.vocab_size),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
            ("d_model", self.d_model),
            ("d_head", self.d_head),
            ("d_inner", self.d_inner),
            ("n_head * d_head", self.n_head.saturating_mul(self.d_head)),
        ];
        for (name, found) in sides {
            in_range(name, found, MAX_SIDE)?;
        }
        Ok(())
    }

    /// Width of all heads together.
    #[must_use]
    pub const fn heads_width(&self) -> usize {
        self.n_head * self.d_head
    }
}

/// Refuses 0 and what is above the most.
pub(crate) fn in_range(name: &'static str, found: usize, most: usize) -> Result<(), DecoderError> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    Err(DecoderError::Range { name, expected: format!("1 to {most}"), found })
}
