//! What each voice plays when: the chip's counters, sweeps and envelopes without its sound.
//!
//! This is the view of NES-MDB, sample by sample. Its frame counter clocks envelopes, sweeps and counters 240 times a
//! second, each time with the first sample after that moment. What is written at that sample comes later, and all writes of
//! one sample act together: first most of them, then $4015, then those that load the length counters, then $4017, which
//! starts the frame counter over at once.
//!
//! [`Trace::exact`] has the chip's own frame counter instead, and writes that act one by one.
//!
//! Source: the raw scores of "The NES Music Database" (Donahue et al., ISMIR 2018); for what the units do, theirs.

use crate::frame_counter::{Clock, FrameCounter, HALF, QUARTER};
use crate::voices::{VoiceState, Voices};
use crate::{RegisterLog, TICK_RATE, Write};

/// The states of a log: an iterator over the instants at which one changes, in ticks, with the states of p1, p2, tr and no
/// from then on. The first is at tick 0, all are before the log's end.
#[derive(Debug, Clone)]
pub struct Trace<'a> {
    log: &'a RegisterLog,
    /// The writes to come.
    writes: &'a [Write],
    voices: Voices,
    clocks: Clocks,
    /// The states last given out.
    last: Option<[VoiceState; 4]>,
}

impl<'a> Trace<'a> {
    /// Starts a trace. The writes are to be in the order of their ticks, as [`RegisterLog::validate`] checks.
    #[must_use]
    pub fn new(log: &'a RegisterLog) -> Self {
        Self::with(log, Clocks::Nesmdb(TickCounter::default()))
    }

    /// Starts a trace that is true to the chip: its frame counter counts cycles, and each write acts before the next.
    #[must_use]
    pub fn exact(log: &'a RegisterLog) -> Self {
        Self::with(log, Clocks::Chip(FrameCounter::new(log.standard)))
    }

    fn with(log: &'a RegisterLog, clocks: Clocks) -> Self {
        Self { log, writes: &log.writes, voices: Voices::new(log.standard), clocks, last: None }
    }

    /// Makes the next instant at which something happens happen.
    fn step(&mut self) -> Option<u64> {
        let next_write = self.writes.first().map_or(u64::MAX, |write| write.tick);
        let tick = if self.last.is_none() { 0 } else { next_write.min(self.clocks.next(self.log)) };
        if tick >= self.log.length {
            return None;
        }
        while self.clocks.next(self.log) <= tick {
            let clock = self.clocks.advance();
            self.voices.clock(tick, clock);
        }
        let count = self.writes.iter().take_while(|write| write.tick <= tick).count();
        let (now, later) = self.writes.split_at_checked(count).unwrap_or_default();
        self.writes = later;
        match &mut self.clocks {
            Clocks::Nesmdb(counter) => {
                // As all writes of the tick act together, its last $4015 counts for every length that is loaded.
                if let Some(status) = now.iter().rfind(|write| write.register == 0x15) {
                    self.voices.enable(status.value);
                }
                for write in now {
                    self.voices.write(tick, write.register, write.value);
                }
                for write in now.iter().filter(|write| write.register == 0x17) {
                    self.voices.clock(tick, counter.start(tick, write.value & 0x80 != 0));
                }
            }
            Clocks::Chip(counter) => {
                let cycle = self.log.cycle_of(tick);
                for &Write { register, value, .. } in now {
                    match register {
                        0x15 => self.voices.enable(value),
                        0x17 => self.voices.clock(tick, counter.write(cycle, value)),
                        _ => self.voices.write(tick, register, value),
                    }
                }
            }
        }
        Some(tick)
    }
}

impl Iterator for Trace<'_> {
    type Item = (u64, [VoiceState; 4]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let tick = self.step()?;
            let states = self.voices.states();
            if self.last != Some(states) {
                self.last = Some(states);
                return Some((tick, states));
            }
        }
    }
}

/// The sample after quarter number `count` of a frame, counted from the start of the frame counter.
const fn quarter(count: u64) -> u64 {
    count * TICK_RATE / 240 + 1
}

/// What clocks the envelopes, sweeps and counters.
#[derive(Debug, Clone)]
enum Clocks {
    /// As NES-MDB counts.
    Nesmdb(TickCounter),
    /// As the chip does.
    Chip(FrameCounter),
}

impl Clocks {
    /// The tick with which the next clock comes.
    fn next(&self, log: &RegisterLog) -> u64 {
        match self {
            Self::Nesmdb(counter) => counter.next(),
            Self::Chip(counter) => {
                let cycle = counter.next();
                let clock = u64::from(log.clock_hz.max(1));
                let tick = cycle.checked_mul(TICK_RATE).map_or(u64::MAX, |product| product / clock);
                // The first tick that does not begin before the cycle.
                if log.cycle_of(tick) < cycle { tick.saturating_add(1) } else { tick }
            }
        }
    }

    /// Goes past a clock.
    fn advance(&mut self) -> Clock {
        match self {
            Self::Nesmdb(counter) => counter.advance(),
            Self::Chip(counter) => counter.clock(),
        }
    }
}

/// The frame counter of NES-MDB, in ticks. Sequences: nesdev wiki, "APU Frame Counter".
#[derive(Debug, Clone, Default)]
struct TickCounter {
    started: u64,
    five_steps: bool,
    /// Steps since it was started.
    steps: u64,
}

impl TickCounter {
    /// Starts over, five steps with a clock at once.
    fn start(&mut self, tick: u64, five_steps: bool) -> Clock {
        *self = Self { started: tick, five_steps, steps: 0 };
        if five_steps { HALF } else { Clock::default() }
    }

    /// When the next clock comes.
    fn next(&self) -> u64 {
        let silent = self.five_steps && self.steps % 5 == 3;
        self.started.saturating_add(quarter(self.steps + 1 + u64::from(silent)))
    }

    /// Goes past a clock.
    fn advance(&mut self) -> Clock {
        let silent = self.five_steps && self.steps % 5 == 3;
        self.steps += 1 + u64::from(silent);
        let step = if self.five_steps { self.steps % 5 } else { self.steps % 4 };
        if step == 0 || step == 2 { HALF } else { QUARTER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states of one voice (0 to 3) of a log: tick, whether it sounds, timer, volume.
    fn states(voice: usize, writes: &[(u64, u8, u8)], length: u64) -> Vec<(u64, bool, u16, u8)> {
        let writes = writes.iter().map(|&(tick, register, value)| Write { tick, register, value }).collect();
        let log = RegisterLog { writes, length, ..RegisterLog::default() };
        let mut states: Vec<_> = Trace::new(&log)
            .map(|(tick, states)| (tick, states[voice].sounds, states[voice].timer, states[voice].volume))
            .collect();
        states.dedup_by_key(|&mut (_, sounds, timer, volume)| (sounds, timer, volume));
        states
    }

    #[test]
    fn quarters_come_with_the_first_sample_after_them() {
        let mut counter = TickCounter::default();
        counter.start(10, false);
        let clocks: Vec<_> = (0..5).map(|_| (counter.next(), counter.advance().half)).collect();
        assert_eq!(clocks, [(194, false), (378, true), (562, false), (746, true), (929, false)]);
    }

    #[test]
    fn five_steps_leave_out_the_fourth() {
        let mut counter = TickCounter::default();
        counter.start(0, true);
        let clocks: Vec<_> = (0..5).map(|_| (counter.next(), counter.advance().half)).collect();
        assert_eq!(clocks, [(184, false), (368, true), (552, false), (919, true), (1_103, false)]);
    }

    #[test]
    fn a_length_counter_runs_out_after_its_half_frames() {
        // Length 2, loaded before the voice is enabled but at the same sample.
        let writes = [(5, 3, 0x18), (5, 2, 100), (5, 0, 0x17), (5, 0x15, 1)];
        assert_eq!(states(0, &writes, 1_000), [(0, false, 0, 0), (5, true, 100, 7), (736, false, 100, 7)]);
    }

    #[test]
    fn an_envelope_decays_by_quarters() {
        let writes = [(0, 0x15, 8), (0, 0x0C, 0x21), (0, 0x0F, 0)];
        let expected = [(0, false, 0, 0), (184, true, 0, 15), (552, true, 0, 14), (919, true, 0, 13)];
        assert_eq!(states(3, &writes, 1_000), expected);
    }

    #[test]
    fn a_sweep_bends_the_timer_by_half_frames_and_mutes_past_its_end() {
        let writes = [(0, 0x15, 2), (0, 4, 0x3F), (0, 5, 0x81), (0, 6, 0), (0, 7, 4)];
        let expected = [(0, true, 1_024, 15), (368, false, 1_536, 15)];
        assert_eq!(states(1, &writes, 1_000), expected);
    }

    #[test]
    fn the_triangle_sounds_from_the_quarter_that_loads_its_linear_counter() {
        let writes = [(0, 0x15, 4), (7, 8, 0x02), (7, 0x0A, 50), (7, 0x0B, 0)];
        let expected = [(0, false, 0, 0), (7, false, 50, 0), (184, true, 50, 0), (552, false, 50, 0)];
        assert_eq!(states(2, &writes, 1_000), expected);
    }

    #[test]
    fn a_write_of_a_quarters_sample_comes_after_it() {
        let held = [(0, 0x15, 4), (0, 8, 0x81), (0, 0x0A, 50), (0, 0x0B, 0)];
        let with = |tick| states(2, &[held.as_slice(), &[(tick, 8, 0)]].concat(), 1_000).pop();
        assert_eq!(with(736), Some((919, false, 50, 0)));
        assert_eq!(with(735), Some((736, false, 50, 0)));
    }

    #[test]
    fn an_exact_trace_counts_cycles_and_takes_writes_one_by_one() {
        // Both disabled when their lengths are loaded: the writes of one sample act together only for NES-MDB.
        let writes = [(0, 0, 0x3F), (0, 2, 100), (0, 3, 0), (0, 0x15, 5), (9, 8, 0x81), (9, 0x0A, 50), (9, 0x0B, 0)];
        let writes = writes.map(|(tick, register, value)| Write { tick, register, value }).to_vec();
        let log = RegisterLog { writes, length: 1_000, ..RegisterLog::default() };
        let first = |trace: Trace<'_>, voice: usize| {
            trace.filter(|(_, states)| states[voice].sounds).map(|(tick, _)| tick).next()
        };
        assert_eq!((first(Trace::new(&log), 0), first(Trace::exact(&log), 0)), (Some(0), None));
        // The first quarter is 7,457 cycles after the start, which was before the log's.
        let exact = first(Trace::exact(&log), 2).expect("the triangle sounds");
        assert!((183..=184).contains(&exact), "{exact}");
        assert_eq!(first(Trace::new(&log), 2), Some(184));
    }

    #[test]
    fn the_mode_of_five_steps_clocks_at_once() {
        let writes = [(0, 0x15, 4), (0, 8, 0x81), (0, 0x0A, 50), (0, 0x0B, 0), (9, 0x17, 0x80)];
        assert_eq!(states(2, &writes, 100), [(0, false, 50, 0), (9, true, 50, 0)]);
    }
}
