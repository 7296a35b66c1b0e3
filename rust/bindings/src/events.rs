//! The compact event streams that training reads: an int32 an event, waits exact and negative, all else its id.

use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::augment::{self, AugmentOptions};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::errors::score_error;
use crate::vocabulary::PyVocabulary;

#[documented]
#[pyfunction]
pub(crate) fn events_from_text<'py>(
    py: Python<'py>,
    text: &str,
    vocabulary: &PyVocabulary,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let events = py.detach(|| augment::events_from_text(text, &vocabulary.0));
    events.map(|events| events.into_pyarray(py)).map_err(score_error)
}

#[documented]
#[pyfunction]
pub(crate) fn quantize_events<'py>(
    py: Python<'py>,
    events: PyReadonlyArray1<'py, i32>,
    frame: bool,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let events = events.as_slice()?;
    let ids = py.detach(|| augment::quantize_events(events, frame).into_iter().map(i64::from).collect::<Vec<_>>());
    Ok(ids.into_pyarray(py))
}

#[documented]
#[pyfunction]
#[pyo3(signature = (
    events, *, transpose=0, stretch=1.0, switch_pulses=false, keep=[true; 4], trim=false, tempo=0, controls=false,
    vocabulary=None
))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn augment_events<'py>(
    py: Python<'py>,
    events: PyReadonlyArray1<'py, i32>,
    transpose: i8,
    stretch: f64,
    switch_pulses: bool,
    keep: [bool; 4],
    trim: bool,
    tempo: i8,
    controls: bool,
    vocabulary: Option<&PyVocabulary>,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let options = AugmentOptions { transpose, stretch, switch_pulses, keep, trim, tempo, controls };
    let events = events.as_slice()?;
    let varied = py.detach(|| match vocabulary {
        Some(vocabulary) => augment::augment_with(events, &options, &vocabulary.0),
        None => Ok(augment::augment(events, &options)),
    });
    varied.map(|events| events.into_pyarray(py)).map_err(score_error)
}
