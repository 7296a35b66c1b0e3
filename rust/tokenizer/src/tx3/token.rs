//! The tokens of TX3, their spelling and their ids.
//!
//! ```text
//! BAR                       a bar begins
//! ROW_4  FRAME_2            where what follows falls: the row in the bar, the frame in the row
//! TEMPO_6  FINE_16          6 + 16/32 frames a row
//! SWING_1  METER_16         odd rows are one frame late; rows a bar
//! PERIOD_735  PHASE_3       the frame period in ticks (else 733.79), the phase of the frames in eighths (else 0)
//! P1_NOTEON_60  P1_NOTEOFF  a note begins, ends
//! P1_ATTACK                 the note that sounds is struck again
//! P1_INST_7  P1_VOL_12      the instrument and the loudness from here on
//! P1_LEN_6                  notes end by themselves after 6 frames; 0: they are held
//! P1_FIG_3                  the pitch runs through a figure: an arpeggio, a slide, a drum
//! LOOP                      where the song goes on after its end
//! KEY_A_MINOR, DENSITY_P1_HIGH, REGISTER_TR_LOW, LENGTH_60, ENDS_LOOP   what is true of the song
//! ```

use std::collections::HashMap;
use std::sync::OnceLock;

use super::clock::PERIOD_NAMES;
use super::instrument::{Codebook, LOUDEST};
use super::tempo::{FRAMES_A_ROW, METERS, PARTS, SWINGS};
use crate::error::TokenizerError;
use crate::event::BOUNDARY;
use crate::voice::Voice;

/// The last row that has a token.
pub(super) const LAST_ROW: u8 = 31;
/// The last frame of a row that has a token.
pub(super) const LAST_FRAME: u8 = 31;
/// The longest note that ends by itself, in frames.
pub(super) const LONGEST_GATE: u8 = 24;
/// The names of the densities of a voice.
pub(super) const DENSITIES: [&str; 4] = ["NONE", "LOW", "MID", "HIGH"];
/// The names of the registers of a voice.
pub(super) const REGISTERS: [&str; 3] = ["LOW", "MID", "HIGH"];
/// The names of the lengths of a song: up to so many seconds; 180 is longer than 90 too.
pub(super) const LENGTHS: [u8; 6] = [10, 20, 40, 60, 90, 180];
/// The names of the ways in which a song ends.
pub(super) const ENDINGS: [&str; 2] = ["STOP", "LOOP"];
/// The names of the keys: 12 major, then 12 minor.
pub(super) const TONICS: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

/// A token; numbers are the indices or values of its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the module's table says what each is")]
pub enum Token {
    Boundary,
    Bar,
    Row(u8),
    Frame(u8),
    Tempo(u8),
    Fine(u8),
    Swing(u8),
    Meter(u8),
    Period(u8),
    Phase(u8),
    Loop,
    Key(u8),
    Density(Voice, u8),
    Register(Voice, u8),
    Length(u8),
    Ending(u8),
    NoteOff(Voice),
    NoteOn(Voice, u8),
    Attack(Voice),
    Instrument(Voice, u8),
    Volume(Voice, u8),
    Gate(Voice, u8),
    Figure(Voice, u8),
}

impl Token {
    /// The voice to which an event speaks; none for time and for what is true of the song.
    #[must_use]
    pub const fn voice(self) -> Option<Voice> {
        match self {
            Self::NoteOff(voice)
            | Self::NoteOn(voice, _)
            | Self::Attack(voice)
            | Self::Instrument(voice, _)
            | Self::Volume(voice, _)
            | Self::Gate(voice, _)
            | Self::Figure(voice, _) => Some(voice),
            _ => None,
        }
    }
}

/// All tokens by id, and their spelling.
pub(super) struct Table {
    pub tokens: Vec<Token>,
    pub symbols: Vec<String>,
    ids: HashMap<Token, u16>,
    by_symbol: HashMap<String, u16>,
}

impl Table {
    /// The one table.
    pub(super) fn get() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(Self::build)
    }

    pub(super) fn id(&self, token: Token) -> Option<u16> {
        self.ids.get(&token).copied()
    }

    /// The token of a symbol.
    ///
    /// # Errors
    /// [`TokenizerError::Token`] with the line.
    pub(super) fn parse(&self, symbol: &str, line: usize) -> Result<u16, TokenizerError> {
        let id = self.by_symbol.get(symbol).copied();
        id.ok_or_else(|| TokenizerError::token(line, expected(symbol), symbol))
    }

    fn build() -> Self {
        let mut table =
            Self { tokens: Vec::new(), symbols: Vec::new(), ids: HashMap::new(), by_symbol: HashMap::new() };
        for (token, symbol) in all() {
            let id = table.tokens.len() as u16;
            table.ids.insert(token, id);
            table.by_symbol.insert(symbol.clone(), id);
            table.tokens.push(token);
            table.symbols.push(symbol);
        }
        table
    }
}

/// Every token with its spelling, in the order of the ids.
fn all() -> Vec<(Token, String)> {
    let mut all = vec![(Token::Boundary, BOUNDARY.to_owned()), (Token::Bar, "BAR".to_owned())];
    all.push((Token::Loop, "LOOP".to_owned()));
    let mut family = |prefix: &str, values: &mut dyn Iterator<Item = u8>, token: fn(u8) -> Token| {
        all.extend(values.map(|value| (token(value), format!("{prefix}_{value}"))));
    };
    family("ROW", &mut (1..=LAST_ROW), Token::Row);
    family("FRAME", &mut (1..=LAST_FRAME), Token::Frame);
    family("TEMPO", &mut { FRAMES_A_ROW }, Token::Tempo);
    family("FINE", &mut (1..PARTS as u8), Token::Fine);
    family("SWING", &mut (1..=*SWINGS.end()), Token::Swing);
    family("METER", &mut METERS.into_iter(), Token::Meter);
    family("PHASE", &mut (1..8), Token::Phase);
    family("LENGTH", &mut LENGTHS.into_iter(), Token::Length);
    let periods = (1..).zip(&PERIOD_NAMES[1..]);
    all.extend(periods.map(|(index, name)| (Token::Period(index), format!("PERIOD_{name}"))));
    for (mode, name) in ["MAJOR", "MINOR"].into_iter().enumerate() {
        let keys = (12 * mode as u8..).zip(TONICS);
        all.extend(keys.map(|(index, tonic)| (Token::Key(index), format!("KEY_{tonic}_{name}"))));
    }
    all.extend((0..).zip(ENDINGS).map(|(index, name)| (Token::Ending(index), format!("ENDS_{name}"))));
    for voice in Voice::ALL {
        let tag = voice.tag();
        all.extend((0..).zip(DENSITIES).map(|(n, name)| (Token::Density(voice, n), format!("DENSITY_{tag}_{name}"))));
        if voice != Voice::No {
            let registers = (0..).zip(REGISTERS);
            all.extend(registers.map(|(n, name)| (Token::Register(voice, n), format!("REGISTER_{tag}_{name}"))));
        }
    }
    for voice in Voice::ALL {
        extend_voice(&mut all, voice);
    }
    all
}

fn extend_voice(all: &mut Vec<(Token, String)>, voice: Voice) {
    let (tag, codebook) = (voice.tag(), Codebook::get());
    all.push((Token::NoteOff(voice), format!("{tag}_NOTEOFF")));
    all.extend(voice.pitches().map(|pitch| (Token::NoteOn(voice, pitch), format!("{tag}_NOTEON_{pitch}"))));
    if voice.velocities().is_some() {
        all.push((Token::Attack(voice), format!("{tag}_ATTACK")));
        let instruments = 0..codebook.instruments(voice).len() as u8;
        all.extend(instruments.map(|n| (Token::Instrument(voice, n), format!("{tag}_INST_{n}"))));
        all.extend((1..=LOUDEST).map(|n| (Token::Volume(voice, n), format!("{tag}_VOL_{n}"))));
    }
    all.extend((0..=LONGEST_GATE).map(|n| (Token::Gate(voice, n), format!("{tag}_LEN_{n}"))));
    let figures = 0..codebook.figures(voice).len() as u8;
    all.extend(figures.map(|n| (Token::Figure(voice, n), format!("{tag}_FIG_{n}"))));
}

/// What could have stood in the place of an unknown symbol: the range of its family, or the families.
fn expected(symbol: &str) -> String {
    let family = symbol.rfind('_').map(|end| &symbol[..=end]);
    let symbols = Table::get().symbols.iter();
    let like: Vec<&String> = symbols.filter(|known| family.is_some_and(|family| known.starts_with(family))).collect();
    match like[..] {
        [first, .., last] if like.len() < 100 => {
            format!("{first} to {}", &last[last.rfind('_').map_or(0, |at| at + 1)..])
        }
        [only] => only.clone(),
        _ => "a TX3 token (BAR, ROW_n, FRAME_n, TEMPO_n, or P1, P2, TR, NO with _NOTEON_n, _NOTEOFF, _INST_n …)"
            .to_owned(),
    }
}
