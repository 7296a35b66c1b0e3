//! The divider that clocks a channel's sequencer.
//!
//! Counting down cycle by cycle and knowing when the next clock falls are the same thing; this one knows.
//! A new period is loaded when the running one ends (nesdev wiki, "APU Misc", divider).

/// A divider that clocks at `next` and every `period` cycles from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timer {
    /// The cycle of the next clock.
    pub(crate) next: u64,
    /// Cycles between clocks, at least 1.
    pub(crate) period: u64,
}

impl Timer {
    pub(crate) const fn new(next: u64, period: u64) -> Self {
        Self { next, period }
    }

    /// Passes all clocks before cycle `to` and says how many there were.
    pub(crate) fn advance(&mut self, to: u64) -> u64 {
        if to <= self.next {
            return 0;
        }
        let clocks = (to - self.next).div_ceil(self.period.max(1));
        self.next += clocks * self.period;
        clocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_on_the_last_cycle_is_left_for_the_next_run() {
        let mut timer = Timer::new(10, 5);
        assert_eq!(timer.advance(10), 0);
        assert_eq!(timer.advance(11), 1);
        assert_eq!(timer.next, 15);
        assert_eq!(timer.advance(26), 3);
        assert_eq!(timer.next, 30);
    }

    #[test]
    fn a_new_period_waits_for_the_running_one() {
        let mut timer = Timer::new(10, 5);
        timer.period = 100;
        assert_eq!(timer.advance(20), 1);
        assert_eq!(timer.next, 110);
    }
}
