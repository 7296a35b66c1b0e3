//! What is refused before memory is taken for it.

/// The longest input, in bytes: 64 MiB.
pub const MAX_INPUT_BYTES: usize = 64 << 20;

/// The most events of one song: 16 Mi.
pub const MAX_EVENTS: usize = 16 << 20;

/// Ticks a second: the clock of VGM, of NES-MDB's MIDI and of the TX tokens.
pub const TICKS_PER_SECOND: u64 = 44_100;

/// The longest song, in ticks: 12 hours, so that any wait fits an `i32`. (What is rendered to audio has its own, lower,
/// limit in `lakhnes_apu`.)
pub const MAX_TICKS: u64 = 12 * 3_600 * TICKS_PER_SECOND;

/// The largest array that a score may fill, in bytes: 64 MiB (24 Hz scores of two days, 44.1 kHz scores of two minutes).
pub const MAX_SCORE_BYTES: usize = 64 << 20;
