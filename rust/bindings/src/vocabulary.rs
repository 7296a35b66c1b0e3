//! `Vocabulary`: event texts to ids and back.

use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::{Dialect, TokenizerError, Vocabulary, compact};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::errors::{TokenError, score_error};
use crate::hubs::PySong;

/// The numbering of TX1 (631), TX2 (686) or TX3 events for a language model; id 0 is `<S>`, the boundary of a song.
#[documented]
#[pyclass(name = "Vocabulary", module = "lakhnes", frozen, eq)]
#[derive(PartialEq)]
pub(crate) struct PyVocabulary(pub(crate) Vocabulary);

#[documented]
#[pymethods]
impl PyVocabulary {
    #[new]
    fn new(dialect: &str) -> PyResult<Self> {
        let known = Dialect::ALL.into_iter().find(|known| known.name() == dialect);
        known.map(|dialect| Self(Vocabulary::new(dialect))).ok_or_else(|| {
            let names = Dialect::ALL.map(|known| format!("{:?}", known.name())).join(" or ");
            TokenError::new_err(format!("{dialect:?}: expected the vocabulary {names}"))
        })
    }

    #[staticmethod]
    fn names() -> Vec<&'static str> {
        Dialect::ALL.map(Dialect::name).to_vec()
    }

    #[staticmethod]
    fn tx1() -> Self {
        Self(Vocabulary::tx1())
    }

    #[staticmethod]
    fn tx2() -> Self {
        Self(Vocabulary::tx2())
    }

    #[staticmethod]
    fn tx3() -> Self {
        Self(Vocabulary::tx3())
    }

    #[getter]
    fn dialect(&self) -> &'static str {
        self.0.dialect().name()
    }

    #[getter]
    fn symbols(&self) -> Vec<String> {
        (0..self.0.len() as u16).filter_map(|id| self.0.symbol(id)).collect()
    }

    fn symbol(&self, id: i64) -> PyResult<String> {
        let known = u16::try_from(id).ok().and_then(|id| self.0.symbol(id));
        known.ok_or_else(|| score_error(TokenizerError::Id { position: 0, id, size: self.0.len() }))
    }

    fn id(&self, symbol: &str) -> PyResult<u16> {
        // `encode` names the mistake; a text of one symbol has one id.
        let ids = self.0.encode(symbol).map_err(score_error)?;
        match ids[..] {
            [id] => Ok(id),
            _ => Err(TokenError::new_err(format!("{symbol:?}: expected one symbol"))),
        }
    }

    fn encode<'py>(&self, py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let ids = py.detach(|| self.0.encode(text).map(|ids| ids.into_iter().map(i64::from).collect::<Vec<_>>()));
        ids.map(|ids| ids.into_pyarray(py)).map_err(score_error)
    }

    fn decode(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<String> {
        let ids = ids_of(ids)?;
        py.detach(|| {
            let narrow = |(position, &id): (usize, &i64)| {
                u16::try_from(id).map_err(|_| TokenizerError::Id { position, id, size: self.0.len() })
            };
            let ids = ids.iter().enumerate().map(narrow).collect::<Result<Vec<_>, _>>()?;
            self.0.decode(&ids)
        })
        .map_err(score_error)
    }

    fn events<'py>(&self, py: Python<'py>, song: &PySong) -> PyResult<Bound<'py, PyArray1<i32>>> {
        let events = py.detach(|| compact::of_song(&song.0, &self.0)).map_err(score_error)?;
        Ok(events.into_pyarray(py))
    }

    fn song(&self, py: Python<'_>, events: &Bound<'_, PyAny>) -> PyResult<PySong> {
        let events = ids_of(events)?;
        py.detach(|| compact::to_song(&events, &self.0)).map(PySong).map_err(score_error)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("Vocabulary({:?})", self.dialect())
    }

    fn __reduce__(&self, py: Python<'_>) -> (Py<PyAny>, (&'static str,)) {
        (py.get_type::<Self>().into_any().unbind(), (self.dialect(),))
    }
}

/// The ids of an int64 array, or of anything that numpy makes one of without rounding.
fn ids_of(ids: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    if let Ok(array) = ids.extract::<PyReadonlyArray1<'_, i64>>() {
        return Ok(array.as_array().to_vec());
    }
    ids.extract()
}
