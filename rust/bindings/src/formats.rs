//! The formats of songs, by the names that Python uses.

use std::fmt;

use lakhnes_apu::formats::vgm;
use lakhnes_apu::{ApuError, RegisterLog};
use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::disassembly::Disassembly;
use lakhnes_tokenizer::score::ExpressiveScore;
use lakhnes_tokenizer::separated::SeparatedScore;
use lakhnes_tokenizer::{
    PerformOptions, Song, TokenizerError, midi, perform, transcribe, transcribe_exactly, tx1, tx2, tx3,
};
use pyo3::prelude::*;

use crate::errors::{chip_error, score_error};
use crate::options::refused;

/// A format that the chip can play: a song's, or register writes.
#[derive(Clone, Copy)]
pub(crate) enum PlayableFormat {
    Song(SongFormat),
    Log(LogFormat),
}

impl PlayableFormat {
    pub(crate) fn named(name: &str) -> PyResult<Self> {
        LogFormat::of(name).map_or_else(|| SongFormat::named(name).map(Self::Song), |format| Ok(Self::Log(format)))
    }

    /// Reads what the chip plays from the bytes of a file, or says what is wrong with them.
    pub(crate) fn read(self, data: &[u8], options: &PerformOptions) -> Result<RegisterLog, String> {
        match self {
            Self::Song(format) => {
                format.read(data).and_then(|song| perform(&song, options)).map_err(|error| error.to_string())
            }
            Self::Log(format) => format.read(data).map_err(|error| error.to_string()),
        }
    }

    /// The same, and how many commands of the file were for other chips and have been skipped.
    pub(crate) fn read_and_count(self, data: &[u8], options: &PerformOptions) -> Result<(RegisterLog, u64), String> {
        match self {
            Self::Log(format) => format.read_and_count(data).map_err(|error| error.to_string()),
            Self::Song(_) => self.read(data, options).map(|log| (log, 0)),
        }
    }

    /// Reads a song from the bytes of a file, or says what is wrong with them. Register writes are transcribed.
    pub(crate) fn read_song(self, data: &[u8], exact: bool) -> Result<Song, String> {
        match self {
            Self::Song(format) => format.read(data).map_err(|error| error.to_string()),
            Self::Log(format) => {
                let log = format.read(data).map_err(|error| error.to_string())?;
                let transcribe = if exact { transcribe_exactly } else { transcribe };
                transcribe(&log).map_err(|error| error.to_string())
            }
        }
    }
}

/// A format that holds register writes.
#[derive(Clone, Copy)]
pub(crate) enum LogFormat {
    Vgm,
    Text(Disassembly),
    Json(Disassembly),
    Pickle(Disassembly),
}

/// Why a log cannot be read.
pub(crate) enum LogError {
    Chip(ApuError),
    Score(TokenizerError),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chip(error) => error.fmt(f),
            Self::Score(error) => error.fmt(f),
        }
    }
}

impl From<LogError> for PyErr {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Chip(error) => chip_error(&error),
            LogError::Score(error) => score_error(&error),
        }
    }
}

impl LogFormat {
    fn of(name: &str) -> Option<Self> {
        if matches!(name, "vgm" | "vgz") {
            return Some(Self::Vgm);
        }
        let (disassembly, form) = name.split_once('.').unwrap_or((name, ""));
        let disassembly = disassembly_of(disassembly)?;
        match form {
            "" => Some(Self::Text(disassembly)),
            "json" => Some(Self::Json(disassembly)),
            "pkl" => Some(Self::Pickle(disassembly)),
            _ => None,
        }
    }

    pub(crate) fn named(name: &str) -> PyResult<Self> {
        Self::of(name)
            .ok_or_else(|| refused("format", "vgm or vgz; ndr, ndf or nlm, alone or with .json or .pkl", name))
    }

    /// Reads a log, and says how many commands were for other chips and have been skipped.
    pub(crate) fn read_and_count(self, data: &[u8]) -> Result<(RegisterLog, u64), LogError> {
        match self {
            Self::Vgm => vgm::read_and_count(data).map_err(LogError::Chip),
            _ => self.read(data).map(|log| (log, 0)),
        }
    }

    /// Reads a log from the bytes of a file.
    pub(crate) fn read(self, data: &[u8]) -> Result<RegisterLog, LogError> {
        match self {
            Self::Vgm => vgm::read(data).map_err(LogError::Chip),
            Self::Text(disassembly) => disassembly.read(text(data).map_err(LogError::Score)?).map_err(LogError::Chip),
            Self::Json(disassembly) => disassembly.read_json(data).map_err(LogError::Score),
            Self::Pickle(disassembly) => disassembly.read_pickle(data).map_err(LogError::Score),
        }
    }
}

/// The disassembly of a name.
pub(crate) fn disassembly_of(name: &str) -> Option<Disassembly> {
    match name {
        "ndr" => Some(Disassembly::Ndr),
        "ndf" => Some(Disassembly::Ndf),
        "nlm" => Some(Disassembly::Nlm),
        _ => None,
    }
}

pub(crate) fn disassembly_named(name: &str) -> PyResult<Disassembly> {
    disassembly_of(name).ok_or_else(|| refused("format", "ndr, ndf or nlm", name))
}

/// A format that holds a song.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SongFormat {
    Tx1,
    Tx2,
    Tx3,
    Midi,
    ExpressiveScore,
    SeparatedScore,
    BlendedScore,
}

impl SongFormat {
    pub(crate) fn named(name: &str) -> PyResult<Self> {
        match name {
            "tx1" => Ok(Self::Tx1),
            "tx2" => Ok(Self::Tx2),
            "tx3" => Ok(Self::Tx3),
            "mid" => Ok(Self::Midi),
            "exprsco" => Ok(Self::ExpressiveScore),
            "seprsco" => Ok(Self::SeparatedScore),
            "blndsco" => Ok(Self::BlendedScore),
            _ => Err(refused("format", "tx1, tx2, tx3, mid, exprsco, seprsco or blndsco", name)),
        }
    }

    /// Reads a song from the bytes of a file.
    pub(crate) fn read(self, data: &[u8]) -> Result<Song, TokenizerError> {
        match self {
            Self::Tx1 => tx1::read(text(data)?),
            Self::Tx2 => tx2::read(text(data)?),
            Self::Tx3 => tx3::read(text(data)?),
            Self::Midi => midi::read(data),
            Self::ExpressiveScore => ExpressiveScore::read_pickle(data)?.to_song(),
            Self::SeparatedScore => SeparatedScore::read_pickle(data)?.to_song(),
            Self::BlendedScore => BlendedScore::read_pickle(data)?.to_song(),
        }
    }
}

/// The text that bytes are, or the line in which they are none.
pub(crate) fn text(data: &[u8]) -> Result<&str, TokenizerError> {
    std::str::from_utf8(data).map_err(|error| {
        let (before, rest) = data.split_at(error.valid_up_to());
        TokenizerError::Token {
            line: before.split(|&byte| byte == b'\n').count(),
            expected: "text".to_owned(),
            found: rest.first().map_or_else(String::new, |byte| format!("byte {byte:#04X}")),
        }
    })
}
