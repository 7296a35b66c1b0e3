//! Many files at once as texts or token ids, without a Python object a note.

use std::path::PathBuf;

use lakhnes_files::FileError;
use lakhnes_files::batch::{pool_of, run};
use lakhnes_files::texts::{TextOptions, TextSource, appender, convert, in_a_row, song_ids};
use lakhnes_stub_docs::documented;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::arrays;
use crate::errors::file_error;
use crate::export::listen;
use crate::formats::{format_named, with_formats};
use crate::options::seconds;
use crate::vocabulary::PyVocabulary;

#[documented]
#[pyfunction]
#[pyo3(signature = (songs, formats, *, threads=0, exact=false, score_rate=None, max_duration=None))]
pub(crate) fn convert_texts<'py>(
    py: Python<'py>,
    songs: Vec<(Bound<'py, PyBytes>, String, Option<usize>)>,
    formats: Vec<String>,
    threads: usize,
    exact: bool,
    score_rate: Option<f64>,
    max_duration: Option<f64>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let writers = formats.iter().map(|name| appender(name).map_err(file_error)).collect::<PyResult<Vec<_>>>()?;
    let inputs = songs.iter().map(|(data, format, track)| {
        Ok(TextSource { data: data.as_bytes(), format: format_named(format)?, track: *track })
    });
    let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
    let pool = pool_of(threads, inputs.len()).map_err(file_error)?;
    let max_run = max_duration.map(|value| seconds("max_duration", value)).transpose()?;
    let texts = py.detach(|| convert(&inputs, &writers, TextOptions { exact, score_rate, max_run }, &pool));
    texts.into_iter().map(|result| texts_or_error(py, result)).collect()
}

/// A tuple of texts, or the message of the error.
fn texts_or_error(py: Python<'_>, result: Result<Vec<Vec<u8>>, FileError>) -> PyResult<Bound<'_, PyAny>> {
    Ok(match result {
        Ok(texts) => PyTuple::new(py, texts.iter().map(|text| PyBytes::new(py, text)))?.into_any(),
        Err(error) => PyString::new(py, &error.to_string()).into_any(),
    })
}

/// Ids, offsets, and the files that failed by index.
type Tokens<'py> = (Bound<'py, PyArray1<i32>>, Bound<'py, PyArray1<i64>>, Vec<(usize, PyErr)>);

#[documented]
#[pyfunction]
#[pyo3(signature = (files, vocabulary, *, threads=0))]
pub(crate) fn tokenize_files<'py>(
    py: Python<'py>,
    files: Vec<(PathBuf, String)>,
    vocabulary: &PyVocabulary,
    threads: usize,
) -> PyResult<Tokens<'py>> {
    arrays::ready(py)?;
    let files = with_formats(files)?;
    let pool = pool_of(threads, files.len()).map_err(file_error)?;
    let mut songs: Vec<Option<Vec<u16>>> = vec![None; files.len()];
    let mut failed = Vec::new();
    py.detach(|| {
        let work = |index: usize, _: &_| {
            let (path, format) = files.get(index)?;
            Some(song_ids(path, format, &vocabulary.0))
        };
        let report = |index: usize, result| {
            match result {
                Some(Ok(ids)) => songs[index] = Some(ids),
                Some(Err(error)) => failed.push((index, file_error(error))),
                None => {} // there is no such index
            }
            Ok(())
        };
        run(&pool, files.len(), work, report, listen)
    })?;
    failed.sort_by_key(|&(index, _)| index);
    let (ids, offsets) = in_a_row(songs.iter().flatten());
    Ok((ids.into_pyarray(py), offsets.into_pyarray(py), failed))
}
