//! The drums of General MIDI on the noise channel.
//!
//! Pitches are 16 − period (16 the brightest); how a hit decays follows from its pitch and length, as everywhere in
//! [`crate::expression`]. The choice is that of the console's games: kicks deep and short, snares in the middle, cymbals
//! bright and as long as they ring.

use super::source::Hit;
use super::{Reason, Report, TOGETHER};
use crate::song::{Change, Note, Track};
use crate::values::{Pitch, Ticks, Timbre, Velocity};

/// A frame of 1/60 s, in ticks.
pub(super) const FRAME: u64 = 735;

/// How the noise imitates a drum.
struct Drum {
    pitch: u8,
    /// The mode: 1 is the short, metallic one.
    timbre: u8,
    frames: u64,
    /// Of hits together the one of the highest weight is played.
    weight: u8,
}

const fn drum(key: u8) -> Drum {
    let (pitch, timbre, frames, weight) = match key {
        35 | 36 => (4, 0, 6, 8),                                // kicks
        38 | 40 => (10, 0, 9, 9),                               // snares
        39 => (11, 0, 6, 7),                                    // clap
        37 => (13, 0, 3, 5),                                    // side stick
        41 | 43 | 45 => (5, 0, 10, 6),                          // low toms
        47 | 48 | 50 => (7, 0, 9, 6),                           // high toms
        42 | 44 => (15, 0, 3, 2),                               // closed hi-hats
        46 => (15, 0, 14, 3),                                   // open hi-hat
        49 | 52 | 55 | 57 => (13, 0, 34, 7),                    // crashes
        51 | 53 | 59 => (14, 0, 8, 3),                          // rides
        54 | 58 | 69 | 70 | 73 | 74 | 82 => (16, 0, 4, 1),      // tambourine, shakers
        56 | 67 | 68 | 71 | 72 | 75 | 80 | 81 => (12, 1, 5, 4), // bells, agogos, whistles, claves, triangles
        60 | 62 | 63 | 65 | 76 => (9, 0, 4, 4),                 // high hand drums and blocks
        61 | 64 | 66 | 77 => (7, 0, 5, 4),                      // low ones
        _ => (12, 0, 4, 1),
    };
    Drum { pitch, timbre, frames, weight }
}

pub(super) fn play(hits: &[Hit], report: &mut Report) -> Track {
    let mut chosen: Vec<Hit> = Vec::new();
    let mut group_start = 0;
    for &hit in hits {
        match chosen.last_mut() {
            Some(last) if hit.start.get() <= group_start + TOGETHER => {
                let louder = (drum(hit.key).weight, hit.level) > (drum(last.key).weight, last.level);
                // The louder sounds, from where the group begins: no hit moves the onset of another.
                let lost = if louder { std::mem::replace(last, Hit { start: last.start, ..hit }) } else { hit };
                report.lose(lost.start, 9, lost.key, Reason::Masked);
            }
            _ => {
                group_start = hit.start.get();
                chosen.push(hit);
            }
        }
    }
    let mut track = Track::default();
    let mut timbre = 0;
    for (index, hit) in chosen.iter().enumerate() {
        let drum = drum(hit.key);
        // A tick before the next, so that each has its attack.
        let next = chosen.get(index + 1).map_or(u64::MAX, |next| next.start.get() - 1);
        let (start, end) = (hit.start, Ticks::saturating((hit.start.get() + drum.frames * FRAME).min(next)));
        let (pitch, velocity) = (Pitch::saturating(drum.pitch), Velocity::saturating(hit.level));
        track.notes.push(Note { start, end, pitch, velocity });
        if drum.timbre != timbre {
            timbre = drum.timbre;
            track.changes.push(Change::of_timbre(start, Timbre::saturating(timbre)));
        }
    }
    track
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::Voice;

    #[test]
    fn every_key_is_a_sound_that_the_noise_has() {
        for key in 0..128 {
            let drum = drum(key);
            assert!(Voice::No.pitches().contains(&drum.pitch) && drum.timbre <= 1 && drum.frames > 0, "{key}");
        }
    }

    #[test]
    fn of_drums_together_the_snare_is_heard_and_the_others_are_reported() {
        let mut report = Report::default();
        let hits = [(0, 42), (100, 38), (200, 36), (40_000, 42)].map(|(start, key)| Hit {
            start: Ticks::saturating(start),
            key,
            level: 12,
        });
        let track = play(&hits, &mut report);
        let notes: Vec<_> =
            track.notes.iter().map(|note| (note.start.get(), note.length(), note.pitch.get())).collect();
        assert_eq!(notes, [(0, 9 * FRAME, 10), (40_000, 3 * FRAME, 15)]);
        assert_eq!(report.unplaced.iter().map(|lost| lost.pitch).collect::<Vec<_>>(), [42, 36]);
    }
}
