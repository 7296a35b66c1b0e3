//! `Format`: a row of the table of formats.

use std::path::PathBuf;

use lakhnes_files::{FORMATS, Format, Played, read};
use lakhnes_stub_docs::documented;
use pyo3::prelude::*;

use crate::errors::file_error;

/// A format of files.
#[documented]
#[pyclass(name = "Format", module = "lakhnes._native", frozen)]
pub(crate) struct PyFormat(&'static Format);

#[documented]
#[pymethods]
impl PyFormat {
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name
    }

    #[getter]
    fn suffixes(&self) -> Vec<&'static str> {
        self.0.suffixes.to_vec()
    }

    #[getter]
    fn mime(&self) -> &'static str {
        self.0.mime
    }

    #[getter]
    fn holds(&self) -> &'static str {
        self.0.holds.name()
    }

    #[getter]
    fn tracks(&self) -> bool {
        self.0.has_tracks()
    }

    #[getter]
    fn album(&self) -> bool {
        self.0.album.is_some()
    }

    #[getter]
    fn readable(&self) -> bool {
        self.0.read.is_some()
    }

    #[getter]
    fn writable(&self) -> bool {
        self.0.write.is_some()
    }

    fn __repr__(&self) -> String {
        format!("Format({:?})", self.0.name)
    }
}

#[documented]
#[pyfunction]
pub(crate) fn formats() -> Vec<PyFormat> {
    FORMATS.iter().map(PyFormat).collect()
}

/// The file of one voice.
#[documented]
#[pyfunction]
pub(crate) fn stem_path(path: PathBuf, voice: &str) -> PathBuf {
    lakhnes_files::stem_path(&path, voice)
}

/// The format of a name.
pub(crate) fn format_named(name: &str) -> PyResult<&'static Format> {
    Format::named(name).map_err(file_error)
}

/// Paths with the formats of their names.
pub(crate) fn with_formats(files: Vec<(PathBuf, String)>) -> PyResult<Vec<(PathBuf, &'static Format)>> {
    files.into_iter().map(|(path, name)| Ok((path, format_named(&name)?))).collect()
}

/// Reads what the chip can play.
pub(crate) fn played(py: Python<'_>, data: &[u8], format: &str) -> PyResult<Played<'static>> {
    let format = format_named(format)?;
    py.detach(|| read(data, format)).map_err(file_error)
}
