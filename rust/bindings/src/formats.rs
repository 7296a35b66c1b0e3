//! The formats of songs, by the names that Python uses.

use lakhnes_apu::RegisterLog;
use lakhnes_apu::formats::vgm;
use lakhnes_tokenizer::score::ExpressiveScore;
use lakhnes_tokenizer::{PerformOptions, Song, TokenizerError, midi, perform, tx1, tx2};
use pyo3::prelude::*;

use crate::options::refused;

/// A format that the chip can play: a song's, or register writes.
#[derive(Clone, Copy)]
pub(crate) enum PlayableFormat {
    Song(SongFormat),
    Vgm,
}

impl PlayableFormat {
    pub(crate) fn named(name: &str) -> PyResult<Self> {
        match name {
            "vgm" | "vgz" => Ok(Self::Vgm),
            _ => SongFormat::named(name).map(Self::Song),
        }
    }

    /// Reads what the chip plays from the bytes of a file, or says what is wrong with them.
    pub(crate) fn read(self, data: &[u8], options: &PerformOptions) -> Result<RegisterLog, String> {
        match self {
            Self::Song(format) => {
                format.read(data).and_then(|song| perform(&song, options)).map_err(|error| error.to_string())
            }
            Self::Vgm => vgm::read(data).map_err(|error| error.to_string()),
        }
    }
}

/// A format that holds a song.
#[derive(Clone, Copy)]
pub(crate) enum SongFormat {
    Tx1,
    Tx2,
    Midi,
    ExpressiveScore,
}

impl SongFormat {
    pub(crate) fn named(name: &str) -> PyResult<Self> {
        match name {
            "tx1" => Ok(Self::Tx1),
            "tx2" => Ok(Self::Tx2),
            "mid" => Ok(Self::Midi),
            "exprsco" => Ok(Self::ExpressiveScore),
            _ => Err(refused("format", "tx1, tx2, mid or exprsco", name)),
        }
    }

    /// Reads a song from the bytes of a file.
    pub(crate) fn read(self, data: &[u8]) -> Result<Song, TokenizerError> {
        match self {
            Self::Tx1 => tx1::read(text(data)?),
            Self::Tx2 => tx2::read(text(data)?),
            Self::Midi => midi::read(data),
            Self::ExpressiveScore => ExpressiveScore::read_pickle(data)?.to_song(),
        }
    }
}

fn text(data: &[u8]) -> Result<&str, TokenizerError> {
    std::str::from_utf8(data).map_err(|error| {
        let (before, rest) = data.split_at(error.valid_up_to());
        TokenizerError::Token {
            line: before.split(|&byte| byte == b'\n').count(),
            expected: "text".to_owned(),
            found: rest.first().map_or_else(String::new, |byte| format!("byte {byte:#04X}")),
        }
    })
}
