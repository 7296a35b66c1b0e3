//! `DecoderState`: songs being read token by token.

use lakhnes_decoder::Decoder;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::errors::decoder_error;
use crate::options::refused;

/// What was read of some songs.
#[pyclass(name = "DecoderState", module = "lakhnes._native")]
pub(crate) struct PyDecoderState(pub(crate) Decoder);

#[pymethods]
impl PyDecoderState {
    #[pyo3(signature = (tokens, *, all=false))]
    fn read<'py>(
        &mut self,
        py: Python<'py>,
        tokens: PyReadonlyArray1<'_, i64>,
        all: bool,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let tokens = ids(&tokens)?;
        let mut logits = Vec::new();
        let read = py.detach(|| self.0.read(&tokens, all, &mut logits));
        read.map_err(|error| decoder_error(&error))?;
        Ok(logits.into_pyarray(py))
    }

    fn read_some<'py>(
        &mut self,
        py: Python<'py>,
        songs: Vec<usize>,
        tokens: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let tokens = ids(&tokens)?;
        let mut logits = Vec::new();
        let read = py.detach(|| self.0.read_some(&songs, &tokens, &mut logits));
        read.map_err(|error| decoder_error(&error))?;
        Ok(logits.into_pyarray(py))
    }

    fn forget(&mut self, song: usize) -> PyResult<()> {
        self.0.forget(song).map_err(|error| decoder_error(&error))
    }

    fn copy(&mut self, source: usize, target: usize, common: u64) -> PyResult<()> {
        self.0.copy(source, target, common).map_err(|error| decoder_error(&error))
    }
}

fn ids(tokens: &PyReadonlyArray1<'_, i64>) -> PyResult<Vec<u32>> {
    let id = |&id: &i64| u32::try_from(id).map_err(|_| refused("tokens", "ids of the vocabulary", &id.to_string()));
    tokens.as_slice()?.iter().map(id).collect()
}
