//! What a MIDI channel is set to: its instrument, loudness, tuning and pedal.

/// What a channel is set to.
#[derive(Clone, Copy)]
pub(super) struct Channel {
    pub(super) program: u8,
    /// Controller 7, and controller 11.
    pub(super) volume: u8,
    pub(super) expression: u8,
    /// The registered parameter that was chosen last (0 is the range of the pitch bend, 1 and 2 are fine and coarse tuning),
    /// and whether data entry is for it rather than for a parameter that is not registered.
    pub(super) parameter: (u8, u8),
    pub(super) is_registered: bool,
    pub(super) bend: i32,
    /// In cents.
    bend_range: i32,
    /// In semitones, and in 8,192ths of one.
    coarse: i32,
    fine: i32,
    /// Whether the sustain pedal is down (controller 64).
    pub(super) pedal: bool,
    /// The highest gain since a muted note began: only a higher one makes such notes louder.
    pub(super) peak: f64,
}

/// The widest range of the pitch bend, in semitones, as guitars on a keyboard use.
const WIDEST_BEND: u8 = 96;

/// The number that selects no registered parameter.
const NO_PARAMETER: (u8, u8) = (127, 127);

impl Channel {
    /// As General MIDI has it at power-up.
    pub(super) const NEW: Self = Self {
        program: 0,
        volume: 100,
        expression: 127,
        parameter: NO_PARAMETER,
        is_registered: true,
        bend: 0,
        bend_range: 200,
        coarse: 0,
        fine: 0,
        pedal: false,
        peak: 0.0,
    };

    /// What "Reset All Controllers" does but for the pedal: expression, parameters, bend; volume and program stay. (MIDI
    /// Manufacturers Association, RP-015.)
    pub(super) const fn reset(&mut self) {
        (self.expression, self.parameter, self.is_registered, self.bend) = (127, NO_PARAMETER, true, 0);
    }

    /// How loud its notes are beside those of General MIDI's own settings.
    pub(super) fn gain(&self) -> f64 {
        f64::from(self.volume) / 100.0 * f64::from(self.expression) / 127.0
    }

    /// How many cents its notes sound above their keys.
    pub(super) const fn detune(&self) -> i32 {
        self.bend * self.bend_range / 8_192 + 100 * self.coarse + 100 * self.fine / 8_192
    }

    /// Data entry for the registered parameter, its coarse or its fine half. (MIDI 1.0 Detailed Specification, "Registered
    /// Parameter Numbers".)
    pub(super) fn enter(&mut self, value: u8, is_coarse: bool) {
        let value = i32::from(value);
        match (self.parameter, is_coarse) {
            ((0, 0), true) => self.bend_range = 100 * value.min(i32::from(WIDEST_BEND)),
            ((0, 0), false) => self.bend_range = self.bend_range / 100 * 100 + value.min(99),
            ((0, 1), true) => self.fine = ((value << 7) - 8_192) | (self.fine & 0x7F),
            ((0, 1), false) => self.fine = (self.fine & !0x7F) | value,
            ((0, 2), true) => self.coarse = value - 64,
            _ => {}
        }
    }
}
