//! Collections of MIDI files as training songs, on a pool of threads, with the interpreter released.

use std::path::PathBuf;

use lakhnes_files::adapt::{Outcome, adapt_file, fingerprint, groups_of, index};
use lakhnes_files::batch::{pool_of, run};
use lakhnes_files::texts::appender;
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::adapt::{AdaptOptions, Dropped, Fingerprint, LikenessIndex};
use lakhnes_tokenizer::limits::TICKS_PER_SECOND;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::file_error;
use crate::export::listen;
use crate::formats::{format_named, with_formats};
use crate::options::refused;

/// Songs that others may turn out to be versions of, by their melodies.
#[documented]
#[pyclass(name = "MelodyIndex", module = "lakhnes._native", frozen)]
pub(crate) struct PyMelodyIndex(LikenessIndex);

#[documented]
#[pymethods]
impl PyMelodyIndex {
    #[new]
    #[pyo3(signature = (files, *, threads=0))]
    fn new(py: Python<'_>, files: Vec<(PathBuf, String)>, threads: usize) -> PyResult<Self> {
        let files = with_formats(files)?;
        let pool = pool_of(threads, files.len()).map_err(file_error)?;
        py.detach(|| index(&files, &pool)).map(Self).map_err(file_error)
    }

    fn find(&self, py: Python<'_>, path: PathBuf, format: &str) -> PyResult<Option<(usize, f64)>> {
        let format = format_named(format)?;
        let found = py.detach(|| fingerprint(&path, format).map(|fingerprint| self.0.find(&fingerprint)));
        found.map_err(file_error)
    }

    const fn __len__(&self) -> usize {
        self.0.len()
    }
}

#[documented]
#[pyfunction]
#[pyo3(signature = (
    files, folder, formats, report, *, threads=0, seed=0, min_instruments=1, min_seconds=5.0, max_seconds=600.0,
    overlap=0.0, max_examples=16, max_song_seconds=180.0, drums=true, arrange=false, exclude=None, melodies=true
))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn adapt_files(
    py: Python<'_>,
    files: Vec<(PathBuf, String)>,
    folder: PathBuf,
    formats: Vec<String>,
    report: &Bound<'_, PyAny>,
    threads: usize,
    seed: u64,
    min_instruments: usize,
    min_seconds: f64,
    max_seconds: f64,
    overlap: f64,
    max_examples: usize,
    max_song_seconds: f64,
    drums: bool,
    arrange: bool,
    exclude: Option<Py<PyMelodyIndex>>,
    melodies: bool,
) -> PyResult<()> {
    let options = AdaptOptions {
        seed,
        min_instruments,
        lengths: (ticks("min_seconds", min_seconds)?, ticks("max_seconds", max_seconds)?),
        overlap: ticks("overlap", overlap)?,
        max_examples,
        max_length: ticks("max_song_seconds", max_song_seconds)?,
        drums,
        arrange,
        fingerprints: melodies || exclude.is_some(),
    };
    let writer = |name: &String| {
        let suffix = format_named(name)?.suffixes.first().copied().unwrap_or_default();
        Ok((appender(name).map_err(file_error)?, suffix))
    };
    let writers = formats.iter().map(writer).collect::<PyResult<Vec<_>>>()?;
    let exclude = exclude.as_ref().map(|index| &index.get().0);
    let pool = pool_of(threads, files.len()).map_err(file_error)?;
    let report = report.clone().unbind();
    let work = |index: usize, _: &_| {
        let file = files.get(index);
        file.map(|(path, name)| adapt_file(path, &folder.join(name), &writers, &options, exclude))
    };
    py.detach(|| {
        let finished = |index: usize, outcome: Option<Result<Outcome, _>>| {
            let Some(outcome) = outcome else { return Ok(()) }; // there is no such index
            let outcome = outcome.map_err(file_error)?;
            Python::attach(|py| report.call1(py, (index, facts(py, &outcome, melodies)?)).map(drop))
        };
        run(&pool, files.len(), work, finished, listen)
    })
}

#[documented]
#[pyfunction]
pub(crate) fn group_melodies(py: Python<'_>, melodies: Vec<Option<Bound<'_, PyBytes>>>) -> Vec<Option<usize>> {
    let rows = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|&row| u32::from_le_bytes(row)).collect();
    let fingerprint = |melody: Bound<'_, PyBytes>| Fingerprint::new(rows(melody.as_bytes()));
    let fingerprints: Vec<_> = melodies.into_iter().map(|melody| melody.map(fingerprint)).collect();
    py.detach(|| groups_of(&fingerprints))
}

fn ticks(option: &str, seconds: f64) -> PyResult<u64> {
    if seconds.is_finite() && (0.0..=1e6).contains(&seconds) {
        return Ok((seconds * TICKS_PER_SECOND as f64).round() as u64);
    }
    Err(refused(option, "a number of seconds from 0 to 1,000,000", &seconds.to_string()))
}

/// What Python learns of a file.
fn facts<'py>(py: Python<'py>, outcome: &Outcome, melodies: bool) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    let (reason, detail) = outcome.dropped.as_ref().map(|(reason, detail)| (reason, detail)).unzip();
    facts.set_item("reason", reason)?;
    facts.set_item("detail", detail)?;
    facts.set_item("like", outcome.like)?;
    facts.set_item("songs", outcome.songs)?;
    facts.set_item("seconds", outcome.seconds)?;
    facts.set_item("events", &outcome.events)?;
    let adapted = outcome.adapted.as_ref();
    facts.set_item("digest", adapted.map(|adapted| adapted.digest))?;
    facts.set_item("trimmed", adapted.map_or(0, |adapted| adapted.trimmed))?;
    facts.set_item("arranged", adapted.is_some_and(|adapted| adapted.arranged))?;
    let melody = adapted.filter(|_| melodies && outcome.songs > 0).map(|adapted| &adapted.fingerprint);
    let bytes = |melody: &Fingerprint| melody.rows().iter().flat_map(|row| row.to_le_bytes()).collect::<Vec<u8>>();
    facts.set_item("melody", melody.map(|melody| PyBytes::new(py, &bytes(melody))))?;
    let row = |dropped: &Dropped| (dropped.track, dropped.channel, dropped.program, dropped.reason.reason());
    let dropped = adapted.map(|adapted| adapted.dropped.as_slice()).unwrap_or_default();
    facts.set_item("dropped", dropped.iter().map(row).collect::<Vec<_>>())?;
    Ok(facts)
}
