//! Which token may follow which, so that what is drawn is a song that would be written so: time goes on, voices speak in
//! order, only what sounds is ended, and only what is new is said.

use super::clock::Clock;
use super::cursor::Cursor;
use super::instrument::{Codebook, Voicing};
use super::player::Player;
use super::tempo::{PARTS, Tempo};
use super::token::{LAST_FRAME, Table, Token};
use crate::voice::Voice;

/// By how many frames a bar may be longer than its rows.
const OVERHANG: u64 = 3;

/// The state of a song that is being written.
#[derive(Debug, Clone)]
pub struct Grammar {
    cursor: Cursor,
    players: [Player; 4],
    /// The place of the last token in the order of its kind: of the header, of what follows a BAR, of a frame.
    turn: u8,
    /// What the voice whose turn it is has begun in this frame.
    begun: Begun,
    /// Whether the loop's start has been marked.
    looped: bool,
    ended: bool,
    bars: u64,
    clock: Clock,
}

/// What a voice has begun: an instrument may be named for it, and a figure for a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// Nothing, or a note that plays on.
    Nothing,
    Attack,
    Note,
}

impl Default for Grammar {
    fn default() -> Self {
        Self::new()
    }
}

/// The turns of a voice: four times these.
const NOTE_ON: u8 = 1;
const ATTACK: u8 = 2;
const LAST: u8 = 7;
/// The turns before those of the first voice: in the header up to the bar, and after a bar.
const TEMPO: u8 = 20;
const FINE: u8 = 21;
const SWING: u8 = 22;
const METER: u8 = 23;
const ROW: u8 = 24;
const FRAME: u8 = 25;
const LOOP: u8 = 26;
const VOICES: u8 = 32;

impl Grammar {
    /// The state before the first token.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cursor: Cursor::new(),
            players: Voice::ALL.map(Player::new),
            turn: 0,
            begun: Begun::Nothing,
            looped: false,
            ended: false,
            bars: 0,
            clock: Clock::default(),
        }
    }

    /// The frame at which the song is.
    #[must_use]
    pub fn frame(&self) -> u64 {
        self.cursor.now()
    }

    /// What the voices play.
    pub(super) fn players(&self) -> &[Player; 4] {
        &self.players
    }

    /// Where in the bars the song is.
    pub(super) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Whether the song may end here, as `<S>` says.
    #[must_use]
    pub fn may_end(&self) -> bool {
        self.admits(Token::Boundary)
    }

    /// Whether a voice sounds.
    #[must_use]
    pub fn sounds(&self, voice: Voice) -> bool {
        self.players[voice.index()].sounding().is_some()
    }

    /// The place of the last token in its bar, in their order: the row, the frame, the turn of its kind.
    pub(super) fn place(&self) -> u32 {
        let Cursor { row, frame, .. } = self.cursor;
        u32::from(row) << 16 | u32::from(frame) << 8 | u32::from(self.turn)
    }

    /// The time in ticks of 1/44,100 s.
    #[must_use]
    pub fn tick(&self) -> u64 {
        self.clock.tick_of(self.frame())
    }

    /// The bars that have begun.
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.bars
    }

    /// Which ids may come next; as long as the vocabulary.
    #[must_use]
    pub fn allowed(&self) -> Vec<bool> {
        let mut allowed = vec![false; Table::get().tokens.len()];
        self.allow(allowed.iter_mut());
        allowed
    }

    /// Says of each id, in order, whether it may come next.
    pub fn allow<'a>(&self, ids: impl Iterator<Item = &'a mut bool>) {
        for (allowed, &token) in ids.zip(&Table::get().tokens) {
            *allowed = self.admits(token);
        }
    }

    /// Whether a token may come next.
    #[must_use]
    pub fn admits(&self, token: Token) -> bool {
        if self.ended {
            return false;
        }
        let turn = turn_of(token);
        match token {
            Token::Boundary => self.cursor.begun && (self.cursor.placed || self.cursor.fresh),
            Token::Bar => self.cursor.begun || self.turn >= METER,
            Token::Row(_) | Token::Frame(_) => self.admits_place(token),
            Token::Fine(_) => self.turn == TEMPO,
            Token::Swing(_) => self.turn == TEMPO || self.turn == FINE,
            Token::Tempo(_) => self.turn < turn && self.may_set_tempo(),
            Token::Meter(rows) => {
                let named = self.cursor.begun || (TEMPO..METER).contains(&self.turn);
                let new = !self.cursor.begun || rows != self.cursor.tempo.rows;
                self.turn < turn && named && new && self.may_set_tempo()
            }
            Token::Loop => self.cursor.begun && !self.looped && self.turn < turn,
            _ => match token.voice() {
                Some(voice) => self.cursor.begun && self.admits_event(token, voice, turn),
                None => !self.cursor.begun && self.turn < turn,
            },
        }
    }

    /// Whether a token strikes the pitch that sounds, or did until now, once more. The grammar admits that, and songs rarely have it: where a
    /// game strikes a pitch again without a gap, NES-MDB has one note, and so TX3 has an ATTACK.
    #[must_use]
    pub fn restrikes(&self, token: Token) -> bool {
        let now = self.cursor.now();
        matches!(token, Token::NoteOn(voice, pitch) if self.players[voice.index()].has_sounded(pitch, now))
    }

    /// Takes note of the token that came.
    pub fn advance(&mut self, token: Token) {
        self.ended |= token == Token::Boundary;
        self.looped |= token == Token::Loop;
        self.bars += u64::from(token == Token::Bar);
        match token {
            Token::Period(period) => self.clock.period = period,
            Token::Phase(eighths) => self.clock = self.clock.with_phase(eighths),
            _ => {}
        }
        let before = self.turn;
        self.cursor.take(token);
        self.turn = match token {
            Token::Bar => ROW.min(TEMPO - 1), // a tempo may follow
            Token::Boundary => before,
            _ => turn_of(token),
        };
        let now = self.cursor.now();
        if matches!(token, Token::Bar | Token::Row(_) | Token::Frame(_)) {
            self.players.iter_mut().for_each(|player| player.advance(now));
        }
        let Some(voice) = token.voice() else { return };
        let player = &mut self.players[voice.index()];
        player.take(token, now);
        let at_its_beginning = player.sounding().is_some_and(|(_, piece)| piece == now);
        match token {
            Token::NoteOn(..) => self.begun = if at_its_beginning { Begun::Note } else { Begun::Nothing },
            Token::Attack(_) if before == turn_of(Token::NoteOn(voice, 0)) => self.begun = Begun::Note,
            Token::Attack(_) => self.begun = Begun::Attack,
            _ => {}
        }
    }

    /// A tempo stands in the header or behind a BAR.
    fn may_set_tempo(&self) -> bool {
        !self.cursor.begun || self.cursor.fresh
    }

    fn admits_place(&self, token: Token) -> bool {
        let Cursor { tempo, row, frame, begun, .. } = self.cursor;
        if !begun && self.turn < METER {
            return false;
        }
        let last_of = |row: u8| {
            let long = tempo.row_start(row + 1).saturating_sub(tempo.row_start(row));
            let overhang = if row + 1 == tempo.rows && begun { OVERHANG } else { 0 };
            (long + overhang).saturating_sub(1).min(u64::from(LAST_FRAME))
        };
        match token {
            // A place where nothing happens is only left for a bar.
            Token::Row(to) => to > row && to < tempo.rows && !self.cursor.placed,
            Token::Frame(to) => {
                let after_frame = self.cursor.placed && self.turn == FRAME;
                to > frame && u64::from(to) <= last_of(row) && !after_frame
            }
            _ => false,
        }
    }

    fn admits_event(&self, token: Token, voice: Voice, turn: u8) -> bool {
        let player = &self.players[voice.index()];
        let first = VOICES + LAST * voice.index() as u8;
        let silent_here = self.turn <= first; // the voice has not spoken in this frame
        let spoken = self.turn > first && self.turn < turn;
        let (Voicing { instrument, loudness }, gate) = player.setting();
        match token {
            Token::NoteOn(..) => silent_here,
            Token::NoteOff(_) => silent_here && player.sounding().is_some_and(|(note, _)| note < self.cursor.now()),
            Token::Attack(_) => {
                let continued = self.turn == first + NOTE_ON && self.begun == Begun::Nothing;
                continued || (silent_here && player.sounding().is_some_and(|(note, _)| note < self.cursor.now()))
            }
            Token::Instrument(_, new) => spoken && self.begun != Begun::Nothing && new != instrument,
            Token::Volume(_, new) => spoken && self.begun != Begun::Nothing && new != loudness,
            Token::Gate(_, new) => spoken && self.begun != Begun::Nothing && new != gate,
            Token::Figure(_, figure) => spoken && self.begun == Begun::Note && self.plays(voice, player, figure),
            _ => false,
        }
    }

    /// Whether the voice has all the pitches of a figure.
    #[expect(clippy::unused_self, reason = "reads as the other rules do")]
    fn plays(&self, voice: Voice, player: &Player, figure: u8) -> bool {
        let figure = Codebook::get().figures(voice).get(usize::from(figure));
        let root = player.root().unwrap_or(0);
        figure.is_some_and(|figure| {
            let mut pitches = figure.steps.iter().map(|&(semitones, _)| root.saturating_add_signed(semitones));
            pitches.all(|pitch| voice.pitches().contains(&pitch))
        })
    }

    /// The tempo of the bar in which the song is, in frames a row and rows a bar.
    #[must_use]
    pub fn tempo(&self) -> (f64, u8) {
        let Tempo { row, rows, .. } = self.cursor.tempo;
        (f64::from(row) / f64::from(PARTS), rows)
    }
}

/// The place of a token in the order of its kind. A voice's: NOTEOFF 1, NOTEON 1, ATTACK 2, and so on to 7.
fn turn_of(token: Token) -> u8 {
    let of_voice = |voice: Voice, step: u8| VOICES + LAST * voice.index() as u8 + step;
    match token {
        Token::Boundary | Token::Bar => 0,
        Token::Period(_) => 1,
        Token::Phase(_) => 2,
        Token::Key(_) => 3,
        Token::Density(voice, _) => 4 + voice.index() as u8,
        Token::Register(voice, _) => 8 + voice.index() as u8,
        Token::Length(_) => 12,
        Token::Ending(_) => 13,
        Token::Tempo(_) => TEMPO,
        Token::Fine(_) => FINE,
        Token::Swing(_) => SWING,
        Token::Meter(_) => METER,
        Token::Row(_) => ROW,
        Token::Frame(_) => FRAME,
        Token::Loop => LOOP,
        Token::NoteOn(voice, _) => of_voice(voice, NOTE_ON),
        Token::Attack(voice) => of_voice(voice, ATTACK),
        Token::Instrument(voice, _) => of_voice(voice, 3),
        Token::Volume(voice, _) => of_voice(voice, 4),
        Token::Gate(voice, _) => of_voice(voice, 5),
        Token::Figure(voice, _) => of_voice(voice, 6),
        Token::NoteOff(voice) => of_voice(voice, LAST),
    }
}
