//! Timers and the notes that they sound: equal temperament with A4 = 440 Hz.
//!
//! A pulse sounds at clock / (16 · (timer + 1)), the triangle an octave lower (nesdev wiki, "APU Pulse", "APU Triangle").

use lakhnes_apu::Standard;

use crate::voice::Voice;

/// The notes that a raw score can be read as: those of a piano (NES-MDB, section 3).
const NOTES: std::ops::RangeInclusive<u8> = 21..=108;

/// Clocks of the timer in a period of a voice.
const fn steps(voice: Voice) -> f64 {
    match voice {
        Voice::Tr => 32.0,
        _ => 16.0,
    }
}

/// The timer of a MIDI note at the usual clock, to the nearest; 0 for note 0.
pub(super) fn of_note(voice: Voice, note: u8) -> u16 {
    if note == 0 {
        return 0;
    }
    let frequency = 440.0 * ((f64::from(note) - 69.0) / 12.0).exp2();
    let timer = f64::from(Standard::Ntsc.clock_hz()) / (steps(voice) * frequency) - 1.0;
    timer.round().clamp(0.0, 2_047.0) as u16
}

/// The MIDI note of a timer at a clock, to the nearest; 0 for timer 0 and where no voice has such a note.
pub(super) fn note(voice: Voice, clock_hz: u32, timer: u16) -> u8 {
    if timer == 0 {
        return 0;
    }
    let frequency = f64::from(clock_hz) / (steps(voice) * (f64::from(timer) + 1.0));
    let note = (69.0 + 12.0 * (frequency / 440.0).log2()).round();
    let note = note.clamp(0.0, 255.0) as u8;
    if NOTES.contains(&note) && voice.pitches().contains(&note) { note } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_have_timers_and_timers_their_notes() {
        assert_eq!((of_note(Voice::P1, 69), of_note(Voice::Tr, 57)), (253, 253));
        for voice in [Voice::P1, Voice::P2, Voice::Tr] {
            // The timers of the pulses end a tone above their lowest note.
            for pitch in voice.pitches().filter(|&pitch| of_note(voice, pitch) < 2_047) {
                assert_eq!(note(voice, 1_789_773, of_note(voice, pitch)), pitch);
            }
        }
    }

    #[test]
    fn what_no_voice_has_is_silent() {
        assert_eq!((of_note(Voice::P1, 0), note(Voice::P1, 1_789_773, 0)), (0, 0));
        assert_eq!(note(Voice::P1, 1_789_773, 20), 0);
        assert_eq!(note(Voice::P1, 1_789_773, 26), 108);
    }
}
