//! `SequenceState`: sequences that are fed token by token.

use lakhnes_decoder::{DecoderError, Inputs, SequenceState};
use lakhnes_stub_docs::documented;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::errors::decoder_error;
use crate::options::refused;

/// What the decoder keeps of some sequences.
#[documented]
#[pyclass(name = "SequenceState", module = "lakhnes._native")]
pub(crate) struct PySequenceState(pub(crate) SequenceState);

#[documented]
#[pymethods]
impl PySequenceState {
    #[pyo3(signature = (tokens, states=None, *, all=false))]
    fn feed<'py>(
        &mut self,
        py: Python<'py>,
        tokens: PyReadonlyArray1<'_, i64>,
        states: Option<PyReadonlyArray2<'_, i64>>,
        all: bool,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let (tokens, states) = inputs(&tokens, states.as_ref())?;
        self.logits(py, |state, logits| state.feed(Inputs { tokens: &tokens, states: &states }, all, logits))
    }

    #[pyo3(signature = (sequences, tokens, states=None))]
    fn feed_some<'py>(
        &mut self,
        py: Python<'py>,
        sequences: Vec<usize>,
        tokens: PyReadonlyArray1<'_, i64>,
        states: Option<PyReadonlyArray2<'_, i64>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let (tokens, states) = inputs(&tokens, states.as_ref())?;
        let inputs = Inputs { tokens: &tokens, states: &states };
        self.logits(py, |state, logits| state.feed_some(&sequences, inputs, logits))
    }

    fn rewind(&mut self, sequence: usize) -> PyResult<()> {
        self.0.rewind(sequence).map_err(decoder_error)
    }

    fn fork(&mut self, source: usize, target: usize, common: u64) -> PyResult<()> {
        self.0.fork(source, target, common).map_err(decoder_error)
    }
}

impl PySequenceState {
    fn logits<'py>(
        &mut self,
        py: Python<'py>,
        feed: impl FnOnce(&mut SequenceState, &mut Vec<f32>) -> Result<(), DecoderError> + Send,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let mut logits = Vec::new();
        py.detach(|| feed(&mut self.0, &mut logits)).map_err(decoder_error)?;
        Ok(logits.into_pyarray(py))
    }
}

/// Tokens, and the states beside them, row by row.
fn inputs(
    tokens: &PyReadonlyArray1<'_, i64>,
    states: Option<&PyReadonlyArray2<'_, i64>>,
) -> PyResult<(Vec<u32>, Vec<u32>)> {
    let id = |&id: &i64| u32::try_from(id).map_err(|_| refused("tokens", "ids of the vocabulary", &id.to_string()));
    let row = |&row: &i64| u32::try_from(row).map_err(|_| refused("states", "rows of the table", &row.to_string()));
    let states = states.map_or(Ok(Vec::new()), |states| states.as_array().iter().map(row).collect::<PyResult<_>>())?;
    Ok((tokens.as_array().iter().map(id).collect::<PyResult<_>>()?, states))
}
