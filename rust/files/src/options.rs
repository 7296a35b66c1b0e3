//! How files are read and written.

use lakhnes_apu::RenderOptions;
use lakhnes_tokenizer::PerformOptions;

/// How a file is written. Each format heeds what concerns it.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// How songs become register writes.
    pub perform: PerformOptions,
    /// How register writes become sound.
    pub render: RenderOptions,
    /// Frames a second of scores as arrays, above 0 and at most 44,100; 0 takes the lowest rate that keeps the notes,
    /// `None` 24, and 44,100 for raw scores.
    pub score_rate: Option<f64>,
    /// Whether register writes are transcribed true to the chip, not as NES-MDB does.
    pub exact: bool,
    /// Whether every wait of a VGM file is written as its longest command, as nesmdb does.
    pub long_waits: bool,
    /// What an NSF file is called whose song has no title of its own.
    pub title: String,
}

/// What is read of a file that holds programs: each of its tracks is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// The track, from 1; the one that the file begins with if `None`.
    pub track: Option<usize>,
    /// Longest run, in ticks; [`DEFAULT_MAX_TICKS`](lakhnes_apu::formats::nsf::DEFAULT_MAX_TICKS) if `None`.
    pub max_ticks: Option<u64>,
    /// How long a track that has no end fades before it is cut off, in ticks.
    pub fade_ticks: u64,
    /// Whether notes are wanted: then what a program sends in one go has one time.
    pub notes: bool,
}
