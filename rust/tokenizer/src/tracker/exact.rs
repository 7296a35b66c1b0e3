//! The exact mode: a row a frame. Whatever changes from one frame to the next is written down.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::bars::Row;
use super::frames::{Frame, Tone};
use super::module::{Action, CHANNELS, Cell};
use super::pitch::NoteTable;

/// The voice of the noise.
const NOISE: usize = 3;

/// A note stays while its fine pitch reaches, and while another is not nearer by far.
const KEPT: i32 = 60;

/// What rows of a frame each would hold.
pub(super) fn rows(frames: &[Frame]) -> Vec<Vec<Row>> {
    let hash = |tone: &Tone| {
        let mut hasher = DefaultHasher::new();
        tone.hash(&mut hasher);
        hasher.finish() | 1
    };
    (0..4).map(|voice| frames.iter().map(|frame| Row { hash: hash(&frame[voice]), cells: 1 }).collect()).collect()
}

/// The cells of a voice. Each bar begins with all that its first frame needs, so that equal frames make equal patterns.
pub(super) fn cells(frames: &[Frame], voice: usize, bars: &[Range<usize>], table: &NoteTable) -> Vec<(usize, Cell)> {
    let mut cells = Vec::new();
    for bar in bars {
        let mut before = None;
        for frame in bar.clone() {
            let state = State::of(frames[frame][voice], voice, table, before);
            let cell = state.since(before, voice);
            if cell != Cell::default() {
                cells.push((frame, cell));
            }
            before = Some(state);
        }
    }
    cells
}

/// Cells of all five channels, of which the samples are still to come.
pub(super) fn all_cells(frames: &[Frame], bars: &[Range<usize>], table: &NoteTable) -> [Vec<(usize, Cell)>; CHANNELS] {
    std::array::from_fn(|channel| if channel < 4 { cells(frames, channel, bars, table) } else { Vec::new() })
}

/// What a channel is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    /// The note; none is silence, and the rest is as before.
    note: Option<u8>,
    fine: i8,
    volume: u8,
    timbre: u8,
}

impl State {
    fn of(tone: Tone, voice: usize, table: &NoteTable, before: Option<Self>) -> Self {
        let before = before.unwrap_or(Self { note: None, fine: 0, volume: 15, timbre: 0 });
        if tone.volume == 0 {
            return Self { note: None, ..before };
        }
        let Tone { period, volume, timbre } = tone;
        if voice == NOISE {
            return Self { note: Some(15 - (period & 15) as u8), fine: 0, volume, timbre };
        }
        let fine = |note: u8| i32::from(period) - table.period(note.into());
        let kept = before.note.filter(|&note| fine(note).abs() <= KEPT.min(i32::from(period) / 20));
        let note = kept.unwrap_or_else(|| table.nearest(period));
        Self { note: Some(note), fine: fine(note) as i8, volume, timbre }
    }

    /// What has to be written after another state, or where nothing is known.
    fn since(self, before: Option<Self>, voice: usize) -> Cell {
        let Some(note) = self.note else {
            let silent = before.is_some_and(|before| before.note.is_none());
            return Cell { action: (!silent).then_some(Action::Cut), ..Cell::default() };
        };
        let changed =
            |get: fn(Self) -> u8| before.is_none_or(|before| get(before) != get(self) || before.note.is_none());
        let pitched = voice != NOISE;
        let refined = before.is_none_or(|before| before.fine != self.fine || before.note.is_none());
        Cell {
            action: changed(|state| state.note.unwrap_or(u8::MAX)).then_some(Action::Play { note, instrument: 0 }),
            volume: (voice != 2 && changed(|state| state.volume)).then_some(self.volume),
            timbre: (voice != 2 && changed(|state| state.timbre)).then_some(self.timbre),
            fine: (pitched && refined).then_some(self.fine),
            ..Cell::default()
        }
    }
}
