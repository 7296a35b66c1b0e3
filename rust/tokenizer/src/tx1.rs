//! TX1: notes and waits, one event a line. (LakhNES; [`Event`](crate::Event) has the grammar.)

use crate::error::TokenizerError;
use crate::event::Dialect;
use crate::song::Song;
use crate::text;

/// Reads a TX1 text. Every note gets its voice's default velocity.
///
/// A note-off without a note is passed over, a note that begins and ends at one tick left out, and a note still held at the
/// end of the text ends there.
///
/// # Errors
/// [`TokenizerError::Token`] naming the first line that is no TX1 event, [`TokenizerError::Empty`] for a text without
/// events, [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
pub fn read(text: &str) -> Result<Song, TokenizerError> {
    text::read(text, Dialect::Tx1)
}

/// Writes a TX1 text: lines joined by `\n` with none at the end; empty for a song of no length.
#[must_use]
pub fn write(song: &Song) -> String {
    text::write(song, Dialect::Tx1)
}

/// How many events the TX1 text of a song has: its lines.
#[must_use]
pub fn count(song: &Song) -> usize {
    text::count(song, Dialect::Tx1)
}

/// Appends the TX1 text of a song to others, as [`write()`] gives it, and says how many events it has.
pub fn append(song: &Song, text: &mut Vec<u8>) -> usize {
    text::append(song, Dialect::Tx1, text)
}
