//! Scores by frames, as the arrays of NES-MDB's archives.

use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::score::{ExpressiveScore, ScoreRuns};
use lakhnes_tokenizer::separated::SeparatedScore;
use lakhnes_tokenizer::{Song, TokenizerError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::score_error;
use crate::options::refused;
use crate::song::PySong;

/// The share of the notes that may be lost when the frame rate is chosen for a song.
const LOST: f64 = 0.005;

#[derive(Clone, Copy)]
enum Kind {
    Expressive,
    Separated,
    Blended,
}

impl Kind {
    fn named(name: &str) -> PyResult<Self> {
        match name {
            "exprsco" => Ok(Self::Expressive),
            "seprsco" => Ok(Self::Separated),
            "blndsco" => Ok(Self::Blended),
            _ => Err(refused("kind", "exprsco, seprsco or blndsco", name)),
        }
    }

    fn bytes(self, song: &Song, rate: Option<f64>) -> Result<(f64, Vec<u8>), TokenizerError> {
        let runs = ScoreRuns::from_song(song)?;
        let rate = rate.map_or_else(|| runs.adaptive_rate(LOST), Ok)?;
        let score = runs.downsample(rate)?;
        let bytes = match self {
            Self::Expressive => score.to_bytes(),
            Self::Separated => SeparatedScore::from_expressive(&score).to_bytes(),
            Self::Blended => BlendedScore::from_expressive(&score).to_bytes(),
        };
        Ok((rate, bytes))
    }

    fn song(self, rate: f64, nsamps: u64, bytes: &[u8]) -> Result<Song, TokenizerError> {
        match self {
            Self::Expressive => ExpressiveScore::from_bytes(rate, nsamps, bytes)?.to_song(),
            Self::Separated => SeparatedScore::from_bytes(rate, nsamps, bytes)?.to_song(),
            Self::Blended => BlendedScore::from_bytes(rate, nsamps, bytes)?.to_song(),
        }
    }
}

#[pyfunction]
#[pyo3(signature = (song, kind, rate=None))]
pub(crate) fn score_of_song<'py>(
    py: Python<'py>,
    song: &Bound<'py, PySong>,
    kind: &str,
    rate: Option<f64>,
) -> PyResult<(f64, Bound<'py, PyBytes>)> {
    let (kind, song) = (Kind::named(kind)?, &song.get().0);
    let (rate, bytes) = py.detach(|| kind.bytes(song, rate)).map_err(|error| score_error(&error))?;
    Ok((rate, PyBytes::new(py, &bytes)))
}

#[pyfunction]
pub(crate) fn song_of_score(py: Python<'_>, kind: &str, rate: f64, nsamps: u64, data: &[u8]) -> PyResult<PySong> {
    let kind = Kind::named(kind)?;
    py.detach(|| kind.song(rate, nsamps, data)).map(PySong).map_err(|error| score_error(&error))
}
