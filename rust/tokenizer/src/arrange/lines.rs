//! A line as the notes of its voice: arpeggios in turns, pitch bends in semitones.

use super::source::Bends;
use super::voices::{Placed, compass, fold};
use crate::song::Note;
use crate::values::{Pitch, Ticks, Velocity};
use crate::voice::Voice;

/// How long each note of an arpeggio sounds: two frames of 1/60 s.
const TURN: u64 = 2 * 735;

/// The notes that a voice plays for a line.
pub(super) fn play(voice: Voice, line: &[Placed], bends: &[Bends; 16]) -> Vec<Note> {
    let mut notes = Vec::with_capacity(line.len());
    for placed in line {
        let velocity = Velocity::saturating(placed.level).min(voice.default_velocity());
        let mut play = |start, end, pitch| {
            let [start, end] = [start, end].map(Ticks::saturating);
            notes.push(Note { start, end, pitch: Pitch::saturating(pitch), velocity });
        };
        if placed.chord.is_empty() {
            bend(placed, voice == Voice::Tr, bends, &mut play);
        } else {
            arpeggiate(placed, &mut play);
        }
    }
    notes
}

/// From the lowest note up, over and over. It ends a tick early, so that what follows has an attack of its own.
fn arpeggiate(placed: &Placed, play: &mut impl FnMut(u64, u64, u8)) {
    let mut pitches = placed.chord.clone();
    pitches.push(placed.pitch);
    pitches.sort_unstable();
    pitches.dedup();
    let mut start = placed.start.get();
    let last = placed.end.get().saturating_sub(1).max(start + 1);
    for &pitch in pitches.iter().cycle() {
        if start >= last {
            break;
        }
        let end = (start + TURN).min(last);
        play(start, end, pitch);
        start = end;
    }
}

/// A note, in as many steps of a semitone as its channel's pitch bend makes of it.
fn bend(placed: &Placed, triangle: bool, bends: &[Bends; 16], play: &mut impl FnMut(u64, u64, u8)) {
    let none = Bends::new();
    let bends = bends.get(usize::from(placed.channel)).unwrap_or(&none);
    let begun = bends.partition_point(|&(tick, _)| tick <= placed.start);
    let bent = |cents: i32| {
        let semitones = f64::from(cents) / 100.0;
        let pitch = (f64::from(placed.pitch) + semitones.round()).clamp(0.0, 127.0) as u8;
        fold(pitch, compass(triangle))
    };
    let before = begun.checked_sub(1).and_then(|last| bends.get(last)).map_or(0, |&(_, cents)| cents);
    let (mut start, mut pitch) = (placed.start.get(), bent(before));
    for &(tick, cents) in bends.get(begun..).unwrap_or_default() {
        if tick >= placed.end {
            break;
        }
        let (tick, next) = (tick.get(), bent(cents));
        if next != pitch && tick > start {
            play(start, tick, pitch);
            start = tick;
        }
        pitch = next;
    }
    if start < placed.end.get() {
        play(start, placed.end.get(), pitch);
    }
}
