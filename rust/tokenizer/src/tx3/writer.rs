//! Songs as TX3 tokens.

use super::beat::{Bar, Onset};
use super::framed::FramedSong;
use super::gate::{gates, needs_note_off};
use super::instrument::Voicing;
use super::piece::{Divider, Piece, SLOTS, groups};
use super::tempo::{PARTS, Tempo};
use super::token::{LAST_FRAME, Token};
use crate::voice::Voice;

/// The tokens of a song, and the frame at which it loops if there is one.
pub(super) fn write(framed: &FramedSong, bars: &[Bar], loop_start: Option<u64>, controls: &[Token]) -> Vec<Token> {
    let mut divider = Divider::default();
    let lines = Voice::ALL.map(|voice| {
        let pieces = divider.pieces(voice, &framed.lines[voice.index()], framed.length);
        voice_tokens(voice, &pieces)
    });
    let mut writer = Writer::begin(framed, bars, controls);
    let mut rest = lines.each_ref().map(Vec::as_slice);
    let mut loop_start = loop_start.filter(|&frame| frame < framed.length);
    loop {
        let due = rest.iter().filter_map(|line| line.first()).map(|&(frame, _)| frame).chain(loop_start).min();
        let Some(frame) = due else { break };
        writer.go_to(frame);
        if loop_start == Some(frame) {
            writer.tokens.push(Token::Loop);
            loop_start = None;
        }
        for line in &mut rest {
            while let Some((&(at, token), later)) = line.split_first()
                && at == frame
            {
                writer.tokens.push(token);
                *line = later;
            }
        }
    }
    writer.go_to(framed.length);
    writer.tokens
}

/// Where the sounds of a song begin. How long they last, and the bass, say where bars do.
pub(super) fn onsets(framed: &FramedSong) -> Vec<Onset> {
    let mut onsets = Vec::new();
    for voice in Voice::ALL {
        for group in groups(&framed.lines[voice.index()].notes) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            let long = u32::from(last.end - first.start >= 12);
            let bass = u32::from(voice == Voice::Tr);
            onsets.push(Onset { frame: first.start, accent: 1 + long + bass });
        }
    }
    onsets.sort_unstable();
    onsets
}

/// What a voice says, and at which frames.
fn voice_tokens(voice: Voice, pieces: &[Piece]) -> Vec<(u64, Token)> {
    let mut tokens = Vec::new();
    let mut voicings = [Voicing::FIRST; SLOTS];
    let mut gates_now = [0; SLOTS];
    let mut ended_by_gate = None;
    for (piece, gate) in pieces.iter().zip(gates(pieces)) {
        let mut say = |token| tokens.push((piece.start, token));
        if let Some(pitch) = piece.pitch {
            say(Token::NoteOn(voice, pitch));
        }
        // After a gate has ended the note before, a note begins a piece anyway.
        if piece.struck && ended_by_gate != Some(piece.start) {
            say(Token::Attack(voice));
        }
        ended_by_gate = (u64::from(gate) == piece.frames()).then_some(piece.end);
        let slot = usize::from(piece.slot);
        if piece.voicing.instrument != voicings[slot].instrument {
            say(Token::Instrument(voice, piece.voicing.instrument));
        }
        if piece.voicing.loudness != voicings[slot].loudness {
            say(Token::Volume(voice, piece.voicing.loudness));
        }
        if gate != gates_now[slot] {
            say(Token::Gate(voice, gate));
        }
        (voicings[slot], gates_now[slot]) = (piece.voicing, gate);
        if let Some(figure) = piece.figure {
            say(Token::Figure(voice, figure));
        }
        tokens.extend(piece.inner.iter().map(|note| (note.start, Token::NoteOn(voice, note.pitch))));
        if needs_note_off(piece, gate) {
            tokens.push((piece.end, Token::NoteOff(voice)));
        }
    }
    tokens
}

/// Writes tokens of time.
struct Writer<'a> {
    tokens: Vec<Token>,
    /// The bars to come.
    bars: &'a [Bar],
    bar: Bar,
    row: u8,
    frame: u64,
}

impl<'a> Writer<'a> {
    fn begin(framed: &FramedSong, bars: &'a [Bar], controls: &[Token]) -> Self {
        let first = bars.first().copied().unwrap_or(Bar { start: 0, tempo: Tempo::default() });
        let mut writer = Self { tokens: Vec::new(), bars: bars.get(1..).unwrap_or(&[]), bar: first, row: 0, frame: 0 };
        if framed.clock.period > 0 {
            writer.tokens.push(Token::Period(framed.clock.period));
        }
        if framed.clock.phase != 0 {
            writer.tokens.push(Token::Phase(framed.clock.eighths()));
        }
        writer.tokens.extend_from_slice(controls);
        writer.say_tempo(None, first.tempo);
        writer.place((-first.start).max(0) as u64);
        writer.tokens.push(Token::Bar);
        writer
    }

    /// Says what differs between two tempos.
    fn say_tempo(&mut self, before: Option<Tempo>, tempo: Tempo) {
        if before.is_none_or(|before| (before.row, before.swing) != (tempo.row, tempo.swing)) {
            self.tokens.push(Token::Tempo((tempo.row / PARTS) as u8));
            if !tempo.is_whole() {
                self.tokens.push(Token::Fine((tempo.row % PARTS) as u8));
            }
            if tempo.swing > 0 {
                self.tokens.push(Token::Swing(tempo.swing));
            }
        }
        if before.is_none_or(|before| before.rows != tempo.rows) {
            self.tokens.push(Token::Meter(tempo.rows));
        }
    }

    /// Says the row and the frame of a place in the bar, as far as they are not where the last one was.
    fn place(&mut self, offset: u64) {
        let (row, frame) = self.bar.tempo.place(offset);
        if row > self.row {
            self.tokens.push(Token::Row(row));
            self.frame = 0;
        }
        if frame > self.frame {
            self.tokens.push(Token::Frame(frame.min(u64::from(LAST_FRAME)) as u8));
        }
        (self.row, self.frame) = (row, frame);
    }

    fn go_to(&mut self, frame: u64) {
        let frame = frame as i64;
        loop {
            let due = self.bar.start + self.bar.tempo.length() as i64;
            let next = self.bars.first().copied().unwrap_or(Bar { start: due, ..self.bar });
            if next.start > frame {
                break;
            }
            if next.start != due {
                self.place((next.start - self.bar.start).max(0) as u64);
            }
            self.tokens.push(Token::Bar);
            self.say_tempo(Some(self.bar.tempo), next.tempo);
            (self.bar, self.row, self.frame) = (next, 0, 0);
            self.bars = self.bars.get(1..).unwrap_or(&[]);
        }
        self.place((frame - self.bar.start).max(0) as u64);
    }
}
