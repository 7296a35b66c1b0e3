//! The two hubs that every format is read into, `Song` and `RegisterLog`, as Python classes; their methods stand in the
//! files of their names.

use lakhnes_apu::RegisterLog;
use lakhnes_files::Played;
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::{PerformOptions, Song};
use pyo3::prelude::*;

use crate::errors::score_error;

/// A score of four voices, timed in ticks of 1/44,100 s.
#[documented]
#[pyclass(name = "Song", module = "lakhnes", frozen, eq)]
#[derive(PartialEq)]
pub(crate) struct PySong(pub(crate) Song);

/// Everything that a program tells the sound chip, and when.
#[documented]
#[pyclass(name = "RegisterLog", module = "lakhnes", frozen, eq)]
pub(crate) struct PyRegisterLog {
    pub(crate) log: RegisterLog,
    /// What was left out of the file from which the log comes, in one line.
    pub(crate) warnings: String,
    /// Commands of a VGM file that were for other chips.
    pub(crate) skipped_commands: u64,
}

impl PartialEq for PyRegisterLog {
    fn eq(&self, other: &Self) -> bool {
        self.log == other.log
    }
}

impl From<RegisterLog> for PyRegisterLog {
    fn from(log: RegisterLog) -> Self {
        Self { log, warnings: String::new(), skipped_commands: 0 }
    }
}

impl PyRegisterLog {
    /// The register writes of a file.
    pub(crate) fn of(played: &Played<'_>) -> PyResult<Self> {
        let log = played.log(&PerformOptions::default()).map_err(score_error)?;
        let skipped_commands = if let Played::Log { warnings, .. } = played { warnings.skipped } else { 0 };
        Ok(Self { log: log.into_owned(), warnings: played.warnings(), skipped_commands })
    }
}

/// A song or a log.
#[derive(IntoPyObject)]
pub(crate) enum Hub {
    Song(PySong),
    Log(PyRegisterLog),
}
