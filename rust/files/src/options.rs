//! How files are written.

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
