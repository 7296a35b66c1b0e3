//! The disassemblies of NES-MDB in all forms that they have: text, pickle, JSON, tuples.
//!
//! ```text
//! NDR   [("clock", 1789773), ("apu", "0b", "00"), ("wait", 735), …]
//! NDF   [("clock", 1789773), ("apu", "p1", "du", 2, 0, 0), …]
//! NLM   [("clock", 1789773), ("p1_du", 2), ("w", 735), …]
//! ```
//! The tuples are the lines of the texts that [`lakhnes_apu::formats`] reads. NES-MDB's archives hold them as pickles: of one
//! only numbers, strings, tuples and lists are built, and nothing is executed. JSON has lists in the place of tuples.

use lakhnes_apu::formats::disassembly::Field;
use lakhnes_apu::formats::{ndf, ndr, nlm};
use lakhnes_apu::{ApuError, RegisterLog};

use crate::error::TokenizerError;
use crate::score_fault::ScoreFault;

mod json;
mod pickle;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disassembly {
    /// Every write to a register.
    Ndr,
    /// Every function of the registers.
    Ndf,
    /// The functions that change something, for language models.
    Nlm,
}

impl Disassembly {
    /// Reads a text.
    ///
    /// # Errors
    /// [`ApuError::Line`] for the first line that is no event, [`ApuError::LineLimit`], [`ApuError::TooLarge`].
    pub fn read(self, text: &str) -> Result<RegisterLog, ApuError> {
        match self {
            Self::Ndr => ndr::read(text),
            Self::Ndf => ndf::read(text),
            Self::Nlm => nlm::read(text),
        }
    }

    /// Writes a text.
    ///
    /// # Errors
    /// Whatever [`RegisterLog::validate`] finds.
    pub fn write(self, log: &RegisterLog) -> Result<String, ApuError> {
        match self {
            Self::Ndr => ndr::write(log),
            Self::Ndf => ndf::write(log),
            Self::Nlm => nlm::write(log),
        }
    }

    /// The events of a log as tuples.
    #[must_use]
    pub fn tuples(self, log: &RegisterLog) -> Box<dyn Iterator<Item = Vec<Field>> + '_> {
        match self {
            Self::Ndr => Box::new(ndr::tuples(log)),
            Self::Ndf => Box::new(ndf::tuples(log)),
            Self::Nlm => Box::new(nlm::tuples(log)),
        }
    }

    /// Reads tuples, each a line of `rows` with commas between its fields.
    ///
    /// # Errors
    /// [`TokenizerError::Row`] for a tuple that is no event; [`TokenizerError::Limit`], [`TokenizerError::LimitAt`].
    pub fn read_rows(self, rows: &str) -> Result<RegisterLog, TokenizerError> {
        TokenizerError::check_input(rows.len())?;
        self.read(rows).map_err(row_error)
    }

    /// Reads a pickle.
    ///
    /// # Errors
    /// [`TokenizerError::Pickle`] with the offset of what is no list of tuples, or of the opcode that breaks it off, and its
    /// name; else as [`Self::read_rows`].
    pub fn read_pickle(self, bytes: &[u8]) -> Result<RegisterLog, TokenizerError> {
        self.read_rows(&pickle::read_rows(bytes)?)
    }

    /// Reads JSON: a list of lists of strings and integers.
    ///
    /// # Errors
    /// [`TokenizerError::Json`] with the line and the column of what is no JSON; else as [`Self::read_rows`].
    pub fn read_json(self, bytes: &[u8]) -> Result<RegisterLog, TokenizerError> {
        self.read_rows(&json::read_rows(bytes)?)
    }

    /// Writes JSON, on one line and without spaces.
    ///
    /// # Errors
    /// Whatever [`RegisterLog::validate`] finds; [`ApuError::TooLarge`] for what [`Self::read_json`] would not read.
    pub fn write_json(self, log: &RegisterLog) -> Result<String, ApuError> {
        log.validate()?;
        json::text(self.tuples(log))
    }
}

/// The word of a tuple for a line: a name without commas that fits one line, or an integer.
fn is_word(word: &str) -> bool {
    word.len() <= 16 && word.chars().all(|letter| letter.is_ascii_graphic() && letter != ',')
}

fn row_error(error: ApuError) -> TokenizerError {
    match error {
        ApuError::Line { line, expected, found } => TokenizerError::Row { row: line, expected, found },
        ApuError::LineLimit { line, what, found, limit } => {
            TokenizerError::LimitAt { place: "tuple", number: line, what, limit, found }
        }
        error => TokenizerError::Score(ScoreFault::Disassembly(error)),
    }
}
