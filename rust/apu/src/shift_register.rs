//! The noise channel's 15-bit linear feedback shift register, many clocks at once.
//!
//! Its bits are the coming outputs, and all of its sequences are short: the long one comes back after 32,767 clocks, the
//! short ones after 93 or 31. So a table holds the place of each state in the long sequence, and a silent channel catches
//! up with a sum instead of clock by clock; another table tells how often the channel is high between any two places.
//!
//! Source: nesdev wiki, "APU Noise".

/// All bits of the shift register.
const MASK: u16 = 0x7FFF;
/// Clocks after which every state of the long sequence is back.
pub(crate) const LONG_CYCLE: u64 = 32_767;
/// Clocks after which every state of the short sequence is back (93 clocks, or 31 of them).
const SHORT_CYCLE: u64 = 93;
/// The most clocks between two places that [`highs`] is asked for: a sample of 8 kHz at the fastest clock.
pub(crate) const MOST_CLOCKS: usize = 128;

const LONG: usize = LONG_CYCLE as usize;

/// Clocks the register `clocks` times, at most `15 - tap`: no new bit reaches the tap before that.
const fn shift(state: u16, tap: u32, clocks: u32) -> u16 {
    let new = (state ^ state >> tap) & ((1 << clocks) - 1);
    state >> clocks | new << (15 - clocks)
}

/// The long sequence, from state 1 on.
struct Sequence {
    /// By state: its place.
    places: [u16; LONG + 1],
    /// By place: the state.
    states: [u16; LONG],
    /// By place: at how many places before it the channel is high.
    highs: [u16; LONG + 1 + MOST_CLOCKS],
}

static SEQUENCE: Sequence = sequence();

#[expect(clippy::large_stack_arrays, reason = "it runs at compile time")]
const fn sequence() -> Sequence {
    let mut sequence = Sequence { places: [0; LONG + 1], states: [0; LONG], highs: [0; LONG + 1 + MOST_CLOCKS] };
    let mut state = 1;
    let mut place = 0;
    while place < LONG + MOST_CLOCKS {
        if place < LONG {
            sequence.places[state as usize] = place as u16;
            sequence.states[place] = state;
        }
        sequence.highs[place + 1] = sequence.highs[place] + (1 - (state & 1));
        state = shift(state, 1, 1);
        place += 1;
    }
    sequence
}

/// At how many places before `place` of the long sequence the channel is high; `place` is below
/// `LONG_CYCLE + MOST_CLOCKS`.
#[inline]
pub(crate) fn highs(place: usize) -> u32 {
    SEQUENCE.highs.get(place).map_or(0, |&count| u32::from(count))
}

/// The shift register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShiftRegister {
    state: u16,
    /// Whether its feedback comes from bit 6, which makes the sequence short.
    pub(crate) short: bool,
}

impl ShiftRegister {
    pub(crate) const fn new() -> Self {
        Self { state: 1, short: false }
    }

    const fn tap(self) -> u32 {
        if self.short { 6 } else { 1 }
    }

    /// Whether the channel is low now.
    pub(crate) const fn low(self) -> bool {
        self.state & 1 == 1
    }

    /// The place of its state in the long sequence.
    pub(crate) fn place(self) -> usize {
        SEQUENCE.places.get(usize::from(self.state)).map_or(0, |&place| usize::from(place))
    }

    /// The next clocks at once: how many, and by bit which of them change the output.
    #[inline]
    pub(crate) fn batch(&mut self) -> (u64, u64) {
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
        if self.short {
            let mut clocks = (clocks % SHORT_CYCLE) as u32;
            while clocks > 0 {
                let step = clocks.min(15 - self.tap());
                self.state = shift(self.state, self.tap(), step);
                clocks -= step;
            }
        } else {
            let place = (self.place() as u64 + clocks % LONG_CYCLE) % LONG_CYCLE;
            self.state = SEQUENCE.states.get(place as usize).copied().unwrap_or(1);
        }
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
            let mut state = 0x1234;
            for clocks in 0..40_000 {
                let mut register = ShiftRegister { state: 0x1234, short };
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
    fn the_table_counts_how_often_the_long_sequence_is_high() {
        let mut state = 1;
        let mut count = 0;
        for place in 0..LONG + MOST_CLOCKS {
            assert_eq!(highs(place), count, "place {place}");
            if place < LONG {
                assert_eq!(ShiftRegister { state, short: false }.place(), place);
            }
            count += u32::from(state & 1 == 0);
            state = reference(state, 1);
        }
    }
}
