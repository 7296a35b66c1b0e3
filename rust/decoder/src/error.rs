//! What can be wrong with a model or a request.

use thiserror::Error;

/// Why a model cannot be built, tokens cannot be fed, or none can be sampled.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum DecoderError {
    /// A number is outside its range.
    #[error("{name}: expected {expected}, found {found}")]
    Range {
        /// Its name.
        name: &'static str,
        /// The range.
        expected: String,
        /// The number.
        found: usize,
    },
    /// A sampling parameter is outside its range.
    #[error("{name}: expected {expected}, found {found}")]
    Parameter {
        /// Its name, as in [`SamplingParams`](crate::SamplingParams).
        name: &'static str,
        /// The range.
        expected: &'static str,
        /// The number.
        found: f32,
    },
    /// A weight is missing.
    #[error("weights: {name} is missing")]
    MissingWeight {
        /// Its name, as in the checkpoint.
        name: String,
    },
    /// A weight has another size than the shape asks for.
    #[error("weights: {name}: expected {expected} numbers, found {found}")]
    WeightSize {
        /// Its name, as in the checkpoint.
        name: String,
        /// Numbers according to the shape.
        expected: usize,
        /// Numbers of the checkpoint.
        found: usize,
    },
    /// There is not enough memory.
    #[error("memory: no room for {what}")]
    OutOfMemory {
        /// What needs it.
        what: String,
    },
    /// No token was fed since the last one was forgotten.
    #[error("rewind: expected a token that was fed since the last rewind")]
    NothingToRewind,
    /// All tokens are forbidden, or their logits are minus infinity or not numbers.
    #[error("logits: no token may come next; expected one that is allowed and has a logit above minus infinity")]
    NoToken,
    /// A thread of the decoder has panicked.
    #[error("decoder: a thread has failed; begin again")]
    Thread,
}
