//! `Song`: a four-voice score, and the formats that it is read from and written in.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use lakhnes_files::MidiForm;
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::arrange::{self as arranging, Bar, Report, Unplaced, arrange_parts};
use lakhnes_tokenizer::expression::{express, is_flat};
use lakhnes_tokenizer::limits::TICKS_PER_SECOND;
use lakhnes_tokenizer::{
    ArrangeOptions, ChangeKind, Note, PerformOptions, Song, Ticks, TokenizerError, Track, midi, perform, piano_roll,
    piano_roll_svg, tx1, tx2, tx3,
};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyArray3, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays;
use crate::errors::{file_error_in, score_error};
use crate::formats::played;
use crate::hubs::{PyRegisterLog, PySong};
use crate::options::{expression_named, midi_form, parts_of, refused, voice_named};
use crate::tracker::export_song;

/// What `pickle` stores: the function that makes the song again, and its arguments.
type Reduced<'py> = (Bound<'py, PyAny>, (Bound<'py, PyBytes>, &'static str));

#[documented]
#[pymethods]
impl PySong {
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8], format: &str) -> PyResult<Self> {
        let played = played(py, data, format)?;
        py.detach(|| played.song(false).map(|song| Self(song.into_owned()))).map_err(score_error)
    }

    #[staticmethod]
    fn from_tx1(py: Python<'_>, text: &str) -> PyResult<Self> {
        py.detach(|| tx1::read(text)).map(Self).map_err(score_error)
    }

    #[staticmethod]
    fn from_tx2(py: Python<'_>, text: &str) -> PyResult<Self> {
        py.detach(|| tx2::read(text)).map(Self).map_err(score_error)
    }

    #[staticmethod]
    fn from_tx3(py: Python<'_>, text: &str) -> PyResult<Self> {
        py.detach(|| tx3::read(text)).map(Self).map_err(score_error)
    }

    #[staticmethod]
    fn from_midi(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| midi::read(data)).map(Self).map_err(score_error)
    }

    #[staticmethod]
    #[pyo3(signature = (data, *, arpeggio=false, parts=None, name=None))]
    fn arrange<'py>(
        py: Python<'py>,
        data: &[u8],
        arpeggio: bool,
        parts: Option<HashMap<String, String>>,
        name: Option<String>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let (options, parts) = (ArrangeOptions { arpeggio }, parts_of(parts)?);
        let arranged = py.detach(|| arrange_parts(data, &options, &parts));
        let (song, report) = arranged.map_err(|error| file_error_in(error, name))?;
        Ok((Self(song), arrange_report(py, &report)?))
    }

    fn to_tx1(&self, py: Python<'_>) -> String {
        py.detach(|| tx1::write(&self.0))
    }

    fn to_tx2(&self, py: Python<'_>) -> String {
        py.detach(|| tx2::write(&self.0))
    }

    #[pyo3(signature = (form="tx1"))]
    fn count_events(&self, py: Python<'_>, form: &str) -> PyResult<usize> {
        match form {
            "tx1" => Ok(py.detach(|| tx1::count(&self.0))),
            "tx2" => Ok(py.detach(|| tx2::count(&self.0))),
            _ => Err(refused("form", "tx1 or tx2", form)),
        }
    }

    #[pyo3(signature = (*, controls=false, loop_start=None))]
    fn to_tx3(&self, py: Python<'_>, controls: bool, loop_start: Option<u64>) -> PyResult<String> {
        let options = tx3::WriteOptions { controls, loop_start };
        let text = py.detach(|| tx3::encode_song_with(&self.0, &options).and_then(|ids| tx3::decode(&ids)));
        text.map_err(score_error)
    }

    fn on_frames(&self, py: Python<'_>) -> PyResult<Self> {
        py.detach(|| tx3::on_frames(&self.0)).map(Self).map_err(score_error)
    }

    #[pyo3(signature = (*, form="nesmdb"))]
    fn to_midi<'py>(&self, py: Python<'py>, form: &str) -> PyResult<Bound<'py, PyBytes>> {
        let write = match midi_form(form)? {
            MidiForm::NesMdb => midi::write,
            MidiForm::General => midi::write_general,
        };
        let bytes = py.detach(|| write(&self.0)).map_err(score_error)?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn transpose(&self, py: Python<'_>, semitones: i8) -> PyResult<Self> {
        py.detach(|| self.0.transposed(semitones)).map(Self).map_err(edit_error)
    }

    #[pyo3(signature = (start=0.0, end=None))]
    fn trim(&self, py: Python<'_>, start: f64, end: Option<f64>) -> PyResult<Self> {
        let (start, end) = passage(start, end)?;
        py.detach(|| self.0.trimmed(start, end)).map(Self).map_err(edit_error)
    }

    #[pyo3(signature = (other, start, end=None))]
    fn splice(&self, py: Python<'_>, other: &Self, start: f64, end: Option<f64>) -> PyResult<Self> {
        let (start, end) = passage(start, end)?;
        py.detach(|| self.0.spliced(&other.0, start, end)).map(Self).map_err(edit_error)
    }

    fn __add__(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        py.detach(|| self.0.then(&other.0)).map(Self).map_err(score_error)
    }

    #[pyo3(signature = (path=None, *, title=None, dpi=100, overwrite=true))]
    fn plot<'py>(
        slf: &Bound<'py, Self>,
        path: Option<PathBuf>,
        title: Option<&str>,
        dpi: u32,
        overwrite: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let plotting = slf.py().import("lakhnes.plotting")?;
        let Some(path) = path else { return plotting.call_method1("piano_roll_figure", (slf, title)) };
        let options = PyDict::new(slf.py());
        options.set_item("title", title)?;
        options.set_item("dpi", dpi)?;
        options.set_item("overwrite", overwrite)?;
        plotting.call_method("plot_song", (slf, path), Some(&options))
    }

    fn to_pretty_midi<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let file = py.import("io")?.call_method1("BytesIO", (self.to_midi(py, "nesmdb")?,))?;
        py.import("pretty_midi")?.call_method1("PrettyMIDI", (file,))
    }

    #[pyo3(signature = (*, downsample=None, expression="plain"))]
    fn perform(&self, py: Python<'_>, downsample: Option<f64>, expression: &str) -> PyResult<PyRegisterLog> {
        let options = PerformOptions { downsample, expression: expression_named(expression)? };
        py.detach(|| perform(&self.0, &options)).map(PyRegisterLog::from).map_err(score_error)
    }

    #[pyo3(signature = (format, *, mode="readable"))]
    fn to_tracker<'py>(&self, py: Python<'py>, format: &str, mode: &str) -> PyResult<(String, Bound<'py, PyDict>)> {
        export_song(py, &self.0, format, mode)
    }

    fn express(&self, py: Python<'_>) -> PyResult<Self> {
        py.detach(|| express(&self.0)).map(Self).map_err(score_error)
    }

    fn with_voices(&self, py: Python<'_>, other: &Self, voices: Vec<String>) -> PyResult<Self> {
        let voices = voices.iter().map(|name| voice_named(name)).collect::<PyResult<Vec<_>>>()?;
        py.detach(|| self.0.with_voices(&other.0, &voices)).map(Self).map_err(score_error)
    }

    fn with_passage(&self, py: Python<'_>, other: &Self, voices: Vec<String>, start: u64, end: u64) -> PyResult<Self> {
        let voices = voices.iter().map(|name| voice_named(name)).collect::<PyResult<Vec<_>>>()?;
        let (start, end) = (Ticks::saturating(start), Ticks::saturating(end));
        py.detach(|| self.0.with_passage(&other.0, &voices, start, end)).map(Self).map_err(score_error)
    }

    fn with_loop(&self, start: Option<u64>) -> PyResult<Self> {
        if let Some(start) = start.filter(|&start| start >= self.0.length().get()) {
            return Err(refused("start", "a tick before the end of the song", &start.to_string()));
        }
        Ok(Self(self.0.clone().with_loop(start.map(Ticks::saturating))))
    }

    #[getter]
    fn loop_start(&self) -> Option<u64> {
        self.0.loop_start().map(Ticks::get)
    }

    #[getter]
    fn is_flat(&self, py: Python<'_>) -> bool {
        py.detach(|| is_flat(&self.0))
    }

    #[getter]
    fn length(&self) -> u64 {
        self.0.length().get()
    }

    #[getter]
    fn duration(&self) -> f64 {
        self.0.duration()
    }

    #[getter]
    fn voices<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let row = |&Note { start, end, pitch, velocity }: &Note| {
            [start.get() as i64, end.get() as i64, pitch.get().into(), velocity.get().into()]
        };
        by_voice(py, &self.0, |track| track.notes.iter().map(row).collect())
    }

    #[getter]
    fn velocity_changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_voice(py, &self.0, |track| changes(track, ChangeKind::Velocity))
    }

    #[getter]
    fn timbre_changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_voice(py, &self.0, |track| changes(track, ChangeKind::Timbre))
    }

    #[pyo3(signature = (frame_rate=24.0))]
    fn piano_roll<'py>(&self, py: Python<'py>, frame_rate: f64) -> PyResult<Bound<'py, PyArray3<u8>>> {
        arrays::ready(py)?;
        let roll = py.detach(|| piano_roll(&self.0, frame_rate)).map_err(score_error)?;
        roll.velocities.into_pyarray(py).reshape([4, 128, roll.frames])
    }

    fn to_svg(&self, py: Python<'_>) -> String {
        py.detach(|| piano_roll_svg(&self.0))
    }

    #[pyo3(signature = (**options))]
    fn play<'py>(song: &Bound<'py, Self>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        song.py().import("lakhnes.notebook")?.call_method("play", (song,), options)
    }

    fn _repr_html_<'py>(song: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        song.py().import("lakhnes.notebook")?.call_method1("song_html", (song,))
    }

    fn __repr__(&self) -> String {
        let notes: usize = self.0.tracks().iter().map(|track| track.notes.len()).sum();
        format!("Song({notes} notes, {:.3} s)", self.0.duration())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        let read = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((read, (self.to_midi(py, "nesmdb")?, "mid")))
    }
}

/// A passage in ticks, of seconds.
fn passage(start: f64, end: Option<f64>) -> PyResult<(u64, u64)> {
    let ticks = |name, seconds: f64| {
        if seconds >= 0.0 {
            Ok((seconds * TICKS_PER_SECOND as f64).round() as u64)
        } else {
            Err(refused(name, "a number of seconds, 0 or more", &seconds.to_string()))
        }
    };
    Ok((ticks("start", start)?, end.map_or(Ok(u64::MAX), |end| ticks("end", end))?))
}

/// The exception of an edit: what does not fit the song is a wrong value.
fn edit_error(error: TokenizerError) -> PyErr {
    match error {
        TokenizerError::Song { .. } => PyValueError::new_err(error.to_string()),
        error => score_error(error),
    }
}

/// A dict of the voices' names and an array of as many columns as the rows have.
fn by_voice<'py, const N: usize>(
    py: Python<'py>,
    song: &Song,
    rows: impl Fn(&Track) -> Vec<[i64; N]>,
) -> PyResult<Bound<'py, PyDict>> {
    arrays::ready(py)?;
    let voices = PyDict::new(py);
    for (voice, track) in song.voices() {
        voices.set_item(voice.name(), Array2::from(rows(track)).into_pyarray(py))?;
    }
    Ok(voices)
}

/// The notes of any MIDI file as a picture shows them: a row of start, end, channel and pitch a bar.
#[documented]
#[pyfunction]
pub(crate) fn source_bars<'py>(py: Python<'py>, data: &[u8], most: usize) -> PyResult<Bound<'py, PyArray2<i64>>> {
    arrays::ready(py)?;
    let bars = py.detach(|| arranging::source_bars(data, most)).map_err(score_error)?;
    let row = |bar: &Bar| [bar.start as i64, bar.end as i64, bar.channel.into(), bar.pitch.into()];
    Ok(Array2::from(bars.iter().map(row).collect::<Vec<_>>()).into_pyarray(py))
}

/// The most notes that a report lists: a row of Python takes ten times the memory of the note.
const MAX_ROWS: usize = 1 << 16;

/// What became of the notes of a file, as Python has it.
pub(crate) fn arrange_report<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("notes", report.notes)?;
    facts.set_item("placed", report.placed)?;
    facts.set_item("moved", report.moved)?;
    facts.set_item("shortened", report.shortened)?;
    facts.set_item("arpeggiated", report.arpeggiated)?;
    facts.set_item("lead_in", report.lead_in)?;
    facts.set_item("warnings", report.warnings.to_string())?;
    let mut left_out = BTreeMap::new();
    for lost in &report.unplaced {
        *left_out.entry(lost.reason.name()).or_insert(0_usize) += 1;
    }
    facts.set_item("left_out", left_out)?;
    let row = |lost: &Unplaced| (lost.tick.get(), lost.channel, lost.pitch, lost.reason.name());
    facts.set_item("unplaced", report.unplaced.iter().take(MAX_ROWS).map(row).collect::<Vec<_>>())?;
    Ok(facts)
}

fn changes(track: &Track, kind: ChangeKind) -> Vec<[i64; 2]> {
    let of_kind = track.changes.iter().filter(|change| change.kind() == kind);
    of_kind.map(|change| [change.tick.get() as i64, i64::from(change.value())]).collect()
}
