//! TX2: notes, waits, velocities and timbres, one event a line. (LakhNES; [`Event`](crate::Event) has the grammar.)

use crate::error::TokenizerError;
use crate::event::Dialect;
use crate::song::Song;
use crate::text;

/// Reads a TX2 text. A note begins with its voice's default velocity, which the VELOCITY that follows it changes at once.
///
/// What [`crate::tx1::read`] says of odd note-offs and note ends holds here; of two VELOCITY or two TIMBRE events of a voice
/// at one tick the later stands.
///
/// # Errors
/// As [`crate::tx1::read`].
pub fn read(text: &str) -> Result<Song, TokenizerError> {
    text::read(text, Dialect::Tx2)
}

/// Writes a TX2 text: lines joined by `\n` with none at the end; empty for a song of no length.
#[must_use]
pub fn write(song: &Song) -> String {
    text::write(song, Dialect::Tx2)
}

/// How many events the TX2 text of a song has: its lines.
#[must_use]
pub fn count(song: &Song) -> usize {
    text::count(song, Dialect::Tx2)
}

/// Appends the TX2 text of a song to others, as [`write()`] gives it, and says how many events it has.
pub fn append(song: &Song, text: &mut Vec<u8>) -> usize {
    text::append(song, Dialect::Tx2, text)
}
