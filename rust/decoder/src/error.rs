//! What can be wrong with a model or a request.

use thiserror::Error;

/// Why a model cannot be built or a step cannot be made.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecoderError {
    /// A number is outside its range.
    #[error("{name}: expected {expected}, found {found}")]
    Range {
        /// Which one.
        name: &'static str,
        /// The range.
        expected: String,
        /// The number.
        found: usize,
    },
    /// A weight is not there.
    #[error("weights: {name} is missing")]
    Missing {
        /// Its name, as in the checkpoint.
        name: String,
    },
    /// A weight has another size than the shape asks for.
    #[error("weights: {name}: expected {expected} numbers, found {found}")]
    Size {
        /// Its name, as in the checkpoint.
        name: String,
        /// As many as the shape says.
        expected: usize,
        /// As many as there are.
        found: usize,
    },
    /// There is no room for the keys and values.
    #[error("memory: no room for the keys and values of {songs} songs of {window} positions")]
    Memory {
        /// Songs of the batch.
        songs: usize,
        /// Positions that a step sees.
        window: usize,
    },
    /// Nothing was read since the last token was forgotten.
    #[error("forget: expected a token that was read since the last time")]
    Unread,
    /// No token may be drawn.
    #[error("logits: no token may come next; expected a number above minus infinity for one that may")]
    Nothing,
    /// A thread of the decoder died.
    #[error("decoder: a thread has failed; make a new decoder")]
    Thread,
}
