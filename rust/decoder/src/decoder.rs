//! Songs being read, in step or each at its own pace.

use std::num::NonZero;
use std::ops::Range;
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
use crate::worker::{Part, Row, Session, Worker};

/// The most songs of a batch.
pub const MAX_SONGS: usize = 65_536;

/// The most threads; more than a model has heads, or than this process may use processors, are not used.
pub const MAX_THREADS: usize = 256;

/// Rows that are computed at once when several tokens a song are read.
const BLOCK: usize = 48;

/// The state of some songs that are read, each with a memory of its own.
pub struct Decoder {
    team: Box<dyn Read>,
    vocab_size: usize,
    songs: Vec<Reading>,
}

/// How far a song was read.
#[derive(Clone, Copy, Default)]
struct Reading {
    /// Positions.
    time: u64,
    /// Whether a token was read since one was forgotten.
    forgettable: bool,
}

trait Read: Send + Sync {
    /// Reads the rows in order, and gives the logits after each of the last so many.
    fn read(&mut self, rows: &[Row], wanted: usize, logits: &mut Vec<f32>) -> Result<(), DecoderError>;
    fn copy(&mut self, source: usize, target: usize, times: Range<u64>);
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
        in_range("threads", threads, MAX_THREADS)?;
        // In a container the share of the processors that it may use, whatever others count.
        let available = thread::available_parallelism().map_or(threads, NonZero::get);
        Self::with(Kind::detect(), model, distances, songs, threads.min(available))
    }

    pub(crate) fn with(
        kind: Kind,
        model: &Model,
        distances: &[f32],
        songs: usize,
        threads: usize,
    ) -> Result<Self, DecoderError> {
        in_range("songs", songs, MAX_SONGS)?;
        let shape = model.shape();
        let threads = threads.min(shape.n_head);
        let team = match &model.weights {
            Weights::Float32(network) => team(kind, network, distances, songs, threads),
            Weights::Float32InHalf(network) => team(kind, network, distances, songs, threads),
            Weights::Bfloat16(network) => team(kind, network, distances, songs, threads),
            Weights::Int8(network) => team(kind, network, distances, songs, threads),
        };
        Ok(Self { team: team?, vocab_size: shape.vocab_size, songs: vec![Reading::default(); songs] })
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
        let songs = self.songs.len();
        if tokens.is_empty() || !tokens.len().is_multiple_of(songs) {
            let expected = format!("a multiple of {songs} songs, at least that");
            return Err(DecoderError::Range { name: "tokens", expected, found: tokens.len() });
        }
        let rows = (0..tokens.len()).map(|index| index % songs).collect::<Vec<_>>();
        self.read_rows(&rows, tokens, if all { tokens.len() } else { songs }, logits)
    }

    /// Reads tokens of some songs, each at its own pace: of the song that stands in the same place of `songs`. One that is
    /// named again reads one token after the other. Gives the logits of the next token after each, a row each.
    ///
    /// # Errors
    ///
    /// If the lists are empty or differ in length, a song is none of the batch, or a token none of the vocabulary.
    pub fn read_some(&mut self, songs: &[usize], tokens: &[u32], logits: &mut Vec<f32>) -> Result<(), DecoderError> {
        if tokens.is_empty() || tokens.len() != songs.len() {
            let expected = format!("one for each of {} songs, at least one", songs.len());
            return Err(DecoderError::Range { name: "tokens", expected, found: tokens.len() });
        }
        for &song in songs {
            self.check_song(song)?;
        }
        self.read_rows(songs, tokens, tokens.len(), logits)
    }

    fn read_rows(
        &mut self,
        songs: &[usize],
        tokens: &[u32],
        wanted: usize,
        logits: &mut Vec<f32>,
    ) -> Result<(), DecoderError> {
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= self.vocab_size) {
            let expected = format!("ids below {}", self.vocab_size);
            return Err(DecoderError::Range { name: "tokens", expected, found: token as usize });
        }
        logits.clear();
        // Whole steps of all songs, so that the last one has all the logits that are wanted.
        let block = (BLOCK / self.songs.len()).max(1) * self.songs.len();
        let (mut rows, mut part) = (Vec::new(), Vec::new());
        let mut left = tokens.len();
        for (songs, tokens) in songs.chunks(block).zip(tokens.chunks(block)) {
            rows.clear();
            let mut times: Vec<u64> = self.songs.iter().map(|song| song.time).collect();
            for (&song, &token) in songs.iter().zip(tokens) {
                rows.push(Row { song, token, time: times[song] });
                times[song] += 1;
            }
            left -= rows.len();
            let here = wanted.saturating_sub(left).min(rows.len());
            self.team.read(&rows, here.max(1), &mut part)?;
            if here > 0 {
                logits.extend_from_slice(&part);
            }
            for row in &rows {
                // Not after a failure, which may have read nothing.
                self.songs[row.song] = Reading { time: row.time + 1, forgettable: true };
            }
        }
        Ok(())
    }

    /// Lets a song forget its last token; the next one takes its place.
    ///
    /// # Errors
    ///
    /// If nothing was read since the last time: what a position displaced in a full memory is lost.
    pub fn forget(&mut self, song: usize) -> Result<(), DecoderError> {
        self.check_song(song)?;
        let reading = &mut self.songs[song];
        if !std::mem::take(&mut reading.forgettable) {
            return Err(DecoderError::Unread);
        }
        reading.time -= 1;
        Ok(())
    }

    /// Lets a song go on from where another is. Of both the first `common` tokens are the same; the less was read since, the
    /// less there is to copy.
    ///
    /// # Errors
    ///
    /// If a song is none of the batch, or has not read so many.
    pub fn copy(&mut self, source: usize, target: usize, common: u64) -> Result<(), DecoderError> {
        self.check_song(source)?;
        self.check_song(target)?;
        let times = [source, target].map(|song| self.songs[song].time);
        let least = times[0].min(times[1]);
        if common > least {
            let expected = format!("0 to {least}, as many as were read");
            return Err(DecoderError::Range { name: "common", expected, found: common as usize });
        }
        if source != target {
            // What the target has read, or forgotten again, took the place of older positions, which the other may still see.
            self.team.copy(source, target, common..times[0].max(times[1] + 1));
            self.songs[target] = self.songs[source];
        }
        Ok(())
    }

    fn check_song(&self, song: usize) -> Result<(), DecoderError> {
        if song < self.songs.len() {
            return Ok(());
        }
        let expected = format!("places below {}", self.songs.len());
        Err(DecoderError::Range { name: "songs", expected, found: song })
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
        self.songs.len()
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
    fn read(&mut self, rows: &[Row], wanted: usize, logits: &mut Vec<f32>) -> Result<(), DecoderError> {
        let _watch = self.session.meeting.watch();
        {
            let mut job = self.session.job.write().unwrap_or_else(PoisonError::into_inner);
            job.rows.clear();
            job.rows.extend_from_slice(rows);
            job.wanted = wanted;
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
        Ok(())
    }

    fn copy(&mut self, source: usize, target: usize, times: Range<u64>) {
        for worker in &*self.workers {
            lock(worker).copy(source, target, times.clone());
        }
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
