//! A pulse channel: a rectangle of four duties, with envelope, sweep and length counter.
//!
//! ```text
//! $4000  DDLC VVVV   duty, length-counter halt / envelope loop, constant volume, volume / envelope period
//! $4001  EPPP NSSS   sweep: enabled, period, negate, shift
//! $4002  TTTT TTTT   timer, low bits
//! $4003  LLLL LTTT   length, timer high bits; starts the sequence and the envelope over
//! ```
//!
//! Source: nesdev wiki, "APU Pulse".

use crate::envelope::Envelope;
use crate::length_counter::LengthCounter;
use crate::sweep::Sweep;
use crate::timer::Timer;

/// The waveforms of the four duties: 12.5, 25, 50 and 75 % (25 % upside down).
const DUTIES: [[u8; 8]; 4] =
    [[0, 1, 0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 0, 0, 0], [1, 0, 0, 1, 1, 1, 1, 1]];

/// For each duty: how many of the eight steps from the second on differ from the first, and whether the first is high.
const RUNS: [(u8, bool); 4] = {
    let mut runs = [(0, false); 4];
    let mut duty = 0;
    while duty < runs.len() {
        let wave = &DUTIES[duty];
        let mut step = 1;
        while wave[step] != wave[0] {
            step += 1;
        }
        runs[duty] = (step as u8 - 1, wave[0] == 1);
        duty += 1;
    }
    runs
};

/// One of the two pulse channels.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    pub(crate) envelope: Envelope,
    pub(crate) length: LengthCounter,
    sweep: Sweep,
    /// The 11 bits of the registers (or of the sweep).
    period: u16,
    duty: u8,
    /// Position in the sequence, 0 to 7.
    step: u8,
    timer: Timer,
}

/// The level of a pulse as long as nothing but its timer runs: two levels in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edges {
    /// The cycle of the next change.
    pub(crate) next: u64,
    /// The level before it.
    pub(crate) level: u8,
    other_level: u8,
    /// Cycles that the level after the next change lasts, and that the one after that lasts.
    runs: [u64; 2],
}

impl Edges {
    const SILENCE: Self = Self { next: u64::MAX, level: 0, other_level: 0, runs: [0; 2] };

    /// Passes the next change.
    #[inline]
    pub(crate) fn flip(&mut self) {
        std::mem::swap(&mut self.level, &mut self.other_level);
        let [run, other] = self.runs;
        self.next += run;
        self.runs = [other, run];
    }
}

impl Pulse {
    pub(crate) fn new(ones_complement: bool) -> Self {
        Self {
            envelope: Envelope::default(),
            length: LengthCounter::default(),
            sweep: Sweep::new(ones_complement),
            period: 0,
            duty: 0,
            step: 0,
            timer: Timer::new(0, 2),
        }
    }

    /// A write to the channel's register 0 to 3 on `cycle`.
    pub(crate) fn write(&mut self, cycle: u64, register: u8, value: u8) {
        match register {
            0 => {
                self.duty = value >> 6;
                self.length.halt(value & 0x20 != 0);
                self.envelope.write(value);
            }
            1 => self.sweep.write(value),
            2 => self.set_period(self.period & 0x700 | u16::from(value)),
            _ => {
                self.set_period(self.period & 0x0FF | u16::from(value & 7) << 8);
                self.length.load(cycle, value);
                self.envelope.restart();
                self.step = 0;
            }
        }
    }

    /// The half-frame clock on `cycle`.
    pub(crate) fn clock_half(&mut self, cycle: u64) {
        self.length.clock(cycle);
        let period = self.sweep.clock(self.period);
        self.set_period(period);
    }

    /// The timer counts every other cycle, from its period down to 0.
    fn set_period(&mut self, period: u16) {
        self.period = period;
        self.timer.period = 2 * (u64::from(period) + 1);
    }

    /// The 11 bits of the timer's period.
    pub(crate) const fn period(&self) -> u16 {
        self.period
    }

    /// The duty, 0 to 3.
    pub(crate) const fn duty(&self) -> u8 {
        self.duty
    }

    /// Whether anything but silence comes out.
    pub(crate) const fn is_heard(&self) -> bool {
        self.envelope.volume() > 0 && self.length.active() && !self.sweep.mutes(self.period)
    }

    /// The level from now on.
    pub(crate) fn edges(&self) -> Edges {
        if !self.is_heard() {
            return Edges::SILENCE;
        }
        let volume = self.envelope.volume();
        let (width, first) = RUNS[usize::from(self.duty & 3)];
        let inside = (1..=width).contains(&self.step);
        let clocks = match self.step {
            0 => 1,
            step if inside => width + 1 - step,
            step => 9 - step,
        };
        let cycles = |steps: u8| u64::from(steps) * self.timer.period;
        let levels = if inside == first { [0, volume] } else { [volume, 0] };
        let runs = [cycles(width), cycles(8 - width)];
        Edges {
            next: self.timer.next + cycles(clocks - 1),
            level: levels[0],
            other_level: levels[1],
            runs: if inside { [runs[1], runs[0]] } else { runs },
        }
    }

    /// Runs the timer to cycle `to`.
    pub(crate) fn advance(&mut self, to: u64) {
        let clocks = self.timer.advance(to);
        self.step = ((u64::from(self.step) + clocks) & 7) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pulse at period 8 with constant volume 9.
    fn pulse(duty: u8) -> Pulse {
        let mut pulse = Pulse::new(true);
        pulse.length.enable(true);
        for (register, value) in [(0, duty << 6 | 0x39), (1, 0x08), (2, 8), (3, 0)] {
            pulse.write(0, register, value);
        }
        pulse
    }

    /// The level at each clock of the timer, by way of the edges.
    fn steps(pulse: &Pulse, count: u64) -> Vec<u8> {
        let mut edges = pulse.edges();
        let first = pulse.timer.next;
        (0..count)
            .map(|clock| {
                while edges.next < first + clock * pulse.timer.period {
                    edges.flip();
                }
                edges.level / 9
            })
            .collect()
    }

    #[test]
    fn the_four_duties_have_their_shapes() {
        assert_eq!(steps(&pulse(0), 16), [0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(steps(&pulse(1), 16), [0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(steps(&pulse(2), 16), [0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
        assert_eq!(steps(&pulse(3), 16), [1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn the_shape_is_the_same_from_whichever_step_it_is_seen() {
        for duty in 0..4 {
            let whole = steps(&pulse(duty), 24);
            for passed in 0..8_usize {
                let mut pulse = pulse(duty);
                pulse.advance(pulse.timer.next + (18 * passed as u64).saturating_sub(17));
                assert_eq!(steps(&pulse, 16), whole[passed..passed + 16]);
            }
        }
    }

    #[test]
    fn a_write_to_the_high_timer_starts_the_sequence_over() {
        let mut pulse = pulse(2);
        pulse.advance(100);
        assert_ne!(pulse.step, 0);
        pulse.write(100, 3, 0);
        assert_eq!(pulse.step, 0);
        assert_eq!(pulse.timer.next % 2, 0);
    }

    #[test]
    fn a_period_below_8_is_silent() {
        let mut pulse = pulse(2);
        pulse.write(0, 2, 7);
        assert_eq!(pulse.edges().next, u64::MAX);
    }
}
