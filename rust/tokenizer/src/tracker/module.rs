//! What a tracker holds: instruments, samples, patterns and the order in which they are played.
//!
//! The model of both programs. Time within a bar is a row and a delay in frames; how long a row lasts is the bar's matter.

use lakhnes_apu::{Standard, Tags};

/// The channels: p1, p2, tr, no and the samples.
pub const CHANNELS: usize = 5;
/// The channel of the samples.
pub(super) const DPCM: usize = 4;
/// The most instruments that `FamiTracker` holds.
pub(super) const MAX_INSTRUMENTS: usize = 64;
/// The longest envelope of `FamiTracker` (`FamiStudio`: 256).
pub(super) const MAX_ENVELOPE: usize = 252;
/// The longest pattern of `FamiTracker`, in rows.
pub const MAX_ROWS: usize = 256;
/// The longest pattern of `FamiStudio`, in frames.
pub(super) const MAX_PATTERN_FRAMES: usize = 2_047;

/// Courses that a note runs through, a value a frame; the last is held. An empty one leaves the note as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Instrument {
    /// What it is called; each otherwise.
    pub name: String,
    /// 0 to 15.
    pub volume: Vec<u8>,
    /// Semitones above the note.
    pub arpeggio: Vec<i8>,
    /// Steps of the timer to be added, −64 to 63.
    pub pitch: Vec<i8>,
    /// Duty or noise mode.
    pub timbre: Vec<u8>,
}

impl Instrument {
    /// A course at a frame of a note; `rest` where there is none.
    pub(super) fn at<T: Copy>(course: &[T], age: usize, rest: T) -> T {
        course.get(age).or(course.last()).copied().unwrap_or(rest)
    }
}

/// A sample that a key plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// Which of [`Module::samples`].
    pub sample: usize,
    /// The rate index, 0 to 15.
    pub rate: u8,
    /// Whether it starts over at its end.
    pub looped: bool,
}

/// What begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A note: 0 to 95, for the noise 15 − period, for samples the index of the key.
    Play {
        /// The note.
        note: u8,
        /// Which of [`Module::instruments`]; samples have one of their own.
        instrument: u8,
    },
    /// Silence.
    Cut,
}

/// What happens in a channel at a moment. Whatever is `None` stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cell {
    /// The row.
    pub row: u16,
    /// Frames after its begin.
    pub delay: u8,
    /// A note or its end.
    pub action: Option<Action>,
    /// The volume, 0 to 15, with which that of the instrument is multiplied.
    pub volume: Option<u8>,
    /// Duty or noise mode.
    pub timbre: Option<u8>,
    /// Steps of the timer to be added, −127 to 127.
    pub fine: Option<i8>,
    /// The level of the sample channel, 0 to 127.
    pub level: Option<u8>,
}

/// The cells of one channel in one bar, in the order of their times.
pub type Pattern = Vec<Cell>;

/// A bar of the song.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Which pattern each channel plays.
    pub patterns: [usize; CHANNELS],
    /// Frames of each row.
    pub rows: Vec<u8>,
}

impl Bar {
    /// Its length in frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.rows.iter().map(|&row| usize::from(row)).sum()
    }

    /// The frame of a cell, from the begin of the bar.
    #[must_use]
    pub fn frame_of(&self, cell: &Cell) -> usize {
        let before = self.rows.iter().take(cell.row.into()).map(|&row| usize::from(row));
        before.sum::<usize>() + usize::from(cell.delay)
    }
}

/// A song as a tracker holds it.
#[derive(Debug, Clone)]
pub struct Module {
    /// What is known about it.
    pub tags: Tags,
    /// The console.
    pub standard: Standard,
    /// The instruments of the voices, at most 63.
    pub instruments: Vec<Instrument>,
    /// The bytes of the samples.
    pub samples: Vec<Vec<u8>>,
    /// The keys that play them.
    pub keys: Vec<SampleKey>,
    /// The patterns of each channel.
    pub patterns: [Vec<Pattern>; CHANNELS],
    /// The order.
    pub bars: Vec<Bar>,
    /// The bar with which it goes on after the last; `None` where it ends there.
    pub loop_bar: Option<usize>,
}

impl Module {
    /// The cells of a channel with their frames in the song, in order.
    pub(super) fn cells(&self, channel: usize) -> impl Iterator<Item = (usize, &Cell)> {
        let mut start = 0;
        self.bars.iter().flat_map(move |bar| {
            let begin = start;
            start += bar.frames();
            let pattern = &self.patterns[channel][bar.patterns[channel]];
            pattern.iter().map(move |cell| (begin + bar.frame_of(cell), cell))
        })
    }

    /// Its length in frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.bars.iter().map(Bar::frames).sum()
    }
}
