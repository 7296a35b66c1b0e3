//! The exceptions of `lakhnes.errors`, and which of them each Rust error becomes.

use std::error::Error;
use std::io;

use lakhnes_apu::ApuError;
use lakhnes_decoder::DecoderError;
use lakhnes_files::FileError;
use lakhnes_tokenizer::TokenizerError;
use pyo3::exceptions::{PyMemoryError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

mod python {
    pyo3::import_exception!(lakhnes.errors, FormatError);
    pyo3::import_exception!(lakhnes.errors, LimitError);
    pyo3::import_exception!(lakhnes.errors, TokenError);
}
use python::LimitError;
pub(crate) use python::{FormatError, TokenError};

/// What the system calls a file that exists already.
const EEXIST: i32 = 17;

/// The exception that a mistake in a score or a token becomes.
pub(crate) fn score_error(error: TokenizerError) -> PyErr {
    score_exception(&error, error.to_string())
}

fn score_exception(error: &TokenizerError, message: String) -> PyErr {
    match error {
        TokenizerError::Token { .. } | TokenizerError::Id { .. } => TokenError::new_err(message),
        TokenizerError::Limit { .. } | TokenizerError::LimitAt { .. } => LimitError::new_err(message),
        TokenizerError::Option { .. } => PyValueError::new_err(message),
        _ => FormatError::new_err(message),
    }
}

/// The exception that a mistake in a register log, or in a call of the chip, becomes.
pub(crate) fn chip_error(error: ApuError) -> PyErr {
    chip_exception(&error, error.to_string())
}

fn chip_exception(error: &ApuError, message: String) -> PyErr {
    match error {
        ApuError::TooLong { .. }
        | ApuError::TooManyEvents { .. }
        | ApuError::TooManyWrites { .. }
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

/// The exception that a failure in a file becomes, with the name of the file where it has one.
pub(crate) fn file_error(error: FileError) -> PyErr {
    let message = error.to_string();
    let (file, error) = match error {
        FileError::In { file, error } => (Some(file), *error),
        error => (None, error),
    };
    let words = error.to_string();
    match error {
        FileError::Io(error) => system_error(error, words, file),
        FileError::Score(error) => score_exception(&error, message),
        FileError::Chip(error) => chip_exception(&error, message),
        FileError::Limit { .. } => LimitError::new_err(message),
        FileError::Loop { .. } => PyValueError::new_err(message),
        _ => FormatError::new_err(message),
    }
}

/// The same, with a name that the caller gives to the bytes.
pub(crate) fn file_error_in(error: impl Into<FileError>, name: Option<String>) -> PyErr {
    file_error(match name {
        Some(name) => error.into().in_file(name),
        None => error.into(),
    })
}

/// The `OSError` of a refusal; an exception that Python code has raised, as it was, but for a name where it has none.
fn system_error(error: io::Error, words: String, file: Option<String>) -> PyErr {
    if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<PyErr>) {
        let error = PyErr::from(error);
        return match file {
            Some(file) if is_nameless(&error) => {
                Python::attach(|py| PyOSError::new_err(format!("{file}: {}", error.value(py))))
            }
            _ => error,
        };
    }
    let number = if error.kind() == io::ErrorKind::AlreadyExists { Some(EEXIST) } else { error.raw_os_error() };
    match (number, file) {
        (Some(number), Some(file)) => PyOSError::new_err((number, words, file)),
        (Some(number), None) => PyOSError::new_err((number, words)),
        (None, Some(file)) => PyOSError::new_err(format!("{file}: {words}")),
        (None, None) => PyOSError::new_err(words),
    }
}

/// Whether it is a bare `OSError` with nothing but words, as those of libsndfile.
fn is_nameless(error: &PyErr) -> bool {
    Python::attach(|py| {
        let number = error.value(py).getattr("errno");
        error.is_instance_of::<PyOSError>(py) && number.is_ok_and(|number| number.is_none())
    })
}

/// The exception that a mistake in a model, or a failure of its decoder, becomes.
pub(crate) fn decoder_error(error: DecoderError) -> PyErr {
    let message = error.to_string();
    match error {
        DecoderError::OutOfMemory { .. } => PyMemoryError::new_err(message),
        DecoderError::Thread => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}
