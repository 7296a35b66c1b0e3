//! Exports: what the chip can play, and samples, to files and to streams.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lakhnes_apu::TICK_RATE;
use lakhnes_files::album::{Album, Song as AlbumSong};
use lakhnes_files::batch::{pool_of, run};
use lakhnes_files::{
    Batch, Encoder, Encoding, Export, ExportOptions, Exported, FileError, FileTags, Format, Job, Played, Sink, Sound,
    Source, Target, Writer, export_sound,
};
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::ArrangeOptions;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::file_error;
use crate::formats::format_named;
use crate::hubs::{PyRegisterLog, PySong};
use crate::options::{EXPORT, export_options, parts_of, seconds};
use crate::song::arrange_report;

/// Codes samples by a Python callable, which gives a file object for (path, format, sample rate, channels).
struct PyEncoder(Py<PyAny>);

impl Encoder for PyEncoder {
    fn open(&self, path: &Path, format: &str, sample_rate: u32, channels: u16) -> io::Result<Box<dyn Encoding>> {
        let file = Python::attach(|py| self.0.call1(py, (path, format, sample_rate, channels)))?;
        Ok(Box::new(PyEncoding { file, channels: channels.into() }))
    }
}

struct PyEncoding {
    file: Py<PyAny>,
    channels: usize,
}

impl Encoding for PyEncoding {
    fn tag(&mut self, tags: &FileTags) -> io::Result<()> {
        if !tags.is_empty() {
            let FileTags { title, artist, copyright } = tags;
            Python::attach(|py| self.file.call_method1(py, "tag", (title, artist, copyright)))?;
        }
        Ok(())
    }

    fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        Python::attach(|py| {
            let block = PyArray1::from_slice(py, samples).reshape([samples.len() / self.channels, self.channels])?;
            self.file.call_method1(py, "write", (block,))?;
            Ok(())
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        Python::attach(|py| self.file.call_method0(py, "close"))?;
        Ok(())
    }
}

/// A Python stream, such as `sys.stdout.buffer`.
struct PyStream(Py<PyAny>);

impl Write for PyStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Python::attach(|py| self.0.call_method1(py, "write", (PyBytes::new(py, bytes),))?.extract(py))
            .map_err(Into::into)
    }

    fn flush(&mut self) -> io::Result<()> {
        Python::attach(|py| self.0.call_method0(py, "flush"))?;
        Ok(())
    }
}

/// A path, or an open binary file.
#[derive(FromPyObject)]
pub(crate) enum PyTarget {
    Path(PathBuf),
    Stream(Py<PyAny>),
}

impl PyTarget {
    /// Calls a function with the sink that it stands for.
    fn with_sink<T>(self, overwrite: bool, export: impl FnOnce(Sink<'_>) -> T) -> T {
        match self {
            Self::Path(path) => export(Sink::File { path: &path, overwrite }),
            Self::Stream(stream) => export(Sink::Stream(&mut PyStream(stream))),
        }
    }
}

/// The song or the log that a Python object is.
fn played_of<'a>(played: &'a Bound<'_, PyAny>) -> PyResult<Played<'a>> {
    if let Ok(log) = played.cast::<PyRegisterLog>() {
        return Ok(Played::from(&log.get().log));
    }
    Ok(Played::from(&played.cast::<PySong>()?.get().0))
}

#[documented]
#[pyfunction]
#[pyo3(signature = (played, target, format, encoder, *, overwrite=true, **options))]
pub(crate) fn export(
    py: Python<'_>,
    played: &Bound<'_, PyAny>,
    target: PyTarget,
    format: &str,
    encoder: Py<PyAny>,
    overwrite: bool,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<f64> {
    let (played, format, options) = (played_of(played)?, format_named(format)?, export_options(options, EXPORT)?);
    let encoder = PyEncoder(encoder);
    py.detach(|| {
        let how = Export { encoder: &encoder, ..Export::new(&options) };
        target.with_sink(overwrite, |sink| lakhnes_files::export(&played, format, &how, sink))
    })
    .map_err(file_error)
}

#[documented]
#[pyfunction]
#[pyo3(signature = (samples, sample_rate, target, format, encoder, *, overwrite=true, r#loop=None))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn export_samples(
    py: Python<'_>,
    samples: PyReadonlyArray2<'_, i16>,
    sample_rate: u32,
    target: PyTarget,
    format: &str,
    encoder: Py<PyAny>,
    overwrite: bool,
    r#loop: Option<(u64, u64)>,
) -> PyResult<()> {
    let is_sound = |format: &Format| matches!(format.write, Some(Writer::Sound(_)));
    let format = Format::named_where(format, is_sound).map_err(file_error)?;
    let (frames, channels) = samples.as_array().dim();
    let mut rest = samples.as_slice()?;
    let encoder = PyEncoder(encoder);
    py.detach(|| {
        let mut sound = Sound {
            sample_rate,
            channels: channels as u16, // of numpy; the encoder refuses what it cannot take
            frames: frames as u64,
            tags: FileTags::default(),
            looped: r#loop.map(|(start, end)| Range { start, end }),
            samples: &mut |block| {
                let (now, later) = rest.split_at(block.len().min(rest.len()));
                block[..now.len()].copy_from_slice(now);
                rest = later;
                now.len()
            },
        };
        let options = ExportOptions::default();
        let how = Export { encoder: &encoder, ..Export::new(&options) };
        target.with_sink(overwrite, |sink| export_sound(&mut sound, format, &how, sink))
    })
    .map_err(file_error)
}

/// An `ExportJob` of `lakhnes.exporting`.
#[derive(FromPyObject)]
pub(crate) struct PyJob {
    source: PathBuf,
    target: PyTarget,
    source_format: String,
    data: Option<PyBackedBytes>,
    title: String,
    track: Option<usize>,
    name: String,
}

impl PyJob {
    fn job(self) -> PyResult<Job> {
        Ok(Job {
            name: self.name,
            track: self.track,
            source: match self.data {
                Some(data) => Source::Bytes(Box::new(data)),
                None => Source::File(self.source),
            },
            format: format_named(&self.source_format)?,
            target: match self.target {
                PyTarget::Path(path) => Target::File(path),
                PyTarget::Stream(stream) => Target::Stream(Mutex::new(Box::new(PyStream(stream)))),
            },
            title: self.title,
        })
    }
}

/// How files are read and what is changed in them, as keyword arguments.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct PyEdits {
    arrange: bool,
    arpeggio: bool,
    simplify: bool,
    shorten: Option<(usize, usize)>,
    max_run: Option<f64>,
    parts: Option<HashMap<String, String>>,
    trim: Option<(u64, u64)>,
    transpose: i8,
}

/// What is done to files, but for how many at once.
fn batch_of<'a>(
    format: &str,
    edits: PyEdits,
    encoder: &'a PyEncoder,
    stems: bool,
    overwrite: bool,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Batch<'a>> {
    Ok(Batch {
        format: format_named(format)?,
        edits: lakhnes_files::Edits {
            arrange: edits.arrange.then_some(ArrangeOptions { arpeggio: edits.arpeggio }),
            parts: parts_of(edits.parts)?,
            simplify: edits.simplify,
            shorten: edits.shorten,
            trim: edits.trim,
            transpose: edits.transpose,
        },
        max_run: edits.max_run.map(|value| seconds("max_duration", value)).transpose()?,
        options: export_options(options, EXPORT)?,
        encoder,
        stems,
        overwrite,
    })
}

#[documented]
#[pyfunction]
#[pyo3(signature = (jobs, format, encoder, report, *, edits, threads=0, stems=false, overwrite=true, **options))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn export_files(
    py: Python<'_>,
    jobs: Vec<PyJob>,
    format: &str,
    encoder: Py<PyAny>,
    report: Py<PyAny>,
    edits: PyEdits,
    threads: usize,
    stems: bool,
    overwrite: bool,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    let jobs = jobs.into_iter().map(PyJob::job).collect::<PyResult<Vec<_>>>()?;
    let encoder = PyEncoder(encoder);
    let batch = batch_of(format, edits, &encoder, stems, overwrite, options)?;
    let pool = pool_of(threads, jobs.len()).map_err(file_error)?;
    py.detach(|| {
        let work = |index: usize, stop: &_| jobs.get(index).map(|job| batch.run(job, stop));
        let finished = |index, result| Python::attach(|py| tell(py, &report, index, result));
        run(&pool, jobs.len(), work, finished, listen)
    })
}

#[documented]
#[pyfunction]
#[pyo3(signature = (jobs, target, format, encoder, report, *, title, edits, threads=0, overwrite=true, **options))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn export_album(
    py: Python<'_>,
    jobs: Vec<PyJob>,
    target: PyTarget,
    format: &str,
    encoder: Py<PyAny>,
    report: Py<PyAny>,
    title: &str,
    edits: PyEdits,
    threads: usize,
    overwrite: bool,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<f64> {
    let jobs = jobs.into_iter().map(PyJob::job).collect::<PyResult<Vec<_>>>()?;
    let encoder = PyEncoder(encoder);
    let batch = batch_of(format, edits, &encoder, false, overwrite, options)?;
    let mut album = Album::new(jobs.len()).map_err(file_error)?;
    let pool = pool_of(threads, jobs.len()).map_err(file_error)?;
    py.detach(|| {
        let work = |index: usize, _: &_| jobs.get(index).map(|job| batch.album_song(job));
        let gathered = |index, result: Option<Result<AlbumSong, FileError>>| {
            let Some(result) = result else { return Ok(()) }; // there is no such index
            let done = result.and_then(|song| {
                let (seconds, warnings) = (song.log.length as f64 / TICK_RATE as f64, song.warnings.clone());
                let report = song.report.clone();
                album.put(index, song)?;
                Ok(Exported { files: Vec::new(), seconds, warnings, report })
            });
            Python::attach(|py| tell(py, &report, index, Some(done)))
        };
        run(&pool, jobs.len(), work, gathered, listen)?;
        target.with_sink(overwrite, |sink| album.write(batch.format, title, sink)).map_err(file_error)
    })
}

/// Raises what a signal asks for.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general enough")]
pub(crate) fn listen() -> PyResult<()> {
    Python::attach(|py| py.check_signals())
}

fn tell(py: Python<'_>, report: &Py<PyAny>, index: usize, result: Option<Result<Exported, FileError>>) -> PyResult<()> {
    match result {
        Some(Ok(done)) => {
            let arranged = done.report.map(|report| arrange_report(py, &report)).transpose()?;
            report.call1(py, (index, None::<PyErr>, done.files, done.seconds, done.warnings, arranged))?;
        }
        Some(Err(error)) => {
            report.call1(py, (index, file_error(error), Vec::<PathBuf>::new(), 0.0, "", None::<u8>))?;
        }
        None => {} // there is no such index
    }
    py.check_signals()
}
