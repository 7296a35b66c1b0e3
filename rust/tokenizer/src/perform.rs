//! A song as the register writes that play it on the chip.
//!
//! Every note holds its level by constant volume, and every change is one or two writes at its very tick. The way is that of
//! nesmdb 0.1.8: a song is a score, a score has a raw score of timers ([`RawRuns`]), and that is played write for write as
//! there.

use lakhnes_apu::{RegisterLog, Write};

use crate::error::TokenizerError;
use crate::expression::{Expression, express, is_flat, vibrato};
use crate::raw_score::RawRuns;
use crate::score::{ExpressiveScore, ScoreRuns};
use crate::song::Song;
use crate::values::Ticks;

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
/// cut off by its end. A song that loops makes a log that loops: its last tick puts the chip into the state that it had
/// before the loop's first tick, so that the part sounds as it did the first time.
///
/// # Errors
/// [`TokenizerError::Option`] for a rate out of range; [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
pub fn perform(song: &Song, options: &PerformOptions) -> Result<RegisterLog, TokenizerError> {
    let runs = ScoreRuns::from_song(song);
    let reduced = options.downsample.map(|rate| runs.downsample(rate)).transpose()?;
    let mut log = match (options.expression, reduced) {
        (Expression::Plain, None) => perform_runs(&runs),
        (Expression::Plain, Some(score)) => perform_score(&score),
        (Expression::Natural, None) => perform_natural(song)?,
        (Expression::Natural, Some(score)) => perform_natural(&score.to_song()?)?,
    };
    if let Some(start) = song.loop_start().map(Ticks::get).filter(|&start| start < log.length) {
        close_loop(&mut log, start);
    }
    Ok(log)
}

/// The registers of the voices, and the one that says which of them sound.
const REGISTERS: usize = 0x18;
const STATUS: u8 = 0x15;
/// The register of each voice that restarts its length counter, without which it is silent.
const RESTARTS: [u8; 4] = [0x03, 0x07, 0x0B, 0x0F];

/// Lets a log go on from a tick: its last tick writes what the registers held when that tick began.
fn close_loop(log: &mut RegisterLog, start: u64) {
    let mut at_start = [0; REGISTERS];
    let mut at_end = [0; REGISTERS];
    for write in log.writes.iter().filter(|write| write.tick < log.length) {
        let register = usize::from(write.register);
        at_end[register] = write.value;
        if write.tick < start {
            at_start[register] = write.value;
        }
    }
    let status = usize::from(STATUS);
    let begins = at_start[status] & !at_end[status];
    let restarts = |register: u8| (0..4).any(|voice| RESTARTS[voice] == register && begins >> voice & 1 != 0);
    let registers = std::iter::once(STATUS).chain(0..STATUS);
    let last = log.length - 1;
    log.writes.retain(|write| write.tick <= last);
    log.writes.extend(registers.filter_map(|register| {
        let value = at_start[usize::from(register)];
        (value != at_end[usize::from(register)] || restarts(register)).then_some(Write { tick: last, register, value })
    }));
    log.loop_start = Some(start);
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
