//! Where a reader of TX3 is in time: the bar, the row, the frame.

use super::tempo::{METERS, PARTS, Tempo};
use super::token::Token;

/// A place in the bars. Nothing that it is given makes it go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Whether the first bar has begun.
    pub begun: bool,
    /// The tempo of this bar.
    pub tempo: Tempo,
    /// The tempo of bars to come.
    pub next: Tempo,
    /// Where the bar begins, in frames; the first may begin before the song.
    pub bar: i64,
    pub row: u8,
    /// The frame in the row.
    pub frame: u8,
    /// Whether the last token was a row or a frame, so that a BAR begins there and not after the last row.
    pub placed: bool,
    /// Whether a bar has begun and nothing been placed in it.
    pub fresh: bool,
    /// The latest frame at which it has been.
    reached: u64,
}

impl Cursor {
    pub(super) fn new() -> Self {
        let tempo = Tempo::default();
        Self { begun: false, tempo, next: tempo, bar: 0, row: 0, frame: 0, placed: false, fresh: true, reached: 0 }
    }

    /// The frame of the song at which it is.
    pub(super) fn now(&self) -> u64 {
        let here = if self.begun { self.bar + self.offset() as i64 } else { 0 };
        self.reached.max(here.max(0) as u64)
    }

    fn offset(&self) -> u64 {
        self.tempo.row_start(self.row) + u64::from(self.frame)
    }

    /// Goes where a token of time leads; others leave it where it is.
    pub(super) fn take(&mut self, token: Token) {
        self.reached = self.now();
        match token {
            Token::Bar => self.begin_bar(),
            Token::Row(row) => self.go_to(row, 0),
            Token::Frame(frame) => self.go_to(self.row, frame),
            Token::Tempo(frames) => {
                self.set(|tempo| *tempo = Tempo { row: u32::from(frames) * PARTS, swing: 0, ..*tempo });
            }
            Token::Fine(parts) => {
                self.set(|tempo| tempo.row = tempo.row / PARTS * PARTS + u32::from(parts));
            }
            Token::Swing(swing) => self.set(|tempo| tempo.swing = swing),
            Token::Meter(rows) if METERS.contains(&rows) => self.set(|tempo| tempo.rows = rows),
            Token::NoteOff(_)
            | Token::NoteOn(..)
            | Token::Attack(_)
            | Token::Instrument(..)
            | Token::Volume(..)
            | Token::Gate(..)
            | Token::Figure(..)
            | Token::Loop => (self.begun, self.placed, self.fresh) = (true, false, false),
            _ => {}
        }
    }

    fn begin_bar(&mut self) {
        let now = self.now();
        if !self.begun {
            // A row before the first bar says where in it the song begins.
            self.bar = -(self.offset() as i64);
            self.begun = true;
        } else if self.placed {
            self.bar = now as i64;
        } else {
            self.bar = (self.bar + self.tempo.length() as i64).max(now as i64);
        }
        let pickup = self.bar < 0;
        if !pickup {
            (self.row, self.frame) = (0, 0);
        }
        (self.tempo, self.placed, self.fresh) = (self.next, false, true);
    }

    fn go_to(&mut self, row: u8, frame: u8) {
        let row = row.min(self.tempo.rows - 1);
        if self.tempo.row_start(row) + u64::from(frame) > self.offset() {
            (self.row, self.frame) = (row, frame);
        }
        (self.placed, self.fresh) = (true, false);
    }

    /// Changes the tempo of the bars to come, and of this one if it has only begun.
    fn set(&mut self, change: impl Fn(&mut Tempo)) {
        change(&mut self.next);
        if self.fresh || !self.begun {
            change(&mut self.tempo);
        }
    }
}
