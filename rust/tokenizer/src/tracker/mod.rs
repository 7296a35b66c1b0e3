//! Songs for trackers: `FamiTracker` text (`.ftm.txt`) and `FamiStudio` text (`.fms.txt`).
//!
//! ```text
//! RegisterLog ─ FrameClock ─▶ frames ─┬─ exact: a row a frame ─────────────────────┐
//!                                     ├─ readable: Grid ─ notes ─ instruments ─────┼─ bars ─▶ Module ─▶ text
//! Song of TX3 ────────────────────────┴─ its rows, bars and instruments ───────────┘
//! ```
//! A log is looked at once a frame ([`FrameClock`], [`frames_of`]). The exact mode writes down every change, so that the
//! program plays in each frame the pitch, the volume and the timbre that the log has. The readable mode finds the rows of
//! the song ([`Grid`]), its notes and the few instruments by which they can be played, and the bars that repeat; what
//! differs by that is counted ([`TrackerReport`]).

mod bars;
mod clock;
mod exact;
pub mod famistudio;
pub mod famitracker;
mod frames;
mod grid;
mod instruments;
mod module;
mod notes;
mod pitch;
mod play;
mod readable;
mod repeats;
mod samples;
mod scored;

use std::ops::Range;

use lakhnes_apu::RegisterLog;

pub use clock::FrameClock;
pub use frames::{Frame, MAX_FRAMES, Tone, frames_of};
pub use grid::Grid;
pub use module::{Action, Bar, CHANNELS, Cell, Instrument, MAX_ROWS, Module, Pattern, SampleKey};
pub use pitch::NoteTable;
pub use repeats::Repeat;

use crate::error::{TokenizerError, check_limit};
use crate::song::Song;
use crate::tx3::InstrumentedSong;
use crate::{PerformOptions, perform};
use bars::{Limits, Section};
use play::Mixing;
use samples::Dpcm;

/// The program that a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackerFormat {
    /// `FamiTracker`, its descendants, and all that read its text.
    FamiTracker,
    /// `FamiStudio`.
    FamiStudio,
}

/// How a song is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrackerMode {
    /// Every change in every frame.
    Exact,
    /// Rows, notes and instruments.
    #[default]
    Readable,
}

/// What a text holds, and how it differs from the log.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerReport {
    /// When the log was looked at.
    pub clock: FrameClock,
    /// The length in frames.
    pub frames: usize,
    /// Frames in which p1, p2, tr and no play anything else than in the log.
    pub differing: [usize; 4],
    /// Frames in which any voice does.
    pub differing_frames: usize,
    /// Instruments.
    pub instruments: usize,
    /// Bars, and the patterns of each channel that they play.
    pub bars: usize,
    /// Different patterns that p1, p2, tr, no and the samples have.
    pub patterns: [usize; CHANNELS],
    /// Rows.
    pub rows: usize,
    /// Starts of samples that have no place in a tracker.
    pub samples_left_out: usize,
}

/// Shortest and longest bar of the readable mode, in frames, and its fewest rows.
const BAR_FRAMES: [usize; 2] = [60, 400];
const BAR_ROWS: usize = 8;
/// Shortest pattern of the exact mode.
const EXACT_ROWS: usize = 64;

/// Writes a log as text for a tracker.
///
/// # Errors
/// [`TokenizerError::Limit`] for a log longer than the program's patterns hold.
pub fn export(
    log: &RegisterLog,
    format: TrackerFormat,
    mode: TrackerMode,
) -> Result<(String, TrackerReport), TokenizerError> {
    write(log, FrameClock::of(log), None, format, mode)
}

/// Writes a song as text for a tracker. One that was read from TX3 keeps its rows, bars and instruments where it is to be
/// readable; any other is written as what is performed.
///
/// # Errors
/// Those of [`perform()`] and of [`export`].
pub fn export_song(
    song: &Song,
    options: &PerformOptions,
    format: TrackerFormat,
    mode: TrackerMode,
) -> Result<(String, TrackerReport), TokenizerError> {
    let log = perform(song, options)?;
    // What is too long by any clock is refused before its instruments are looked for, which takes seconds.
    let count = FrameClock::of(&log).frames(log.length);
    if count - count / 50 > MAX_FRAMES {
        check_limit("length in frames", MAX_FRAMES, count)?;
    }
    // What is reduced or expressed is another song.
    let is_itself = options.downsample.is_none() && perform(song, &PerformOptions::default())? == log;
    let known = if is_itself && mode == TrackerMode::Readable { InstrumentedSong::of(song)? } else { None };
    match known.as_ref().and_then(|known| Some((known, FrameClock::of_song(known)?))) {
        Some((known, clock)) => write(&log, clock, Some(known), format, mode),
        None => export(&log, format, mode),
    }
}

fn write(
    log: &RegisterLog,
    clock: FrameClock,
    known: Option<&InstrumentedSong>,
    format: TrackerFormat,
    mode: TrackerMode,
) -> Result<(String, TrackerReport), TokenizerError> {
    let frames = frames_of(log, &clock)?;
    let mut dpcm = Dpcm::of(log, &clock);
    dpcm.events.retain(|(frame, _)| *frame < frames.len());
    let loop_frame = log.loop_start.map(|tick| clock.frames(tick) as usize);
    let loop_frame = loop_frame.filter(|&frame| frame < frames.len());
    let left_out = dpcm.left_out;
    let source = Source { log, frames: &frames, loop_frame, dpcm, format };
    let module = match mode {
        TrackerMode::Exact => source.exact(),
        TrackerMode::Readable => source.readable(known),
    }?;
    let played = play::play(&module, format.mixing());
    let text = match format {
        TrackerFormat::FamiTracker => famitracker::write(&module),
        TrackerFormat::FamiStudio => famistudio::write(&module),
    };
    let differing = |voice: usize| frames.iter().zip(&played).filter(|(one, other)| one[voice] != other[voice]).count();
    let report = TrackerReport {
        clock,
        frames: frames.len(),
        differing: std::array::from_fn(differing),
        differing_frames: frames.iter().zip(&played).filter(|(one, other)| one != other).count(),
        instruments: module.instruments.len() + usize::from(!module.keys.is_empty()),
        bars: module.bars.len(),
        patterns: std::array::from_fn(|channel| module.patterns[channel].len()),
        rows: module.bars.iter().map(|bar| bar.rows.len()).sum(),
        samples_left_out: left_out,
    };
    Ok((text, report))
}

impl TrackerFormat {
    const fn mixing(self) -> Mixing {
        match self {
            Self::FamiTracker => Mixing::Down,
            Self::FamiStudio => Mixing::Nearest,
        }
    }

    /// The most bars of a song; `FamiTracker` ends one that does not loop with a bar more.
    const fn bars(self) -> usize {
        match self {
            Self::FamiTracker => famitracker::MAX_PATTERNS - 1,
            Self::FamiStudio => famistudio::MAX_PATTERNS,
        }
    }

    /// The longest bar of the exact mode, in frames.
    const fn exact_rows(self) -> usize {
        match self {
            Self::FamiTracker => MAX_ROWS,
            Self::FamiStudio => module::MAX_PATTERN_FRAMES,
        }
    }
}

/// What a module is made from.
struct Source<'a> {
    log: &'a RegisterLog,
    frames: &'a [Frame],
    loop_frame: Option<usize>,
    dpcm: Dpcm,
    format: TrackerFormat,
}

impl Source<'_> {
    fn exact(self) -> Result<Module, TokenizerError> {
        let count = self.frames.len();
        check_limit("length in frames for the exact mode", self.longest() as u64, count as u64)?;
        let sections = sections(&[0, self.loop_frame.unwrap_or_default()], count, false);
        let shortest = EXACT_ROWS.max(count / (self.format.bars() - 2 * sections.len()) + 1);
        let lengths = shortest..MAX_ROWS.max(shortest) + 1;
        let limits = Limits { lengths, bars: self.format.bars() };
        let bars = bars::choose(&exact::rows(self.frames), &sections, &limits);
        let mut cells = exact::all_cells(self.frames, &bars, &NoteTable::new(self.log.standard));
        cells[module::DPCM].clone_from(&self.dpcm.events);
        let grid = Grid::every_frame(count);
        Ok(self.module(vec![Instrument { name: "Plain".to_owned(), ..Instrument::default() }], &cells, &bars, &grid))
    }

    fn readable(mut self, known: Option<&InstrumentedSong>) -> Result<Module, TokenizerError> {
        let table = NoteTable::new(self.log.standard);
        let (mixing, most) = (self.format.mixing(), self.format.bars());
        if let Some(scored) = known.and_then(|song| scored::write(song, self.frames, &table, mixing, most)) {
            let scored::Scored { grid, readable: readable::Readable { instruments, cells }, bars } = scored;
            return Ok(self.module(instruments, &cells, &bars, &grid));
        }
        let onsets = readable::onsets(self.frames, &table, self.loop_frame);
        let grid = Grid::estimate(&onsets, self.frames, self.loop_frame);
        let count = grid.row_starts.len();
        check_limit("length in rows", self.longest().min(self.format.bars() * MAX_ROWS / 2) as u64, count as u64)?;
        let readable::Readable { instruments, mut cells } =
            readable::write(self.frames, &grid, &table, self.loop_frame, mixing);
        cells[module::DPCM] = on_rows(std::mem::take(&mut self.dpcm.events), &grid);
        let bars = self.bars(&cells, &grid);
        Ok(self.module(instruments, &cells, &bars, &grid))
    }

    /// The longest song of the exact mode.
    const fn longest(&self) -> usize {
        self.format.exact_rows() * (self.format.bars() - 4)
    }

    /// The bars of the readable mode.
    fn bars(&self, cells: &[Vec<(usize, Cell)>; CHANNELS], grid: &Grid) -> Vec<Range<usize>> {
        let count = grid.row_starts.len();
        let starts: Vec<usize> = grid.parts.iter().map(|&frame| grid.row_of(frame)).collect();
        let sections = sections(&starts, count, true);
        if let Some((length, first)) = grid.bars {
            return bars::cut(&sections, length, first % length);
        }
        // The whole rows; the first may be short.
        let frames = (grid.frames / count.max(1)).max(1);
        let fewest = count / (self.format.bars() - 2 * sections.len()) + 1;
        let [short, long] = BAR_FRAMES.map(|length| length / frames);
        let shortest = short.max(BAR_ROWS).max(fewest);
        let lengths = shortest..long.min(MAX_ROWS).max(shortest) + 1;
        let limits = Limits { lengths, bars: self.format.bars() };
        bars::choose(&readable::rows(cells, count), &sections, &limits)
    }

    fn module(
        self,
        instruments: Vec<Instrument>,
        cells: &[Vec<(usize, Cell)>; CHANNELS],
        bars: &[Range<usize>],
        grid: &Grid,
    ) -> Module {
        let (patterns, order) = bars::patterns(cells, bars, |row| grid.length_of(row));
        let loop_row = self.loop_frame.map(|frame| grid.row_of(frame));
        let loop_bar = loop_row.and_then(|row| bars.iter().position(|bar| bar.start == row));
        Module {
            tags: self.log.tags.clone(),
            standard: self.log.standard,
            instruments,
            samples: self.dpcm.samples,
            keys: self.dpcm.keys,
            patterns,
            bars: order,
            loop_bar,
        }
    }
}

/// What is cut into bars: the rows from each start to the next. What comes before the last of the starts has no upbeat of
/// its own if it is an introduction.
fn sections(starts: &[usize], count: usize, upbeat: bool) -> Vec<Section> {
    let mut starts: Vec<usize> = starts.iter().copied().filter(|&start| start < count).chain([0, count]).collect();
    starts.sort_unstable();
    starts.dedup();
    let is_whole = starts.len() == 2;
    let section = |pair: &[usize]| Section { rows: pair[0]..pair[1], upbeat: upbeat && (is_whole || pair[0] > 0) };
    starts.windows(2).map(section).collect()
}

/// What the sample channel does, at most once a row.
fn on_rows(events: Vec<(usize, Cell)>, grid: &Grid) -> Vec<(usize, Cell)> {
    let mut cells: Vec<(usize, Cell)> = Vec::with_capacity(events.len());
    for (frame, cell) in events {
        let row = grid.row_of(frame);
        let delay = (frame - grid.row_starts[row]) as u8;
        match cells.last_mut().filter(|(last, _)| *last == row) {
            Some((_, last)) => {
                last.action = cell.action.or(last.action);
                last.level = cell.level.or(last.level);
            }
            None => cells.push((row, Cell { delay, ..cell })),
        }
    }
    cells
}
