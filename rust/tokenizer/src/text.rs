//! What the two event texts share: lines in, lines out.

use crate::error::TokenizerError;
use crate::event::{self, Dialect, Event};
use crate::piece::Piece;
use crate::song::Song;
use crate::timeline::{self, Builder};

pub(crate) fn read(text: &str, dialect: Dialect) -> Result<Song, TokenizerError> {
    TokenizerError::check_input(text.len())?;
    let mut builder = Builder::default();
    let mut empty = true;
    for (line, token) in event::tokens(text) {
        let event = Event::parse(token, dialect, line)?;
        builder.push(event).map_err(|error| error.at("line", line))?;
        empty = false;
    }
    if empty {
        return Err(TokenizerError::Empty { expected: dialect.lines() });
    }
    builder.finish()
}

pub(crate) fn write(song: &Song, dialect: Dialect) -> String {
    let mut text = Vec::new();
    append(song, dialect, &mut text);
    String::from_utf8(text).unwrap_or_default() // it is ASCII
}

/// How many events the text of a song has.
pub(crate) fn count(song: &Song, dialect: Dialect) -> usize {
    let mut count = 0;
    timeline::for_each_event(song, dialect, |_| count += 1);
    count
}

/// Appends the text of a song to others, and says how many events it has.
pub(crate) fn append(song: &Song, dialect: Dialect, text: &mut Vec<u8>) -> usize {
    const NEWLINE: Piece = Piece::new(b"\n");
    text.reserve(24 * song.events() + 16); // an event and the wait before it
    let mut count = 0;
    timeline::for_each_event(song, dialect, |event| {
        event.piece().then(NEWLINE).append(text);
        count += 1;
    });
    if count > 0 {
        text.pop(); // there is no newline behind the last
    }
    count
}
