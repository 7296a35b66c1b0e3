//! Songs being read in step.

use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::element::Form;
use crate::error::DecoderError;
use crate::model::{Distances, Model, Network, Weights};
use crate::shape::in_range;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Kind, Portable, Simd};
use crate::team::Company;
use crate::worker::{Part, Session, Worker};

/// The most songs of a batch.
pub const MAX_SONGS: usize = 65_536;

/// The most threads; more than a model has heads, or than this process may use processors, are not used.
pub const MAX_THREADS: usize = 256;

/// Rows that are computed at once when several tokens a song are read.
const BLOCK: usize = 48;

/// The state of some songs that are read in step, each with a memory of its own.
pub struct Decoder {
    team: Box<dyn Read>,
    vocab_size: usize,
    songs: usize,
    /// Whether a token was read since one was forgotten.
    unreadable: bool,
}

trait Read: Send + Sync {
    fn read(&mut self, tokens: &[u32], all: bool, logits: &mut Vec<f32>) -> Result<(), DecoderError>;
    fn unread(&mut self);
    /// Makes steps alone for so long.
    #[cfg(test)]
    fn part(&mut self, time: Duration);
}

impl Decoder {
    /// Begins some songs.
    ///
    /// `distances` are the projected distances of the model by layer, head, distance (from the largest that a step sees
    /// down to 0) and `d_head`; their number is the window: the present position and the memory before it.
    ///
    /// The result of a song depends neither on the number of songs nor on that of threads. Where others keep the processor
    /// so busy that the threads wait for each other more than they help, one of them goes on alone for a while.
    ///
    /// # Errors
    ///
    /// If a number is out of range, or there is no room for the keys and values.
    pub fn new(model: &Model, distances: &[f32], songs: usize, threads: usize) -> Result<Self, DecoderError> {
        // In a container the share of the processors that it may use, whatever others count.
        let available = thread::available_parallelism().map_or(threads, NonZero::get);
        let used = if threads <= MAX_THREADS { threads.min(available) } else { threads };
        Self::with(Kind::detect(), model, distances, songs, used)
    }

    pub(crate) fn with(
        kind: Kind,
        model: &Model,
        distances: &[f32],
        songs: usize,
        threads: usize,
    ) -> Result<Self, DecoderError> {
        in_range("songs", songs, MAX_SONGS)?;
        in_range("threads", threads, MAX_THREADS)?;
        let shape = model.shape();
        let threads = threads.min(shape.n_head);
        let team = match &model.weights {
            Weights::Float32(network) => team(kind, network, distances, songs, threads),
            Weights::Float32InHalf(network) => team(kind, network, distances, songs, threads),
            Weights::Bfloat16(network) => team(kind, network, distances, songs, threads),
            Weights::Int8(network) => team(kind, network, distances, songs, threads),
        };
        Ok(Self { team: team?, vocab_size: shape.vocab_size, songs, unreadable: false })
    }

    /// Reads tokens: one of every song, then the next of every song, and so on.
    ///
    /// With `all` the logits of the next token after each of these, a row each in the same order; else those after the
    /// last of every song.
    ///
    /// # Errors
    ///
    /// If there is not a whole number of tokens for every song, at least one, or a token is none of the vocabulary.
    pub fn read(&mut self, tokens: &[u32], all: bool, logits: &mut Vec<f32>) -> Result<(), DecoderError> {
        if tokens.is_empty() || !tokens.len().is_multiple_of(self.songs) {
            let expected = format!("a multiple of {} songs, at least that", self.songs);
            return Err(DecoderError::Range { name: "tokens", expected, found: tokens.len() });
        }
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= self.vocab_size) {
            let expected = format!("ids below {}", self.vocab_size);
            return Err(DecoderError::Range { name: "tokens", expected, found: token as usize });
        }
        logits.clear();
        let block = (BLOCK / self.songs).max(1) * self.songs;
        let mut part = Vec::new();
        for block in tokens.chunks(block) {
            self.team.read(block, all, &mut part)?;
            if all {
                logits.extend_from_slice(&part);
            }
        }
        if !all {
            *logits = part;
        }
        self.unreadable = true; // not after a failure, which may have read nothing
        Ok(())
    }

    /// Forgets the last token of every song; the next one takes its place.
    ///
    /// # Errors
    ///
    /// If nothing was read since the last time: what a position displaced in a full memory is lost.
    pub fn unread(&mut self) -> Result<(), DecoderError> {
        if !std::mem::take(&mut self.unreadable) {
            return Err(DecoderError::Unread);
        }
        self.team.unread();
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn part(&mut self, time: Duration) {
        self.team.part(time);
    }

    /// Size of a row of logits.
    #[must_use]
    pub const fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Songs of the batch.
    #[must_use]
    pub const fn songs(&self) -> usize {
        self.songs
    }
}

fn team<F: Form>(
    kind: Kind,
    network: &Arc<Network<F>>,
    distances: &[f32],
    songs: usize,
    threads: usize,
) -> Result<Box<dyn Read>, DecoderError> {
    let distances = Distances::new(&network.shape, distances)?;
    let session = Arc::new(Session::new(Arc::clone(network), distances, songs, threads));
    Ok(match kind {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => Box::new(Team::<F, Avx512>::new(session)?),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => Box::new(Team::<F, Avx2>::new(session)?),
        Kind::Portable => Box::new(Team::<F, Portable>::new(session)?),
    })
}

/// The calling thread and its helpers, a worker each; but the caller can do the work of all.
struct Team<F: Form, S: Simd> {
    session: Arc<Session<F>>,
    workers: Arc<[Mutex<Worker<F, S>>]>,
    helpers: Vec<JoinHandle<()>>,
    company: Company,
}

impl<F: Form, S: Simd> Team<F, S> {
    fn new(session: Arc<Session<F>>) -> Result<Self, DecoderError> {
        let workers = (0..session.threads).map(|thread| Worker::new(&session, thread).map(Mutex::new));
        let workers = workers.collect::<Result<_, _>>()?;
        let company = Company::new(session.threads);
        let mut team = Self { session, workers, helpers: Vec::new(), company };
        for thread in 1..team.session.threads {
            let (session, workers) = (Arc::clone(&team.session), Arc::clone(&team.workers));
            let helper = thread::Builder::new().name("decoder".into());
            let helper = helper.spawn(move || help(&session, &workers[thread]));
            team.helpers.push(helper.map_err(|_| DecoderError::Thread)?);
        }
        Ok(team)
    }

    fn parts(&self) -> impl Iterator<Item = Part> {
        Part::all(self.session.network.shape.n_layer)
    }

    /// Makes a step with the helpers; returns how long this thread waited for them.
    fn together(&self) -> Result<Duration, DecoderError> {
        self.session.meeting.begin();
        for helper in &self.helpers {
            helper.thread().unpark();
        }
        let mut waited = Duration::ZERO;
        let mut own = lock(&self.workers[0]);
        for part in self.parts() {
            own.work(part);
            waited += self.session.meeting.meet()?;
        }
        Ok(waited)
    }

    fn alone(&self) -> Result<(), DecoderError> {
        self.session.meeting.check()?;
        for part in self.parts() {
            for worker in &*self.workers {
                lock(worker).work(part);
            }
        }
        Ok(())
    }
}

/// A worker; one whose thread panicked is told of by the meeting.
fn lock<T>(worker: &Mutex<T>) -> MutexGuard<'_, T> {
    worker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a helper does until it is sent home.
fn help<F: Form, S: Simd>(session: &Session<F>, worker: &Mutex<Worker<F, S>>) {
    let _watch = session.meeting.watch();
    let mut done = 0;
    while session.meeting.next(done) {
        done += 1;
        let mut worker = lock(worker);
        for part in Part::all(session.network.shape.n_layer) {
            worker.work(part);
            if session.meeting.meet().is_err() {
                return;
            }
        }
    }
}

impl<F: Form, S: Simd> Read for Team<F, S> {
    fn read(&mut self, tokens: &[u32], all: bool, logits: &mut Vec<f32>) -> Result<(), DecoderError> {
        let _watch = self.session.meeting.watch();
        {
            let mut job = self.session.job.write().unwrap_or_else(PoisonError::into_inner);
            job.tokens.clear();
            job.tokens.extend_from_slice(tokens);
            job.all = all;
        }
        let began = Instant::now();
        if self.company.is_alone(began) {
            self.alone()?;
        } else {
            let waited = self.together()?;
            let now = Instant::now();
            self.company.note(now, now - began, waited);
        }
        self.session.logits(logits);
        let mut job = self.session.job.write().unwrap_or_else(PoisonError::into_inner);
        job.time += (tokens.len() / self.session.songs) as u64;
        Ok(())
    }

    fn unread(&mut self) {
        self.session.job.write().unwrap_or_else(PoisonError::into_inner).time -= 1;
    }

    #[cfg(test)]
    fn part(&mut self, time: Duration) {
        self.company.part(Instant::now() + time);
    }
}

impl<F: Form, S: Simd> Drop for Team<F, S> {
    fn drop(&mut self) {
        self.session.meeting.stop();
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            _ = helper.join(); // it says nothing; what it failed at was told when it happened
        }
    }
}
