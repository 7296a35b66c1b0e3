//! The envelope: a constant volume, or a decay from 15 to 0, once or again and again.
//!
//! Source: nesdev wiki, "APU Envelope".

/// `--LC VVVV` of $4000, $4004 and $400C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Envelope {
    start: bool,
    looped: bool,
    constant: bool,
    /// The volume, and the divider's period less one.
    value: u8,
    divider: u8,
    decay: u8,
}

impl Envelope {
    pub(crate) fn write(&mut self, value: u8) {
        self.looped = value & 0x20 != 0;
        self.constant = value & 0x10 != 0;
        self.value = value & 0x0F;
    }

    /// A write to the channel's fourth register: the decay starts over at the next clock.
    pub(crate) fn restart(&mut self) {
        self.start = true;
    }

    /// The quarter-frame clock.
    pub(crate) fn clock(&mut self) {
        if self.start {
            self.start = false;
            self.decay = 15;
            self.divider = self.value;
        } else if self.divider > 0 {
            self.divider -= 1;
        } else {
            self.divider = self.value;
            if self.decay > 0 {
                self.decay -= 1;
            } else if self.looped {
                self.decay = 15;
            }
        }
    }

    /// The volume now, 0 to 15.
    pub(crate) const fn volume(self) -> u8 {
        if self.constant { self.value } else { self.decay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decay(register: u8, clocks: usize) -> Vec<u8> {
        let mut envelope = Envelope::default();
        envelope.write(register);
        envelope.restart();
        (0..clocks)
            .map(|_| {
                envelope.clock();
                envelope.volume()
            })
            .collect()
    }

    #[test]
    fn the_decay_falls_from_15_to_0_and_stays_there() {
        let expected: Vec<u8> = (0..=15).rev().chain([0, 0]).collect();
        assert_eq!(decay(0x00, 18), expected);
    }

    #[test]
    fn a_looped_decay_starts_over_after_0() {
        assert_eq!(decay(0x20, 18)[15..], [0, 15, 14]);
    }

    #[test]
    fn the_period_is_one_more_than_its_bits() {
        assert_eq!(decay(0x02, 7), [15, 15, 15, 14, 14, 14, 13]);
    }

    #[test]
    fn a_constant_volume_does_not_decay() {
        assert_eq!(decay(0x1B, 40), [11; 40]);
    }
}
