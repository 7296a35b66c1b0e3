//! Scores by frames, as the arrays of NES-MDB's archives.

use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::limits::TICKS_PER_SECOND;
use lakhnes_tokenizer::raw_score::{RawRuns, RawScore};
use lakhnes_tokenizer::score::{ExpressiveScore, ScoreRuns};
use lakhnes_tokenizer::separated::SeparatedScore;
use lakhnes_tokenizer::{ScoreFault, Song, TokenizerError};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{FormatError, score_error};
use crate::options::refused;
use crate::register_log::PyRegisterLog;
use crate::song::PySong;

/// Where the runs of a score begin, and their frames.
type Runs<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyBytes>);

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
        let runs = ScoreRuns::from_song(song);
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

#[pyfunction]
pub(crate) fn score_runs_of_song<'py>(py: Python<'py>, song: &Bound<'py, PySong>) -> Runs<'py> {
    let song = &song.get().0;
    let runs = py.detach(|| ScoreRuns::from_song(song));
    let bytes = runs.values.as_flattened().as_flattened();
    (numbers(py, &runs.starts), PyBytes::new(py, bytes))
}

#[pyfunction]
pub(crate) fn song_of_score_runs(
    py: Python<'_>,
    nsamps: u64,
    starts: PyReadonlyArray1<'_, i64>,
    data: &[u8],
) -> PyResult<PySong> {
    let starts = ticks(&starts)?;
    let song = py.detach(|| ScoreRuns::from_bytes(nsamps, starts, data).and_then(|runs| runs.to_song()));
    song.map(PySong).map_err(|error| score_error(&error))
}

#[pyfunction]
#[pyo3(signature = (played, *, exact=false))]
pub(crate) fn raw_runs<'py>(py: Python<'py>, played: &Bound<'py, PyAny>, exact: bool) -> PyResult<(u32, Runs<'py>)> {
    let runs = raw_runs_of(py, played, exact)?;
    let bytes = runs.values.as_flattened().as_flattened();
    Ok((runs.clock_hz, (numbers(py, &runs.starts), PyBytes::new(py, bytes))))
}

#[pyfunction]
#[pyo3(signature = (played, rate, *, exact=false))]
pub(crate) fn raw_score<'py>(
    py: Python<'py>,
    played: &Bound<'py, PyAny>,
    rate: Option<f64>,
    exact: bool,
) -> PyResult<(u32, f64, Bound<'py, PyBytes>)> {
    let runs = raw_runs_of(py, played, exact)?;
    let score = py.detach(|| {
        let rate = rate.map_or_else(|| runs.to_expressive().adaptive_rate(LOST), Ok)?;
        runs.downsample(rate)
    });
    let score = score.map_err(|error| score_error(&error))?;
    Ok((score.clock_hz, score.rate, PyBytes::new(py, &score.to_bytes())))
}

#[pyfunction]
#[pyo3(signature = (clock_hz, rate, nsamps, data, starts=None))]
pub(crate) fn log_of_raw_score(
    py: Python<'_>,
    clock_hz: u32,
    rate: f64,
    nsamps: u64,
    data: &[u8],
    starts: Option<PyReadonlyArray1<'_, i64>>,
) -> PyResult<PyRegisterLog> {
    let starts = starts.map(|starts| ticks(&starts)).transpose()?;
    let log = py.detach(|| Ok(raw_runs_from(clock_hz, rate, nsamps, data, starts)?.to_log()));
    log.map(PyRegisterLog::from).map_err(|error| score_error(&error))
}

#[pyfunction]
#[pyo3(signature = (clock_hz, rate, nsamps, data, starts=None))]
pub(crate) fn song_of_raw_score(
    py: Python<'_>,
    clock_hz: u32,
    rate: f64,
    nsamps: u64,
    data: &[u8],
    starts: Option<PyReadonlyArray1<'_, i64>>,
) -> PyResult<PySong> {
    let starts = starts.map(|starts| ticks(&starts)).transpose()?;
    let song = py.detach(|| raw_runs_from(clock_hz, rate, nsamps, data, starts)?.to_expressive().to_song());
    song.map(PySong).map_err(|error| score_error(&error))
}

/// The raw score of the arrays of a file: frames, or runs at the full rate.
fn raw_runs_from(
    clock_hz: u32,
    rate: f64,
    nsamps: u64,
    data: &[u8],
    starts: Option<Vec<u64>>,
) -> Result<RawRuns, TokenizerError> {
    match starts {
        Some(_) if (rate - TICKS_PER_SECOND as f64).abs() > f64::EPSILON => {
            Err(TokenizerError::Score(ScoreFault::RunRate { found: rate.to_string() }))
        }
        Some(starts) => RawRuns::from_bytes(clock_hz, nsamps, starts, data),
        None => Ok(RawScore::from_bytes(clock_hz, rate, nsamps, data)?.runs()),
    }
}

/// The raw score of a log, or of the timers of a song's notes.
fn raw_runs_of(py: Python<'_>, played: &Bound<'_, PyAny>, exact: bool) -> PyResult<RawRuns> {
    let runs = if let Ok(log) = played.cast::<PyRegisterLog>() {
        let log = &log.get().log;
        py.detach(|| if exact { RawRuns::from_log_exactly(log) } else { RawRuns::from_log(log) })
    } else {
        let song = &played.cast::<PySong>()?.get().0;
        Ok(py.detach(|| RawRuns::from_expressive(&ScoreRuns::from_song(song))))
    };
    runs.map_err(|error| score_error(&error))
}

fn numbers<'py>(py: Python<'py>, ticks: &[u64]) -> Bound<'py, PyArray1<i64>> {
    ticks.iter().map(|&tick| tick as i64).collect::<Vec<_>>().into_pyarray(py)
}

fn ticks(starts: &PyReadonlyArray1<'_, i64>) -> PyResult<Vec<u64>> {
    let ticks = starts.as_array().iter().map(|&start| u64::try_from(start).ok()).collect::<Option<Vec<_>>>();
    ticks.ok_or_else(|| FormatError::new_err("score: expected starts from 0 on, found a negative one"))
}
