//! `SequenceState`: sequences that are fed token by token.

use lakhnes_decoder::{DecoderError, Inputs, SequenceState};
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::tx3::{FEATURES, RECALLED};
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
    #[pyo3(signature = (sequences, tokens, states=None))]
    fn feed<'py>(
        &mut self,
        py: Python<'py>,
        sequences: Vec<usize>,
        tokens: PyReadonlyArray1<'_, i64>,
        states: Option<PyReadonlyArray2<'_, i64>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let beside = Beside::new(&tokens, states.as_ref())?;
        self.logits(py, |state, logits| state.feed_some(&sequences, beside.inputs(), logits))
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

/// Tokens, and what stands beside each.
struct Beside {
    tokens: Vec<u32>,
    states: Vec<u32>,
    recalled: Vec<[u32; 2]>,
}

impl Beside {
    /// Of ids, and of the columns that `ScoreStates` gives beside them.
    fn new(tokens: &PyReadonlyArray1<'_, i64>, states: Option<&PyReadonlyArray2<'_, i64>>) -> PyResult<Self> {
        let id = |&id: &i64| u32::try_from(id).map_err(|_| refused("tokens", "ids of the vocabulary", &id.to_string()));
        let tokens: Vec<u32> = tokens.as_array().iter().map(id).collect::<PyResult<_>>()?;
        let (mut rows, mut recalled) = (Vec::new(), Vec::new());
        if let Some(states) = states {
            let states = states.as_array();
            if states.ncols() != FEATURES + 2 * RECALLED {
                let expected = format!("{} columns", FEATURES + 2 * RECALLED);
                return Err(refused("states", &expected, &states.ncols().to_string()));
            }
            let row =
                |&row: &i64| u32::try_from(row).map_err(|_| refused("states", "rows of the tables", &row.to_string()));
            for state in states.rows() {
                let numbers = state.iter().map(row).collect::<PyResult<Vec<_>>>()?;
                let (features, pairs) = numbers.split_at(FEATURES);
                rows.extend_from_slice(features);
                recalled.extend(pairs.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
            }
        }
        Ok(Self { tokens, states: rows, recalled })
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs { tokens: &self.tokens, states: &self.states, recalled: &self.recalled }
    }
}
