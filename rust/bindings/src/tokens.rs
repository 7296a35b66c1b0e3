//! Files as token ids, many at once, without a Python object a note or a file.

use std::path::{Path, PathBuf};

use lakhnes_tokenizer::{Dialect, Vocabulary};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::batch::{pool_of, read_limited};
use crate::errors::{FormatError, score_error_in};
use crate::formats::{SongFormat, text};
use crate::vocabulary::PyVocabulary;

/// Ids and offsets.
type Tokens<'py> = (Bound<'py, PyArray1<i32>>, Bound<'py, PyArray1<i64>>);

#[pyfunction]
#[pyo3(signature = (files, vocabulary, *, threads=0))]
pub(crate) fn tokenize_files<'py>(
    py: Python<'py>,
    files: Vec<(PathBuf, String)>,
    vocabulary: &PyVocabulary,
    threads: usize,
) -> PyResult<Tokens<'py>> {
    let known = |(path, format): (PathBuf, String)| Ok((path, SongFormat::named(&format)?));
    let files = files.into_iter().map(known).collect::<PyResult<Vec<_>>>()?;
    let pool = pool_of(threads)?;
    let vocabulary = &vocabulary.0;
    let (ids, offsets) = py.detach(|| {
        let tokenize = |(path, format): &(PathBuf, SongFormat)| tokenize(path, *format, vocabulary);
        // In order: the first file that cannot be read is the one that is named.
        let songs: Vec<PyResult<Vec<u16>>> = pool.install(|| files.par_iter().map(tokenize).collect());
        let songs = songs.into_iter().collect::<PyResult<Vec<_>>>()?;
        PyResult::Ok(joined(&songs))
    })?;
    Ok((ids.into_pyarray(py), offsets.into_pyarray(py)))
}

fn tokenize(path: &Path, format: SongFormat, vocabulary: &Vocabulary) -> PyResult<Vec<u16>> {
    let data = read_limited(path).map_err(|error| FormatError::new_err(format!("{}: {error}", path.display())))?;
    let text_of = match vocabulary.dialect() {
        Dialect::Tx1 => SongFormat::Tx1,
        Dialect::Tx2 => SongFormat::Tx2,
        Dialect::Tx3 => SongFormat::Tx3,
    };
    // A text of the vocabulary's own need not become a song: its events are counted as they stand.
    let ids = if format == text_of {
        text(&data).and_then(|text| vocabulary.encode(text))
    } else {
        format.read(&data).and_then(|song| vocabulary.encode_song(&song))
    };
    ids.map_err(|error| score_error_in(path, &error))
}

/// The songs in a row, and where each begins and the last one ends.
fn joined(songs: &[Vec<u16>]) -> (Vec<i32>, Vec<i64>) {
    let total = songs.iter().map(Vec::len).sum();
    let (mut ids, mut offsets) = (Vec::with_capacity(total), Vec::with_capacity(songs.len() + 1));
    offsets.push(0);
    for song in songs {
        ids.extend(song.iter().map(|&id| i32::from(id)));
        offsets.push(ids.len() as i64);
    }
    (ids, offsets)
}
