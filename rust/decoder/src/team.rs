//! Threads that make each step together.
//!
//! A step of a small model takes less than a millisecond and its threads meet four times a layer, so they wait for each
//! other awake; between steps they wait awake for a while and then sleep. Where others want the processor, a thread that is
//! not running holds up all, at every meeting: then one of them goes on alone for a while.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::DecoderError;

/// Turns of waiting before the processor is lent to others: more threads than cores would wait for each other in vain.
const TURNS: usize = 2_000;

/// How long a thread stays awake between steps.
const AWAKE: Duration = Duration::from_micros(200);

/// Turns of waiting that are not worth a look at the clock.
const SHORT: usize = 64;

/// Where the threads of a team meet, and where they wait for the next step.
pub(crate) struct Meeting {
    threads: usize,
    arrived: AtomicUsize,
    met: AtomicUsize,
    steps: AtomicUsize,
    stopped: AtomicBool,
    failed: AtomicBool,
}

impl Meeting {
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

    /// Waits until all threads are here; what each wrote before, all can read after. Returns how long it waited, 0 if it
    /// was not worth a look at the clock.
    pub(crate) fn meet(&self) -> Result<Duration, DecoderError> {
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

    /// Fails if a thread has.
    pub(crate) fn check(&self) -> Result<(), DecoderError> {
        if self.failed.load(Ordering::Relaxed) { Err(DecoderError::Thread) } else { Ok(()) }
    }

    /// Begins the next step. The other threads are told by the caller, who knows them.
    pub(crate) fn begin(&self) {
        self.steps.fetch_add(1, Ordering::Release);
    }

    /// Waits for a step after `done` of them; false if there will be none.
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

    /// Sends the other threads home.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Watches over a thread: should it panic, the others do not wait for it.
    pub(crate) const fn watch(&self) -> Watch<'_> {
        Watch(self)
    }
}

pub(crate) struct Watch<'a>(&'a Meeting);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether a thread had better go on alone.
pub(crate) struct Company {
    threads: u32,
    steps: u32,
    waited: Duration,
    taken: Duration,
    /// When to try together again, if not now.
    apart_until: Option<Instant>,
    patience: Duration,
}

impl Company {
    /// After so many steps, or so much time, of working together it is judged.
    const STEPS: u32 = 16;
    const TIME: Duration = Duration::from_millis(20);
    /// How long a thread goes on alone before it tries again; twice as long each time that it was in vain.
    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn new(threads: usize) -> Self {
        Self {
            threads: threads as u32,
            steps: 0,
            waited: Duration::ZERO,
            taken: Duration::ZERO,
            apart_until: None,
            patience: Self::SHORTEST,
        }
    }

    /// Whether the step that begins now is made alone.
    pub(crate) fn is_alone(&mut self, now: Instant) -> bool {
        self.apart_until = self.apart_until.filter(|&until| now < until);
        self.apart_until.is_some()
    }

    pub(crate) const fn part(&mut self, until: Instant) {
        self.apart_until = Some(until);
    }

    /// Takes note of a step that was made together: what it took, and for how long this thread waited for the others. Alone
    /// it would have taken as many times the rest as there are threads.
    pub(crate) fn note(&mut self, now: Instant, taken: Duration, waited: Duration) {
        self.steps += 1;
        self.taken += taken;
        self.waited += waited;
        if self.steps < Self::STEPS && self.taken < Self::TIME {
            return;
        }
        if self.taken.saturating_sub(self.waited) * self.threads < self.taken {
            self.part(now + self.patience);
            self.patience = (self.patience * 2).min(Self::LONGEST);
        } else {
            self.patience = Self::SHORTEST;
        }
        (self.steps, self.taken, self.waited) = (0, Duration::ZERO, Duration::ZERO);
    }
}

/// The share of a thread of so many things: in order, and even to within one.
pub(crate) const fn share(things: usize, thread: usize, threads: usize) -> std::ops::Range<usize> {
    things * thread / threads..things * (thread + 1) / threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_each_other_and_are_even() {
        for (things, threads) in [(8, 2), (7, 3), (1, 4), (0, 2), (96, 5)] {
            let mut next = 0;
            for thread in 0..threads {
                let share = share(things, thread, threads);
                assert_eq!(share.start, next);
                assert!(share.len().abs_diff(things / threads) <= 1);
                next = share.end;
            }
            assert_eq!(next, things);
        }
    }

    #[test]
    fn a_thread_that_waits_more_than_the_others_help_goes_on_alone_for_longer_and_longer() {
        let (millisecond, mut now) = (Duration::from_millis(1), Instant::now());
        let mut company = Company::new(2);
        for _ in 0..100 {
            company.note(now, millisecond, millisecond / 3); // worth waiting for
            assert!(!company.is_alone(now));
        }
        for patience in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            company.note(now, 70 * millisecond, 60 * millisecond);
            assert!(company.is_alone(now));
            now += (patience - 1) * millisecond;
            assert!(company.is_alone(now));
            now += millisecond;
            assert!(!company.is_alone(now));
        }
        for waited in [1, 15] {
            for _ in 0..2 {
                company.note(now, 20 * millisecond, waited * millisecond);
            }
            assert_eq!(company.is_alone(now + 49 * millisecond), waited == 15);
            assert!(!company.is_alone(now + 150 * millisecond));
        }
    }

    #[test]
    fn threads_that_meet_see_what_the_others_wrote() {
        let meeting = Meeting::new(3);
        let written: Vec<AtomicUsize> = (0..3).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            for thread in 0..3 {
                let (meeting, written) = (&meeting, &written);
                scope.spawn(move || {
                    for turn in 1..200 {
                        written[thread].store(turn, Ordering::Relaxed);
                        meeting.meet().expect("nobody fails");
                        assert!(written.iter().all(|written| written.load(Ordering::Relaxed) == turn));
                        meeting.meet().expect("nobody fails");
                    }
                });
            }
        });
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let meeting = Meeting::new(2);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let _watch = meeting.watch();
                panic!("on purpose");
            });
            assert_eq!(meeting.meet(), Err(DecoderError::Thread));
            assert_eq!(meeting.check(), Err(DecoderError::Thread));
            assert!(other.join().is_err());
        });
    }
}
