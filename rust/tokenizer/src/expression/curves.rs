//! How loud a note is, frame by frame, and in which timbre: what NES music usually does.
//!
//! The levels were measured on NES-MDB (Donahue, Mao, McAuley, ISMIR 2018; every second song of the train and valid
//! splits: 2,453 songs, 467,708 gestures of the pulses and 205,631 of the noise, as [`super::gestures`] cuts them), for
//! each class of length the median peak times the median of level / peak in each frame, rounded and kept from rising
//! again. Gestures that never exceed level 3 are left out of the shapes: they are echoes.

use crate::voice::Voice;

/// Levels by frame, as (level, frames that it lasts); the last lasts as long as the note.
pub(crate) type Curve = &'static [(u8, u32)];

/// The longest gesture of each class, in frames of 1/60 s; there is one class more, of all that is longer.
const PULSE_CLASSES: [u32; 8] = [2, 4, 7, 11, 16, 24, 36, 60];

/// The first pulse, by class. Half of the gestures of more than a second (47 %) do not begin at their peak, of the shorter
/// ones a quarter to a third: so those of the last class begin softly.
const P1: [Curve; 9] = [
    &[(7, 1), (6, 0)],
    &[(7, 3), (6, 0)],
    &[(8, 1), (7, 2), (6, 2), (5, 0)],
    &[(9, 1), (8, 3), (7, 2), (6, 4), (5, 0)],
    &[(9, 1), (8, 2), (7, 5), (6, 2), (5, 0)],
    &[(10, 1), (9, 3), (8, 4), (7, 6), (6, 4), (5, 0)],
    &[(10, 1), (9, 3), (8, 4), (7, 11), (6, 7), (5, 8), (4, 0)],
    &[(11, 1), (10, 4), (9, 4), (8, 11), (7, 14), (6, 0)],
    &[(8, 1), (9, 1), (10, 1), (9, 3), (8, 28), (7, 0)],
];

/// The second pulse, by class: as high a peak less one, and a faster decay.
const P2: [Curve; 9] = [
    &[(6, 1), (5, 0)],
    &[(7, 2), (6, 0)],
    &[(8, 1), (7, 2), (6, 2), (5, 1), (4, 0)],
    &[(8, 1), (7, 3), (6, 2), (5, 2), (4, 0)],
    &[(9, 2), (8, 1), (7, 2), (6, 4), (5, 2), (4, 0)],
    &[(9, 1), (8, 3), (7, 4), (6, 5), (5, 4), (4, 0)],
    &[(9, 1), (8, 3), (7, 5), (6, 8), (5, 9), (4, 9), (3, 0)],
    &[(9, 1), (8, 3), (7, 10), (6, 14), (5, 0)],
    &[(7, 1), (8, 1), (9, 1), (8, 2), (7, 24), (6, 0)],
];

/// The levels before a rest that ends a note of more than [`RELEASED_FROM`] frames: the medians of 6,180 such ends.
pub(super) const RELEASE: [u8; 8] = [4, 4, 3, 3, 3, 3, 2, 2];

/// The shortest note, in frames, whose end fades.
pub(super) const RELEASED_FROM: u32 = 24;

const NOISE_CLASSES: [u32; 5] = [2, 4, 7, 11, 16];

/// The highest note of each class of pitch but the last: deep drums, low and high snares, cymbals.
const NOISE_PITCHES: [u8; 3] = [5, 9, 13];

/// The noise, by class of pitch and class of length.
const NOISE: [[Curve; 6]; 4] = [
    [
        &[(8, 1), (5, 0)],
        &[(12, 1), (8, 1), (3, 1), (2, 0)],
        &[(11, 1), (8, 1), (6, 1), (4, 1), (3, 0)],
        &[(11, 1), (10, 1), (7, 3), (4, 3), (2, 2), (1, 0)],
        &[(11, 1), (10, 1), (9, 1), (8, 2), (7, 1), (6, 1), (5, 2), (4, 1), (3, 1), (2, 0)],
        &[(11, 1), (8, 2), (4, 4), (3, 8), (2, 0)],
    ],
    [
        &[(7, 1), (3, 0)],
        &[(11, 1), (8, 1), (5, 1), (2, 0)],
        &[(11, 1), (8, 1), (6, 1), (4, 1), (3, 0)],
        &[(10, 1), (9, 1), (6, 1), (5, 2), (4, 1), (3, 4), (2, 0)],
        &[(11, 2), (5, 4), (4, 4), (3, 3), (2, 0)],
        &[(11, 2), (5, 4), (4, 4), (3, 9), (2, 0)],
    ],
    [
        &[(10, 1), (3, 0)],
        &[(11, 1), (7, 1), (4, 1), (2, 0)],
        &[(11, 1), (9, 1), (6, 1), (5, 1), (3, 0)],
        &[(12, 1), (10, 1), (7, 2), (6, 1), (5, 1), (3, 1), (2, 0)],
        &[(11, 1), (8, 2), (6, 1), (5, 1), (4, 4), (3, 2), (2, 0)],
        &[(12, 1), (9, 1), (8, 1), (6, 1), (5, 7), (4, 4), (3, 5), (2, 0)],
    ],
    [
        &[(9, 1), (5, 0)],
        &[(9, 1), (5, 1), (3, 1), (2, 0)],
        &[(12, 1), (8, 1), (5, 1), (4, 1), (2, 0)],
        &[(12, 1), (9, 1), (7, 1), (6, 1), (5, 2), (3, 1), (2, 0)],
        &[(11, 1), (10, 1), (7, 1), (6, 2), (4, 5), (3, 3), (2, 0)],
        &[(11, 1), (9, 1), (8, 1), (6, 3), (5, 5), (4, 5), (3, 12), (2, 0)],
    ],
];

/// The curve of a gesture of this length in frames that begins with a pitch; none for the triangle, which has no volume.
pub(crate) fn curve(voice: Voice, pitch: u8, frames: u32) -> Option<Curve> {
    let class = |longest: &[u32]| longest.partition_point(|&longest| longest < frames);
    match voice {
        Voice::P1 => P1.get(class(&PULSE_CLASSES)),
        Voice::P2 => P2.get(class(&PULSE_CLASSES)),
        Voice::Tr => None,
        Voice::No => {
            let drum = NOISE_PITCHES.partition_point(|&highest| highest < pitch);
            NOISE.get(drum).and_then(|curves| curves.get(class(&NOISE_CLASSES)))
        }
    }
    .copied()
}

/// The level of a curve in a frame.
pub(crate) fn level(curve: Curve, frame: u32) -> u8 {
    let mut end = 0;
    let sounding = curve.iter().find(|&&(_, frames)| {
        end += frames;
        frame < end || frames == 0
    });
    sounding.map_or(1, |&(level, _)| level)
}

/// The duty of a gesture of this length in frames. In NES-MDB 50 % is the most frequent (37 % of the notes from 12 frames on), and
/// the narrower two share most of the rest, more so in short notes; where the pulses differ, one of them is narrower
/// (37 % of the songs), which keeps two voices apart. A quick note is brighter than a slow one.
pub(crate) const fn duty(voice: Voice, frames: u32) -> Option<u8> {
    const SLOW: u32 = 12;
    match voice {
        Voice::P1 => Some(if frames < SLOW { 1 } else { 2 }),
        Voice::P2 => Some(if frames < SLOW { 0 } else { 1 }),
        Voice::Tr | Voice::No => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_one_that_a_note_can_have() {
        for voice in [Voice::P1, Voice::P2, Voice::No] {
            for pitch in 1..=108 {
                for frames in 1..100 {
                    let curve = curve(voice, pitch, frames).expect("a curve");
                    assert!((0..=frames).all(|frame| (1..=15).contains(&level(curve, frame))));
                }
            }
        }
    }

    #[test]
    fn a_level_lasts_as_many_frames_as_it_says_and_the_last_for_ever() {
        let curve: Curve = &[(9, 2), (4, 1), (3, 0)];
        assert_eq!([0, 1, 2, 3, 1_000_000].map(|frame| level(curve, frame)), [9, 9, 4, 3, 3]);
    }

    #[test]
    fn the_second_pulse_is_never_louder_than_the_first() {
        for frames in 1..100 {
            let [first, second] = [Voice::P1, Voice::P2].map(|voice| curve(voice, 60, frames).expect("a curve"));
            let mean = |curve| (0..frames).map(|frame| u32::from(level(curve, frame))).sum::<u32>();
            assert!(mean(second) <= mean(first), "{frames} frames");
        }
    }
}
