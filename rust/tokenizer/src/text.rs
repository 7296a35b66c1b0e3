//! What the two event texts share: lines in, lines out.

use crate::error::TokenizerError;
use crate::event::{self, Dialect, Event};
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
        let expected = match dialect {
            Dialect::Tx1 => "TX1 events, one a line",
            Dialect::Tx2 => "TX2 events, one a line",
        };
        return Err(TokenizerError::Empty { expected });
    }
    Ok(builder.finish())
}

pub(crate) fn write(song: &Song, dialect: Dialect) -> String {
    let events = timeline::events(song, dialect);
    let mut text = String::with_capacity(12 * events.len());
    for event in events {
        if !text.is_empty() {
            text.push('\n');
        }
        event.spell(&mut text);
    }
    text
}
