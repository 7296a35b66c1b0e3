//! Many songs at once, on a pool of threads of its own, with the interpreter released.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use hound::{SampleFormat, WavSpec, WavWriter};
use lakhnes_apu::formats::wav;
use lakhnes_apu::{RegisterLog, RenderOptions, Renderer};
use lakhnes_tokenizer::limits::MAX_INPUT_BYTES;
use lakhnes_tokenizer::score::ExpressiveScore;
use lakhnes_tokenizer::{PerformOptions, Song, TokenizerError, tx1, tx2};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::formats::PlayableFormat;
use crate::options::{expression_named, refused, render_options};

/// Samples that are rendered and written at once.
const BLOCK: usize = 1 << 16;

/// The most bytes of samples that a WAV file can hold, less what stands around them.
const MAX_WAV_BYTES: u64 = u32::MAX as u64 - 256;

/// How long Ctrl-C may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(50);

/// What became of one song: its length in seconds and a line about what was left out of it, or why it failed.
type Outcome = Result<(f64, String), String>;

struct Job {
    source: PathBuf,
    format: PlayableFormat,
    target: PathBuf,
}

struct Options {
    perform: PerformOptions,
    render: RenderOptions,
}

#[pyfunction]
#[pyo3(signature = (
    jobs, report, *, threads=0, downsample=None, sample_rate=44_100, mixer="nes", filter="nes", max_duration=3600.0,
    loops=1, fade=0.0, dither=false, expression="plain"
))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn render_files(
    py: Python<'_>,
    jobs: Vec<(PathBuf, String, PathBuf)>,
    report: &Bound<'_, PyAny>,
    threads: usize,
    downsample: Option<f64>,
    sample_rate: u32,
    mixer: &str,
    filter: &str,
    max_duration: f64,
    loops: u32,
    fade: f64,
    dither: bool,
    expression: &str,
) -> PyResult<()> {
    let render = render_options(sample_rate, mixer, filter, max_duration, loops, fade)?;
    let options = Options {
        perform: PerformOptions { downsample, expression: expression_named(expression)? },
        render: RenderOptions { dither, ..render },
    };
    let job = |(source, format, target): (PathBuf, String, PathBuf)| {
        PlayableFormat::named(&format).map(|format| Job { source, format, target })
    };
    let jobs = jobs.into_iter().map(job).collect::<PyResult<Vec<_>>>()?;
    let pool = pool_of(threads)?;
    let report = report.clone().unbind();
    let render = |index: usize, stop: &AtomicBool| match jobs.get(index) {
        Some(job) => render_file(job, &options, stop),
        None => Ok((0.0, String::new())), // there is no such index
    };
    py.detach(|| run(&pool, jobs.len(), render, |index, outcome| tell(&report, index, outcome)))
}

#[pyfunction]
#[pyo3(signature = (songs, formats, *, threads=0, exact=false, score_rate=None))]
pub(crate) fn convert_texts<'py>(
    py: Python<'py>,
    songs: Vec<(Bound<'py, PyBytes>, String)>,
    formats: Vec<String>,
    threads: usize,
    exact: bool,
    score_rate: Option<f64>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let writers = formats.iter().map(|name| writer_named(name)).collect::<PyResult<Vec<_>>>()?;
    let mut inputs = Vec::with_capacity(songs.len());
    for (data, format) in &songs {
        inputs.push((data.as_bytes(), PlayableFormat::named(format)?));
    }
    let pool = pool_of(threads)?;
    let convert = |&(data, format): &(&[u8], PlayableFormat)| {
        let song = format.read_song(data, exact)?;
        let song = match score_rate {
            Some(rate) => reduced(&song, rate).map_err(|error| error.to_string())?,
            None => song,
        };
        Ok(writers.iter().map(|write| write(&song)).collect())
    };
    let texts: Vec<Result<Vec<String>, String>> =
        py.detach(|| pool.install(|| inputs.par_iter().with_max_len(1).map(convert).collect()));
    texts.into_iter().map(|result| told(py, result)).collect()
}

/// The song of the expressive score at so many frames a second.
fn reduced(song: &Song, rate: f64) -> Result<Song, TokenizerError> {
    ExpressiveScore::from_song(song, rate)?.to_song()
}

/// A tuple of texts, or the message that says why there are none.
fn told(py: Python<'_>, result: Result<Vec<String>, String>) -> PyResult<Bound<'_, PyAny>> {
    Ok(match result {
        Ok(texts) => PyTuple::new(py, texts.iter().map(|text| PyBytes::new(py, text.as_bytes())))?.into_any(),
        Err(error) => PyString::new(py, &error).into_any(),
    })
}

fn writer_named(name: &str) -> PyResult<fn(&Song) -> String> {
    match name {
        "tx1" => Ok(tx1::write),
        "tx2" => Ok(tx2::write),
        _ => Err(refused("formats", "tx1 or tx2", name)),
    }
}

pub(crate) fn appender_named(name: &str) -> PyResult<fn(&Song, &mut Vec<u8>) -> usize> {
    match name {
        "tx1" => Ok(tx1::append),
        "tx2" => Ok(tx2::append),
        _ => Err(refused("formats", "tx1 or tx2", name)),
    }
}

/// A pool of so many threads, one a core for 0; never the global one, which a fork would break.
pub(crate) fn pool_of(threads: usize) -> PyResult<ThreadPool> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| PyRuntimeError::new_err(format!("threads: {error}")))
}

/// Works through numbers below `count` on the pool, and tells the outcomes from this thread, which also listens for Ctrl-C.
/// Work that takes long should look now and then whether it has been told to stop.
pub(crate) fn run<T: Send>(
    pool: &ThreadPool,
    count: usize,
    work: impl Fn(usize, &AtomicBool) -> T + Sync,
    mut tell: impl FnMut(usize, T) -> PyResult<()>,
) -> PyResult<()> {
    let stop = AtomicBool::new(false);
    let (sender, outcomes) = mpsc::channel();
    pool.in_place_scope(|scope| {
        let (stop, work) = (&stop, &work);
        scope.spawn(move |_| {
            (0..count).into_par_iter().with_max_len(1).for_each_with(sender, |sender, index| {
                if !stop.load(Ordering::Relaxed) {
                    // Nobody listens any more once the run is stopped.
                    _ = sender.send((index, work(index, stop)));
                }
            });
        });
        loop {
            let told = match outcomes.recv_timeout(PATIENCE) {
                Ok((index, outcome)) => tell(index, outcome),
                #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general enough")]
                Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals()),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            if told.is_err() {
                stop.store(true, Ordering::Relaxed);
                return told;
            }
        }
    })
}

fn tell(report: &Py<PyAny>, index: usize, outcome: Outcome) -> PyResult<()> {
    Python::attach(|py| {
        let (error, (seconds, warnings)) = match outcome {
            Ok(told) => (None, told),
            Err(error) => (Some(error), (0.0, String::new())),
        };
        report.call1(py, (index, error, seconds, warnings))?;
        py.check_signals()
    })
}

fn render_file(job: &Job, options: &Options, stop: &AtomicBool) -> Outcome {
    let (log, warnings) = job.format.read(&read_limited(&job.source)?, &options.perform)?;
    let mut renderer = Renderer::new(&log, &options.render).map_err(|error| error.to_string())?;
    if 2 * renderer.remaining() > MAX_WAV_BYTES {
        return Err(format!("{} samples are more than a WAV file can hold", renderer.remaining()));
    }
    let seconds = renderer.remaining() as f64 / f64::from(options.render.sample_rate);
    let fault = |error: &dyn fmt::Display| format!("cannot write WAV: {error}");
    write_wav(job, &mut renderer, options.render.sample_rate, stop).map_err(|error| fault(&error))?;
    if let Some(chunk) = loop_chunk(&log, &options.render) {
        append(&job.target, &chunk).map_err(|error| fault(&error))?;
    }
    Ok((seconds, warnings))
}

/// The chunk that tells where the sound may be looped.
fn loop_chunk(log: &RegisterLog, options: &RenderOptions) -> Option<[u8; 68]> {
    wav::loop_chunk(&wav::loop_samples(log, options)?, options.sample_rate)
}

/// Puts a chunk behind the samples of a WAV file, which have 16 bits and so an even number of bytes.
fn append(target: &Path, chunk: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).open(target)?;
    let end = file.seek(SeekFrom::End(0))?;
    file.write_all(chunk)?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(&(end as u32 - 8 + chunk.len() as u32).to_le_bytes()) // below MAX_WAV_BYTES
}

pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| plain(&error))?;
    let mut data = Vec::new();
    let limit = MAX_INPUT_BYTES as u64;
    file.take(limit + 1).read_to_end(&mut data).map_err(|error| plain(&error))?;
    if data.len() as u64 > limit {
        return Err(format!("input in bytes: expected at most {limit}, found more"));
    }
    Ok(data)
}

/// What the system says, as Python says it: without the number.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn write_wav(
    job: &Job,
    renderer: &mut Renderer<&RegisterLog>,
    sample_rate: u32,
    stop: &AtomicBool,
) -> Result<(), hound::Error> {
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut wav = WavWriter::create(&job.target, spec)?;
    let mut block = vec![0_i16; BLOCK];
    while let count @ 1.. = renderer.read_i16(&mut block) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut writer = wav.get_i16_writer(count as u32); // at most BLOCK
        block.iter().take(count).for_each(|&sample| writer.write_sample(sample));
        writer.flush()?;
    }
    wav.finalize()
}
