//! A register log as the song that it plays: [`perform`](crate::perform()) the other way round.

use lakhnes_apu::RegisterLog;

use crate::error::TokenizerError;
use crate::raw_score::RawRuns;
use crate::song::Song;

/// Transcribes a log: runs the chip's counters, sweeps and envelopes, and takes for each voice the nearest note at every
/// sample, as NES-MDB does (see [`RawRuns::from_log`] and [`RawRuns::to_expressive`]).
///
/// What the sample channel plays and the loop point are left out. A pulse that slides becomes a row of notes.
///
/// # Errors
/// [`TokenizerError::Option`] for a clock out of range; [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
pub fn transcribe(log: &RegisterLog) -> Result<Song, TokenizerError> {
    RawRuns::from_log(log)?.to_expressive().to_song()
}

/// Transcribes a log as [`transcribe`], but true to the chip where NES-MDB's programs are not: see
/// [`RawRuns::from_log_exactly`].
///
/// # Errors
/// As [`transcribe`].
pub fn transcribe_exactly(log: &RegisterLog) -> Result<Song, TokenizerError> {
    RawRuns::from_log_exactly(log)?.to_expressive().to_song()
}
