//! Where the lines of the voices have just gone: what a melody's next step and a rhythm's next note hang on.
//!
//! A model that is told the last pitch alone has to find the note before it by attention, in each voice among the tokens of
//! all four, and its lines turn back more often than those of songs (`docs/tx3.md`, State).

use std::sync::OnceLock;

use super::cursor::Cursor;
use super::line_match::{Expected, LineMatch, Played};
use super::measure::key_profile;
use super::token::Token;
use crate::voice::Voice;

/// Semitones of a step that are told apart, upward and downward; a longer one counts as the longest.
const LONGEST_STEP: u8 = 13;

/// The values of a step: none yet, and those from down to up.
pub(super) const STEPS: usize = 2 * LONGEST_STEP as usize + 2;

/// The lower bounds of the classes of rows between two onsets.
pub(super) const ROWS: [u64; 22] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 24, 32, 33, 64];

/// The lower bounds of the classes of rows until the note that is expected of a voice, behind those of none and of one that
/// should have come before.
pub(super) const DUE: [u64; 7] = [0, 1, 2, 3, 4, 5, 8];

/// The values of a key: none yet, 12 major, 12 minor.
pub(super) const KEYS: usize = 25;

/// What is left of the weight of a note when the next one comes: after 46 notes half.
const KEPT: f64 = 0.985;

/// Pitch classes before a key is told.
const CLASSES: usize = 3;

/// The lines of a song.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    voices: [Line; 4],
    /// How much each pitch class was played, what was long ago counting less.
    classes: [f64; 12],
    key: Option<u8>,
    /// The rows before the present bar.
    rows: u64,
}

/// The line of a voice.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    played: LineMatch,
    pitch: Option<u8>,
    /// The row of the last onset.
    onset: u64,
    /// The last steps in semitones, the latest first.
    steps: [Option<i8>; 2],
    /// The rows between the last two onsets.
    rows: Option<u64>,
}

impl Lines {
    /// Takes note of a token; `before` and `after` is the cursor before and after it.
    pub(super) fn advance(&mut self, token: Token, before: &Cursor, after: &Cursor) {
        if token == Token::Bar && before.begun {
            self.rows += u64::from(before.tempo.rows);
        }
        let Token::NoteOn(voice, pitch) = token else { return };
        self.voices[voice.index()].take(pitch, self.rows + u64::from(after.row));
        if voice != Voice::No {
            self.classes.iter_mut().for_each(|weight| *weight *= KEPT);
            self.classes[usize::from(pitch % 12)] += 1.0;
            let played = self.classes.iter().filter(|&&weight| weight > 0.0).count();
            self.key = (played >= CLASSES).then(|| best_key(&self.classes));
        }
    }

    /// The line of a voice.
    pub(super) fn of(&self, voice: Voice) -> &Line {
        &self.voices[voice.index()]
    }

    /// The class of the rows until the note that is expected of a voice, below `DUE.len() + 2`.
    pub(super) fn due(&self, voice: Voice, cursor: &Cursor) -> usize {
        let line = self.of(voice);
        let here = self.rows + u64::from(cursor.row);
        line.expected().map_or(0, |Expected { next, .. }| {
            let at = line.onset + u64::from(next.rows);
            at.checked_sub(here).map_or(1, |rows| 1 + DUE.partition_point(|&bound| bound <= rows))
        })
    }

    /// The key of the last notes: 0 for none yet, 1 to 12 major from C, 13 to 24 minor.
    pub(super) fn key(&self) -> usize {
        self.key.map_or(0, |key| 1 + usize::from(key))
    }
}

impl Line {
    fn take(&mut self, pitch: u8, row: u64) {
        let rows = self.pitch.map_or(0, |_| row.saturating_sub(self.onset));
        self.played.take(Played { pitch, rows: rows.try_into().unwrap_or(u16::MAX) });
        if let Some(last) = self.pitch {
            let semitones = i16::from(pitch) - i16::from(last);
            let longest = i16::from(LONGEST_STEP);
            self.steps = [Some(semitones.clamp(-longest, longest) as i8), self.steps[0]];
            self.rows = Some(rows);
        }
        (self.pitch, self.onset) = (Some(pitch), row);
    }

    /// The next note of the line, if it repeats itself.
    pub(super) fn expected(&self) -> Option<Expected> {
        self.played.expected()
    }

    /// The value of a step, below [`STEPS`].
    pub(super) fn step(&self, back: usize) -> usize {
        self.steps[back].map_or(0, |step| (i16::from(step) + i16::from(LONGEST_STEP) + 1) as usize)
    }

    /// The value of the rows between the last two onsets, at most the number of [`ROWS`].
    pub(super) fn distance(&self) -> usize {
        self.rows.map_or(0, |rows| ROWS.partition_point(|&bound| bound <= rows))
    }
}

/// The key whose profile correlates best with how much each pitch class is played; the first of equals.
fn best_key(classes: &[f64; 12]) -> u8 {
    static PROFILES: OnceLock<Vec<[f64; 12]>> = OnceLock::new();
    let profiles = PROFILES.get_or_init(|| (0..24).map(|key| normalized(key_profile(key))).collect());
    // The mean and the deviation of the classes are the same for every key.
    let strengths = profiles.iter().map(|profile| profile.iter().zip(classes).map(|(x, y)| x * y).sum::<f64>());
    let best = (0..24).zip(strengths).reduce(|best, here| if here.1 > best.1 { here } else { best });
    best.map_or(0, |(key, _)| key)
}

/// A profile with a mean of 0 and a norm of 1.
fn normalized(profile: [f64; 12]) -> [f64; 12] {
    let mean = profile.iter().sum::<f64>() / 12.0;
    let norm = profile.iter().map(|value| (value - mean).powi(2)).sum::<f64>().sqrt();
    profile.map(|value| (value - mean) / norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx3;
    use crate::tx3::grammar::Grammar;

    /// The lines behind a text, and where it ends.
    fn read(text: &str) -> (Lines, Cursor) {
        let (mut grammar, mut lines) = (Grammar::new(), Lines::default());
        for id in tx3::encode(&format!("TEMPO_6\nMETER_16\n{text}")).expect("TX3") {
            let (token, before) = (tx3::token(id).expect("a token"), *grammar.cursor());
            grammar.advance(token);
            lines.advance(token, &before, grammar.cursor());
        }
        (lines, *grammar.cursor())
    }

    fn after(text: &str) -> Lines {
        read(text).0
    }

    #[test]
    fn steps_are_those_between_the_last_three_notes_of_the_voice() {
        let text = "BAR\nP1_NOTEON_60\nTR_NOTEON_40\nROW_2\nP1_NOTEON_64\nROW_4\nP1_NOTEON_62\nTR_NOTEON_90";
        let lines = after(text);
        assert_eq!(lines.of(Voice::P1).steps, [Some(-2), Some(4)]);
        assert_eq!(lines.of(Voice::Tr).steps, [Some(13), None], "a longer one counts as the longest");
        assert_eq!(lines.of(Voice::P2).steps, [None; 2]);
    }

    #[test]
    fn distances_are_counted_in_rows_across_bars_of_any_meter() {
        let lines = after("BAR\nROW_12\nNO_NOTEON_4\nBAR\nMETER_12\nBAR\nROW_3\nNO_NOTEON_4");
        assert_eq!(lines.of(Voice::No).rows, Some(4 + 12 + 3));
    }

    #[test]
    fn every_value_has_a_class_of_its_own_and_stays_within_its_table() {
        let steps = (-13..=13).map(|step| Line { steps: [Some(step), None], ..Line::default() }.step(0));
        assert!([0].into_iter().chain(steps).eq(0..STEPS));
        let distance = |rows| Line { rows: Some(rows), ..Line::default() }.distance();
        assert_eq!([0, 1, 16, 17, 23, 24, 64, 9999].map(distance), [1, 2, 17, 18, 18, 19, 22, ROWS.len()]);
        assert_eq!(Line::default().distance(), 0);
    }

    #[test]
    fn a_note_that_is_expected_is_due_when_it_came_before() {
        let due = |text: &str| {
            let (lines, cursor) = read(text);
            lines.due(Voice::Tr, &cursor)
        };
        let bar = "BAR\nTR_NOTEON_40\nROW_6\nTR_NOTEON_47\n";
        assert_eq!(due(bar), 0, "nothing is expected");
        let again = [("", 2 + 5), ("ROW_2\n", 2 + 4), ("ROW_6\n", 2), ("ROW_7\n", 1)];
        for (more, class) in again {
            assert_eq!(due(&format!("{bar}BAR\nTR_NOTEON_40\n{more}")), class, "{more}");
        }
    }

    #[test]
    fn the_key_is_that_of_the_last_notes() {
        let scale = |tonic: u8| {
            let notes = [0, 4, 7, 0, 4, 7, 0, 5, 9, 0, 2, 7, 11, 0];
            notes.map(|step| format!("BAR\nP1_NOTEON_{}", tonic + step)).join("\n")
        };
        let first = scale(60);
        assert_eq!(after(&first).key(), 1, "C major");
        let moved = format!("{first}\n{}", vec![scale(62); 8].join("\n"));
        assert_eq!(after(&moved).key(), 3, "D major");
        assert_eq!(after("BAR\nP1_NOTEON_60\nBAR\nP1_NOTEON_67").key(), 0, "two pitch classes");
    }
}
