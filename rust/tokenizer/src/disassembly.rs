//! Pickled disassemblies, as the archives of NES-MDB hold them: lists of tuples, a tuple an event.
//!
//! ```text
//! .ndr.pkl   [("clock", 1789773), ("apu", "0b", "00"), ("wait", 735), …]
//! .ndf.pkl   [("clock", 1789773), ("apu", "p1", "du", 2, 0, 0), …]
//! .nlm.pkl   [("clock", 1789773), ("p1_du", 2), ("w", 735), …]
//! ```
//! The tuples are the lines of the texts that [`lakhnes_apu::formats`] reads; only numbers, strings, tuples and lists are
//! built, and nothing is executed.

use lakhnes_apu::formats::{ndf, ndr, nlm};
use lakhnes_apu::{ApuError, RegisterLog};

use crate::error::TokenizerError;
use crate::score::read_row_pickle;

/// Reads a pickled raw disassembly.
///
/// # Errors
/// [`TokenizerError::Pickle`] with the offset and the name of the opcode that breaks it off; [`TokenizerError::Score`] for
/// another object; [`TokenizerError::Row`] for a tuple that is no event; [`TokenizerError::Limit`].
pub fn read_ndr_pickle(bytes: &[u8]) -> Result<RegisterLog, TokenizerError> {
    ndr::read(&read_row_pickle(bytes)?).map_err(row_error)
}

/// Reads a pickled functional disassembly.
///
/// # Errors
/// As [`read_ndr_pickle`].
pub fn read_ndf_pickle(bytes: &[u8]) -> Result<RegisterLog, TokenizerError> {
    ndf::read(&read_row_pickle(bytes)?).map_err(row_error)
}

/// Reads a pickled disassembly for language models.
///
/// # Errors
/// As [`read_ndr_pickle`].
pub fn read_nlm_pickle(bytes: &[u8]) -> Result<RegisterLog, TokenizerError> {
    nlm::read(&read_row_pickle(bytes)?).map_err(row_error)
}

fn row_error(error: ApuError) -> TokenizerError {
    match error {
        ApuError::Line { line, expected, found } => TokenizerError::Row { row: line, expected, found },
        ApuError::TooLong { found, limit } => {
            TokenizerError::Limit { what: "length in ticks of 1/44,100 s", limit, found }
        }
        ApuError::TooManyEvents { found, limit } => TokenizerError::Limit { what: "number of events", limit, found },
        error => TokenizerError::Score { expected: "a disassembly".to_owned(), found: error.to_string() },
    }
}
