//! One thread in place of several, while other processes keep the processors busy.
//!
//! A thread that is not running holds up the others at every barrier of a step. Where waiting costs more than the threads
//! gain, one of them does the work of all for a while.

use std::time::{Duration, Instant};

/// Whether one thread makes the steps alone.
pub(crate) struct SerialFallback {
    threads: u32,
    steps: u32,
    waited: Duration,
    taken: Duration,
    /// When the threads make steps together again, if not now.
    serial_until: Option<Instant>,
    patience: Duration,
}

impl SerialFallback {
    /// Steps, or time, made together before their waiting is judged.
    const STEPS: u32 = 16;
    const TIME: Duration = Duration::from_millis(20);
    /// How long one thread works alone before the next try; twice as long after each try that failed.
    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn new(threads: usize) -> Self {
        Self {
            threads: threads as u32,
            steps: 0,
            waited: Duration::ZERO,
            taken: Duration::ZERO,
            serial_until: None,
            patience: Self::SHORTEST,
        }
    }

    /// Whether the step that begins now is made by one thread.
    pub(crate) fn is_serial(&mut self, now: Instant) -> bool {
        self.serial_until = self.serial_until.filter(|&until| now < until);
        self.serial_until.is_some()
    }

    pub(crate) const fn begin(&mut self, until: Instant) {
        self.serial_until = Some(until);
    }

    /// Records a step that was made together: how long it took, and how long this thread waited for the others. Alone it
    /// would have taken the rest times the number of threads.
    pub(crate) fn record(&mut self, now: Instant, taken: Duration, waited: Duration) {
        self.steps += 1;
        self.taken += taken;
        self.waited += waited;
        if self.steps < Self::STEPS && self.taken < Self::TIME {
            return;
        }
        if self.taken.saturating_sub(self.waited) * self.threads < self.taken {
            self.begin(now + self.patience);
            self.patience = (self.patience * 2).min(Self::LONGEST);
        } else {
            self.patience = Self::SHORTEST;
        }
        (self.steps, self.taken, self.waited) = (0, Duration::ZERO, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_more_than_the_others_help_works_alone_for_longer_and_longer() {
        let (millisecond, mut now) = (Duration::from_millis(1), Instant::now());
        let mut fallback = SerialFallback::new(2);
        for _ in 0..100 {
            fallback.record(now, millisecond, millisecond / 3); // worth waiting for
            assert!(!fallback.is_serial(now));
        }
        for patience in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            fallback.record(now, 70 * millisecond, 60 * millisecond);
            assert!(fallback.is_serial(now));
            now += (patience - 1) * millisecond;
            assert!(fallback.is_serial(now));
            now += millisecond;
            assert!(!fallback.is_serial(now));
        }
        for waited in [1, 15] {
            for _ in 0..2 {
                fallback.record(now, 20 * millisecond, waited * millisecond);
            }
            assert_eq!(fallback.is_serial(now + 49 * millisecond), waited == 15);
            assert!(!fallback.is_serial(now + 150 * millisecond));
        }
    }
}
