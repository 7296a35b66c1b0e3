//! The length counter, which silences a channel when its note has lasted long enough.
//!
//! Source: nesdev wiki, "APU Length Counter"; the races of halt and reload with the clock: Blargg's tests
//! `10.len_halt_timing` and `11.len_reload_timing`.

/// Half frames for each of the 32 values of `LLLL L---` in $4003, $4007, $400B and $400F.
pub(crate) const LENGTHS: [u8; 32] = [
    10, 254, 20, 2, 40, 4, 80, 6, 160, 8, 60, 10, 14, 12, 26, 14, //
    12, 16, 24, 18, 48, 20, 96, 22, 192, 24, 72, 26, 16, 28, 32, 30,
];

/// Counts half frames down to silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LengthCounter {
    enabled: bool,
    halted: bool,
    count: u8,
    /// The cycle at which the count last went down.
    counted: Option<u64>,
}

impl LengthCounter {
    /// Bit of $4015. Cleared, it empties the counter and keeps it empty.
    pub(crate) fn enable(&mut self, enabled: bool) {
        self.enabled = enabled;
        if !enabled {
            self.count = 0;
        }
    }

    /// The halt bit. A clock on the cycle of the write has been counted already.
    pub(crate) fn halt(&mut self, halted: bool) {
        self.halted = halted;
    }

    /// A write of `LLLL L---` on `cycle`. Without effect while disabled, and on the very cycle of a count.
    pub(crate) fn load(&mut self, cycle: u64, value: u8) {
        if self.enabled && self.counted != Some(cycle) {
            self.count = LENGTHS[usize::from(value >> 3)];
        }
    }

    /// The half-frame clock on `cycle`.
    pub(crate) fn clock(&mut self, cycle: u64) {
        if self.count > 0 && !self.halted {
            self.count -= 1;
            self.counted = Some(cycle);
        }
    }

    /// Whether the channel may sound.
    pub(crate) const fn active(&self) -> bool {
        self.count > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(value: u8) -> LengthCounter {
        let mut counter = LengthCounter::default();
        counter.enable(true);
        counter.load(0, value);
        counter
    }

    #[test]
    fn each_table_entry_lasts_its_number_of_half_frames() {
        for (index, &length) in LENGTHS.iter().enumerate() {
            let mut counter = loaded((index as u8) << 3);
            let clocks = (1..=300).take_while(|&cycle| {
                let active = counter.active();
                counter.clock(cycle);
                active
            });
            assert_eq!(clocks.count(), usize::from(length));
        }
    }

    #[test]
    fn a_halted_counter_keeps_its_count() {
        let mut counter = loaded(0x18);
        counter.halt(true);
        (1..100).for_each(|cycle| counter.clock(cycle));
        assert!(counter.active());
    }

    #[test]
    fn a_disabled_counter_is_empty_and_cannot_be_loaded() {
        let mut counter = loaded(0);
        counter.enable(false);
        assert!(!counter.active());
        counter.load(1, 0);
        counter.enable(true);
        assert!(!counter.active());
    }

    #[test]
    fn a_reload_on_the_cycle_of_a_count_is_lost_unless_the_counter_was_empty() {
        let mut counter = loaded(0x38); // 6
        counter.clock(9);
        counter.load(9, 0x18);
        assert_eq!(counter.count, 5);
        let mut empty = loaded(0x38);
        empty.enable(false);
        empty.enable(true);
        empty.clock(9);
        empty.load(9, 0x18);
        assert_eq!(empty.count, 2);
    }
}
