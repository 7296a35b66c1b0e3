//! Where the lines of the voices have just gone: what a melody's next step and a rhythm's next note hang on.
//!
//! A model that is told the last pitch alone has to find the note before it by attention, in each voice among the tokens of
//! all four. It then turns back more often than songs do: on NES-MDB's train split, with every token given, a model
//! without these expected a line to turn at 0.59 of the steps of the first pulse where songs turn at 0.55.

use super::cursor::Cursor;
use super::measure::best_key;
use super::token::Token;
use crate::voice::Voice;

/// Semitones of a step that are told apart, upward and downward; a longer one counts as the longest.
const LONGEST_STEP: u8 = 13;

/// The values of a step: none yet, and those from down to up.
pub(super) const STEPS: usize = 2 * LONGEST_STEP as usize + 2;

/// The lower bounds of the classes of rows between two onsets.
pub(super) const ROWS: [u64; 22] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 24, 32, 33, 64];

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
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    pitch: Option<u8>,
    /// The row of the last onset.
    onset: u64,
    /// The last steps in semitones, the latest first.
    pub steps: [Option<i8>; 2],
    /// The rows between the last two onsets.
    pub rows: Option<u64>,
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
            self.key = (played >= CLASSES).then(|| best_key(&self.classes).0);
        }
    }

    /// The line of a voice.
    pub(super) fn of(&self, voice: Voice) -> Line {
        self.voices[voice.index()]
    }

    /// The key of the last notes: 0 for none yet, 1 to 12 major from C, 13 to 24 minor.
    pub(super) fn key(&self) -> usize {
        self.key.map_or(0, |key| 1 + usize::from(key))
    }
}

impl Line {
    fn take(&mut self, pitch: u8, row: u64) {
        if let Some(last) = self.pitch {
            let semitones = i16::from(pitch) - i16::from(last);
            let longest = i16::from(LONGEST_STEP);
            self.steps = [Some(semitones.clamp(-longest, longest) as i8), self.steps[0]];
            self.rows = Some(row.saturating_sub(self.onset));
        }
        (self.pitch, self.onset) = (Some(pitch), row);
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
