//! Collections of MIDI files as training songs, on a pool of threads, with the interpreter released.

use std::path::{Path, PathBuf};

use lakhnes_tokenizer::Song;
use lakhnes_tokenizer::adapt::{
    AdaptOptions, Adapted, Dropped, Fingerprint, LikenessIndex, adapt, fingerprint_of_midi, groups,
};
use lakhnes_tokenizer::limits::TICKS_PER_SECOND;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::prelude::*;

use crate::batch::{appender_named, plain, pool_of, read_limited, run};
use crate::errors::FormatError;
use crate::formats::SongFormat;
use crate::options::refused;

/// Songs that others may turn out to be versions of, by their melodies.
#[pyclass(name = "MelodyIndex", module = "lakhnes._native", frozen)]
pub(crate) struct PyMelodyIndex(LikenessIndex);

#[pymethods]
impl PyMelodyIndex {
    #[new]
    #[pyo3(signature = (files, *, threads=0))]
    fn new(py: Python<'_>, files: Vec<(PathBuf, String)>, threads: usize) -> PyResult<Self> {
        let known = |(path, format): (PathBuf, String)| Ok((path, SongFormat::named(&format)?));
        let files = files.into_iter().map(known).collect::<PyResult<Vec<_>>>()?;
        let pool = pool_of(threads)?;
        let fingerprints: Result<Vec<Fingerprint>, String> =
            py.detach(|| pool.install(|| files.par_iter().map(|(path, format)| fingerprint(path, *format)).collect()));
        let fingerprints = fingerprints.map_err(FormatError::new_err)?;
        Ok(Self(LikenessIndex::new(&fingerprints)))
    }

    fn find(&self, py: Python<'_>, path: PathBuf, format: &str) -> PyResult<Option<(usize, f64)>> {
        let format = SongFormat::named(format)?;
        let found = py.detach(|| fingerprint(&path, format).map(|fingerprint| self.0.find(&fingerprint)));
        found.map_err(FormatError::new_err)
    }

    const fn __len__(&self) -> usize {
        self.0.len()
    }
}

fn fingerprint(path: &Path, format: SongFormat) -> Result<Fingerprint, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let data = read_limited(path).map_err(|error| told(&error))?;
    // A MIDI file need not have the tracks of NES-MDB to be compared.
    let read = match format {
        SongFormat::Midi => fingerprint_of_midi(&data),
        other => other.read(&data).map(|song| Fingerprint::of_song(&song)),
    };
    read.map_err(|error| told(&error))
}

/// How to append the text of a song, which gives the number of its events; and the end of the name of its file.
type Writer = (fn(&Song, &mut Vec<u8>) -> usize, String);

/// What became of a file.
#[derive(Default)]
struct Outcome {
    /// Nothing where the file could not be read.
    adapted: Option<Adapted>,
    /// Why it gave no songs: in a word or two, and in full.
    dropped: Option<(String, String)>,
    /// The held-out song that it is like.
    like: Option<(usize, f64)>,
    songs: usize,
    seconds: f64,
    /// By writer.
    events: Vec<usize>,
}

/// Why the whole run ends: what could not be written, the system's number and its words.
struct Refused(PathBuf, std::io::Error);

impl From<Refused> for PyErr {
    fn from(Refused(path, error): Refused) -> Self {
        PyOSError::new_err((error.raw_os_error(), plain(&error), path))
    }
}

#[pyfunction]
#[pyo3(signature = (
    files, folder, formats, report, *, threads=0, seed=0, min_instruments=1, min_seconds=5.0, max_seconds=600.0,
    overlap=0.0, max_examples=16, max_song_seconds=180.0, drums=true, exclude=None, group=true
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
    exclude: Option<Py<PyMelodyIndex>>,
    group: bool,
) -> PyResult<Vec<Option<usize>>> {
    let options = AdaptOptions {
        seed,
        min_instruments,
        lengths: (ticks("min_seconds", min_seconds)?, ticks("max_seconds", max_seconds)?),
        overlap: ticks("overlap", overlap)?,
        max_examples,
        max_length: ticks("max_song_seconds", max_song_seconds)?,
        drums,
        fingerprints: group || exclude.is_some(),
    };
    let writer = |name: &String| Ok((appender_named(name)?, format!("{name}.txt")));
    let writers = formats.iter().map(writer).collect::<PyResult<Vec<Writer>>>()?;
    let exclude = exclude.as_ref().map(|index| &index.get().0);
    let pool = pool_of(threads)?;
    let report = report.clone().unbind();
    let mut fingerprints: Vec<Option<Fingerprint>> = vec![None; files.len()];
    let work = |index: usize, _: &_| {
        let file = files.get(index);
        file.map(|(path, name)| adapt_file(path, &folder.join(name), &writers, &options, exclude))
    };
    py.detach(|| {
        run(&pool, files.len(), work, |index, outcome| {
            let mut outcome = match outcome {
                Some(Ok(outcome)) => outcome,
                Some(Err(refused)) => return Err(refused.into()),
                None => return Ok(()),
            };
            if let (1.., Some(adapted), Some(entry)) =
                (outcome.songs, &mut outcome.adapted, fingerprints.get_mut(index))
            {
                *entry = Some(std::mem::take(&mut adapted.fingerprint));
            }
            Python::attach(|py| report.call1(py, (index, facts(py, &outcome)?)).map(drop))
        })
    })?;
    Ok(if group { py.detach(|| groups_of(&fingerprints)) } else { vec![None; files.len()] })
}

/// For each file that gave songs, the first of the files that are versions of the same.
fn groups_of(fingerprints: &[Option<Fingerprint>]) -> Vec<Option<usize>> {
    let with_songs = || fingerprints.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)));
    let (places, present): (Vec<usize>, Vec<&Fingerprint>) = with_songs().unzip();
    let mut leaders = vec![None; fingerprints.len()];
    for (&place, leader) in places.iter().zip(groups(&present)) {
        if let (Some(entry), Some(&first)) = (leaders.get_mut(place), places.get(leader)) {
            *entry = Some(first);
        }
    }
    leaders
}

fn ticks(option: &str, seconds: f64) -> PyResult<u64> {
    if seconds.is_finite() && (0.0..=1e6).contains(&seconds) {
        return Ok((seconds * TICKS_PER_SECOND as f64).round() as u64);
    }
    Err(refused(option, "a number of seconds from 0 to 1,000,000", &seconds.to_string()))
}

fn adapt_file(
    path: &Path,
    target: &Path,
    writers: &[Writer],
    options: &AdaptOptions,
    exclude: Option<&LikenessIndex>,
) -> Result<Outcome, Refused> {
    let mut outcome = Outcome { events: vec![0; writers.len()], ..Outcome::default() };
    let adapted = match read_limited(path) {
        Ok(data) => outcome.adapted.insert(adapt(&data, options)),
        Err(error) => {
            outcome.dropped = Some(("unreadable".to_owned(), error));
            return Ok(outcome);
        }
    };
    let songs = match &adapted.songs {
        Ok(songs) => songs,
        Err(dropped) => {
            outcome.dropped = Some((dropped.reason(), dropped.to_string()));
            return Ok(outcome);
        }
    };
    outcome.like = exclude.and_then(|index| index.find(&adapted.fingerprint));
    if outcome.like.is_some() {
        return Ok(outcome);
    }
    let mut text = Vec::new();
    for (number, song) in songs.iter().enumerate() {
        for ((append, suffix), events) in writers.iter().zip(&mut outcome.events) {
            text.clear();
            *events += append(song, &mut text);
            let mut name = target.as_os_str().to_owned();
            name.push(format!("_{number:03}.{suffix}"));
            std::fs::write(&name, &text).map_err(|error| Refused(name.into(), error))?;
        }
        outcome.seconds += song.duration();
    }
    outcome.songs = songs.len();
    Ok(outcome)
}

/// What Python is told of a file.
fn facts<'py>(py: Python<'py>, outcome: &Outcome) -> PyResult<Bound<'py, PyDict>> {
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
    let row = |dropped: &Dropped| (dropped.track, dropped.channel, dropped.program, dropped.reason.reason());
    let dropped = adapted.map(|adapted| adapted.dropped.as_slice()).unwrap_or_default();
    facts.set_item("dropped", dropped.iter().map(row).collect::<Vec<_>>())?;
    Ok(facts)
}
