//! `ScoreStates`: what voices play behind each token, for models that read it beside the token.

use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::TokenizerError;
use lakhnes_tokenizer::tx3::{self, FEATURES, RECALLED, ScoreState};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::errors::score_error;
use crate::options::refused;

/// The most sequences.
const MAX_SEQUENCES: usize = 1 << 16;

/// A sequence: its state, and the one before the last token.
#[derive(Clone, Default)]
struct Sequence {
    now: ScoreState,
    before: Option<ScoreState>,
}

/// The states of some sequences of TX3 tokens.
#[documented]
#[pyclass(name = "ScoreStates", module = "lakhnes._native")]
pub(crate) struct PyScoreStates(Vec<Sequence>);

#[documented]
#[pymethods]
impl PyScoreStates {
    #[new]
    #[pyo3(signature = (sequences=1))]
    fn new(sequences: usize) -> PyResult<Self> {
        if sequences > MAX_SEQUENCES {
            return Err(refused("sequences", "at most 65536", &sequences.to_string()));
        }
        Ok(Self(vec![Sequence::default(); sequences]))
    }

    fn feed<'py>(
        &mut self,
        py: Python<'py>,
        tokens: PyReadonlyArray1<'_, i64>,
        sequences: Vec<usize>,
    ) -> PyResult<Bound<'py, PyArray2<i64>>> {
        let tokens = tokens.as_slice()?;
        if sequences.len() != tokens.len() {
            let expected = format!("one for each of {} tokens", tokens.len());
            return Err(refused("sequences", &expected, &sequences.len().to_string()));
        }
        for &sequence in &sequences {
            self.check(sequence)?;
        }
        let known = known(tokens)?;
        let states = sequences.iter().zip(known).map(|(&sequence, token)| {
            let Sequence { now, before } = &mut self.0[sequence];
            *before = Some(now.clone());
            now.advance(token);
            columns(now)
        });
        Ok(inputs(tokens, states).into_pyarray(py))
    }

    fn expected<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<i64>> {
        let mut expected = Array2::zeros((self.0.len(), 2));
        for (mut row, sequence) in expected.rows_mut().into_iter().zip(&self.0) {
            let (token, length) = sequence.now.expected();
            (row[0], row[1]) = (i64::from(token), i64::from(length));
        }
        expected.into_pyarray(py)
    }

    fn fork(&mut self, source: usize, target: usize) -> PyResult<()> {
        self.check(source)?;
        self.check(target)?;
        self.0[target] = self.0[source].clone();
        Ok(())
    }

    fn rewind(&mut self, sequence: usize) -> PyResult<()> {
        self.check(sequence)?;
        let Sequence { now, before } = &mut self.0[sequence];
        *now = before.take().ok_or_else(|| refused("sequence", "one that has read a token since", "none"))?;
        Ok(())
    }
}

impl PyScoreStates {
    fn check(&self, sequence: usize) -> PyResult<()> {
        let expected = format!("sequences below {}", self.0.len());
        if sequence < self.0.len() { Ok(()) } else { Err(refused("sequence", &expected, &sequence.to_string())) }
    }
}

#[documented]
#[pyfunction]
pub(crate) fn with_score_state<'py>(
    py: Python<'py>,
    tokens: PyReadonlyArray1<'_, i64>,
) -> PyResult<Bound<'py, PyArray2<i64>>> {
    let (ids, mut state) = (tokens.as_slice()?, ScoreState::new());
    let tokens = known(ids)?;
    let inputs = py.detach(|| {
        let states = tokens.into_iter().map(|token| {
            state.advance(token);
            columns(&state)
        });
        inputs(ids, states)
    });
    Ok(inputs.into_pyarray(py))
}

#[documented]
#[pyfunction]
pub(crate) fn score_state_tables() -> (usize, usize, usize) {
    (ScoreState::rows(), ScoreState::recall_rows(), RECALLED)
}

/// The tokens of ids.
pub(crate) fn known(ids: &[i64]) -> PyResult<Vec<tx3::Token>> {
    let token = |(position, &id): (usize, &i64)| {
        let known = u16::try_from(id).ok().and_then(tx3::token);
        known.ok_or_else(|| score_error(TokenizerError::Id { position, id, size: tx3::size() }))
    };
    ids.iter().enumerate().map(token).collect()
}

/// The numbers beside a token.
const COLUMNS: usize = FEATURES + 2 * RECALLED;

/// What stands beside a token: the rows of its state, and what is recalled.
fn columns(state: &ScoreState) -> [u16; COLUMNS] {
    let mut columns = [0; COLUMNS];
    let all = state.features().into_iter().chain(state.recalled().into_iter().flatten());
    for (column, number) in columns.iter_mut().zip(all) {
        *column = number;
    }
    columns
}

/// Each token with its state in one row.
fn inputs(tokens: &[i64], states: impl Iterator<Item = [u16; COLUMNS]>) -> Array2<i64> {
    let mut inputs = Array2::zeros((tokens.len(), 1 + COLUMNS));
    for ((mut row, &token), state) in inputs.rows_mut().into_iter().zip(tokens).zip(states) {
        row[0] = token;
        for (number, feature) in row.iter_mut().skip(1).zip(state) {
            *number = i64::from(feature);
        }
    }
    inputs
}
