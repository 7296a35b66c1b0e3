//! The exceptions of `lakhnes.errors`, and which of them each Rust error becomes.

use std::path::Path;

use lakhnes_apu::ApuError;
use lakhnes_decoder::DecoderError;
use lakhnes_tokenizer::TokenizerError;
use pyo3::PyErr;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};

mod python {
    pyo3::import_exception!(lakhnes.errors, FormatError);
    pyo3::import_exception!(lakhnes.errors, LimitError);
    pyo3::import_exception!(lakhnes.errors, TokenError);
}
pub(crate) use python::{FormatError, LimitError, TokenError};

/// The exception that a mistake in a score or a token becomes.
pub(crate) fn score_error(error: &TokenizerError) -> PyErr {
    exception(error, error.to_string())
}

/// The same, with the name of the file in front.
pub(crate) fn score_error_in(path: &Path, error: &TokenizerError) -> PyErr {
    exception(error, format!("{}: {error}", path.display()))
}

fn exception(error: &TokenizerError, message: String) -> PyErr {
    match error {
        TokenizerError::Token { .. } | TokenizerError::Id { .. } => TokenError::new_err(message),
        TokenizerError::Limit { .. } | TokenizerError::LimitAt { .. } => LimitError::new_err(message),
        TokenizerError::Option { .. } => PyValueError::new_err(message),
        _ => FormatError::new_err(message),
    }
}

/// The exception that a mistake in a register log, or in a call of the chip, becomes.
pub(crate) fn chip_error(error: &ApuError) -> PyErr {
    let message = error.to_string();
    match error {
        ApuError::TooLong { .. }
        | ApuError::TooManyEvents { .. }
        | ApuError::TooLarge { .. }
        | ApuError::LineLimit { .. }
        | ApuError::ByteLimit { .. } => LimitError::new_err(message),
        ApuError::Format { .. }
        | ApuError::Line { .. }
        | ApuError::Unsupported { .. }
        | ApuError::NotWritable { .. } => FormatError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

/// The exception that a mistake in a model, or a failure of its decoder, becomes.
pub(crate) fn decoder_error(error: &DecoderError) -> PyErr {
    let message = error.to_string();
    match error {
        DecoderError::OutOfMemory { .. } => PyMemoryError::new_err(message),
        DecoderError::Thread => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}
