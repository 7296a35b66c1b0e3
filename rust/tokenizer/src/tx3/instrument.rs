//! Instruments: the timbre and volume courses of notes, and the codebook of them that was learned on NES-MDB.
//!
//! `instruments.txt` is the codebook; `scripts/learn_instruments.py` wrote it. An instrument is heard relative to the
//! loudness of its note, and holds its last frame until the note ends.

use std::sync::OnceLock;

use crate::voice::Voice;

/// The loudest.
pub(super) const LOUDEST: u8 = 15;

/// The frames of an attack: a rise of the volume within them is part of the instrument, a later one strikes the note again.
pub const ATTACK: u64 = 4;

/// One frame of a course: the volume, 0 to 15, and the timbre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sound {
    /// The volume, 0 to 15.
    pub level: u8,
    /// The duty of a pulse, 0 to 3; the mode of the noise, 0 or 1.
    pub timbre: u8,
}

/// The frames of an instrument, at full loudness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instrument {
    frames: Vec<Sound>,
}

impl Instrument {
    /// What a frame of a note of a loudness sounds like.
    pub(super) fn sound(&self, loudness: u8, frame: u64) -> Sound {
        let last = self.frames.len().saturating_sub(1);
        let Sound { level, timbre } = self.frames[(frame as usize).min(last)];
        let scaled = (u32::from(level) * u32::from(loudness) + u32::from(LOUDEST) / 2) / u32::from(LOUDEST);
        Sound { level: (scaled as u8).max(1), timbre }
    }

    /// Its frames at full loudness; the last is held.
    pub(super) fn sounds(&self) -> &[Sound] {
        &self.frames
    }

    /// How many frames it has before it stays as it is.
    fn len(&self) -> u64 {
        self.frames.len() as u64
    }
}

/// A row of pitches, a step a change: semitones from the first pitch, and the frame from the onset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figure {
    pub steps: Vec<(i8, u8)>,
}

/// All instruments and figures.
#[derive(Debug)]
pub(super) struct Codebook {
    pulse: Vec<Instrument>,
    noise: Vec<Instrument>,
    melodic: Vec<Figure>,
    drums: Vec<Figure>,
}

impl Codebook {
    /// The one codebook.
    pub(super) fn get() -> &'static Self {
        static CODEBOOK: OnceLock<Codebook> = OnceLock::new();
        CODEBOOK.get_or_init(|| Self::parse(include_str!("instruments.txt")))
    }

    /// The instruments of a voice; none of the triangle.
    pub(super) fn instruments(&self, voice: Voice) -> &[Instrument] {
        match voice {
            Voice::P1 | Voice::P2 => &self.pulse,
            Voice::Tr => &[],
            Voice::No => &self.noise,
        }
    }

    /// The figures of a voice.
    pub(super) fn figures(&self, voice: Voice) -> &[Figure] {
        if voice == Voice::No { &self.drums } else { &self.melodic }
    }

    /// Reads the lines `pulse`, `noise` (frames as `timbre:volume`, `xN` for N equal ones), `melodic` and `drum` (steps as
    /// `semitones@frame`). What is no such line is passed over: the file is part of the program, and tests hold it to this.
    fn parse(text: &str) -> Self {
        let mut book = Self { pulse: Vec::new(), noise: Vec::new(), melodic: Vec::new(), drums: Vec::new() };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let kind = words.next().unwrap_or_default();
            match kind {
                "pulse" | "noise" => {
                    let instrument = Instrument { frames: words.flat_map(frames_of).collect() };
                    if instrument.len() > 0 {
                        let book = if kind == "pulse" { &mut book.pulse } else { &mut book.noise };
                        book.push(instrument);
                    }
                }
                "melodic" | "drum" => {
                    let figure = Figure { steps: words.filter_map(step_of).collect() };
                    if !figure.steps.is_empty() {
                        let book = if kind == "melodic" { &mut book.melodic } else { &mut book.drums };
                        book.push(figure);
                    }
                }
                _ => {}
            }
        }
        book
    }
}

fn frames_of(word: &str) -> Vec<Sound> {
    let (sound, count) = word.split_once('x').unwrap_or((word, "1"));
    let parsed = sound.split_once(':').and_then(|(timbre, level)| Some((timbre.parse().ok()?, level.parse().ok()?)));
    let (Some((timbre, level)), Ok(count)) = (parsed, count.parse::<u8>()) else { return Vec::new() };
    vec![Sound { level: u8::min(level, LOUDEST), timbre: u8::min(timbre, 3) }; usize::from(count)]
}

fn step_of(word: &str) -> Option<(i8, u8)> {
    let (semitones, frame) = word.split_once('@')?;
    Some((semitones.parse().ok()?, frame.parse().ok()?))
}

/// Whether the volume rises so far from one frame to the next that the note is struck again.
pub(super) const fn rises(from: u8, to: u8) -> bool {
    to >= from + 3 || (to >= from + 2 && to >= 2 * from)
}

/// An instrument at a loudness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Voicing {
    pub instrument: u8,
    pub loudness: u8,
}

impl Voicing {
    /// What a voice that has said nothing plays with.
    pub(super) const FIRST: Self = Self { instrument: 0, loudness: LOUDEST };

    /// What a frame sounds like.
    pub(super) fn sound(self, instruments: &[Instrument], frame: u64) -> Sound {
        match instruments.get(usize::from(self.instrument)) {
            Some(instrument) => instrument.sound(self.loudness, frame),
            None => Sound { level: 0, timbre: 0 },
        }
    }
}

/// The frames by which courses are compared; what is later is like the last.
const HORIZON: u64 = 64;

/// How unlike a course and that of a voicing are, summed over their frames; stops at `limit`.
pub(super) fn distance(course: &[Sound], voicing: Voicing, instruments: &[Instrument], limit: u32) -> u32 {
    let mut sum = 0;
    for (frame, &sound) in course.iter().enumerate().take(HORIZON as usize) {
        sum += unlikeness(sound, voicing.sound(instruments, frame as u64));
        if sum > limit {
            break;
        }
    }
    sum
}

/// The voicing nearest to a course among those that `fits` lets in; the first of several.
pub(super) fn nearest(course: &[Sound], instruments: &[Instrument], fits: impl Fn(Voicing) -> bool) -> Option<Voicing> {
    let mut best = (u32::MAX, None);
    for instrument in 0..instruments.len() as u8 {
        for loudness in 1..=LOUDEST {
            let voicing = Voicing { instrument, loudness };
            if best.0 == 0 {
                return best.1;
            }
            let distance = distance(course, voicing, instruments, best.0);
            if distance < best.0 && fits(voicing) {
                best = (distance, Some(voicing));
            }
        }
    }
    best.1
}

/// How unlike two frames sound: the squared difference of their levels (`LEVELS`), and what one timbre in place of another
/// changes (`TIMBRES`).
#[must_use]
pub fn unlikeness(a: Sound, b: Sound) -> u32 {
    let level = LEVELS[usize::from(a.level & 15)].abs_diff(LEVELS[usize::from(b.level & 15)]);
    let timbre = TIMBRES[usize::from(a.timbre & 3)][usize::from(b.timbre & 3)];
    level * level + timbre
}

/// 40 log10(level + 1), rounded: half decibels, compressed where other voices mask what is soft.
const LEVELS: [u32; 16] = [0, 12, 19, 24, 28, 31, 34, 36, 38, 40, 42, 43, 45, 46, 47, 48];

/// 12.5, 25, 50 and 75 % (which sounds as 25 % does); the noise's two modes are the first and the second.
const TIMBRES: [[u32; 4]; 4] = [[0, 40, 80, 41], [40, 0, 60, 1], [80, 60, 0, 60], [41, 1, 60, 0]];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_codebook_is_read() {
        let text = include_str!("instruments.txt");
        let count = |kind: &str| text.lines().filter(|line| line.starts_with(kind)).count();
        let book = Codebook::get();
        let sizes = [book.pulse.len(), book.noise.len(), book.melodic.len(), book.drums.len()];
        assert_eq!(sizes, ["pulse ", "noise ", "melodic ", "drum "].map(count));
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), sizes.iter().sum::<usize>());
    }

    #[test]
    fn no_instrument_rises_as_if_it_were_struck_again() {
        let book = Codebook::get();
        for instrument in book.pulse.iter().chain(&book.noise) {
            for loudness in 1..=LOUDEST {
                for frame in ATTACK..HORIZON + 2 {
                    let [before, now] = [frame - 1, frame].map(|frame| instrument.sound(loudness, frame).level);
                    assert!(!rises(before, now), "{instrument:?} at {loudness}: {before} to {now} at {frame}");
                }
            }
            assert!(instrument.len() <= HORIZON);
        }
    }

    #[test]
    fn a_voice_can_be_struck_again_after_any_level_that_rises_to_the_loudest() {
        let book = Codebook::get();
        for instruments in [&book.pulse, &book.noise] {
            assert!(instruments.iter().any(|instrument| instrument.sound(LOUDEST, 0).level == LOUDEST));
        }
    }

    #[test]
    fn levels_and_timbres_differ_from_all_others() {
        let sounds = (0..16).flat_map(|level| (0..4).map(move |timbre| Sound { level, timbre }));
        let sounds: Vec<Sound> = sounds.collect();
        for &a in &sounds {
            for &b in &sounds {
                assert_eq!(unlikeness(a, b) == 0, a == b, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn figures_are_rows_of_notes_that_play_on() {
        let book = Codebook::get();
        for Figure { steps } in book.melodic.iter().chain(&book.drums) {
            let frames: Vec<u64> = std::iter::once(0).chain(steps.iter().map(|&(_, frame)| u64::from(frame))).collect();
            let short = |pair: &[u64]| pair[0] < pair[1] && pair[1] - pair[0] <= super::super::piece::SHORT;
            assert!(frames.windows(2).all(short), "{steps:?}");
        }
    }
}
