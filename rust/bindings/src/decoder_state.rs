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
        let id = |&id: &i64| u32::try_from(id).map_err(|_| refused("tokens", "ids of the vocabulary", &id.to_string()));
        let tokens = tokens.as_slice()?.iter().map(id).collect::<PyResult<Vec<_>>>()?;
        let mut logits = Vec::new();
        let read = py.detach(|| self.0.read(&tokens, all, &mut logits));
        read.map_err(|error| decoder_error(&error))?;
        Ok(logits.into_pyarray(py))
    }
    fn unread(&mut self) -> PyResult<()> {
        self.0.unread().map_err(|error| decoder_error(&error))
    }
}
