//! A song as the register writes that play it on the chip.
//!
//! Every note holds its level by constant volume, and every change is one or two writes at its very tick. The way is that of
//! nesmdb 0.1.8: a song is a score, a score has a raw score of timers ([`RawRuns`]), and that is played write for write as
//! there.

use lakhnes_apu::RegisterLog;

use crate::error::TokenizerError;
use crate::expression::{Expression, express, is_flat, vibrato};
use crate::raw_score::RawRuns;
use crate::score::{ExpressiveScore, ScoreRuns};
use crate::song::Song;

/// How a song is performed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PerformOptions {
    /// The frame rate, in Hz, to which the song is first reduced, as the original programs did to render faster; `None`
    /// plays it to the sample. Greater than 0 and at most 44,100.
    pub downsample: Option<f64>,
    /// Whether a song without dynamics gets some.
    pub expression: Expression,
}

/// Performs a song.
///
/// A note that begins again at its own pitch plays on, for the chip's voices have no attack; a note longer than the song is
/// cut off by its end.
///
/// # Errors
/// [`TokenizerError::Option`] for a rate out of range; [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
pub fn perform(song: &Song, options: &PerformOptions) -> Result<RegisterLog, TokenizerError> {
    let runs = ScoreRuns::from_song(song);
    let reduced = options.downsample.map(|rate| runs.downsample(rate)).transpose()?;
    match (options.expression, reduced) {
        (Expression::Plain, None) => Ok(perform_runs(&runs)),
        (Expression::Plain, Some(score)) => Ok(perform_score(&score)),
        (Expression::Natural, None) => perform_natural(song),
        (Expression::Natural, Some(score)) => perform_natural(&score.to_song()?),
    }
}

/// Performs a song, with vibrato if it had no expression of its own.
fn perform_natural(song: &Song) -> Result<RegisterLog, TokenizerError> {
    let expressed = express(song)?;
    let mut log = perform_runs(&ScoreRuns::from_song(&expressed));
    if is_flat(song) {
        let mut writes = vibrato::writes(&expressed);
        writes.retain(|write| write.tick < log.length);
        writes.append(&mut log.writes);
        writes.sort_by_key(|write| write.tick); // stable: of one tick, those of the vibrato stay first
        log.writes = writes;
    }
    Ok(log)
}

/// Performs an expressive score.
#[must_use]
pub fn perform_score(score: &ExpressiveScore) -> RegisterLog {
    perform_runs(&score.runs())
}

/// Performs an expressive score that is exact to the sample.
#[must_use]
pub fn perform_runs(runs: &ScoreRuns) -> RegisterLog {
    RawRuns::from_expressive(runs).to_log()
}
