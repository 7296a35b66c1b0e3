//! TX3: songs by rows, frames and instruments (`docs/tx3.md` specifies it).
//!
//! Games write the registers once a video frame, and their drivers count rows of frames and bars of rows. TX3 writes time by
//! where it falls: the bar, the row in the bar, the frame in the row. Velocities and timbres are instruments from a
//! codebook. Reading a text and writing it again gives the same text, for any text that [`write()`] made.
//!
//! ```
//! use lakhnes_tokenizer::{tx1, tx3};
//!
//! let song = tx1::read("P1_NOTEON_69\nWT_44025\nP1_NOTEOFF")?; // 60 frames of 733.79 ticks, less a few
//! let text = tx3::write(&song)?;
//! assert_eq!(tx3::write(&tx3::read(&text)?)?, text);
//! # Ok::<(), lakhnes_tokenizer::TokenizerError>(())
//! ```

mod beat;
mod clock;
mod correction;
mod cursor;
mod framed;
mod gate;
mod grammar;
mod instrument;
mod instrumented;
mod line_match;
mod lines;
mod measure;
mod piece;
mod player;
mod reader;
mod recall;
mod state;
mod tempo;
mod token;
mod vary;
mod writer;

use crate::error::TokenizerError;
use crate::event;
use crate::song::Song;
use crate::values::Ticks;
use crate::voice::Voice;
use framed::FramedSong;
pub use grammar::Grammar;
pub use instrument::{ATTACK, Sound, unlikeness};
pub(crate) use instrumented::{InstrumentedSong, Stretch, course_of};
pub use measure::{DENSITY, Facts, REGISTER, facts, key_profile};
pub use piece::Course;
use reader::Reader;
pub use state::{FEATURES, RECALLED, ScoreState};
use token::Table;
pub use token::Token;
pub use vary::{Variation, vary, without_clock};

/// Writes a song as TX3, one token a line with none at the end.
///
/// # Errors
/// [`TokenizerError::Limit`] if the song on its frames is longer than a song may be.
pub fn write(song: &Song) -> Result<String, TokenizerError> {
    decode(&encode_song(song)?)
}

/// Appends the TX3 text of a song to others, as [`write()`] gives it, and says how many tokens it has.
///
/// # Errors
/// As [`write()`].
pub fn append(song: &Song, text: &mut Vec<u8>) -> Result<usize, TokenizerError> {
    let ids = encode_song(song)?;
    text.extend_from_slice(decode(&ids)?.as_bytes());
    Ok(ids.len())
}

/// Reads a song from a TX3 text; `<S>` and blank lines are passed over. What makes no sense where it stands (a note-off
/// without a note, a row that is over) does nothing.
///
/// # Errors
/// [`TokenizerError::Token`] naming the line of the first unknown token, [`TokenizerError::Limit`].
pub fn read(text: &str) -> Result<Song, TokenizerError> {
    decode_song(&encode(text)?)
}

/// The number of ids.
#[must_use]
pub fn size() -> usize {
    Table::get().tokens.len()
}

/// The token of an id.
#[must_use]
pub fn token(id: u16) -> Option<Token> {
    Table::get().tokens.get(usize::from(id)).copied()
}

/// The id of a token.
#[must_use]
pub fn id(token: Token) -> Option<u16> {
    Table::get().id(token)
}

/// How an id is spelled.
#[must_use]
pub fn symbol(id: u16) -> Option<&'static str> {
    Table::get().symbols.get(usize::from(id)).map(String::as_str)
}

/// The ids of a text.
///
/// # Errors
/// As [`read`].
pub fn encode(text: &str) -> Result<Vec<u16>, TokenizerError> {
    TokenizerError::check_input(text.len())?;
    let table = Table::get();
    let mut ids = Vec::new();
    for (line, symbol) in event::tokens(text) {
        ids.push(table.parse(symbol, line)?);
        TokenizerError::check_events(ids.len()).map_err(|error| error.at("line", line))?;
    }
    Ok(ids)
}

/// The text of ids.
///
/// # Errors
/// [`TokenizerError::Id`] for the first id that there is not.
pub fn decode(ids: &[u16]) -> Result<String, TokenizerError> {
    let mut text = String::with_capacity(ids.len().saturating_mul(10));
    for (position, &id) in ids.iter().enumerate() {
        if position > 0 {
            text.push('\n');
        }
        text.push_str(symbol(id).ok_or_else(|| unknown(position, id))?);
    }
    Ok(text)
}

/// The ids of a song.
///
/// # Errors
/// [`TokenizerError::Limit`] if the song on its frames is longer than a song may be.
pub fn encode_song(song: &Song) -> Result<Vec<u16>, TokenizerError> {
    encode_song_with(song, &WriteOptions::default())
}

/// What is written besides the song itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Whether the song begins with what is true of it: its [`Facts`] as tokens.
    pub controls: bool,
    /// The tick at which the song goes on after its end; the song's own where none is given.
    pub loop_start: Option<u64>,
}

/// The ids of a song, and what else is wanted.
///
/// # Errors
/// [`TokenizerError::Limit`] if the song on its frames is longer than a song may be.
pub fn encode_song_with(song: &Song, options: &WriteOptions) -> Result<Vec<u16>, TokenizerError> {
    let framed = FramedSong::of(song)?;
    let bars = beat::bars(&writer::onsets(&framed), framed.length);
    let loop_start = options.loop_start.or(song.loop_start().map(Ticks::get)).map(|tick| framed.clock.frame_of(tick));
    let controls = if options.controls { Facts::of(&framed, &bars).tokens(loop_start.is_some()) } else { Vec::new() };
    let tokens = writer::write(&framed, &bars, loop_start, &controls);
    Ok(tokens.into_iter().filter_map(id).collect())
}

/// The song of ids.
///
/// # Errors
/// [`TokenizerError::Id`] for the first id that there is not, [`TokenizerError::Limit`].
pub fn decode_song(ids: &[u16]) -> Result<Song, TokenizerError> {
    let (song, loop_start) = decode_song_and_loop(ids)?;
    Ok(song.with_loop(loop_start.map(Ticks::saturating)))
}

/// The song of ids without its loop, and the tick of its `LOOP`.
///
/// # Errors
/// As [`decode_song`].
pub fn decode_song_and_loop(ids: &[u16]) -> Result<(Song, Option<u64>), TokenizerError> {
    let mut reader = Reader::new();
    for (position, &id) in ids.iter().enumerate() {
        reader.push(token(id).ok_or_else(|| unknown(position, id))?)?;
    }
    reader.finish()
}

/// The song with everything on the nearest frame of its clock: what TX3 writes, but for the instruments.
///
/// # Errors
/// [`TokenizerError::Limit`] if the song on its frames is longer than a song may be.
pub fn on_frames(song: &Song) -> Result<Song, TokenizerError> {
    let framed = FramedSong::of(song)?;
    let on_frame = |tick: Ticks| Ticks::saturating(framed.clock.tick_of(framed.clock.frame_of(tick.get())));
    Ok(framed.to_song()?.with_loop(song.loop_start().map(on_frame)))
}

/// The timbre and volume courses of a song, from which the codebook is learned.
///
/// # Errors
/// [`TokenizerError::Limit`] if the song on its frames is longer than a song may be.
pub fn courses(song: &Song) -> Result<Vec<Course>, TokenizerError> {
    let framed = FramedSong::of(song)?;
    Ok(Voice::ALL.into_iter().flat_map(|voice| piece::courses(voice, &framed.lines[voice.index()])).collect())
}

/// Semitones from the first note, and frames from its onset.
pub type Steps = Vec<(i8, u8)>;

/// The figures of a song: for each row of notes of at most two frames, semitones from its first note and frames from
/// its onset.
///
/// # Errors
/// [`TokenizerError::Limit`] if the song on its frames is longer than a song may be.
pub fn figures(song: &Song) -> Result<Vec<(Voice, Steps)>, TokenizerError> {
    let framed = FramedSong::of(song)?;
    let of_voice = |voice: Voice| piece::steps(&framed.lines[voice.index()].notes).into_iter().map(move |s| (voice, s));
    Ok(Voice::ALL.into_iter().flat_map(of_voice).collect())
}

fn unknown(position: usize, id: u16) -> TokenizerError {
    TokenizerError::Id { position, id: i64::from(id), size: size() }
}
