//! What a voice plays of TX3's events: its note, its figure, its gate, its instrument.

use super::framed::{FrameNote, Line};
use super::instrument::{Codebook, Voicing};
use super::piece::{SLOTS, continues, slot};
use super::token::Token;
use crate::voice::Voice;

/// The note that sounds.
#[derive(Debug, Clone, Copy)]
struct Held {
    note: FrameNote,
    /// Where its piece began, and with which pitch.
    piece: u64,
    root: u8,
    slot: u8,
    figure: Option<u8>,
    /// The steps of the figure that have been played.
    steps: usize,
}

/// Plays one voice.
#[derive(Debug, Clone)]
pub(super) struct Player {
    voice: Voice,
    /// What it has played, where that is wanted.
    line: Option<Line>,
    held: Option<Held>,
    /// The last note that ended: its pitch, and when.
    ended: Option<(u8, u64)>,
    /// The slot to which instruments are given.
    slot: u8,
    voicings: [Voicing; SLOTS],
    gates: [u8; SLOTS],
}

impl Player {
    /// A player that only knows what sounds.
    pub(super) const fn new(voice: Voice) -> Self {
        Self {
            voice,
            line: None,
            held: None,
            ended: None,
            slot: 0,
            voicings: [Voicing::FIRST; SLOTS],
            gates: [0; SLOTS],
        }
    }

    /// A player that writes down what it plays.
    pub(super) fn recording(voice: Voice) -> Self {
        Self { line: Some(Line::default()), ..Self::new(voice) }
    }

    /// What it has played.
    pub(super) fn into_line(self) -> Line {
        self.line.unwrap_or_default()
    }

    /// Where the note that sounds began, and its piece.
    pub(super) fn sounding(&self) -> Option<(u64, u64)> {
        self.held.map(|held| (held.note.start, held.piece))
    }

    /// The pitch that sounds, with which its piece began.
    pub(super) fn root(&self) -> Option<u8> {
        self.held.map(|held| held.root)
    }

    /// The pitch that sounds now.
    pub(super) fn pitch(&self) -> Option<u8> {
        self.held.map(|held| held.note.pitch)
    }

    /// The pitch that sounds, or sounded last.
    pub(super) fn last_pitch(&self) -> Option<u8> {
        self.pitch().or(self.ended.map(|(pitch, _)| pitch))
    }

    /// Whether a pitch sounds, or has sounded until now.
    pub(super) fn has_sounded(&self, pitch: u8, now: u64) -> bool {
        self.held.is_some_and(|held| held.note.pitch == pitch) || self.ended == Some((pitch, now))
    }

    /// Whether a note ended in this very frame.
    pub(super) fn has_ended(&self, now: u64) -> bool {
        self.ended.is_some_and(|(_, end)| end == now)
    }

    /// The instrument and the gate of the slot that was named last.
    pub(super) fn setting(&self) -> (Voicing, u8) {
        (self.voicings[usize::from(self.slot)], self.gates[usize::from(self.slot)])
    }

    pub(super) fn take(&mut self, token: Token, now: u64) {
        self.advance(now);
        match token {
            Token::NoteOff(_) => self.end(now),
            Token::NoteOn(_, pitch) => self.begin(pitch, now),
            Token::Attack(_) => {
                if let Some(held) = &mut self.held {
                    let pitch = held.note.pitch;
                    let slot = slot(self.voice, pitch);
                    *held = Held { piece: now, root: pitch, slot, figure: None, steps: 0, ..*held };
                    self.slot = slot;
                }
            }
            Token::Instrument(_, instrument) => self.voicings[usize::from(self.slot)].instrument = instrument,
            Token::Volume(_, loudness) => self.voicings[usize::from(self.slot)].loudness = loudness,
            Token::Gate(_, gate) => self.gates[usize::from(self.slot)] = gate,
            Token::Figure(_, figure) => {
                if let Some(held) = &mut self.held
                    && held.piece == now
                {
                    (held.figure, held.steps) = (Some(figure), 0);
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, pitch: u8, now: u64) {
        let note = FrameNote { start: now, end: now, pitch };
        let before = self.held.map(|held| FrameNote { end: now, ..held.note });
        let plays_on = before.is_some_and(|before| before.start < now && continues(before, note));
        let piece = self.held.filter(|_| plays_on);
        self.end(now);
        let slot = slot(self.voice, pitch);
        let fresh = Held { note, piece: now, root: pitch, slot, figure: None, steps: 0 };
        let held = piece.map_or(fresh, |held| Held { note, figure: None, ..held });
        self.slot = held.slot;
        self.held = Some(held);
    }

    /// Ends the note that sounds.
    pub(super) fn end(&mut self, now: u64) {
        let Some(held) = self.held.take().filter(|held| held.note.start < now) else { return };
        self.ended = Some((held.note.pitch, now));
        if let Some(line) = &mut self.line {
            line.notes.push(FrameNote { end: now, ..held.note });
        }
    }

    /// Plays on to a frame: through the steps of the figure, to the end of the gate.
    pub(super) fn advance(&mut self, now: u64) {
        let Some(mut held) = self.held else { return };
        let gate = u64::from(self.gates[usize::from(held.slot)]);
        let end = if gate > 0 { now.min((held.piece + gate).max(held.note.start)) } else { now };
        let figures = Codebook::get().figures(self.voice);
        let steps = held.figure.and_then(|figure| figures.get(usize::from(figure))).map_or(&[][..], |f| &f.steps);
        for &(semitones, frame) in &steps[held.steps.min(steps.len())..] {
            let at = held.piece + u64::from(frame);
            if at >= end {
                break;
            }
            held.steps += 1;
            let pitch = held.root.saturating_add_signed(semitones);
            if self.voice.pitches().contains(&pitch) && at > held.note.start {
                if let Some(line) = &mut self.line {
                    line.notes.push(FrameNote { end: at, ..held.note });
                }
                held.note = FrameNote { start: at, end: at, pitch };
            }
        }
        self.sound(&held, end);
        self.held = Some(held);
        if gate > 0 && held.piece + gate <= now {
            self.end(end);
        }
    }

    /// Gives the frames from the last one that sounds up to another the course of the instrument.
    fn sound(&mut self, held: &Held, end: u64) {
        let Some(line) = self.line.as_mut().filter(|_| self.voice.velocities().is_some()) else { return };
        let from = (line.levels.len() as u64).max(held.piece);
        if from >= end {
            return;
        }
        line.levels.resize(from as usize, 0);
        line.timbres.resize(from as usize, 0);
        let instruments = Codebook::get().instruments(self.voice);
        let voicing = self.voicings[usize::from(held.slot)];
        for frame in from..end {
            let sound = voicing.sound(instruments, frame - held.piece);
            line.levels.push(sound.level);
            line.timbres.push(sound.timbre);
        }
    }
}
