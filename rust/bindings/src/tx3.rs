//! `Tx3Grammar`: which TX3 tokens may come next in some songs that are written at once; and the facts of a song.

use std::convert::Infallible;

use lakhnes_decoder::{ROWS, in_threads};
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::tx3::{self, Grammar};
use lakhnes_tokenizer::{Song, Voice};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadwriteArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::score_error;
use crate::hubs::PySong;
use crate::options::refused;
use crate::score_states::known;

/// The most songs that are written at once.
const MAX_BATCH: usize = 1 << 16;

/// The grammar of TX3 for a batch of songs.
#[documented(Tx3Grammar)]
#[pyclass(name = "Tx3Grammar", module = "lakhnes._native")]
pub(crate) struct PyGrammar {
    songs: Vec<Grammar>,
    /// In how many threads what concerns all songs is done.
    threads: usize,
}

#[documented(Tx3Grammar)]
#[pymethods]
impl PyGrammar {
    #[new]
    #[pyo3(signature = (batch_size=1, threads=1))]
    fn new(batch_size: usize, threads: usize) -> PyResult<Self> {
        if batch_size > MAX_BATCH {
            return Err(refused("batch_size", "at most 65536 songs", &batch_size.to_string()));
        }
        Ok(Self { songs: vec![Grammar::new(); batch_size], threads })
    }

    fn allowed<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<bool>> {
        let size = tx3::size();
        let mut allowed = vec![false; self.songs.len() * size];
        let parts = self.songs.chunks(ROWS).zip(allowed.chunks_mut(ROWS * size));
        let allow = |(songs, rows): (&[Grammar], &mut [bool])| {
            for (song, row) in songs.iter().zip(rows.chunks_exact_mut(size)) {
                song.allow(row.iter_mut());
            }
            Ok(())
        };
        py.detach(|| in_threads(parts, self.threads, allow)).unwrap_or_else(|never: Infallible| match never {});
        let allowed = Array2::from_shape_vec((self.songs.len(), size), allowed);
        allowed.unwrap_or_default().into_pyarray(py)
    }

    fn restrikes<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<bool>> {
        let restrikes =
            |(song, id): (usize, usize)| tx3::token(id as u16).is_some_and(|token| self.songs[song].restrikes(token));
        Array2::from_shape_fn((self.songs.len(), tx3::size()), restrikes).into_pyarray(py)
    }

    fn correct(
        &self,
        py: Python<'_>,
        mut logits: PyReadwriteArray2<'_, f32>,
        mut allowed: PyReadwriteArray2<'_, bool>,
    ) -> PyResult<()> {
        let (size, shape) = (tx3::size(), [self.songs.len(), tx3::size()]);
        if logits.shape() != shape || allowed.shape() != shape {
            return Err(refused("logits, allowed", &format!("{shape:?}"), &format!("{:?}", logits.shape())));
        }
        let (logits, allowed) = (logits.as_slice_mut()?, allowed.as_slice_mut()?);
        let rows = logits.chunks_mut(ROWS * size).zip(allowed.chunks_mut(ROWS * size));
        let correct = |(songs, (logits, allowed)): (&[Grammar], (&mut [f32], &mut [bool]))| {
            let rows = logits.chunks_exact_mut(size).zip(allowed.chunks_exact_mut(size));
            for (song, (logits, allowed)) in songs.iter().zip(rows) {
                song.correct(logits, allowed);
            }
            Ok(())
        };
        let parts = self.songs.chunks(ROWS).zip(rows);
        py.detach(|| in_threads(parts, self.threads, correct)).unwrap_or_else(|never: Infallible| match never {});
        Ok(())
    }

    fn advance(&mut self, ids: PyReadonlyArray1<'_, i64>) -> PyResult<()> {
        let ids = ids.as_slice()?;
        if ids.len() != self.songs.len() {
            let expected = format!("{} of them, one a song", self.songs.len());
            return Err(refused("ids", &expected, &ids.len().to_string()));
        }
        let tokens = known(ids)?;
        for (grammar, token) in self.songs.iter_mut().zip(tokens) {
            grammar.advance(token);
        }
        Ok(())
    }

    fn select(&self, songs: Vec<usize>) -> PyResult<Self> {
        let chosen = songs.iter().map(|&song| self.songs.get(song).cloned());
        let expected = format!("songs below {}", self.songs.len());
        let chosen: Option<Vec<_>> = chosen.collect();
        let threads = self.threads;
        chosen.map(|songs| Self { songs, threads }).ok_or_else(|| refused("songs", &expected, &format!("{songs:?}")))
    }

    fn replace(&mut self, song: usize, other: PyRef<'_, Self>) -> PyResult<()> {
        let expected = format!("songs below {}", self.songs.len());
        let target = self.songs.get_mut(song).ok_or_else(|| refused("song", &expected, &song.to_string()))?;
        let [source] = other.songs.as_slice() else {
            return Err(refused("other", "a grammar of one song", &format!("{} songs", other.songs.len())));
        };
        target.clone_from(source);
        Ok(())
    }

    #[getter]
    fn ticks<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.songs.iter().map(|grammar| grammar.tick() as i64).collect::<Vec<_>>().into_pyarray(py)
    }

    #[getter]
    fn frames<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.songs.iter().map(|grammar| grammar.frame() as i64).collect::<Vec<_>>().into_pyarray(py)
    }

    #[getter]
    fn bars<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.songs.iter().map(|grammar| grammar.bars() as i64).collect::<Vec<_>>().into_pyarray(py)
    }

    #[getter]
    fn sounding<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<bool>> {
        let sounds = |(song, voice): (usize, usize)| self.songs[song].sounds(Voice::ALL[voice]);
        Array2::from_shape_fn((self.songs.len(), Voice::ALL.len()), sounds).into_pyarray(py)
    }

    fn __len__(&self) -> usize {
        self.songs.len()
    }
}

#[documented]
#[pyfunction]
pub(crate) fn tx3_song_and_loop(py: Python<'_>, text: &str) -> PyResult<(PySong, Option<u64>)> {
    let read = py.detach(|| tx3::encode(text).and_then(|ids| tx3::decode_song_and_loop(&ids)));
    read.map(|(song, loop_start)| (PySong(song), loop_start)).map_err(score_error)
}

#[documented]
#[pyfunction]
pub(crate) fn tx3_thirds() -> (Vec<[f64; 2]>, Vec<[f64; 2]>) {
    (tx3::DENSITY.to_vec(), tx3::REGISTER.to_vec())
}

#[documented]
#[pyfunction]
pub(crate) fn tx3_key_profile<'py>(py: Python<'py>, symbol: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let token = tx3::encode(symbol).ok().and_then(|ids| tx3::token(*ids.first()?));
    let Some(tx3::Token::Key(key)) = token else {
        return Err(refused("symbol", "KEY_C_MAJOR to KEY_B_MINOR", symbol));
    };
    Ok(tx3::key_profile(key).to_vec().into_pyarray(py))
}

#[documented]
#[pyfunction]
pub(crate) fn tx3_facts<'py>(py: Python<'py>, song: &PySong) -> PyResult<Bound<'py, PyDict>> {
    let song: &Song = &song.0;
    let facts = py.detach(|| tx3::facts(song)).map_err(score_error)?;
    let dict = PyDict::new(py);
    dict.set_item("frame_period", facts.period)?;
    dict.set_item("frame_phase", facts.phase)?;
    dict.set_item("frames_a_row", facts.frames_a_row)?;
    dict.set_item("swing", facts.swing)?;
    dict.set_item("rows_a_bar", facts.rows_a_bar)?;
    dict.set_item("beats_a_minute", facts.beats_a_minute())?;
    dict.set_item("bars", facts.bars)?;
    dict.set_item("tempo_changes", facts.tempo_changes)?;
    dict.set_item("on_rows", facts.on_rows)?;
    dict.set_item("key", facts.key_name())?;
    dict.set_item("key_strength", facts.key_strength)?;
    dict.set_item("duration", facts.duration)?;
    let voices = PyDict::new(py);
    for voice in Voice::ALL {
        let own = PyDict::new(py);
        own.set_item("density", facts.density[voice.index()])?;
        own.set_item("density_class", facts.density_name(voice))?;
        own.set_item("register", facts.register[voice.index()])?;
        own.set_item("register_class", facts.register_name(voice))?;
        voices.set_item(voice.name(), own)?;
    }
    dict.set_item("voices", voices)?;
    dict.set_item("error", facts.error)?;
    dict.set_item("dropped_notes", facts.dropped)?;
    let controls = facts.tokens(false);
    let symbols = controls.into_iter().filter_map(|token| tx3::symbol(tx3::id(token)?));
    dict.set_item("controls", symbols.collect::<Vec<_>>())?;
    Ok(dict)
}
