//! The readable mode: notes on the rows of the song, played by few instruments.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::bars::Row;
use super::frames::Frame;
use super::grid::Grid;
use super::instruments::{self, Choice, level_loss};
use super::module::{Action, CHANNELS, Cell, Instrument, MAX_ENVELOPE};
use super::notes::{self, Note};
use super::pitch::NoteTable;
use super::play::Mixing;

/// What a change of volume within a note has to gain over a row.
const WORTH_A_CHANGE: f64 = 0.5;
/// The loudest that a sound may end and be left to end by itself.
const FADED: u8 = 3;

/// The voices as cells, and what plays them.
pub(super) struct Readable {
    pub(super) instruments: Vec<Instrument>,
    /// By channel: the row in the song, and the cell. The samples are still to come.
    pub(super) cells: [Vec<(usize, Cell)>; CHANNELS],
}

/// Where the notes of each voice begin, for the estimate of the rows.
pub(super) fn onsets(frames: &[Frame], table: &NoteTable, loop_frame: Option<usize>) -> Vec<Vec<usize>> {
    (0..4).map(|voice| notes::onsets(frames, voice, table, loop_frame, |_, _| true)).collect()
}

/// Writes the voices down. The loop point, if there is one, begins a row.
pub(super) fn write(
    frames: &[Frame],
    grid: &Grid,
    table: &NoteTable,
    loop_frame: Option<usize>,
    mixing: Mixing,
) -> Readable {
    let mut voices: Vec<Vec<Note>> = (0..4).map(|voice| notes_on(frames, voice, grid, table, loop_frame)).collect();
    let (found, choices) = instruments::find(&voices, mixing);
    let instruments = ended(found, &mut voices, &choices);
    let mut cells = cells(frames, grid, mixing, &instruments, &voices, &choices);
    for (voice, cells) in cells.iter_mut().enumerate().take(voices.len()) {
        cut_at_loop(cells, frames, grid, voice, loop_frame);
    }
    Readable { instruments, cells }
}

/// The cells of the notes of each voice, which instruments play as chosen.
pub(super) fn cells(
    frames: &[Frame],
    grid: &Grid,
    mixing: Mixing,
    instruments: &[Instrument],
    voices: &[Vec<Note>],
    choices: &[Vec<Choice>],
) -> [Vec<(usize, Cell)>; CHANNELS] {
    std::array::from_fn(|channel| match voices.get(channel) {
        Some(notes) => {
            let played = notes.iter().zip(&choices[channel]);
            let writer = Writer { frames, grid, mixing, instruments, voice: channel };
            let is_tuned = notes.iter().any(|note| note.fine != 0);
            played.flat_map(|(note, choice)| writer.cells(note, *choice, is_tuned)).collect()
        }
        None => Vec::new(),
    })
}

/// The notes of a voice, at most one a row.
fn notes_on(frames: &[Frame], voice: usize, grid: &Grid, table: &NoteTable, loop_frame: Option<usize>) -> Vec<Note> {
    let free = |last, frame| grid.row_of(frame) > grid.row_of(last);
    let onsets = notes::onsets(frames, voice, table, loop_frame, free);
    notes::notes(frames, voice, table, &onsets, |start, end, next| {
        let next_row = if next == frames.len() { usize::MAX } else { grid.row_of(next) };
        let (first_row, row) = (grid.row_of(start), grid.row_of(end));
        if row > first_row || grid.row_starts.get(row) == Some(&start) {
            return (row < next_row).then_some(end);
        }
        // A note that is delayed in its row cannot be cut there.
        (row + 1 < next_row).then(|| grid.row_starts.get(row + 1).copied()).flatten()
    })
}

/// Cuts what sounds at the end of the song where it goes on in silence.
fn cut_at_loop(cells: &mut Vec<(usize, Cell)>, frames: &[Frame], grid: &Grid, voice: usize, loop_frame: Option<usize>) {
    let is_silent = |frame: Option<&Frame>| frame.is_none_or(|frame| frame[voice].volume == 0);
    let Some(start) = loop_frame.filter(|&start| is_silent(frames.get(start)) && !is_silent(frames.last())) else {
        return;
    };
    let row = grid.row_of(start);
    let place = cells.partition_point(|(other, _)| *other < row);
    if cells.get(place).is_none_or(|(other, _)| *other > row) {
        cells.insert(place, (row, Cell { action: Some(Action::Cut), ..Cell::default() }));
    }
}

/// Lets sounds that always die away together end by themselves: drums, and what has faded.
fn ended(mut instruments: Vec<Instrument>, voices: &mut [Vec<Note>], choices: &[Vec<Choice>]) -> Vec<Instrument> {
    for (index, instrument) in instruments.iter_mut().enumerate() {
        let played = || voices.iter().zip(choices).flat_map(|(notes, choices)| notes.iter().zip(choices));
        let users = || played().filter(|(_, choice)| choice.instrument == index).map(|(note, _)| note);
        let is_drum = choices[3].iter().any(|choice| choice.instrument == index);
        let longest = users().map(|note| note.course.len()).max().unwrap_or_default();
        let together = users().all(|note| note.cut || note.course.len() < longest);
        let faded = instrument.volume.last().is_some_and(|&volume| volume > 0 && volume <= FADED);
        let ends = together && longest < MAX_ENVELOPE && instrument.volume.len() <= longest;
        if ends && (is_drum || faded) && longest > 0 {
            let held = instrument.volume.last().copied().unwrap_or(15);
            instrument.volume.resize(longest, held);
            instrument.volume.push(0);
        }
    }
    for (notes, choices) in voices.iter_mut().zip(choices) {
        for (note, choice) in notes.iter_mut().zip(choices) {
            let volumes = &instruments[choice.instrument].volume;
            let rest = volumes.get(note.end - note.start..).unwrap_or_default();
            note.cut &= volumes.last() != Some(&0) || rest.iter().any(|&volume| volume > 0);
        }
    }
    instruments
}

struct Writer<'a> {
    frames: &'a [Frame],
    grid: &'a Grid,
    mixing: Mixing,
    instruments: &'a [Instrument],
    voice: usize,
}

impl Writer<'_> {
    /// The cells of a note: its onset, changes of volume at later rows where they bring it nearer, its end.
    fn cells(&self, note: &Note, choice: Choice, is_tuned: bool) -> Vec<(usize, Cell)> {
        let has_volume = self.voice != 2;
        let (row, cell) = self.at(note.start);
        let mut cells = vec![(
            row,
            Cell {
                action: Some(Action::Play { note: note.pitch, instrument: choice.instrument as u8 }),
                volume: has_volume.then_some(choice.volume),
                fine: (is_tuned && self.voice != 3).then_some(note.fine),
                ..cell
            },
        )];
        // The row with which the next note begins is that note's.
        let end = self.grid.row_of(note.end);
        let last = if note.cut || note.end == self.frames.len() { end } else { end.saturating_sub(1) };
        let mut volume = choice.volume;
        for row in row + 1..=last {
            if !has_volume {
                break;
            }
            let better = self.volume(note, choice.instrument, row, volume);
            if better != volume {
                volume = better;
                cells.push((row, Cell { volume: Some(volume), ..Cell::default() }));
            }
        }
        if note.cut {
            let (row, cell) = self.at(note.end);
            let cut = Cell { action: Some(Action::Cut), ..cell };
            match cells.last_mut() {
                // A change of volume with the frame of the cut is of no use.
                Some((other, change)) if *other == row && change.action.is_none() && cut.delay == 0 => *change = cut,
                _ => cells.push((row, cut)),
            }
        }
        cells
    }

    /// The place of a frame.
    fn at(&self, frame: usize) -> (usize, Cell) {
        let row = self.grid.row_of(frame);
        let delay = (frame - self.grid.row_starts.get(row).copied().unwrap_or(frame)) as u8;
        (row, Cell { delay, ..Cell::default() })
    }

    /// The volume of the channel that suits a row of a note: the one that is, unless much is gained by another.
    fn volume(&self, note: &Note, instrument: usize, row: usize, now: u8) -> u8 {
        let start = self.grid.row_starts[row];
        let end = (start + self.grid.length_of(row)).min(note.end);
        let envelope = &self.instruments[instrument].volume;
        let lost = |volume: u8| -> f64 {
            let frame = |frame: usize| {
                let played = Instrument::at(envelope, frame - note.start, 15);
                level_loss(self.frames[frame][self.voice].volume, self.mixing.volume(played, volume))
            };
            (start..end).map(frame).sum()
        };
        let kept = lost(now);
        if kept < WORTH_A_CHANGE {
            return now;
        }
        let best = (0..=15).map(|volume| (lost(volume), volume)).min_by(|one, other| one.0.total_cmp(&other.0));
        best.filter(|(least, _)| kept - least > WORTH_A_CHANGE).map_or(now, |(_, volume)| volume)
    }
}

/// What the rows of each channel hold, for the choice of the bars.
pub(super) fn rows(cells: &[Vec<(usize, Cell)>; CHANNELS], count: usize) -> Vec<Vec<Row>> {
    let channel = |cells: &Vec<(usize, Cell)>| {
        let mut rows = vec![Row::default(); count];
        for (row, cell) in cells {
            let mut hasher = DefaultHasher::new();
            (rows[*row].hash, cell).hash(&mut hasher);
            rows[*row] = Row { hash: hasher.finish(), cells: rows[*row].cells + 1 };
        }
        rows
    };
    cells.iter().map(channel).collect()
}
