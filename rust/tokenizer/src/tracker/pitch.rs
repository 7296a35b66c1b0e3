//! The notes of trackers and the timers that they have for them.
//!
//! Note 0 is C-0 at 32.7 Hz (on the triangle an octave lower), note 95 is B-7. `FamiTracker` and `FamiStudio` have the same
//! table: clock / (16 · frequency) − ½, rounded down. Source: `FamiStudio`, `Source/Player/NesApu.cs`; `FamiTracker`'s own
//! driver holds the same numbers.

use lakhnes_apu::Standard;

/// Notes of a table.
const NOTES: usize = 96;

/// The highest timer that the chip has.
const HIGHEST_TIMER: u16 = 2_047;

/// The timers of the notes.
#[derive(Debug, Clone)]
pub struct NoteTable {
    periods: [u16; NOTES],
}

impl NoteTable {
    /// The table of a console.
    #[must_use]
    pub fn new(standard: Standard) -> Self {
        let clock = if standard == Standard::Pal { Standard::Pal } else { Standard::Ntsc }.clock_hz();
        let period = |note: usize| {
            let frequency = 440.0 * ((note as f64 - 45.0) / 12.0).exp2();
            (f64::from(clock) / 16.0 / frequency - 0.5) as u16
        };
        Self { periods: std::array::from_fn(period) }
    }

    /// The timer of a note, which for the lowest is more than the chip has.
    #[must_use]
    pub fn period(&self, note: i32) -> i32 {
        i32::from(self.periods[note.clamp(0, NOTES as i32 - 1) as usize])
    }

    /// The note whose timer is nearest, among those that the chip can play.
    #[must_use]
    pub fn nearest(&self, period: u16) -> u8 {
        let distance = |note: &usize| self.periods[*note].abs_diff(period);
        let playable = (0..NOTES).filter(|&note| self.periods[note] <= HIGHEST_TIMER);
        playable.min_by_key(distance).unwrap_or_default() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_drivers() {
        let table = NoteTable::new(Standard::Ntsc);
        let octave: Vec<_> = (0..12).map(|note| table.period(note)).collect();
        assert_eq!(octave, [0xD5B, 0xC9C, 0xBE6, 0xB3B, 0xA9A, 0xA01, 0x972, 0x8EA, 0x86A, 0x7F1, 0x77F, 0x713]);
        assert_eq!((table.period(45), table.period(95)), (253, 13));
    }

    #[test]
    fn every_timer_lies_within_a_fine_pitch_of_its_note() {
        for standard in [Standard::Ntsc, Standard::Pal] {
            let table = NoteTable::new(standard);
            for period in 0..=HIGHEST_TIMER {
                let note = table.nearest(period);
                assert!((i32::from(period) - table.period(note.into())).abs() < 64, "{period}");
            }
        }
    }
}
