//! Many files at once, on a pool of threads of their own.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{fmt, io, thread};

use lakhnes_tokenizer::arrange::Report;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    Edits, Encoder, Export, ExportOptions, FileError, Format, Holds, Played, ReadOptions, Sink, export, export_stems,
    read_limited,
};

/// How long a signal may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(50);

/// The stack of a thread. Vorbis encoders take stack in proportion to the block that they get.
const STACK: usize = 8 << 20;

/// What is done to every file of a batch.
pub struct Batch<'a> {
    /// The format that is written.
    pub format: &'static Format,
    /// What is changed on the way.
    pub edits: Edits,
    /// Longest run of a track of a file that holds programs, in ticks; the sound of one is then no longer either.
    pub max_run: Option<u64>,
    /// How files are written; their titles are those of the jobs.
    pub options: ExportOptions,
    /// Who codes FLAC and Ogg.
    pub encoder: &'a dyn Encoder,
    /// Whether every voice becomes a file of its own; see [`export_stems`].
    pub stems: bool,
    /// Whether files may be replaced.
    pub overwrite: bool,
}

/// A file to read and one to write.
pub struct Job {
    /// What stands for its name in messages.
    pub name: String,
    /// Where it is read from.
    pub source: Source,
    /// The format that is read.
    pub format: &'static Format,
    /// The track that is read of a file that holds several, from 1; the one that it begins with if `None`.
    pub track: Option<usize>,
    /// Where the result goes.
    pub target: Target,
    /// What an NSF file is called whose song has no title of its own.
    pub title: String,
}

/// Where a file is read from.
pub enum Source {
    /// From a path.
    File(PathBuf),
    /// It is in memory already.
    Bytes(Box<dyn AsRef<[u8]> + Send + Sync>),
}

/// Where a file is written to.
pub enum Target {
    /// To a path.
    File(PathBuf),
    /// To a stream.
    Stream(Mutex<Box<dyn io::Write + Send>>),
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.name).field("format", &self.format.name).finish_non_exhaustive()
    }
}

/// What a job has written.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Its files; none where it went to a stream.
    pub files: Vec<PathBuf>,
    /// Its length in seconds.
    pub seconds: f64,
    /// What was left out of the file it was read from or was not as its format has it, and what that which was written does not
    /// hold, in one line.
    pub warnings: String,
    /// What became of its notes, if it was arranged.
    pub report: Option<Report>,
}

impl Batch<'_> {
    /// Does one job.
    ///
    /// # Errors
    /// Whatever reading and writing find, with the name of the file in which they found it.
    pub fn run(&self, job: &Job, stop: &AtomicBool) -> Result<Exported, FileError> {
        self.try_run(job, stop).map_err(|error| error.in_file(job.name.clone()))
    }

    /// Reads the song of a job, and gives the report of its arrangement if it is arranged.
    pub(crate) fn read(&self, job: &Job) -> Result<(Played<'static>, Option<Report>), FileError> {
        let options = ReadOptions {
            track: job.track,
            max_ticks: self.max_run,
            fade_ticks: self.options.render.fade_ticks,
            notes: matches!(self.format.holds, Holds::Song | Holds::Arrays),
        };
        match &job.source {
            Source::File(path) => self.edits.read(&read_limited(path)?, job.format, &options),
            Source::Bytes(data) => self.edits.read((**data).as_ref(), job.format, &options),
        }
    }

    fn try_run(&self, job: &Job, stop: &AtomicBool) -> Result<Exported, FileError> {
        let (played, report) = self.read(job)?;
        let mut options = ExportOptions { title: job.title.clone(), ..self.options.clone() };
        if let (Played::Track { log, .. }, Some(_)) = (&played, self.max_run) {
            options.render = options.render.fitting(log);
        }
        let lacks = Mutex::default();
        let exporting = Export { options: &options, encoder: self.encoder, stop, lacks: Some(&lacks) };
        let (files, seconds) = match &job.target {
            Target::File(path) if self.stems => export_stems(&played, self.format, &exporting, path, self.overwrite)?,
            Target::File(path) => {
                let sink = Sink::File { path, overwrite: self.overwrite };
                (vec![path.clone()], export(&played, self.format, &exporting, sink)?)
            }
            Target::Stream(stream) => {
                let mut stream = stream.lock().map_err(|_| FileError::Stopped)?;
                (Vec::new(), export(&played, self.format, &exporting, Sink::Stream(&mut *stream))?)
            }
        };
        let warnings = [played.warnings(), lacks.into_inner().unwrap_or_default()];
        let warnings = warnings.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        Ok(Exported { files, seconds, warnings, report })
    }
}

/// The most threads of a pool.
pub const MAX_THREADS: usize = 256;

/// A pool of `threads` threads, one a core for 0; no more than there are pieces of work. Never the global one, which a fork
/// would break.
///
/// # Errors
/// [`FileError::Io`] if the system has no threads to give.
pub fn pool_of(threads: usize, work: usize) -> Result<ThreadPool, FileError> {
    let wanted = if threads == 0 { thread::available_parallelism().map_or(1, NonZero::get) } else { threads };
    let threads = wanted.min(work).clamp(1, MAX_THREADS);
    let pool = ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
    pool.map_err(|error| FileError::Io(io::Error::other(format!("threads: {error}"))))
}

/// Works through the numbers below `count` on a pool, and gives each result to `report` on this thread, as it comes.
/// Meanwhile `wait` is called now and then, to listen for signals.
///
/// When either fails, `work` is asked to stop by the flag that it gets, and no further number is begun.
///
/// # Errors
/// Those of `report` and `wait`.
pub fn run<T: Send, E>(
    pool: &ThreadPool,
    count: usize,
    work: impl Fn(usize, &AtomicBool) -> T + Sync,
    mut report: impl FnMut(usize, T) -> Result<(), E>,
    mut wait: impl FnMut() -> Result<(), E>,
) -> Result<(), E> {
    let stop = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
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
            let step = match results.recv_timeout(PATIENCE) {
                Ok((index, result)) => report(index, result),
                Err(RecvTimeoutError::Timeout) => wait(),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            if step.is_err() {
                stop.store(true, Ordering::Relaxed);
                return step;
            }
        }
    })
}
