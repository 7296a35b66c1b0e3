//! The sweep unit, which bends a pulse channel's pitch and mutes it where the pitch cannot go.
//!
//! Source: nesdev wiki, "APU Sweep".

/// Longest timer period that a pulse can have.
const MAX_PERIOD: u16 = 0x7FF;
/// Shortest timer period that is heard.
const MIN_PERIOD: u16 = 8;

/// `EPPP NSSS` of $4001 and $4005.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the register's bits")]
pub(crate) struct Sweep {
    /// The first pulse subtracts in one's complement: one more than asked.
    ones_complement: bool,
    enabled: bool,
    negate: bool,
    shift: u8,
    /// The divider's period less one.
    period: u8,
    divider: u8,
    reload: bool,
}

impl Sweep {
    pub(crate) const fn new(ones_complement: bool) -> Self {
        Self { ones_complement, enabled: false, negate: false, shift: 0, period: 0, divider: 0, reload: false }
    }

    pub(crate) fn write(&mut self, value: u8) {
        self.enabled = value & 0x80 != 0;
        self.period = value >> 4 & 7;
        self.negate = value & 0x08 != 0;
        self.shift = value & 7;
        self.reload = true;
    }

    /// Where the sweep would take the timer period.
    pub(crate) const fn target(self, period: u16) -> u16 {
        let change = period >> self.shift;
        if self.negate {
            period.saturating_sub(change).saturating_sub(self.ones_complement as u16)
        } else {
            period + change
        }
    }

    /// Whether the channel is silent at this timer period; the unit need not be enabled for that.
    pub(crate) const fn mutes(self, period: u16) -> bool {
        period < MIN_PERIOD || self.target(period) > MAX_PERIOD
    }

    /// The half-frame clock: the new timer period.
    pub(crate) fn clock(&mut self, period: u16) -> u16 {
        let due = self.divider == 0;
        if due || self.reload {
            self.divider = self.period;
            self.reload = false;
        } else {
            self.divider -= 1;
        }
        let bends = due && self.enabled && self.shift > 0 && !self.mutes(period);
        if bends { self.target(period) } else { period }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(value: u8, ones_complement: bool) -> Sweep {
        let mut sweep = Sweep::new(ones_complement);
        sweep.write(value);
        sweep
    }

    #[test]
    fn the_first_pulse_subtracts_one_more_than_the_second() {
        assert_eq!(sweep(0x89, true).target(0x100), 0x7F);
        assert_eq!(sweep(0x89, false).target(0x100), 0x80);
    }

    #[test]
    fn a_target_past_7ff_mutes_even_a_disabled_sweep() {
        assert!(sweep(0x00, false).mutes(0x400));
        assert!(!sweep(0x08, false).mutes(0x400));
        assert!(!sweep(0x01, false).mutes(0x400));
    }

    #[test]
    fn periods_below_8_are_mute() {
        assert!(sweep(0x08, false).mutes(7));
        assert!(!sweep(0x08, false).mutes(8));
    }

    #[test]
    fn the_period_bends_every_p_plus_1_half_frames() {
        let mut sweep = sweep(0xA1, false); // P = 2, up by a half
        let periods: Vec<u16> = (0..7)
            .scan(0x80, |period, _| {
                *period = sweep.clock(*period);
                Some(*period)
            })
            .collect();
        assert_eq!(periods, [0xC0, 0xC0, 0xC0, 0x120, 0x120, 0x120, 0x1B0]);
    }

    #[test]
    fn a_shift_of_0_never_bends() {
        let mut sweep = sweep(0x80, false);
        assert_eq!(sweep.clock(0x80), 0x80);
    }
}
