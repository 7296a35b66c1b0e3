//! The two hubs that every format is read into, `Song` and `RegisterLog`, as Python classes; their methods stand in the
//! files of their names.

use lakhnes_apu::RegisterLog;
use lakhnes_apu::formats::vgm;
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
    /// What was left out of the file from which the log comes.
    pub(crate) warnings: vgm::Warnings,
}

impl PartialEq for PyRegisterLog {
    fn eq(&self, other: &Self) -> bool {
        self.log == other.log
    }
}

impl From<RegisterLog> for PyRegisterLog {
    fn from(log: RegisterLog) -> Self {
        Self { log, warnings: vgm::Warnings::default() }
    }
}

impl PyRegisterLog {
    /// The register writes of a file.
    pub(crate) fn of(played: &Played<'_>) -> PyResult<Self> {
        let log = played.log(&PerformOptions::default()).map_err(score_error)?;
        let warnings = match played {
            Played::Log { warnings, .. } => *warnings,
            _ => vgm::Warnings::default(),
        };
        Ok(Self { log: log.into_owned(), warnings })
    }
}

/// A song or a log.
#[derive(IntoPyObject)]
pub(crate) enum Hub {
    Song(PySong),
    Log(PyRegisterLog),
}
