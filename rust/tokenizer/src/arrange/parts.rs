//! The parts of a MIDI file, a channel of a track each, and which of them are the melody and the bass.

use std::collections::{BTreeMap, BTreeSet};

use crate::voice::Voice;

/// A part whose notes lie below this on average can be the bass (E3).
const LOW: f64 = 52.0;

/// A bass instrument that plays above this on average (C4) is used for something else.
const HIGH: f64 = 60.0;

/// By how many semitones a bass instrument may play above the lowest line and still be the bass.
const OCTAVE: f64 = 12.0;

/// A part: a channel of a track.
pub(super) type Part = (u16, u8);

/// A note in MIDI time.
#[derive(Clone, Copy)]
pub(super) struct Sounding {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) ring: u32,
    pub(super) pitch: u8,
    /// 1 to 127.
    pub(super) velocity: u8,
    pub(super) loudness: f64,
    /// Whether its channel was muted when it began.
    pub(super) muted: bool,
    pub(super) channel: u8,
    pub(super) program: u8,
    pub(super) part: Part,
    /// The voice that was chosen for its part, if any.
    pub(super) voice: Option<Voice>,
}

/// The basses of General MIDI: those of its family, the contrabass, the tuba and the first synth bass among the leads.
pub(super) const fn is_bass(program: u8) -> bool {
    matches!(program, 32..=39 | 43 | 58 | 87)
}

/// What a part plays.
#[derive(Default)]
struct Habits {
    count: f64,
    overlaps: f64,
    pitches: f64,
    sounding: f64,
    bonus: f64,
    last: u32,
}

impl Habits {
    /// Of the parts of those notes.
    fn of<'a>(notes: impl Iterator<Item = &'a Sounding>, leaders: &[u16]) -> BTreeMap<Part, Self> {
        let mut parts: BTreeMap<Part, Self> = BTreeMap::new();
        let mut in_order: Vec<&Sounding> = notes.collect();
        in_order.sort_by_key(|note| note.start);
        for note in in_order {
            let part = parts.entry(note.part).or_default();
            let length = note.end - note.start;
            part.count += 1.0;
            part.overlaps += f64::from(note.start + length / 4 < part.last);
            part.pitches += f64::from(note.pitch);
            part.sounding += f64::from(length);
            part.last = part.last.max(note.end);
            part.bonus = match note.program {
                80..=87 | 52..=54 => 1.0,
                40..=42 | 56..=79 => 0.5,
                _ => 0.0,
            } + if leaders.binary_search(&note.part.0).is_ok() { 2.0 } else { 0.0 };
        }
        parts
    }

    fn mean_pitch(&self) -> f64 {
        self.pitches / self.count.max(1.0)
    }

    /// Whether it is one line, and plays at least a fifth of the time that the busiest part plays.
    fn is_line(&self, longest: f64) -> bool {
        self.overlaps <= 0.15 * self.count && self.sounding >= 0.2 * longest
    }
}

fn longest(parts: &BTreeMap<Part, Habits>) -> f64 {
    parts.values().map(|part| part.sounding).fold(1.0, f64::max)
}

/// The part that carries the melody: it plays one note at a time and not in the bass; names that say so, singing instruments,
/// height and presence count. None where a single part plays everything.
pub(super) fn leading_part(notes: &[Sounding], basses: &BTreeSet<Part>, leaders: &[u16]) -> Option<Part> {
    let others = notes.iter().filter(|note| note.voice.is_none() && !basses.contains(&note.part));
    let parts = Habits::of(others, leaders);
    if parts.len() < 2 {
        return None;
    }
    let longest = longest(&parts);
    let score = |part: &Habits| part.mean_pitch() / 12.0 + 2.0 * part.sounding / longest + part.bonus;
    let melodies = parts.iter().filter(|(_, part)| part.is_line(longest) && part.mean_pitch() >= 55.0);
    melodies.max_by(|(_, a), (_, b)| score(a).total_cmp(&score(b))).map(|(&part, _)| part)
}

/// The parts of bass instruments that play what a bass plays: not above [`HIGH`], nor more than an [`OCTAVE`] above the
/// lowest line.
pub(super) fn bass_instruments(notes: &[Sounding]) -> BTreeSet<Part> {
    let parts = Habits::of(notes.iter().filter(|note| note.voice.is_none()), &[]);
    let longest = longest(&parts);
    let lowest = parts.values().filter(|part| part.is_line(longest)).map(Habits::mean_pitch).fold(HIGH, f64::min);
    let basses = Habits::of(notes.iter().filter(|note| note.voice.is_none() && is_bass(note.program)), &[]);
    let fitting = |part: &Habits| part.mean_pitch() < HIGH && part.mean_pitch() <= lowest + OCTAVE;
    basses.into_iter().filter(|(_, part)| fitting(part)).map(|(part, _)| part).collect()
}

/// The part that is the bass of a file without instruments for it: the lowest line below [`LOW`]. None where a single part
/// plays everything.
pub(super) fn bass_part(notes: &[Sounding], lead: Option<Part>) -> Option<Part> {
    let parts = Habits::of(notes.iter().filter(|note| note.voice.is_none()), &[]);
    if parts.len() < 2 {
        return None;
    }
    let longest = longest(&parts);
    let lines = parts.iter().filter(|&(&part, habits)| lead != Some(part) && habits.is_line(longest));
    let low = lines.filter(|(_, habits)| habits.mean_pitch() < LOW);
    low.min_by(|(_, a), (_, b)| a.mean_pitch().total_cmp(&b.mean_pitch())).map(|(&part, _)| part)
}
