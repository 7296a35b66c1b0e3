//! The state of a score at a token: what each voice plays, with which sound, and where in the bar the song is.
//!
//! TX3 says a sound, a gate or a tempo once, where it changes, and a note of a gate ends without a token. A model that
//! reads tokens alone would have to remember all of that, however long ago it was said, and count frames. So the state is
//! given to it beside the token: as a few numbers, each a row of one table of embeddings. The predictions of the match model
//! (`recall`) are given as tokens, each with a row of a second table: the weights of the elements of its embedding.

use super::grammar::Grammar;
use super::instrument::{Codebook, LOUDEST};
use super::line_match::Expected;
use super::lines::{DUE, KEYS, Lines, ROWS, STEPS};
use super::player::Player;
use super::recall::{PREDICTIONS, Prediction, Recall};
use super::tempo::{FRAMES_A_ROW, METERS, PARTS};
use super::token::{LAST_ROW, LONGEST_GATE, Table, Token};
use crate::voice::Voice;

/// The numbers of a state: 5 of each voice, but 3 of the triangle, 4 of the place, 2 of the longest match, 3 of the line of
/// each voice, but 1 of that of the noise, the key, and 1 of the note that is expected of each voice.
pub const FEATURES: usize = 39;

/// The predictions: 2 of bars, and 1 of the line of each voice.
pub const RECALLED: usize = PREDICTIONS + 4;

/// The lower bounds of the classes of frames since an onset: a few seconds are told apart, or notes are never ended.
const AGES: [u64; 23] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20, 24, 32, 48, 72, 96, 192, 384];

/// The lower bounds of the classes of match lengths, of the first and of the second prediction; class 0 is below them.
const LENGTHS: [&[u16]; PREDICTIONS] = [&[1, 2, 3, 4, 6, 9, 16, 32, 64, 128], &[1, 4, 16]];

/// The lower bounds of the classes of match lengths of the lines of voices.
const LINE_LENGTHS: [u16; 8] = [1, 2, 3, 4, 6, 9, 17, 33];

/// The lower bounds of the classes of lags in bars; class 0 is the first bar, which has no lag.
const LAGS: [u16; 7] = [1, 2, 3, 4, 5, 8, 9];

/// Frames in a row are told apart up to this one.
const LAST_FRAME: u8 = 15;

/// The state of a score behind the tokens that it was given.
#[derive(Debug, Clone, Default)]
pub struct ScoreState {
    grammar: Grammar,
    heard: [Option<Heard>; 4],
    recall: Recall,
    lines: Lines,
}

/// The last note of a voice, whether or not it still sounds.
#[derive(Debug, Clone, Copy)]
struct Heard {
    pitch: u8,
    onset: u64,
}

impl ScoreState {
    /// The state before the first token.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of rows of the table of embeddings.
    #[must_use]
    pub fn rows() -> usize {
        usize::from(Self::new().number().first)
    }

    /// Takes note of a token in any order; behind a boundary a new song begins.
    pub fn advance(&mut self, token: Token) {
        if token == Token::Boundary {
            *self = Self::new();
            return;
        }
        let before = *self.grammar.cursor();
        self.grammar.advance(token);
        self.lines.advance(token, &before, self.grammar.cursor());
        for (heard, player) in self.heard.iter_mut().zip(self.grammar.players()) {
            if let (Some(pitch), Some((_, onset))) = (player.root(), player.sounding()) {
                *heard = Some(Heard { pitch, onset });
            }
        }
        let grammar = &self.grammar;
        self.recall.advance(token, grammar.place(), |token| grammar.admits(token));
    }

    /// The predictions of the match model: ids of tokens, each with its row of the table of weights, below
    /// [`Self::recall_rows`]. The boundary stands for no prediction.
    #[must_use]
    pub fn recalled(&self) -> [[u16; 2]; RECALLED] {
        let mut first = 0;
        let mut recalled = [[0; 2]; RECALLED];
        for ((recalled, prediction), steps) in recalled.iter_mut().zip(self.recall.predictions()).zip(LENGTHS) {
            let Prediction { token, length, .. } = prediction.unwrap_or_default();
            *recalled = [Table::get().id(token).unwrap_or(0), first + class_of(steps, length)];
            first += steps.len() as u16 + 1;
        }
        for (recalled, voice) in recalled[PREDICTIONS..].iter_mut().zip(Voice::ALL) {
            let (token, length) = match self.lines.of(voice).expected() {
                Some(Expected { next, length }) => (Token::NoteOn(voice, next.pitch), length),
                None => (Token::Boundary, 0),
            };
            *recalled = [Table::get().id(token).unwrap_or(0), first + class_of(&LINE_LENGTHS, length)];
            first += LINE_LENGTHS.len() as u16 + 1;
        }
        recalled
    }

    /// The first prediction of the match model: the id of a token, and the match length; the boundary and 0 for none.
    #[must_use]
    pub fn expected(&self) -> (u16, u16) {
        let Prediction { token, length, .. } = self.recall.predictions()[0].unwrap_or_default();
        (Table::get().id(token).unwrap_or(0), length)
    }

    /// The number of rows of the table of weights of what is recalled.
    #[must_use]
    pub fn recall_rows() -> usize {
        LENGTHS.iter().map(|steps| steps.len() + 1).sum::<usize>() + 4 * (LINE_LENGTHS.len() + 1)
    }

    /// The state as rows of the table, each below [`Self::rows`], one of every feature in a fixed order.
    #[must_use]
    pub fn features(&self) -> [u16; FEATURES] {
        self.number().rows
    }

    fn number(&self) -> Numbering {
        let mut numbering = Numbering { rows: [0; FEATURES], count: 0, first: 0 };
        let now = self.grammar.frame();
        for ((voice, player), heard) in Voice::ALL.into_iter().zip(self.grammar.players()).zip(self.heard) {
            number_voice(&mut numbering, voice, player, heard, now);
        }
        let cursor = self.grammar.cursor();
        let (slowest, fastest) = (*FRAMES_A_ROW.end(), *FRAMES_A_ROW.start());
        let frames = (cursor.tempo.row / PARTS).saturating_sub(u32::from(fastest));
        let meter = METERS.iter().position(|&rows| rows == cursor.tempo.rows).unwrap_or(0);
        numbering.add(usize::from(cursor.row), usize::from(LAST_ROW) + 1);
        numbering.add(usize::from(cursor.frame), usize::from(LAST_FRAME) + 1);
        numbering.add(frames as usize, usize::from(slowest - fastest) + 1);
        numbering.add(meter, METERS.len());
        let Prediction { length, lag, .. } = self.recall.predictions()[0].unwrap_or_default();
        numbering.add(class_of(LENGTHS[0], length).into(), LENGTHS[0].len() + 1);
        numbering.add(class_of(&LAGS, lag).into(), LAGS.len() + 1);
        for voice in Voice::ALL {
            let line = self.lines.of(voice);
            if voice != Voice::No {
                numbering.add(line.step(0), STEPS);
                numbering.add(line.step(1), STEPS);
            }
            numbering.add(line.distance(), ROWS.len() + 1);
        }
        numbering.add(self.lines.key(), KEYS);
        for voice in Voice::ALL {
            numbering.add(self.lines.due(voice, cursor), DUE.len() + 2);
        }
        numbering
    }
}

/// The number of lower bounds that a number reaches.
fn class_of(bounds: &[u16], number: u16) -> u16 {
    bounds.partition_point(|&bound| bound <= number) as u16
}

fn number_voice(numbering: &mut Numbering, voice: Voice, player: &Player, heard: Option<Heard>, now: u64) {
    let pitches = voice.pitches();
    let (lowest, count) = (*pitches.start(), pitches.len());
    // None yet; the pitch that sounds; the pitch that sounded before.
    let pitch = heard.map_or(0, |heard| {
        let pitch = 1 + usize::from(heard.pitch.saturating_sub(lowest)).min(count - 1);
        if player.sounding().is_some() { pitch } else { pitch + count }
    });
    let age = heard.map_or(0, |heard| AGES.partition_point(|&frames| frames <= now.saturating_sub(heard.onset)));
    let (voicing, gate) = player.setting();
    numbering.add(pitch, 1 + 2 * count);
    numbering.add(age, 1 + AGES.len());
    numbering.add(usize::from(gate), usize::from(LONGEST_GATE) + 1);
    if voice.velocities().is_some() {
        numbering.add(usize::from(voicing.instrument), Codebook::get().instruments(voice).len());
        numbering.add(usize::from(voicing.loudness), usize::from(LOUDEST) + 1);
    }
}

/// Gives each feature the rows behind those of the feature before.
struct Numbering {
    rows: [u16; FEATURES],
    count: usize,
    first: u16,
}

impl Numbering {
    fn add(&mut self, value: usize, values: usize) {
        self.rows[self.count] = self.first + value.min(values - 1) as u16;
        self.count += 1;
        self.first += values as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx3;

    fn after(text: &str) -> [u16; FEATURES] {
        let mut state = ScoreState::new();
        for id in tx3::encode(text).expect("TX3") {
            state.advance(tx3::token(id).expect("a token"));
        }
        state.features()
    }

    #[test]
    fn every_feature_has_rows_of_its_own() {
        let first = ScoreState::new().features();
        assert!(first.windows(2).all(|pair| pair[0] < pair[1]), "{first:?}");
        assert!(usize::from(first[FEATURES - 1]) < ScoreState::rows());
    }

    #[test]
    fn a_note_whose_gate_is_over_no_longer_sounds() {
        let held = after("TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_69\nP1_LEN_7\nROW_1");
        let over = after("TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_69\nP1_LEN_5\nROW_1");
        assert_eq!(usize::from(over[0] - held[0]), Voice::P1.pitches().len());
        assert_eq!(over[1], held[1], "as long ago");
        assert_eq!(held[2] - over[2], 2, "the gates");
    }

    #[test]
    fn a_note_of_seconds_is_told_from_a_longer_one() {
        let ages =
            [0, 1, 3, 6].map(|bars| after(&format!("TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_69{}", "\nBAR".repeat(bars)))[1]);
        assert!(ages.is_sorted_by(|shorter, longer| shorter < longer), "{ages:?}");
    }

    #[test]
    fn a_sound_is_known_however_long_ago_it_was_named() {
        let said = "TEMPO_6\nMETER_16\nBAR\nP2_NOTEON_60\nP2_INST_9\nP2_VOL_3";
        let mut text = said.to_owned();
        for _ in 0..500 {
            text.push_str("\nBAR\nP2_NOTEON_62\nROW_8\nP2_NOTEON_60");
        }
        assert_eq!(after(said)[8..10], after(&text)[8..10]);
    }

    #[test]
    fn the_place_is_the_row_the_frame_the_tempo_and_the_meter() {
        let place = |text: &str| <[u16; 4]>::try_from(&after(text)[FEATURES - 21..][..4]).expect("four");
        let start = place("TEMPO_2\nMETER_4\nBAR");
        let later = place("TEMPO_5\nMETER_8\nBAR\nROW_3\nFRAME_2");
        assert_eq!([0, 1, 2, 3].map(|index| later[index] - start[index]), [3, 2, 3, 2]);
    }

    #[test]
    fn what_is_expected_is_how_an_earlier_bar_went_on() {
        let bar = "BAR\nP1_NOTEON_69\nROW_4\nP1_NOTEON_71";
        let mut state = ScoreState::new();
        for id in tx3::encode(&format!("TEMPO_6\nMETER_16\n{bar}\n{bar}")).expect("TX3") {
            state.advance(tx3::token(id).expect("a token"));
        }
        let (token, length) = state.expected();
        assert_eq!((tx3::token(token), length), (Some(Token::Bar), 3));
        assert_eq!(ScoreState::new().expected(), (0, 0));
    }

    #[test]
    fn a_boundary_begins_a_new_song() {
        assert_eq!(after("TEMPO_9\nBAR\nP1_NOTEON_69\nROW_4\nBAR\n<S>"), ScoreState::new().features());
    }
}
