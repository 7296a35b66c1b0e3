//! The noise channel: a 15-bit linear feedback shift register, with envelope and length counter.
//!
//! ```text
//! $400C  --LC VVVV   length-counter halt / envelope loop, constant volume, volume / envelope period
//! $400E  M--- PPPP   mode (short sequence), period
//! $400F  LLLL L---   length; starts the envelope over
//! ```
//!
//! Source: nesdev wiki, "APU Noise". The register's bits are the coming outputs, so many clocks are
//! done at once, and a silent channel catches up by squared matrices over GF(2) instead of clock by clock.

use crate::Standard;
use crate::envelope::Envelope;
use crate::length_counter::LengthCounter;
use crate::timer::Timer;

/// Cycles between clocks by period index, for the 2A03.
const NTSC_PERIODS: [u16; 16] = [4, 8, 16, 32, 64, 96, 128, 160, 202, 254, 380, 508, 762, 1016, 2034, 4068];
/// The same for the 2A07.
const PAL_PERIODS: [u16; 16] = [4, 8, 14, 30, 60, 88, 118, 148, 188, 236, 354, 472, 708, 944, 1890, 3778];

/// All bits of the shift register.
const MASK: u16 = 0x7FFF;
/// Clocks after which every state of the long sequence is back.
const LONG_CYCLE: u64 = 32_767;
/// Clocks after which every state of the short sequence is back (93 clocks, or 31 of them).
const SHORT_CYCLE: u64 = 93;

/// A linear map of the register: the image of each bit.
type Matrix = [u16; 15];

const fn apply(matrix: &Matrix, state: u16) -> u16 {
    let mut image = 0;
    let mut bit = 0;
    while bit < 15 {
        image ^= matrix[bit] & (state >> bit & 1).wrapping_neg();
        bit += 1;
    }
    image
}

/// `JUMPS[mode][k]` clocks the register 2^k times.
static JUMPS: [[Matrix; 15]; 2] = [jumps(1), jumps(6)];

const fn jumps(tap: u32) -> [Matrix; 15] {
    let mut powers = [[0; 15]; 15];
    let mut bit = 0;
    while bit < 15 {
        powers[0][bit] = shift(1 << bit, tap, 1);
        bit += 1;
    }
    let mut power = 1;
    while power < 15 {
        let mut bit = 0;
        while bit < 15 {
            powers[power][bit] = apply(&powers[power - 1], powers[power - 1][bit]);
            bit += 1;
        }
        power += 1;
    }
    powers
}

/// Clocks the register `clocks` times, at most `15 - tap`: no new bit reaches the tap before that.
const fn shift(state: u16, tap: u32, clocks: u32) -> u16 {
    let new = (state ^ state >> tap) & ((1 << clocks) - 1);
    state >> clocks | new << (15 - clocks)
}

/// The shift register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShiftRegister {
    state: u16,
    short: bool,
}

impl ShiftRegister {
    const fn tap(self) -> u32 {
        if self.short { 6 } else { 1 }
    }

    /// Whether the channel is low now.
    pub(crate) const fn low(self) -> bool {
        self.state & 1 == 1
    }

    /// The next clocks at once: how many, and by bit which of them change the output.
    #[inline]
    fn batch(&mut self) -> (u64, u64) {
        let tap = self.tap();
        let step = 15 - tap;
        let mut outputs = u64::from(self.state);
        let mut known = 15;
        while known + step <= u64::BITS {
            let new = (outputs ^ outputs >> tap) >> (known - 15) & ((1 << step) - 1);
            outputs |= new << known;
            known += step;
        }
        let clocks = known - 15;
        self.state = (outputs >> clocks) as u16 & MASK;
        (u64::from(clocks), (outputs ^ outputs >> 1) & ((1 << clocks) - 1))
    }

    /// Clocks the register any number of times.
    pub(crate) fn jump(&mut self, clocks: u64) {
        let cycle = if self.short { SHORT_CYCLE } else { LONG_CYCLE };
        let [long, short] = &JUMPS;
        let powers = if self.short { short } else { long };
        let clocks = clocks % cycle;
        for (power, matrix) in powers.iter().enumerate() {
            if clocks >> power & 1 == 1 {
                self.state = apply(matrix, self.state);
            }
        }
    }
}

/// The noise channel.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    pub(crate) envelope: Envelope,
    pub(crate) length: LengthCounter,
    register: ShiftRegister,
    periods: &'static [u16; 16],
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

    /// Whether this is white noise with a clock at least every `cycles` cycles.
    pub(crate) const fn white(&self, cycles: u64) -> bool {
        !self.register.short && self.period <= cycles
    }
}

impl Noise {
    pub(crate) fn new(standard: Standard) -> Self {
        let periods = if standard == Standard::Pal { &PAL_PERIODS } else { &NTSC_PERIODS };
        Self {
            envelope: Envelope::default(),
            length: LengthCounter::default(),
            register: ShiftRegister { state: 1, short: false },
            periods,
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
                self.timer.period = u64::from(self.periods[usize::from(value & 15)]);
            }
            _ => {
                self.length.load(cycle, value);
                self.envelope.restart();
            }
        }
    }

    /// The half-frame clock on `cycle`.
    pub(crate) fn clock_half(&mut self, cycle: u64) {
        self.length.clock(cycle);
    }

    fn catch_up(&mut self) {
        if self.owed > 0 {
            self.register.jump(self.owed);
            self.owed = 0;
        }
    }

    /// The level from now on.
    pub(crate) fn changes(&mut self) -> Changes {
        let volume = self.envelope.volume();
        let heard = volume > 0 && self.length.active();
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

    /// One clock as the wiki words it: feedback from bit 0 and the tap, shift right, feedback into bit 14.
    fn reference(state: u16, tap: u32) -> u16 {
        let feedback = (state ^ state >> tap) & 1;
        state >> 1 | feedback << 14
    }

    #[test]
    fn the_long_sequence_repeats_after_32767_clocks_and_not_before() {
        let mut state = reference(1, 1);
        let mut clocks = 1;
        while state != 1 {
            state = reference(state, 1);
            clocks += 1;
        }
        assert_eq!(clocks, LONG_CYCLE);
    }

    #[test]
    fn the_short_sequence_repeats_after_93_or_31_clocks() {
        for start in 1..=MASK {
            let mut state = start;
            (0..SHORT_CYCLE).for_each(|_| state = reference(state, 6));
            assert_eq!(state, start);
        }
    }

    #[test]
    fn a_jump_is_as_many_clocks() {
        for (short, tap) in [(false, 1), (true, 6)] {
            let mut state = 1;
            for clocks in 0..1_000 {
                let mut register = ShiftRegister { state: 1, short };
                register.jump(clocks);
                assert_eq!(register.state, state, "{clocks} clocks");
                state = reference(state, tap);
            }
        }
    }

    #[test]
    fn a_batch_tells_each_change_of_bit_0() {
        for (short, tap) in [(false, 1), (true, 6)] {
            let mut register = ShiftRegister { state: 1, short };
            let mut state = 1;
            for _ in 0..1_000 {
                let (clocks, changes) = register.batch();
                for clock in 0..clocks {
                    let next = reference(state, tap);
                    assert_eq!(changes >> clock & 1 == 1, (state ^ next) & 1 == 1);
                    state = next;
                }
                assert_eq!(register.state, state);
                assert_ne!(changes, 0);
            }
        }
    }

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
