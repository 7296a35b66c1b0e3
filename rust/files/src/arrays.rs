//! Scores by frames as arrays in `.npz` files: what NES-MDB publishes as pickles, without the pickle.
//!
//! ```text
//! rate, nsamps               frames a second; length in samples of 1/44,100 s
//! exprsco  uint8 N × 4 × 3   note, velocity and timbre of p1, p2, tr, no
//! seprsco  uint8 N × 4       their notes
//! blndsco  uint8 N × 3       the notes of p1, p2 and tr from low to high, zeros last
//! rawsco   uint8 N × 4 × 4   timer high, timer low, volume and timbre; clock in Hz
//! ```
//! At 44,100 frames a second an expressive or raw score is written by runs: `starts`, in samples, and `values`, a frame each.

use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::limits::TICKS_PER_SECOND;
use lakhnes_tokenizer::raw_score::{RawRuns, RawScore};
use lakhnes_tokenizer::score::{ExpressiveScore, ScoreRuns};
use lakhnes_tokenizer::separated::SeparatedScore;
use lakhnes_tokenizer::{ScoreFault, Song, TokenizerError};

use crate::npy::{Archive, ArchiveWriter, Array};
use crate::{ExportOptions, FileError, Played};

/// The frames a second of NES-MDB's published scores.
const PUBLISHED_RATE: f64 = 24.0;
/// The rate at which every sample has its frame.
const FULL_RATE: f64 = TICKS_PER_SECOND as f64;
/// The share of the notes that may be lost when the frame rate is chosen for a song.
const LOST: f64 = 0.005;

/// The kinds of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Expressive,
    Separated,
    Blended,
    Raw,
}

impl Kind {
    /// The array of its frames.
    const fn name(self) -> &'static str {
        match self {
            Self::Expressive => "exprsco",
            Self::Separated => "seprsco",
            Self::Blended => "blndsco",
            Self::Raw => "rawsco",
        }
    }

    /// The shape of a frame.
    const fn frame(self) -> &'static [usize] {
        match self {
            Self::Expressive => &[4, 3],
            Self::Separated => &[4],
            Self::Blended => &[3],
            Self::Raw => &[4, 4],
        }
    }

    const fn has_runs(self) -> bool {
        matches!(self, Self::Expressive | Self::Raw)
    }
}

/// Writes a score.
pub(crate) fn write(played: &Played<'_>, kind: Kind, options: &ExportOptions) -> Result<Vec<u8>, FileError> {
    let usual = if kind == Kind::Raw { FULL_RATE } else { PUBLISHED_RATE };
    let rate = options.score_rate.unwrap_or(usual);
    let by_runs = kind.has_runs() && (rate - FULL_RATE).abs() < f64::EPSILON;
    let score = if kind == Kind::Raw {
        raw_score(&*played.raw(options.exact)?, rate, by_runs)?
    } else {
        score(&ScoreRuns::from_song(&*played.song(options.exact)?), kind, rate, by_runs)?
    };
    let mut file = ArchiveWriter::default();
    file.add("rate", "<f8", &[], &score.rate.to_le_bytes());
    file.add("nsamps", "<i8", &[], &(played.length() as i64).to_le_bytes());
    if let Some(clock) = score.clock {
        file.add("clock", "<i8", &[], &i64::from(clock).to_le_bytes());
    }
    if let Some(starts) = &score.starts {
        let bytes: Vec<u8> = starts.iter().flat_map(|&start| (start as i64).to_le_bytes()).collect();
        file.add("starts", "<i8", &[starts.len()], &bytes);
    }
    let size = kind.frame().iter().product::<usize>();
    let shape: Vec<usize> = [score.frames.len() / size].iter().chain(kind.frame()).copied().collect();
    file.add(if by_runs { "values" } else { kind.name() }, "|u1", &shape, &score.frames);
    file.finish()
}

/// What is written of a score.
struct Written {
    clock: Option<u32>,
    rate: f64,
    starts: Option<Vec<u64>>,
    frames: Vec<u8>,
}

fn raw_score(runs: &RawRuns, rate: f64, by_runs: bool) -> Result<Written, TokenizerError> {
    if by_runs {
        let frames = runs.values.as_flattened().as_flattened().to_vec();
        return Ok(Written { clock: Some(runs.clock_hz), rate, starts: Some(runs.starts.clone()), frames });
    }
    let rate = if rate == 0.0 { runs.to_expressive().adaptive_rate(LOST)? } else { rate };
    let score = runs.downsample(rate)?;
    Ok(Written { clock: Some(score.clock_hz), rate, starts: None, frames: score.to_bytes() })
}

fn score(runs: &ScoreRuns, kind: Kind, rate: f64, by_runs: bool) -> Result<Written, TokenizerError> {
    if by_runs {
        let frames = runs.values.as_flattened().as_flattened().to_vec();
        return Ok(Written { clock: None, rate, starts: Some(runs.starts.clone()), frames });
    }
    let rate = if rate == 0.0 { runs.adaptive_rate(LOST)? } else { rate };
    let score = runs.downsample(rate)?;
    let frames = match kind {
        Kind::Separated => SeparatedScore::from_expressive(&score).to_bytes(),
        Kind::Blended => BlendedScore::from_expressive(&score).to_bytes(),
        Kind::Expressive | Kind::Raw => score.to_bytes(),
    };
    Ok(Written { clock: None, rate, starts: None, frames })
}

/// Reads a score. Nothing in the file is executed.
pub(crate) fn read(data: &[u8], kind: Kind) -> Result<Played<'static>, FileError> {
    let arrays = Arrays::read(data, kind)?;
    let fault = |error| match error {
        // A number of the file, not an option of the caller.
        TokenizerError::Option { name, expected, found } => {
            FileError::Array { name, expected: expected.to_owned(), found }
        }
        error => FileError::Score(error),
    };
    if kind == Kind::Raw { arrays.raw().map(Played::Raw) } else { arrays.song(kind).map(Played::from) }.map_err(fault)
}

/// The parts of a score.
struct Arrays {
    rate: f64,
    nsamps: u64,
    clock: u32,
    starts: Option<Vec<u64>>,
    frames: Vec<u8>,
}

impl Arrays {
    fn read(data: &[u8], kind: Kind) -> Result<Self, FileError> {
        let mut archive = Archive::open(data)?;
        let mut array = |name| archive.array(name);
        let missing = |missing| FileError::NoArray { kind: kind.name(), missing };
        let rate = array("rate")?.ok_or(missing("rate"))?;
        let nsamps = array("nsamps")?.ok_or(missing("nsamps"))?;
        let (name, frames, starts) = match array(kind.name())? {
            Some(frames) => (kind.name(), frames, None),
            None if kind.has_runs() => {
                ("values", array("values")?.ok_or(missing("values"))?, Some(array("starts")?.ok_or(missing("starts"))?))
            }
            None => return Err(missing(kind.name())),
        };
        let clock = if kind == Kind::Raw { Some(array("clock")?.ok_or(missing("clock"))?) } else { None };
        let shape: Vec<_> = kind.frame().iter().map(|extent| format!(" x {extent}")).collect();
        let fits = frames.kind == b'u' && frames.shape.split_first().is_some_and(|(_, frame)| frame == kind.frame());
        let bytes = if fits { frames.bytes() } else { None };
        let frames = bytes.ok_or_else(|| fault(name, &format!("uint8 of N{}", shape.concat()), &frames))?;
        if nsamps.kind == b'f' {
            return Err(fault("nsamps", "one number", &nsamps));
        }
        let nsamps = number("nsamps", &nsamps, Some(2.0_f64.powi(63)))?;
        let clock = clock.map_or(Ok(0.0), |clock| number("clock", &clock, Some(2.0_f64.powi(32))))?;
        Ok(Self {
            rate: number("rate", &rate, None)?,
            nsamps: nsamps as u64,
            clock: clock as u32,
            starts: starts.map(|starts| ticks(&starts)).transpose()?,
            frames,
        })
    }

    fn song(self, kind: Kind) -> Result<Song, TokenizerError> {
        let Self { rate, nsamps, frames, .. } = self;
        match (kind, self.starts) {
            (_, Some(starts)) => ScoreRuns::from_bytes(nsamps, starts, &frames)?.to_song(),
            (Kind::Separated, None) => SeparatedScore::from_bytes(rate, nsamps, &frames)?.to_song(),
            (Kind::Blended, None) => BlendedScore::from_bytes(rate, nsamps, &frames)?.to_song(),
            (_, None) => ExpressiveScore::from_bytes(rate, nsamps, &frames)?.to_song(),
        }
    }

    fn raw(self) -> Result<RawRuns, TokenizerError> {
        let Self { rate, nsamps, clock, frames, .. } = self;
        match self.starts {
            Some(_) if (rate - FULL_RATE).abs() > f64::EPSILON => {
                Err(TokenizerError::Score(ScoreFault::RunRate { found: rate.to_string() }))
            }
            Some(starts) => RawRuns::from_bytes(clock, nsamps, starts, &frames),
            None => Ok(RawScore::from_bytes(clock, rate, nsamps, &frames)?.runs()),
        }
    }
}

fn fault(name: &'static str, expected: &str, array: &Array) -> FileError {
    let extents: Vec<_> = array.shape.iter().map(usize::to_string).collect();
    let comma = if extents.len() == 1 { "," } else { "" };
    let found = format!("{} of ({}{comma})", array.type_name, extents.join(", "));
    FileError::Array { name, expected: expected.to_owned(), found }
}

/// The one number of an array; below a limit, 0 or more.
fn number(name: &'static str, array: &Array, limit: Option<f64>) -> Result<f64, FileError> {
    let number = array.number().ok_or_else(|| fault(name, "one number", array))?;
    match limit {
        Some(limit) if !(0.0..limit).contains(&number) => {
            Err(FileError::Array { name, expected: format!("0 or more, below {limit}"), found: number.to_string() })
        }
        _ => Ok(number),
    }
}

/// Where runs begin.
fn ticks(array: &Array) -> Result<Vec<u64>, FileError> {
    let starts = if array.shape.len() == 1 { array.integers() } else { None };
    let starts = starts.ok_or_else(|| fault("starts", "integers of shape N", array))?;
    starts.iter().map(|&start| u64::try_from(start).ok()).collect::<Option<_>>().ok_or_else(|| FileError::Array {
        name: "starts",
        expected: "0 or more".to_owned(),
        found: "a negative one".to_owned(),
    })
}
