//! Songs of TX3: their rows, bars and instruments are known, and become those of the tracker one to one.
//!
//! An instrument becomes one of the tracker for each row of pitches that its notes run through (TX3's figures); most have
//! none. A row in which one voice has more to say than a tracker's row holds is parted.

use std::ops::Range;

use super::frames::Frame;
use super::grid::Grid;
use super::instruments::{Choice, level_loss};
use super::module::{CHANNELS, Cell, Instrument, MAX_ENVELOPE, MAX_INSTRUMENTS, MAX_PATTERN_FRAMES, MAX_ROWS};
use super::notes::{self, Group, Note};
use super::pitch::NoteTable;
use super::play::Mixing;
use super::readable::{self, Readable};
use crate::tx3::{InstrumentedSong, Stretch, course_of};
use crate::voice::Voice;

/// The rows of a song of TX3, what is in them, and its bars.
pub(super) struct Scored {
    pub(super) grid: Grid,
    pub(super) readable: Readable,
    pub(super) bars: Vec<Range<usize>>,
}

/// Writes a song of TX3 down, if a tracker has room for its instruments and its bars (at most `bars`).
pub(super) fn write(
    song: &InstrumentedSong,
    frames: &[Frame],
    table: &NoteTable,
    mixing: Mixing,
    bars: usize,
) -> Option<Scored> {
    if frames.len() != song.frames {
        return None;
    }
    let voices: Vec<Vec<Note>> = (0..4)
        .map(|voice| song.voices[voice].iter().map(|stretch| note(stretch, frames, voice, table)).collect())
        .collect();
    let grid = Grid::of_rows(&parted(&song.rows, &voices, song.frames), song.frames);
    let mut kit = Kit::default();
    let choices: Vec<Vec<Choice>> = (0..4)
        .map(|voice| {
            let instruments = kit.choose(voice, &song.voices[voice], &voices[voice]);
            let notes = voices[voice].iter().zip(&song.voices[voice]).zip(instruments);
            notes
                .map(|((note, stretch), instrument)| {
                    let volume = kit.volume(instrument, note, stretch.loudness, mixing);
                    Choice { instrument, volume }
                })
                .collect()
        })
        .collect();
    if kit.instruments.len() >= MAX_INSTRUMENTS {
        return None;
    }
    let bars = bars_of(song, &grid, bars)?;
    let cells: [Vec<(usize, Cell)>; CHANNELS] =
        readable::cells(frames, &grid, mixing, &kit.instruments, &voices, &choices);
    Some(Scored { grid, readable: Readable { instruments: kit.instruments, cells }, bars })
}

/// A stretch as a note.
fn note(stretch: &Stretch, frames: &[Frame], voice: usize, table: &NoteTable) -> Note {
    let Stretch { start, end, joined, .. } = *stretch;
    let (pitch, fine, course) = notes::course(&frames[start..end.min(start + MAX_ENVELOPE)], voice, table);
    Note { start, end, cut: !joined, pitch, fine, period: frames[start][voice].period, course }
}

/// The rows, parted where a voice has two notes in one, or a note that is late and its end.
fn parted(rows: &[usize], voices: &[Vec<Note>], frames: usize) -> Vec<usize> {
    let mut starts = rows.to_vec();
    for notes in voices {
        let mut said = Vec::new();
        for note in notes {
            said.push((note.start, false));
            said.extend(note.cut.then_some((note.end, true)).filter(|&(end, _)| end < frames));
        }
        let mut before: Option<(usize, usize)> = None; // a row of the song, and the frame that was said last in it
        for &(frame, cut) in &said {
            let row = rows.partition_point(|&start| start <= frame) - 1;
            if let Some((last_row, last)) = before
                && last_row == row
                && !(cut && last == rows[row])
            {
                starts.push(frame);
            }
            before = Some((row, frame));
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The bars as rows of the grid: some joined where there are too many.
fn bars_of(song: &InstrumentedSong, grid: &Grid, most: usize) -> Option<Vec<Range<usize>>> {
    let joined = song.bars.len().div_ceil(most.max(1)).max(1);
    let starts: Vec<usize> = song.bars.iter().step_by(joined).copied().collect();
    let ends = starts.iter().skip(1).copied().chain([song.frames]);
    let bar = |(&start, end): (&usize, usize)| {
        let rows = grid.row_of(start)..if end == song.frames { grid.row_starts.len() } else { grid.row_of(end) };
        (rows.len() <= MAX_ROWS && end - start <= MAX_PATTERN_FRAMES).then_some(rows)
    };
    starts.iter().zip(ends).map(bar).collect()
}

/// The instruments of a song.
#[derive(Default)]
struct Kit {
    instruments: Vec<Instrument>,
    /// Whose instrument of the codebook each is, and all pitches that it runs through.
    origins: Vec<(Group, Option<u8>, Vec<i8>)>,
}

impl Kit {
    /// The instrument of each note of a voice. A note that ends early plays the beginning of a longer one's pitches.
    fn choose(&mut self, voice: usize, stretches: &[Stretch], notes: &[Note]) -> Vec<usize> {
        let group = Group::of(voice);
        let pitches = |note: &Note| note.course.iter().map(|step| step.arpeggio).collect::<Vec<i8>>();
        let mut order: Vec<usize> = (0..notes.len()).collect();
        order.sort_by_key(|&index| (std::cmp::Reverse(notes[index].course.len()), index));
        let mut chosen = vec![0; notes.len()];
        for index in order {
            let (number, own) = (stretches[index].instrument, pitches(&notes[index]));
            let plays = |(of, instrument, all): &(Group, Option<u8>, Vec<i8>)| {
                *of == group && *instrument == number && begins(all, &own)
            };
            chosen[index] = self.origins.iter().position(plays).unwrap_or_else(|| {
                self.instruments.push(self.instrument(voice, number, &own));
                self.origins.push((group, number, own));
                self.instruments.len() - 1
            });
        }
        chosen
    }

    fn instrument(&self, voice: usize, number: Option<u8>, pitches: &[i8]) -> Instrument {
        let group = Group::of(voice);
        let (volume, timbre) = number.map(|number| course_of(Voice::ALL[voice], number)).unwrap_or_default();
        let name = number.map_or_else(|| group.name().to_owned(), |number| format!("{} {number:02}", group.name()));
        let plain = pitches.iter().all(|&pitch| pitch == 0);
        let alike = self
            .origins
            .iter()
            .filter(|(of, other, all)| *of == group && *other == number && all.iter().any(|&pitch| pitch != 0));
        let name = if plain { name } else { format!("{name} figure {}", alike.count() + 1) };
        let held = pitches.iter().rev().take_while(|pitch| Some(*pitch) == pitches.last()).count();
        let arpeggio = if plain { &[] } else { &pitches[..(pitches.len() + 1).saturating_sub(held)] };
        Instrument { name, volume, arpeggio: arpeggio.to_vec(), pitch: Vec::new(), timbre }
    }

    /// The volume of the channel with which a note is as loud as it is: the loudness, or the one above where a program
    /// rounds down.
    fn volume(&self, instrument: usize, note: &Note, loudness: u8, mixing: Mixing) -> u8 {
        let course = &self.instruments[instrument].volume;
        let lost = |volume: u8| -> f64 {
            let played = |age: usize| mixing.volume(Instrument::at(course, age, 15), volume);
            note.course.iter().enumerate().map(|(age, step)| level_loss(step.volume, played(age))).sum()
        };
        let above = (loudness + 1).min(15);
        if lost(above) < lost(loudness) { above } else { loudness }
    }
}

/// Whether pitches begin with others; the last is held.
fn begins(all: &[i8], own: &[i8]) -> bool {
    own.iter().enumerate().all(|(age, pitch)| all.get(age).or(all.last()) == Some(pitch))
}
