//! A barrier for threads that make each step together.
//!
//! A step of a small model takes less than a millisecond and has four barriers a layer, so its threads spin; between steps
//! they spin for a while and then sleep.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::DecoderError;

/// Turns of spinning before a thread yields: with more threads than cores, those that spin hold up the others.
const TURNS: usize = 2_000;

/// How long a thread spins between steps.
const AWAKE: Duration = Duration::from_micros(200);

/// Turns of spinning that are too short to be timed.
const SHORT: usize = 64;

/// Where the threads of a decoder wait for each other within a step, and for the next step.
pub(crate) struct StepBarrier {
    threads: usize,
    arrived: AtomicUsize,
    met: AtomicUsize,
    steps: AtomicUsize,
    stopped: AtomicBool,
    failed: AtomicBool,
}

impl StepBarrier {
    pub(crate) const fn new(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            met: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// Waits until all threads have arrived; what each wrote before, all can read after. Returns for how long, 0 if too short
    /// to be timed.
    pub(crate) fn wait(&self) -> Result<Duration, DecoderError> {
        if self.threads == 1 {
            return Ok(Duration::ZERO);
        }
        let met = self.met.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.met.store(met.wrapping_add(1), Ordering::Release);
            return Ok(Duration::ZERO);
        }
        let mut since = None;
        let mut turns = 0;
        while self.met.load(Ordering::Acquire) == met {
            self.check()?;
            turns += 1;
            if turns == SHORT {
                since = Some(Instant::now());
            }
            if turns < TURNS {
                spin_loop();
            } else {
                thread::yield_now();
            }
        }
        Ok(since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    /// Fails if a thread has panicked.
    pub(crate) fn check(&self) -> Result<(), DecoderError> {
        if self.failed.load(Ordering::Relaxed) { Err(DecoderError::Thread) } else { Ok(()) }
    }

    /// Begins the next step. The caller wakes the other threads.
    pub(crate) fn begin(&self) {
        self.steps.fetch_add(1, Ordering::Release);
    }

    /// Waits for the step after `done` steps; false if the decoder has ended.
    pub(crate) fn next(&self, done: usize) -> bool {
        let mut since = Instant::now();
        loop {
            for _ in 0..64 {
                if self.stopped.load(Ordering::Acquire) {
                    return false;
                }
                if self.steps.load(Ordering::Acquire) != done {
                    return true;
                }
                spin_loop();
            }
            if since.elapsed() > AWAKE {
                thread::park();
                since = Instant::now();
            }
        }
    }

    /// Ends the other threads.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Guards a thread: if it panics, the others do not wait for it.
    pub(crate) const fn guard(&self) -> PanicGuard<'_> {
        PanicGuard(self)
    }
}

pub(crate) struct PanicGuard<'a>(&'a StepBarrier);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_see_after_the_barrier_what_the_others_wrote_before() {
        let barrier = StepBarrier::new(3);
        let written: Vec<AtomicUsize> = (0..3).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            for thread in 0..3 {
                let (barrier, written) = (&barrier, &written);
                scope.spawn(move || {
                    for turn in 1..200 {
                        written[thread].store(turn, Ordering::Relaxed);
                        barrier.wait().expect("no thread panics");
                        assert!(written.iter().all(|written| written.load(Ordering::Relaxed) == turn));
                        barrier.wait().expect("no thread panics");
                    }
                });
            }
        });
    }

    #[test]
    fn no_thread_waits_for_one_that_panicked() {
        let barrier = StepBarrier::new(2);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let _guard = barrier.guard();
                panic!("on purpose");
            });
            assert_eq!(barrier.wait(), Err(DecoderError::Thread));
            assert_eq!(barrier.check(), Err(DecoderError::Thread));
            assert!(other.join().is_err());
        });
    }
}
