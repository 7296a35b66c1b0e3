//! Delayed vibrato: the pitch of a long note sways, in steps of a frame, as the sound drivers of the console did it.
//!
//! ```text
//! $4002  LLLL LLLL   the timer of a pulse, low ($4006 of the second)
//! $4003  ---- -HHH   its high bits: never written here, for a write restarts the waveform, which clicks
//! ```
//! NES-MDB's scores know semitones only, so that nothing about it could be measured there: delay, speed and depth are by
//! ear, those of a singer who lets a note settle first.

use lakhnes_apu::Write;

use super::{FRAME, frames_of};
use crate::raw_score::pulse_timer;
use crate::song::{Note, Song};
use crate::voice::Voice;

/// The shortest note that sways, in frames.
pub(crate) const SWAYING_FROM: u32 = 32;
/// The frames for which it stands still.
const DELAY: u32 = 20;
/// One sway of 10 frames (6 Hz), in halves of the depth.
const SWAY: [i32; 10] = [0, 1, 2, 2, 1, 0, -1, -2, -2, -1];
/// The depth, as a part of the period: 1/140, which is 12 cents.
const DEPTH: i32 = 140;
/// The longest timer that the halted sweep unit does not silence: with a shift of 7, t + t / 128 must stay below 2,048
/// (nesdev wiki, "APU Sweep").
const LONGEST: u16 = 2_032;

/// The writes that let the long notes of the pulses sway, by tick. Each leaves the timer as it was when its note ends, at
/// the tick of that end, so they come before the writes that a performance has there.
pub(crate) fn writes(song: &Song) -> Vec<Write> {
    let mut writes = Vec::new();
    for (voice, register) in [(Voice::P1, 0x02), (Voice::P2, 0x06)] {
        for note in &song.track(voice).notes {
            sway(note, register, &mut writes);
        }
    }
    writes.sort_by_key(|write| write.tick);
    writes
}

fn sway(note: &Note, register: u8, writes: &mut Vec<Write>) {
    let timer = pulse_timer(note.pitch.get());
    let length = frames_of(note);
    if length < SWAYING_FROM || !sways(note.pitch.get()) {
        return;
    }
    let still = timer.to_le_bytes()[0];
    let mut last = still;
    for frame in DELAY..length {
        let tick = note.start.get() + u64::from(frame) * FRAME;
        if tick >= note.end.get() {
            break;
        }
        let value = low_byte(timer, frame - DELAY);
        if value != last {
            writes.push(Write { tick, register, value });
            last = value;
        }
    }
    if last != still {
        writes.push(Write { tick: note.end.get(), register, value: still });
    }
}

/// Whether the notes of a pitch may sway.
pub(crate) fn sways(pitch: u8) -> bool {
    pulse_timer(pitch) <= LONGEST
}

/// The low byte of a swaying timer, which keeps its high bits. The first sway is half as deep.
pub(crate) fn low_byte(timer: u16, frame: u32) -> u8 {
    let halves = SWAY.get(frame as usize % SWAY.len()).copied().unwrap_or(0);
    let whole = if frame < SWAY.len() as u32 { 4 } else { 2 };
    let offset = f64::from(i32::from(timer) * halves) / f64::from(DEPTH * whole);
    let lowest = timer & 0xFF00;
    let highest = (lowest | 0x00FF).min(LONGEST);
    let swaying = (f64::from(timer) + offset.round()).clamp(f64::from(lowest), f64::from(highest));
    (swaying as u16).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Pitch, Ticks, Velocity};

    fn of_note(pitch: u8, frames: u64) -> Vec<Write> {
        let mut writes = Vec::new();
        let [start, end] = [100, 100 + frames * FRAME].map(Ticks::saturating);
        let (pitch, velocity) = (Pitch::saturating(pitch), Velocity::saturating(8));
        sway(&Note { start, end, pitch, velocity }, 0x02, &mut writes);
        writes
    }

    #[test]
    fn a_long_note_sways_about_its_pitch_after_a_while_and_returns() {
        let writes = of_note(69, 60); // timer 253, depth 2
        assert!(writes.iter().all(|write| write.tick >= 100 + u64::from(DELAY) * FRAME && write.register == 0x02));
        assert!(writes.iter().any(|write| write.value == 251) && writes.iter().any(|write| write.value == 255));
        assert_eq!(writes.last(), Some(&Write { tick: 100 + 60 * FRAME, register: 0x02, value: 253 }));
    }

    #[test]
    fn a_short_note_stands_still() {
        assert_eq!(of_note(69, 31), []);
    }

    #[test]
    fn no_sway_leaves_the_high_byte_or_silences_the_voice() {
        for pitch in Voice::P1.pitches() {
            let timer = pulse_timer(pitch);
            for write in of_note(pitch, 100) {
                let swaying = timer & 0xFF00 | u16::from(write.value);
                assert!(swaying + (swaying >> 7) < 2_048);
                assert!(swaying.abs_diff(timer) <= timer / 140 + 1, "pitch {pitch}: {timer} became {swaying}");
            }
        }
    }
}
