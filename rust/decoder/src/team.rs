//! The threads that make each step together.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{mem, process};

use crate::error::DecoderError;
use crate::form::Form;
use crate::inputs::Inputs;
use crate::serial_fallback::SerialFallback;
use crate::session::{Row, Session};
use crate::simd::Simd;
use crate::worker::{Stage, Worker};

/// A team for any form of the weights and any instruction set.
pub(crate) trait Steps: Send + Sync {
    /// Feeds the rows in order, each with what stands beside its token in the inputs, and gives the logits after each of
    /// the last `wanted` of them.
    fn step(
        &mut self,
        rows: &[Row],
        inputs: Inputs<'_>,
        wanted: usize,
        logits: &mut Vec<f32>,
    ) -> Result<(), DecoderError>;
    /// Copies positions of a sequence to another.
    fn copy(&mut self, source: usize, target: usize, positions: Range<u64>);
    /// Makes the steps of some time on the calling thread alone.
    #[cfg(test)]
    fn work_alone(&mut self, time: Duration);
    /// Takes this process for one that another has forked, whose helpers it does not have.
    #[cfg(test)]
    fn pretend_forked(&mut self);
}

/// The calling thread and its helpers, a worker each; the caller can also do the work of all.
pub(crate) struct Team<F: Form, S: Simd> {
    session: Arc<Session<F>>,
    workers: Arc<[Mutex<Worker<F, S>>]>,
    helpers: Vec<JoinHandle<()>>,
    fallback: SerialFallback,
    /// The process that has the helpers: one that it forks has a copy of all but these.
    process: u32,
}

impl<F: Form, S: Simd> Team<F, S> {
    pub(crate) fn new(simd: S, session: Arc<Session<F>>) -> Result<Self, DecoderError> {
        let workers = (0..session.threads).map(|thread| Worker::new(simd, &session, thread).map(Mutex::new));
        let workers = workers.collect::<Result<_, _>>()?;
        let fallback = SerialFallback::new(session.threads);
        let mut team = Self { session, workers, helpers: Vec::new(), fallback, process: process::id() };
        for thread in 1..team.session.threads {
            let (session, workers) = (Arc::clone(&team.session), Arc::clone(&team.workers));
            let helper = thread::Builder::new().name("decoder".into());
            let helper = helper.spawn(move || help(&session, &workers[thread]));
            team.helpers.push(helper.map_err(|_| DecoderError::Thread)?);
        }
        Ok(team)
    }

    fn is_forked(&self) -> bool {
        process::id() != self.process
    }

    fn stages(&self) -> impl Iterator<Item = Stage> {
        Stage::all(self.session.network.shape.n_layer)
    }

    /// Makes a step with the helpers; returns how long this thread waited for them.
    fn together(&self) -> Result<Duration, DecoderError> {
        self.session.barrier.begin();
        for helper in &self.helpers {
            helper.thread().unpark();
        }
        let mut waited = Duration::ZERO;
        let mut own = lock(&self.workers[0]);
        for stage in self.stages() {
            own.work(stage);
            waited += self.session.barrier.wait()?;
        }
        Ok(waited)
    }

    fn alone(&self) -> Result<(), DecoderError> {
        self.session.barrier.check()?;
        for stage in self.stages() {
            for worker in &*self.workers {
                lock(worker).work(stage);
            }
        }
        Ok(())
    }
}

/// A worker; a panic of its thread is reported by the barrier.
fn lock<T>(worker: &Mutex<T>) -> MutexGuard<'_, T> {
    worker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a helper does until the decoder ends.
fn help<F: Form, S: Simd>(session: &Session<F>, worker: &Mutex<Worker<F, S>>) {
    let _guard = session.barrier.guard();
    let mut done = 0;
    while session.barrier.next(done) {
        done += 1;
        let mut worker = lock(worker);
        for stage in Stage::all(session.network.shape.n_layer) {
            worker.work(stage);
            if session.barrier.wait().is_err() {
                return;
            }
        }
    }
}

impl<F: Form, S: Simd> Steps for Team<F, S> {
    fn step(
        &mut self,
        rows: &[Row],
        inputs: Inputs<'_>,
        wanted: usize,
        logits: &mut Vec<f32>,
    ) -> Result<(), DecoderError> {
        let _guard = self.session.barrier.guard();
        {
            let mut job = self.session.job.write().unwrap_or_else(PoisonError::into_inner);
            job.rows.clear();
            job.rows.extend_from_slice(rows);
            job.states.clear();
            job.states.extend_from_slice(inputs.states);
            job.recalled.clear();
            job.recalled.extend_from_slice(inputs.recalled);
            job.wanted = wanted;
        }
        let began = Instant::now();
        if self.is_forked() || self.fallback.is_serial(began) {
            self.alone()?;
        } else {
            let waited = self.together()?;
            let now = Instant::now();
            self.fallback.record(now, now - began, waited);
        }
        self.session.logits(logits);
        Ok(())
    }

    fn copy(&mut self, source: usize, target: usize, positions: Range<u64>) {
        for worker in &*self.workers {
            lock(worker).copy(source, target, positions.clone());
        }
    }

    #[cfg(test)]
    fn work_alone(&mut self, time: Duration) {
        self.fallback.begin(Instant::now() + time);
    }

    #[cfg(test)]
    fn pretend_forked(&mut self) {
        self.process = self.process.wrapping_add(1);
    }
}

impl<F: Form, S: Simd> Drop for Team<F, S> {
    fn drop(&mut self) {
        let forked = self.is_forked();
        self.session.barrier.stop();
        for helper in self.helpers.drain(..) {
            if forked {
                mem::forget(helper); // of another process: no one to be waited for
                continue;
            }
            helper.thread().unpark();
            _ = helper.join(); // a panic was reported when it happened
        }
    }
}
