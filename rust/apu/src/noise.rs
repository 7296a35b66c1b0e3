//! The noise channel: a shift register's pseudo-random bits, with envelope and length counter.
//!
//! ```text
//! $400C  --LC VVVV   length-counter halt / envelope loop, constant volume, volume / envelope period
//! $400E  M--- PPPP   mode (short sequence), period
//! $400F  LLLL L---   length; starts the envelope over
//! ```
//!
//! Source: nesdev wiki, "APU Noise".

use crate::Standard;
use crate::envelope::Envelope;
use crate::length_counter::LengthCounter;
use crate::shift_register::{LONG_CYCLE, ShiftRegister, highs};
use crate::timer::Timer;

/// Cycles between clocks by period index, for the 2A03.
const NTSC_PERIODS: [u16; 16] = [4, 8, 16, 32, 64, 96, 128, 160, 202, 254, 380, 508, 762, 1016, 2034, 4068];
/// The same for the 2A07.
const PAL_PERIODS: [u16; 16] = [4, 8, 14, 30, 60, 88, 118, 148, 188, 236, 354, 472, 708, 944, 1890, 3778];

/// The noise channel.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    pub(crate) envelope: Envelope,
    pub(crate) length: LengthCounter,
    register: ShiftRegister,
    periods: &'static [u16; 16],
    /// Which of them it has.
    period_index: u8,
    timer: Timer,
    /// Clocks that the register has still to catch up with.
    owed: u64,
}

/// The level of the noise as long as nothing but its timer runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changes {
    /// The cycle of the next change.
    pub(crate) next: u64,
    /// The level before it.
    pub(crate) level: u8,
    volume: u8,
    /// By bit: the changes of the present batch that are still to come.
    pending: u64,
    /// The cycle of the batch's first clock, and of the next batch's.
    start: u64,
    end: u64,
    /// The register after the batch.
    register: ShiftRegister,
    period: u64,
}

impl Changes {
    /// Passes the next change.
    #[inline]
    pub(crate) fn pass(&mut self) {
        self.level = self.volume - self.level;
        self.pending &= self.pending.wrapping_sub(1);
        self.find();
    }

    #[inline]
    fn find(&mut self) {
        // No run of equal bits is longer than the register, so the next batch has a change.
        if self.pending == 0 {
            let (clocks, changes) = self.register.batch();
            self.pending = changes;
            self.start = self.end;
            self.end += clocks * self.period;
        }
        self.next = self.start + u64::from(self.pending.trailing_zeros()) * self.period;
    }

    /// The level while it is high.
    pub(crate) const fn volume(&self) -> u8 {
        self.volume
    }

    /// Whether this is noise of the long sequence with a clock at least every `cycles` cycles.
    pub(crate) const fn white(&self, cycles: u64) -> bool {
        !self.register.short && self.period <= cycles
    }
}

/// Parts of a cycle in which the time that the noise is high is counted.
pub(crate) const PARTS: u64 = 256;

/// How long the noise of the long sequence is high, stretch by stretch, as long as nothing but its timer runs. Times are
/// in [`PARTS`] of a cycle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Highs {
    /// Where the register stands in its sequence.
    place: usize,
    /// Time since the clock that brought it there; if that was more than a period ago, what is left of the rest.
    since: u64,
    wait: u64,
    period: u64,
    /// 2^32 / period, rounded up.
    reciprocal: u64,
}

impl Highs {
    /// For how much of the next `time`, at most that of a sample, the noise is high.
    #[inline]
    pub(crate) fn pass(&mut self, mut time: u64) -> u64 {
        let high = |place: usize| u64::from(highs(place + 1) - highs(place));
        let waited = time.min(self.wait);
        self.wait -= waited;
        time -= waited;
        let since = self.since + time;
        let clocks = (since * self.reciprocal) >> 32;
        let place = self.place + clocks as usize;
        let rest = since - clocks * self.period;
        let whole = self.period * u64::from(highs(place) - highs(self.place));
        let total = whole + rest * high(place) + waited * high(self.place) - self.since * high(self.place);
        self.since = rest;
        self.place = if place >= LONG_CYCLE as usize { place - LONG_CYCLE as usize } else { place };
        total
    }
}

impl Noise {
    pub(crate) fn new(standard: Standard) -> Self {
        let periods = if standard == Standard::Pal { &PAL_PERIODS } else { &NTSC_PERIODS };
        Self {
            envelope: Envelope::default(),
            length: LengthCounter::default(),
            register: ShiftRegister::new(),
            periods,
            period_index: 0,
            timer: Timer::new(0, u64::from(periods[0])),
            owed: 0,
        }
    }

    /// A write to the channel's register 0 to 3 on `cycle`.
    pub(crate) fn write(&mut self, cycle: u64, register: u8, value: u8) {
        match register {
            0 => {
                self.length.halt(value & 0x20 != 0);
                self.envelope.write(value);
            }
            1 => {}
            2 => {
                let short = value & 0x80 != 0;
                if short != self.register.short {
                    self.catch_up();
                    self.register.short = short;
                }
                self.period_index = value & 15;
                self.timer.period = u64::from(self.periods[usize::from(self.period_index)]);
            }
            _ => {
                self.length.load(cycle, value);
                self.envelope.restart();
            }
        }
    }

    /// Which period it has, 0 to 15.
    pub(crate) const fn period_index(&self) -> u8 {
        self.period_index
    }

    /// Its mode: 1 is the short sequence.
    pub(crate) const fn mode(&self) -> u8 {
        self.register.short as u8
    }

    /// Whether anything but silence comes out.
    pub(crate) const fn is_heard(&self) -> bool {
        self.envelope.volume() > 0 && self.length.active()
    }

    fn catch_up(&mut self) {
        if self.owed > 0 {
            self.register.jump(self.owed);
            self.owed = 0;
        }
    }

    /// The volume of the noise if it is white, with a clock at least every `cycles` cycles.
    pub(crate) fn rush(&self, cycles: u64) -> Option<u8> {
        let rushes = !self.register.short && self.timer.period <= cycles && self.is_heard();
        rushes.then_some(self.envelope.volume())
    }

    /// How long the level is high from cycle `now` on.
    pub(crate) fn highs(&mut self, now: u64) -> Highs {
        self.catch_up();
        let period = PARTS * self.timer.period;
        let left = PARTS * (self.timer.next - now);
        Highs {
            place: self.register.place(),
            since: period.saturating_sub(left),
            wait: left.saturating_sub(period),
            period,
            reciprocal: (1_u64 << 32).div_ceil(period),
        }
    }

    /// The level from now on.
    pub(crate) fn changes(&mut self) -> Changes {
        let (volume, heard) = (self.envelope.volume(), self.is_heard());
        if heard {
            self.catch_up();
        }
        let Timer { next: end, period } = self.timer;
        let level = if heard && !self.register.low() { volume } else { 0 };
        let register = self.register;
        let mut changes = Changes { next: u64::MAX, level, volume, pending: 0, start: end, end, register, period };
        if heard {
            changes.find();
        }
        changes
    }

    /// Runs the timer to cycle `to`.
    pub(crate) fn advance(&mut self, to: u64) {
        self.owed += self.timer.advance(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_does_not_stop_the_register() {
        let mut heard = Noise::new(Standard::Ntsc);
        heard.length.enable(true);
        for (register, value) in [(0, 0x3F), (2, 0x03), (3, 0)] {
            heard.write(0, register, value);
        }
        let mut silent = heard.clone();
        silent.write(0, 0, 0x30);
        for cycle in [100, 5_000, 70_000] {
            heard.changes();
            heard.advance(cycle);
            silent.changes();
            silent.advance(cycle);
        }
        silent.write(0, 0, 0x3F);
        let (a, b) = (heard.changes(), silent.changes());
        assert_eq!((a.next, a.level, a.register), (b.next, b.level, b.register));
        assert_ne!(a.next, u64::MAX);
    }
}
