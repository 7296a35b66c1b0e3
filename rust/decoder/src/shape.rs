//! The shape of a model.

use crate::error::DecoderError;

/// The largest side of a matrix: the sum of this many products of 8 bits fits into 32 bits.
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
    /// Distances above this count as this; 0 for no clamping.
    pub clamp_len: usize,
    /// Rows of a second table of embeddings, some of which come with every token; 0 for none.
    pub state_rows: usize,
    /// Rows of a table of weights, by which the embeddings of what is recalled are multiplied; 0 for none.
    pub recall_rows: usize,
}

impl Shape {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// If a side is 0 or above [`MAX_SIDE`], or `d_model` is odd.
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
        for (name, found) in [("state_rows", self.state_rows), ("recall_rows", self.recall_rows)] {
            if found > MAX_SIDE {
                return Err(DecoderError::Range { name, expected: format!("0 to {MAX_SIDE}"), found });
            }
        }
        if !self.d_model.is_multiple_of(2) {
            let expected = "an even number (sines and cosines)".to_owned();
            return Err(DecoderError::Range { name: "d_model", expected, found: self.d_model });
        }
        Ok(())
    }

    /// Width of all heads together.
    #[must_use]
    pub const fn heads_width(&self) -> usize {
        self.n_head * self.d_head
    }
}

/// Refuses 0 and numbers above the largest.
pub(crate) fn in_range(name: &'static str, found: usize, largest: usize) -> Result<(), DecoderError> {
    if (1..=largest).contains(&found) {
        return Ok(());
    }
    Err(DecoderError::Range { name, expected: format!("1 to {largest}"), found })
}
