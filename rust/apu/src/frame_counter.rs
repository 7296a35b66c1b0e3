//! The frame counter, which clocks envelopes, linear counter, lengths and sweeps, and asks for interrupts.
//!
//! ```text
//! $4017  MI-- ----   mode (0: four steps, 1: five), interrupt inhibit
//! ```
//!
//! Source: nesdev wiki, "APU Frame Counter", whose times are those at which a read of $4015 sees the effect. A read
//! comes before what happens on its cycle and a write after it, so an effect happens one cycle before it is seen.

use crate::Standard;

/// What the frame counter does on a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Clock {
    /// Clock envelopes and the linear counter.
    pub(crate) quarter: bool,
    /// Clock length counters and sweeps.
    pub(crate) half: bool,
    interrupt: bool,
}

pub(crate) const QUARTER: Clock = Clock { quarter: true, half: false, interrupt: false };
pub(crate) const HALF: Clock = Clock { quarter: true, half: true, interrupt: false };
const INTERRUPT: Clock = Clock { quarter: false, half: false, interrupt: true };
const LAST: Clock = Clock { quarter: true, half: true, interrupt: true };

/// Steps by cycles after the reset, and the cycles after which they start over.
#[derive(Debug)]
struct Sequence {
    steps: &'static [(i64, Clock)],
    cycles: i64,
}

const fn sequence(steps: &'static [(i64, Clock)], cycles: i64) -> Sequence {
    Sequence { steps, cycles }
}

/// By 50 Hz console, then by mode.
static SEQUENCES: [[Sequence; 2]; 2] = [
    [
        sequence(
            &[
                (7_456, QUARTER),
                (14_912, HALF),
                (22_370, QUARTER),
                (29_827, INTERRUPT),
                (29_828, LAST),
                (29_829, INTERRUPT),
            ],
            29_830,
        ),
        sequence(&[(7_456, QUARTER), (14_912, HALF), (22_370, QUARTER), (37_280, HALF)], 37_282),
    ],
    [
        sequence(
            &[
                (8_312, QUARTER),
                (16_626, HALF),
                (24_938, QUARTER),
                (33_251, INTERRUPT),
                (33_252, LAST),
                (33_253, INTERRUPT),
            ],
            33_254,
        ),
        sequence(&[(8_312, QUARTER), (16_626, HALF), (24_938, QUARTER), (41_564, HALF)], 41_566),
    ],
];

/// At power-up the counter has run as if $00 had been written to $4017 9 to 12 cycles before the first instruction.
const POWER_UP_RESET: i64 = -8;

/// The sequencer of $4017.
#[derive(Debug, Clone)]
pub(crate) struct FrameCounter {
    sequences: &'static [Sequence; 2],
    five_steps: bool,
    inhibit: bool,
    /// The interrupt flag.
    pub(crate) flag: bool,
    /// The cycle from which the steps count.
    origin: i64,
    step: usize,
    /// A reset on its way: its cycle, and whether to five steps.
    pending: Option<(u64, bool)>,
}

impl FrameCounter {
    pub(crate) fn new(standard: Standard) -> Self {
        let [ntsc, pal] = &SEQUENCES;
        let sequences = if standard == Standard::Pal { pal } else { ntsc };
        Self {
            sequences,
            five_steps: false,
            inhibit: false,
            flag: false,
            origin: POWER_UP_RESET,
            step: 0,
            pending: None,
        }
    }

    fn sequence(&self) -> &'static Sequence {
        let [four, five] = self.sequences;
        if self.five_steps { five } else { four }
    }

    /// The cycle of the next step.
    fn next_step(&self) -> u64 {
        let offset = self.sequence().steps.get(self.step).map_or(0, |step| step.0);
        u64::try_from(self.origin + offset).unwrap_or(0)
    }

    /// The cycle on which something happens next.
    pub(crate) fn next(&self) -> u64 {
        self.pending.map_or(u64::MAX, |(cycle, _)| cycle).min(self.next_step())
    }

    /// What happens on the cycle that [`Self::next`] named.
    pub(crate) fn clock(&mut self) -> Clock {
        if let Some((cycle, five_steps)) = self.pending.filter(|&(cycle, _)| cycle <= self.next_step()) {
            return self.reset(cycle, five_steps);
        }
        let sequence = self.sequence();
        let clock = sequence.steps.get(self.step).map_or(Clock::default(), |step| step.1);
        self.flag |= clock.interrupt && !self.inhibit;
        self.step += 1;
        if self.step >= sequence.steps.len() {
            self.step = 0;
            self.origin += sequence.cycles;
        }
        clock
    }

    fn reset(&mut self, cycle: u64, five_steps: bool) -> Clock {
        self.pending = None;
        self.five_steps = five_steps;
        self.origin = cycle as i64;
        self.step = 0;
        if five_steps { HALF } else { Clock::default() }
    }

    /// A write to $4017 on `cycle`: the reset follows 3 cycles later if that one is even, else 4.
    ///
    /// A reset that is still on its way is carried out at once; its clocks are what comes back. (No program can write
    /// that fast, but the writes of a log may lie closer.)
    pub(crate) fn write(&mut self, cycle: u64, value: u8) -> Clock {
        let overtaken = match self.pending {
            Some((_, five_steps)) => self.reset(cycle, five_steps),
            None => Clock::default(),
        };
        self.inhibit = value & 0x40 != 0;
        self.flag &= !self.inhibit;
        let delay = if cycle.is_multiple_of(2) { 4 } else { 3 };
        self.pending = Some((cycle + delay, value & 0x80 != 0));
        overtaken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs to `end` and lists the cycles of quarter and half clocks.
    fn clocks(counter: &mut FrameCounter, end: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut quarters, mut halves) = (Vec::new(), Vec::new());
        while counter.next() < end {
            let cycle = counter.next();
            let clock = counter.clock();
            if clock.quarter {
                quarters.push(cycle);
            }
            if clock.half {
                halves.push(cycle);
            }
        }
        (quarters, halves)
    }

    #[test]
    fn four_steps_clock_quarters_and_halves_at_their_cycles() {
        let mut counter = FrameCounter::new(Standard::Ntsc);
        counter.write(97, 0x40); // reset at 100
        let (quarters, halves) = clocks(&mut counter, 100 + 29_830 + 14_913);
        assert_eq!(quarters.iter().map(|cycle| cycle - 100).collect::<Vec<_>>()[..4], [7_456, 14_912, 22_370, 29_828]);
        assert_eq!(halves.iter().map(|cycle| cycle - 100).collect::<Vec<_>>(), [14_912, 29_828, 29_830 + 14_912]);
        assert!(!counter.flag);
    }

    #[test]
    fn five_steps_clock_at_once_and_skip_the_fourth() {
        let mut counter = FrameCounter::new(Standard::Ntsc);
        counter.write(96, 0x80); // an even cycle: reset at 100
        let (quarters, halves) = clocks(&mut counter, 100 + 37_282 + 7_457);
        let expected: Vec<u64> = [0, 7_456, 14_912, 22_370, 37_280, 37_282 + 7_456].map(|cycle| cycle + 100).into();
        assert_eq!(quarters, expected);
        assert_eq!(halves, [100, 100 + 14_912, 100 + 37_280]);
        assert!(!counter.flag);
    }

    #[test]
    fn pal_frames_are_longer() {
        let mut counter = FrameCounter::new(Standard::Pal);
        counter.write(97, 0x00);
        let (_, halves) = clocks(&mut counter, 100 + 33_254);
        assert_eq!(halves, [100 + 16_626, 100 + 33_252]);
        assert!(counter.flag);
    }

    #[test]
    fn the_reset_falls_on_the_same_cycle_for_an_even_write_and_the_odd_one_after_it() {
        let next = |cycle| {
            let mut counter = FrameCounter::new(Standard::Ntsc);
            counter.write(cycle, 0x00);
            counter.next()
        };
        assert_eq!(next(10), 14);
        assert_eq!(next(11), 14);
        assert_eq!(next(12), 16);
    }

    #[test]
    fn a_second_write_in_the_delay_does_not_lose_the_clock_of_the_first() {
        let mut counter = FrameCounter::new(Standard::Ntsc);
        assert_eq!(counter.write(10, 0xC0), Clock::default());
        assert!(counter.write(10, 0x40).half);
    }
}
