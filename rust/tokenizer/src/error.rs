use thiserror::Error;

use crate::score_fault::ScoreFault;
use crate::song_fault::SongFault;
use crate::values::Ticks;
use crate::voice::Voice;

/// What is wrong with an input, where, and what was expected there.
///
/// The message is one line and does not name a file: whoever opened the file puts its name in front.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A line of a TX1 or TX2 text is not an event of that vocabulary. Lines count from 1.
    #[error("line {line}: expected {expected}, found {found:?}")]
    Token {
        /// The line, from 1.
        line: usize,
        /// What could have stood there.
        expected: String,
        /// What stands there (its beginning, where it is long).
        found: String,
    },
    /// A text without a single event.
    #[error("expected {expected}, found an empty text")]
    Empty {
        /// What the text should have held.
        expected: &'static str,
    },
    /// An id that the vocabulary does not have.
    #[error("id {id} at position {position}: expected an id below {size}")]
    Id {
        /// Index of the id in the sequence, from 0.
        position: usize,
        /// The id.
        id: i64,
        /// The number of ids.
        size: usize,
    },
    /// A MIDI file that cannot be read.
    #[error("byte {offset}: expected {expected}, found {found}")]
    Midi {
        /// Byte offset in the file.
        offset: usize,
        /// What could have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A MIDI file that has none of the four voices.
    #[error("not NES-MDB's MIDI (tracks: {tracks}); --arrange makes four voices of any MIDI file")]
    OtherMidi {
        /// The names of its tracks.
        tracks: String,
    },
    /// A pickle that is not an expressive score, or that does more than build arrays.
    #[error("byte {offset}: expected {expected}, found {found}")]
    Pickle {
        /// Byte offset of the opcode.
        offset: usize,
        /// What could have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// JSON that is not what it should be.
    #[error("line {line}, column {column}: expected {expected}, found {found}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The byte in the line, from 1; 0 before the first.
        column: usize,
        /// What could have stood there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A tuple of a disassembly that is no event. Tuples count from 1.
    #[error("tuple {row}: expected {expected}, found {found}")]
    Row {
        /// The tuple, from 1.
        row: usize,
        /// What could have stood there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A score whose parts contradict each other or hold values that no score has.
    #[error("score: {0}")]
    Score(ScoreFault),
    /// Tracks that are no song.
    #[error("{voice} at tick {tick}: {fault}")]
    Song {
        /// The voice.
        voice: Voice,
        /// Where.
        tick: Ticks,
        /// What is wrong there.
        fault: SongFault,
    },
    /// An option outside its range.
    #[error("{name}: expected {expected}, found {found}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// More than one of the limits of [`crate::limits`] allows.
    #[error("{what}: expected at most {limit}, found {found}")]
    Limit {
        /// What is too much, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What the input asks for (at least).
        found: u64,
    },
    /// The same, where a part of the input oversteps the limit.
    #[error("{place} {number}: {what}: expected at most {limit}, found {found}")]
    LimitAt {
        /// `line` (from 1), `tuple` (from 1) or `byte` (from 0).
        place: &'static str,
        /// Its number.
        number: usize,
        /// What is too much, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What the input asks for up to there.
        found: u64,
    },
}

impl TokenizerError {
    /// A [`TokenizerError::Token`] whose `found` is cut to a length that fits one line.
    pub(crate) fn token(line: usize, expected: impl Into<String>, found: &str) -> Self {
        Self::Token { line, expected: expected.into(), found: excerpt(found) }
    }

    /// Says of a limit where it is overstepped; other errors say it themselves.
    pub(crate) fn at(self, place: &'static str, number: usize) -> Self {
        match self {
            Self::Limit { what, limit, found } => Self::LimitAt { place, number, what, limit, found },
            error => error,
        }
    }

    /// Refuses more than [`crate::limits::MAX_INPUT_BYTES`].
    pub(crate) fn check_input(bytes: usize) -> Result<(), Self> {
        check_limit("input in bytes", crate::limits::MAX_INPUT_BYTES as u64, bytes as u64)
    }

    /// Refuses more than [`crate::limits::MAX_EVENTS`].
    pub(crate) fn check_events(events: usize) -> Result<(), Self> {
        check_limit("number of events", crate::limits::MAX_EVENTS as u64, events as u64)
    }

    /// Refuses more than [`crate::limits::MAX_TICKS`].
    pub(crate) fn check_ticks(ticks: u64) -> Result<Ticks, Self> {
        let (what, limit) = ("length in ticks of 1/44,100 s", crate::limits::MAX_TICKS);
        Ticks::new(ticks).ok_or(Self::Limit { what, limit, found: ticks })
    }
}

pub(crate) fn check_limit(what: &'static str, limit: u64, found: u64) -> Result<(), TokenizerError> {
    if found > limit {
        return Err(TokenizerError::Limit { what, limit, found });
    }
    Ok(())
}

/// The first characters of what was found, so that a message stays one line.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().nth(LONGEST).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LONGEST).collect();
    cut.push('…');
    cut
}
