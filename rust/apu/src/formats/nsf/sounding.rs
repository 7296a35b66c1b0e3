//! Whether something sounds for certain, told from the writes alone.
//!
//! A run is searched for silence by following all of its counters and envelopes, which costs as much as the program does.
//! Most songs need no such search: a pulse or the noise with a constant volume and a halted length counter sounds from
//! the write that loads the counter until a write ends it, whatever the frame counter does meanwhile.

use std::ops::Range;

use crate::Write;
use crate::sweep::Sweep;

/// A pulse or the noise, as far as its writes tell.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a write has said")]
struct Voice {
    /// The sweep of a pulse, which may mute it.
    sweep: Option<Sweep>,
    /// The period of a pulse, and whether the sweep may have bent it since it was written.
    period: u16,
    bends: bool,
    volume: u8,
    constant: bool,
    halted: bool,
    /// The tick of the write that halted the length counter. A clock of that tick may have come before, and takes the
    /// place of a load.
    halted_at: u64,
    enabled: bool,
    /// Whether the length counter was loaded while it was enabled and halted, and has been so ever since.
    counts_for_ever: bool,
}

impl Voice {
    const fn new(sweep: Option<Sweep>) -> Self {
        Self {
            sweep,
            period: 0,
            bends: false,
            volume: 0,
            constant: false,
            halted: false,
            halted_at: 0,
            enabled: false,
            counts_for_ever: false,
        }
    }

    fn write(&mut self, tick: u64, place: u8, value: u8) {
        match place {
            0 => {
                let halted = value & 0x20 != 0;
                if halted && !self.halted {
                    self.halted_at = tick;
                }
                self.halted = halted;
                self.constant = value & 0x10 != 0;
                self.volume = value & 0x0F;
                self.counts_for_ever &= self.halted;
            }
            1 => {
                if let Some(sweep) = &mut self.sweep {
                    sweep.write(value);
                    self.bends |= value & 0x80 != 0;
                }
            }
            2 => self.period = self.period & 0x700 | u16::from(value),
            _ => {
                self.period = self.period & 0x0FF | u16::from(value & 7) << 8;
                self.counts_for_ever |= self.enabled && self.halted && tick > self.halted_at;
            }
        }
    }

    fn enable(&mut self, enabled: bool) {
        self.enabled = enabled;
        self.counts_for_ever &= enabled;
    }

    fn sounds(&self) -> bool {
        let muted = self.bends || self.sweep.is_some_and(|sweep| sweep.mutes(self.period));
        self.counts_for_ever && self.constant && self.volume > 0 && !muted
    }
}

/// Whether a voice sounds for certain at some time within these ticks, according to writes in the order of theirs.
pub(super) fn sounds_within(ticks: &Range<u64>, writes: &[Write]) -> bool {
    let pulse = |ones_complement| Voice::new(Some(Sweep::new(ones_complement)));
    let mut voices = [pulse(true), pulse(false), Voice::new(None)];
    let mut writes = writes.iter().take_while(|write| write.tick < ticks.end).peekable();
    while let Some(&Write { tick: now, register, value }) = writes.next() {
        let [p1, p2, noise] = &mut voices;
        match register {
            0x00..=0x03 => p1.write(now, register & 3, value),
            0x04..=0x07 => p2.write(now, register & 3, value),
            0x0C..=0x0F => noise.write(now, register & 3, value),
            0x15 => [(p1, 1), (p2, 2), (noise, 8)].into_iter().for_each(|(voice, bit)| voice.enable(value & bit != 0)),
            _ => {}
        }
        // What follows at once may end it again.
        let next = writes.peek().map_or(u64::MAX, |write| write.tick);
        if next > now.max(ticks.start) && voices.iter().any(Voice::sounds) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{RegisterLog, Trace};

    /// Whether the chip's own counters say that a pulse or the noise sounds within these ticks, all of which are heard.
    fn traced(ticks: &Range<u64>, writes: &[Write]) -> bool {
        let log = RegisterLog { writes: writes.to_vec(), length: ticks.end, ..RegisterLog::default() };
        let mut sounds = false;
        for (tick, [p1, p2, _, noise]) in Trace::exact(&log) {
            if sounds && tick > ticks.start {
                return true;
            }
            sounds = [p1, p2, noise].iter().any(|state| state.sounds);
        }
        sounds
    }

    proptest! {
        #[test]
        fn what_sounds_for_certain_sounds_on_the_chip(
            mut writes in prop::collection::vec((0..3_000_u64, 0..=0x17_u8, any::<u8>()), 1..120),
            start in 0..3_000_u64,
        ) {
            writes.sort_by_key(|write| write.0);
            let write = |&(tick, register, value): &(u64, u8, u8)| {
                // Most are such as begin a note.
                let value = match register {
                    0x15 => value | 0x0B,
                    0x00 | 0x04 | 0x0C if value < 0xA0 => value | 0x30,
                    0x01 | 0x05 if value < 0xE0 => 0x08,
                    _ => value,
                };
                Write { tick, register, value }
            };
            let writes: Vec<_> = writes.iter().map(write).collect();
            let ticks = start..3_000;
            prop_assert!(!sounds_within(&ticks, &writes) || traced(&ticks, &writes));
        }
    }

    fn heard_from(writes: &[(u64, u8, u8)], tick: u64) -> bool {
        let writes: Vec<_> = writes.iter().map(|&(tick, register, value)| Write { tick, register, value }).collect();
        sounds_within(&(tick..2_000), &writes)
    }

    #[test]
    fn a_halted_note_of_constant_volume_sounds_until_a_write_ends_it() {
        let note = [(0, 0x15, 0x0F), (1, 0x00, 0xBF), (1, 0x01, 0x08), (1, 0x02, 0x80), (2, 0x03, 0x00)];
        assert!(heard_from(&note, 1_000));
        for end in [(500, 0x00, 0xB0), (500, 0x00, 0x9F), (500, 0x00, 0xAF), (500, 0x02, 0x07), (500, 0x15, 0x0E)] {
            let ended = [&note[..], &[end]].concat();
            assert!(heard_from(&ended, 499), "{end:?}");
            assert!(!heard_from(&ended, 500), "{end:?}");
        }
    }

    #[test]
    fn a_note_is_not_certain_where_counter_sweep_or_envelope_decide() {
        let with = |control: u8, sweep: u8, status: u8| {
            heard_from(&[(0, 0x15, status), (1, 0x00, control), (1, 0x01, sweep), (1, 0x02, 0x80), (2, 0x03, 0x00)], 9)
        };
        assert!(with(0xBF, 0x08, 0x01));
        assert!(!with(0x9F, 0x08, 0x01), "its length counter counts");
        assert!(!with(0xAF, 0x08, 0x01), "its envelope decays");
        assert!(!with(0xBF, 0x81, 0x01), "its sweep may mute it");
        assert!(!with(0xBF, 0x08, 0x02), "it is not enabled");
        assert!(!heard_from(&[(0, 0x15, 0x04), (1, 0x08, 0xFF), (2, 0x0B, 0x00)], 9), "the triangle is not looked at");
    }

    #[test]
    fn a_length_that_was_loaded_before_the_counter_was_halted_is_not_certain() {
        let noise = [(0, 0x15, 0x08), (1, 0x0C, 0x1F), (1, 0x0F, 0x00), (2, 0x0C, 0x3F)];
        assert!(!heard_from(&noise, 100));
        assert!(!heard_from(&[&noise[..], &[(2, 0x0F, 0x00)]].concat(), 100), "a clock may have come before");
        assert!(heard_from(&[&noise[..], &[(3, 0x0F, 0x00)]].concat(), 100));
    }
}
