//! What can be wrong with a file, said in one line.

use std::io;

use lakhnes_apu::ApuError;
use lakhnes_tokenizer::TokenizerError;
use thiserror::Error;

use crate::level::Level;

/// Every failure of this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// A failure in a file; [`FileError::in_file`] makes it.
    #[error("{file}: {error}")]
    In {
        /// The file, or what stands for its name (`stdin`, an entry of an archive).
        file: String,
        /// What is wrong with it.
        error: Box<FileError>,
    },
    /// Register writes that are wrong, or that cannot be rendered or written.
    #[error(transparent)]
    Chip(#[from] ApuError),
    /// A score that is wrong, or that cannot be performed or written.
    #[error(transparent)]
    Score(#[from] TokenizerError),
    /// What the system refuses.
    #[error("{}", plain(.0))]
    Io(#[from] io::Error),
    /// There is no format of this name, or none that can do what is asked.
    #[error("{found}: expected one of {expected}")]
    Format {
        /// The names that would do, with spaces between them.
        expected: String,
        /// The name that was given.
        found: String,
    },
    /// A file of another format than an edit is made for.
    #[error("{format}, expected {expected}")]
    Edit {
        /// The format of the file.
        format: &'static str,
        /// What the edit takes.
        expected: &'static str,
    },
    /// A file of arrays that lacks one.
    #[error("expected arrays rate, nsamps and {kind} (or starts and values): no array '{missing}'")]
    NoArray {
        /// The array that holds the frames of this kind of score.
        kind: &'static str,
        /// The array that is not there.
        missing: &'static str,
    },
    /// An array of another type, shape or value.
    #[error("{name}: expected {expected}, found {found}")]
    Array {
        /// The array.
        name: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file of arrays that is no ZIP archive, or whose directory is damaged.
    #[error("expected a .npz file: {0}")]
    Archive(String),
    /// More than a limit allows; raised before memory is taken for it.
    #[error("{what}: expected at most {limit}, found {found}")]
    Limit {
        /// What is too much, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What the file asks for (at least).
        found: u64,
    },
    /// A song of no length, of which an event text has nothing to say: an empty one cannot be read again.
    #[error("expected a song of some length for an event text, found one of 0 s")]
    NoEvents,
    /// A loop that a WAV file cannot say.
    #[error("loop: expected samples of a WAV file, the first before the end, found {start} to {end}")]
    Loop {
        /// Its first sample.
        start: u64,
        /// The one behind its last.
        end: u64,
    },
    /// Sound that would be louder than a file can say.
    #[error("expected sound within full scale, found {over:.1} dB above it: a lower --gain or --normalize fits")]
    Loud {
        /// By how many decibels it is too loud.
        over: f64,
    },
    /// Silence that is to have a loudness.
    #[error("expected sound to make {level} loud, found none that can be heard long enough to be measured")]
    Quiet {
        /// How loud it was to be.
        level: Level,
    },
    /// A failure of the loudness meter.
    #[error("loudness: {0}")]
    Meter(String),
    /// The work was stopped before it was done; nothing of it is left.
    #[error("stopped")]
    Stopped,
}

impl FileError {
    /// The same failure with the name of the file in which it occurred. One that has a name keeps it.
    #[must_use]
    pub fn in_file(self, file: impl Into<String>) -> Self {
        match self {
            Self::In { .. } | Self::Stopped => self,
            error => Self::In { file: file.into(), error: Box::new(error) },
        }
    }
}

/// What the system says, as Python says it: without the number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
