//! TX3 tokens as a song. Any tokens in any order are a song: what makes no sense where it stands is passed over.

use super::clock::Clock;
use super::cursor::Cursor;
use super::framed::FramedSong;
use super::player::Player;
use super::token::Token;
use crate::error::TokenizerError;
use crate::song::Song;
use crate::voice::Voice;

/// Builds a song from tokens in order.
#[derive(Debug)]
pub(super) struct Reader {
    clock: Clock,
    cursor: Cursor,
    players: [Player; 4],
    loop_start: Option<u64>,
    count: usize,
}

impl Reader {
    pub(super) fn new() -> Self {
        let players = Voice::ALL.map(Player::recording);
        Self { clock: Clock::default(), cursor: Cursor::new(), players, loop_start: None, count: 0 }
    }

    /// # Errors
    /// [`TokenizerError::Limit`] for a song that is too long.
    pub(super) fn push(&mut self, token: Token) -> Result<(), TokenizerError> {
        self.count += 1;
        TokenizerError::check_events(self.count)?;
        self.cursor.take(token);
        match token {
            Token::Bar | Token::Row(_) | Token::Frame(_) => {
                TokenizerError::check_ticks(self.clock.tick_of(self.cursor.now()))?;
            }
            Token::Period(period) => self.clock.period = period,
            Token::Phase(eighths) => self.clock = self.clock.with_phase(eighths),
            Token::Loop => self.loop_start = Some(self.cursor.now()),
            _ => {
                let now = self.cursor.now();
                if let Some(voice) = token.voice() {
                    self.players[voice.index()].take(token, now);
                }
            }
        }
        Ok(())
    }

    /// The song, and the tick at which it loops.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`].
    pub(super) fn finish(mut self) -> Result<(Song, Option<u64>), TokenizerError> {
        let length = self.cursor.now();
        for player in &mut self.players {
            player.advance(length);
            player.end(length);
        }
        let lines = self.players.map(Player::into_line);
        let song = FramedSong { clock: self.clock, lines, length };
        Ok((song.to_song()?, self.loop_start.map(|frame| self.clock.tick_of(frame))))
    }
}
