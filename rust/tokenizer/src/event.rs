//! One event of a TX text: its type, its spelling, and which events TX1 and TX2 have.
//!
//! ```text
//! WT_n               wait n samples of 1/44,100 s (n ≥ 1)
//! P1_NOTEON_60       voice P1, P2, TR or NO begins a note (and ends the one that sounds)
//! P1_NOTEOFF         the note ends
//! P1_VELOCITY_7      TX2 only; never for TR
//! P1_TIMBRE_2        TX2 only; never for TR
//! ```
//! Source: LakhNES (Donahue et al., ISMIR 2019), section 4.1; the ranges are those of its vocabulary files.

use std::fmt;
use std::ops::RangeInclusive;

use crate::error::TokenizerError;
use crate::limits::MAX_TICKS;
use crate::piece::Piece;
use crate::values::{Pitch, Timbre, Velocity};
use crate::voice::Voice;

/// How id 0, the boundary of a song, is spelled.
pub const BOUNDARY: &str = "<S>";

/// Which of the event languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Notes and waits: 631 symbols.
    Tx1,
    /// Velocities and timbres too: 686 symbols.
    Tx2,
    /// Rows, frames and instruments: see [`crate::tx3`], which has events of its own.
    Tx3,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tx1, Self::Tx2, Self::Tx3];

    /// Its name, which is that of its texts' format too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tx1 => "tx1",
            Self::Tx2 => "tx2",
            Self::Tx3 => "tx3",
        }
    }

    /// Whether its voices have velocities.
    pub(crate) const fn has_velocities(self) -> bool {
        matches!(self, Self::Tx2)
    }

    /// Whether its voices have timbres.
    pub(crate) const fn has_timbres(self) -> bool {
        matches!(self, Self::Tx2)
    }

    /// What a text of it consists of, for messages.
    pub(crate) const fn lines(self) -> &'static str {
        match self {
            Self::Tx1 => "TX1 events, one a line",
            Self::Tx2 => "TX2 events, one a line",
            Self::Tx3 => "TX3 events, one a line",
        }
    }
}

/// An event of a TX text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Nothing happens for this number of ticks, at least 1.
    Wait(u32),
    /// The note of a voice ends.
    NoteOff(Voice),
    /// A note of a voice begins.
    NoteOn(Voice, Pitch),
    /// The velocity of a voice changes.
    Velocity(Voice, Velocity),
    /// The timbre of a voice changes.
    Timbre(Voice, Timbre),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut symbol = Vec::new();
        self.piece().append(&mut symbol);
        f.write_str(str::from_utf8(&symbol).map_err(|_| fmt::Error)?)
    }
}

impl Event {
    /// Its spelling.
    pub(crate) fn piece(self) -> Piece {
        let (voice, action, number) = match self {
            Self::Wait(ticks) => return WAIT.then(Piece::number(ticks)),
            Self::NoteOff(voice) => return NOTE_OFFS[voice.index()],
            Self::NoteOn(voice, pitch) => (voice, &NOTE_ONS, pitch.get()),
            Self::Velocity(voice, value) => (voice, &VELOCITIES, value.get()),
            Self::Timbre(voice, value) => (voice, &TIMBRES, value.get()),
        };
        action[voice.index()].then(BYTES[usize::from(number)])
    }

    /// Reads one event, e.g. `P1_NOTEON_60`.
    ///
    /// # Errors
    /// [`TokenizerError::Token`] (with the given line) where the dialect has no such event, and
    /// [`TokenizerError::Limit`] for a wait of more than [`MAX_TICKS`].
    pub fn parse(token: &str, dialect: Dialect, line: usize) -> Result<Self, TokenizerError> {
        if let Some(digits) = token.strip_prefix("WT_") {
            return parse_wait(digits, token, line);
        }
        let unknown = || TokenizerError::token(line, dialect.events(), token);
        let (tag, action) = token.split_at_checked(2).ok_or_else(unknown)?;
        let voice = match tag {
            "P1" => Voice::P1,
            "P2" => Voice::P2,
            "TR" => Voice::Tr,
            "NO" => Voice::No,
            _ => return Err(unknown()),
        };
        if action == "_NOTEOFF" {
            return Ok(Self::NoteOff(voice));
        }
        // The number of an action, if it is this one and the voice has it.
        let number = |prefix: &str, range: Option<RangeInclusive<u8>>| {
            let (digits, range) = (action.strip_prefix(prefix)?, range?);
            let expected = || format!("{tag}{prefix}{} to {}", range.start(), range.end());
            Some(within(digits, &range).ok_or_else(|| TokenizerError::token(line, expected(), token)))
        };
        if let Some(pitch) = number("_NOTEON_", Some(voice.pitches())) {
            return Ok(Self::NoteOn(voice, Pitch::saturating(pitch?)));
        }
        if let Some(velocity) = number("_VELOCITY_", voice.velocities().filter(|_| dialect.has_velocities())) {
            return Ok(Self::Velocity(voice, Velocity::saturating(velocity?)));
        }
        if let Some(timbre) = number("_TIMBRE_", voice.timbres().filter(|_| dialect.has_timbres())) {
            return Ok(Self::Timbre(voice, Timbre::saturating(timbre?)));
        }
        Err(unknown())
    }
}

const WAIT: Piece = Piece::new(b"WT_");
static NOTE_OFFS: [Piece; 4] = of_voices(b"_NOTEOFF");
static NOTE_ONS: [Piece; 4] = of_voices(b"_NOTEON_");
static VELOCITIES: [Piece; 4] = of_voices(b"_VELOCITY_");
static TIMBRES: [Piece; 4] = of_voices(b"_TIMBRE_");

/// The numbers of a byte.
static BYTES: [Piece; 256] = {
    let mut pieces = [Piece::EMPTY; 256];
    let mut number = 0;
    while number < pieces.len() {
        pieces[number] = Piece::number(number as u32);
        number += 1;
    }
    pieces
};

const fn of_voices(action: &[u8]) -> [Piece; 4] {
    let mut pieces = [Piece::EMPTY; 4];
    let mut index = 0;
    while index < pieces.len() {
        pieces[index] = Piece::new(Voice::ALL[index].tag().as_bytes()).then(Piece::new(action));
        index += 1;
    }
    pieces
}

impl Dialect {
    /// What an event of the dialect looks like, for messages.
    const fn events(self) -> &'static str {
        match self {
            Self::Tx1 => "a TX1 event (WT_n, or P1, P2, TR, NO with _NOTEON_n or _NOTEOFF)",
            Self::Tx2 => "a TX2 event (WT_n, or P1, P2, TR, NO with _NOTEON_n, _NOTEOFF, _VELOCITY_n or _TIMBRE_n)",
            Self::Tx3 => "an event of TX1 or TX2",
        }
    }
}

/// The tokens of a text, one a line, with their lines from 1. White space around them, blank lines and the byte order mark
/// that Windows puts in front are passed over.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    text.split('\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_ascii()))
        .filter(|(_, token)| !token.is_empty())
}

fn parse_wait(digits: &str, token: &str, line: usize) -> Result<Event, TokenizerError> {
    match decimal(digits) {
        Some(ticks) if ticks >= 1 => {
            TokenizerError::check_ticks(ticks).map_err(|error| error.at("line", line))?;
            Ok(Event::Wait(ticks as u32)) // MAX_TICKS fits an i32
        }
        _ => Err(TokenizerError::token(line, format!("WT_1 to WT_{MAX_TICKS}"), token)),
    }
}

/// A decimal number as the writers spell it: digits only, no sign, no leading zero. Saturates instead of overflowing.
fn decimal(digits: &str) -> Option<u64> {
    let bytes = digits.as_bytes();
    if bytes.is_empty() || (bytes.len() > 1 && bytes.first() == Some(&b'0')) {
        return None;
    }
    bytes.iter().try_fold(0_u64, |value, byte| {
        byte.is_ascii_digit().then(|| value.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

fn within(digits: &str, range: &RangeInclusive<u8>) -> Option<u8> {
    let value = u8::try_from(decimal(digits)?).ok()?;
    range.contains(&value).then_some(value)
}
