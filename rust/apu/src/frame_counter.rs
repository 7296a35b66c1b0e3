//! The frame counter, which clocks envelopes, linear counter, lengths and sweeps, and asks for interrupts.
//!
//! ```text
//! $4017  MI-- ----   mode (0: four steps, 1: five), interrupt inhibit
//! ```
//!
//! Source: nesdev wiki, "APU Frame Counter", whose times are those at which a read of $4015 sees the effect. A read
//! comes before what happens on its cycle and a write after it, so an effect happens one cycle before it is seen. What
//! reads of the flag see around its edges, and which clocks fall together: `AccuracyCoin`'s page on the frame counter.

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

/// At power-up and reset the counter has run as if $4017 had been written 9 to 12 cycles before the first instruction.
const HEAD_START: i64 = 8;

/// The clock of a reset and a step of at most this number of cycles before it are one.
const OVERLAP: u64 = 2;

/// The sequencer of $4017.
#[derive(Debug, Clone)]
pub(crate) struct FrameCounter {
    sequences: &'static [Sequence; 2],
    five_steps: bool,
    inhibit: bool,
    /// The interrupt flag, as the interrupt line has it.
    pub(crate) flag: bool,
    /// Reads before this cycle see the flag set, even where the line has it no more.
    lingers: u64,
    /// The cycle from which the steps count.
    origin: i64,
    step: usize,
    /// The cycles of the last steps that clocked quarters and halves.
    quarter: Option<u64>,
    half: Option<u64>,
    /// A reset on its way: the cycle of its clock, and whether to five steps.
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
            lingers: 0,
            origin: -HEAD_START,
            step: 0,
            quarter: None,
            half: None,
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
        let now = self.next_step();
        if let Some((cycle, five_steps)) = self.pending.filter(|&(cycle, _)| cycle < now) {
            return self.restart(cycle, five_steps);
        }
        let sequence = self.sequence();
        let clock = sequence.steps.get(self.step).map_or(Clock::default(), |step| step.1);
        if clock.interrupt {
            self.interrupt(sequence);
        }
        self.quarter = if clock.quarter { Some(now) } else { self.quarter };
        self.half = if clock.half { Some(now) } else { self.half };
        self.step += 1;
        if self.step >= sequence.steps.len() {
            self.step = 0;
            self.origin += sequence.cycles;
        }
        clock
    }

    /// Sets the flag. While interrupts are inhibited it is seen until the last step of the sequence, and asks for none.
    fn interrupt(&mut self, sequence: &Sequence) {
        if self.inhibit {
            self.lingers = u64::try_from(self.origin + sequence.cycles).unwrap_or(0);
        } else {
            self.flag = true;
        }
    }

    /// Starts the steps over, the cycle after `cycle`. A step that has just clocked is not repeated.
    fn restart(&mut self, cycle: u64, five_steps: bool) -> Clock {
        self.pending = None;
        self.five_steps = five_steps;
        self.origin = cycle as i64 + 1;
        self.step = 0;
        let new = |step: Option<u64>| five_steps && step.is_none_or(|step| cycle.saturating_sub(step) > OVERLAP);
        Clock { quarter: new(self.quarter), half: new(self.half), interrupt: false }
    }

    /// A write to $4017 on `cycle`: the steps start over 3 cycles later if that one is odd, else 4. The clock that comes
    /// with it, to five steps, is seen then, too: it happens the cycle before.
    ///
    /// A reset that is still on its way is carried out at once; its clocks are what comes back. (No program can write
    /// that fast, but the writes of a log may lie closer.)
    pub(crate) fn write(&mut self, cycle: u64, value: u8) -> Clock {
        let overtaken = match self.pending {
            Some((_, five_steps)) => self.restart(cycle, five_steps),
            None => Clock::default(),
        };
        self.inhibit = value & 0x40 != 0;
        if self.inhibit {
            self.flag = false;
            self.lingers = 0;
        }
        let delay = if cycle.is_multiple_of(2) { 3 } else { 2 };
        self.pending = Some((cycle + delay, value & 0x80 != 0));
        overtaken
    }

    /// Whether a read of $4015 on `cycle` sees the flag.
    pub(crate) const fn seen(&self, cycle: u64) -> bool {
        self.flag || cycle < self.lingers
    }

    /// A read of $4015 on `cycle`: the interrupt is answered, and from the next even cycle on the flag is seen no more.
    pub(crate) fn acknowledge(&mut self, cycle: u64) {
        if self.flag {
            self.flag = false;
            self.lingers = self.lingers.max((cycle | 1) + 1);
        }
    }

    /// The console's reset, before the instruction whose first cycle is `cycle`: the last write to $4017, again.
    pub(crate) fn reset(&mut self, cycle: u64) -> Clock {
        let five_steps = self.pending.map_or(self.five_steps, |(_, five_steps)| five_steps);
        let clock = self.restart(cycle, five_steps);
        self.origin = (cycle & !1) as i64 - HEAD_START;
        self.flag = false;
        self.lingers = 0;
        clock
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
        let expected: Vec<u64> = [7_456, 14_912, 22_370, 37_280, 37_282 + 7_456].map(|cycle| cycle + 100).into();
        assert_eq!((quarters[0], &quarters[1..]), (99, &expected[..])); // seen at 100
        assert_eq!(halves, [99, 100 + 14_912, 100 + 37_280]);
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
        assert_eq!(next(10), 13); // seen at 14
        assert_eq!(next(11), 13);
        assert_eq!(next(12), 15);
    }

    #[test]
    fn the_clock_of_a_reset_repeats_no_step_of_the_two_cycles_before_it() {
        for (mode, step) in [(0x00, 29_828), (0x80, 37_280)] {
            for (write, expected) in [(step - 4, 1), (step - 2, 1), (step, 2)] {
                let mut counter = FrameCounter::new(Standard::Ntsc);
                counter.write(97, mode); // reset at 100
                _ = clocks(&mut counter, 100 + step - 10);
                let (_, before) = clocks(&mut counter, 100 + write + 1);
                counter.write(100 + write, 0x80);
                let (_, after) = clocks(&mut counter, 100 + write + 10);
                assert_eq!(before.len() + after.len(), expected, "{mode:02X} {write}");
            }
        }
    }

    #[test]
    fn a_step_that_clocks_quarters_alone_leaves_the_half_to_the_reset() {
        let mut counter = FrameCounter::new(Standard::Ntsc);
        counter.write(97, 0x00);
        _ = clocks(&mut counter, 100 + 7_454);
        counter.write(100 + 7_454, 0x80);
        assert_eq!(clocks(&mut counter, 100 + 7_460), (vec![100 + 7_456], vec![100 + 7_457]));
    }

    #[test]
    fn an_inhibited_flag_is_seen_on_two_cycles_and_asks_for_no_interrupt() {
        let mut counter = FrameCounter::new(Standard::Ntsc);
        counter.write(100, 0x40); // reset at 104
        let mut seen = Vec::new();
        for cycle in 104 + 29_820..104 + 29_840 {
            _ = clocks(&mut counter, cycle);
            assert!(!counter.flag);
            if counter.seen(cycle) {
                counter.acknowledge(cycle);
                seen.push(cycle - 104);
            }
        }
        assert_eq!(seen, [29_828, 29_829]);
    }

    #[test]
    fn a_read_clears_the_flag_for_reads_from_the_next_even_cycle_on() {
        for (read, clear) in [(40_000, 40_002), (40_001, 40_002), (40_002, 40_004)] {
            let mut counter = FrameCounter::new(Standard::Ntsc);
            _ = clocks(&mut counter, read);
            counter.acknowledge(read);
            assert!(!counter.flag);
            assert!(counter.seen(clear - 1));
            assert!(!counter.seen(clear));
        }
    }

    #[test]
    fn the_consoles_reset_keeps_the_mode_and_starts_the_steps_over() {
        for (mode, half) in [(0x40, 14_912), (0xC0, 14_912)] {
            let mut counter = FrameCounter::new(Standard::Ntsc);
            counter.write(100, mode);
            _ = clocks(&mut counter, 50_000);
            let clock = counter.reset(50_000);
            assert_eq!(clock.half, mode & 0x80 != 0);
            assert_eq!(clocks(&mut counter, 50_000 + 29_000).1, [50_000 - 8 + half]);
        }
    }

    #[test]
    fn a_second_write_in_the_delay_does_not_lose_the_clock_of_the_first() {
        let mut counter = FrameCounter::new(Standard::Ntsc);
        assert_eq!(counter.write(10, 0xC0), Clock::default());
        assert!(counter.write(10, 0x40).half);
    }
}
