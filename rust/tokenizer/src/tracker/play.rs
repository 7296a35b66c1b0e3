//! How a module sounds, frame by frame, by the rules of the program that plays it.

use super::frames::{Frame, Tone};
use super::module::{Action, Cell, Instrument, Module};
use super::pitch::NoteTable;

/// How a program multiplies the volume of a channel with that of an instrument. Neither makes silence of two sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mixing {
    /// `FamiTracker` rounds down.
    Down,
    /// `FamiStudio` rounds to the nearest.
    Nearest,
}

impl Mixing {
    /// The volume that is played, of two of 0 to 15.
    pub(super) fn volume(self, instrument: u8, channel: u8) -> u8 {
        let product = u16::from(instrument) * u16::from(channel);
        let volume = match self {
            Self::Down => product / 15,
            Self::Nearest => (2 * product + 15) / 30,
        };
        volume.max(u16::from(product > 0)) as u8
    }
}

/// A channel as it plays.
#[derive(Debug, Clone, Copy)]
struct Channel {
    note: Option<(u8, u8)>,
    age: usize,
    volume: u8,
    timbre: u8,
    fine: i8,
}

impl Channel {
    fn take(&mut self, cell: &Cell) {
        match cell.action {
            Some(Action::Play { note, instrument }) => (self.note, self.age) = (Some((note, instrument)), 0),
            Some(Action::Cut) => self.note = None,
            None => {}
        }
        self.volume = cell.volume.unwrap_or(self.volume);
        self.timbre = cell.timbre.unwrap_or(self.timbre);
        self.fine = cell.fine.unwrap_or(self.fine);
    }

    fn tone(&self, voice: usize, module: &Module, table: &NoteTable, mixing: Mixing) -> Tone {
        let Some((note, instrument)) = self.note else { return Tone::default() };
        let Some(instrument) = module.instruments.get(usize::from(instrument)) else { return Tone::default() };
        let volume = mixing.volume(Instrument::at(&instrument.volume, self.age, 15), self.volume);
        let timbre = Instrument::at(&instrument.timbre, self.age, self.timbre);
        let note = i32::from(note) + i32::from(Instrument::at(&instrument.arpeggio, self.age, 0));
        let bend = i32::from(Instrument::at(&instrument.pitch, self.age, 0)) + i32::from(self.fine);
        match (voice, volume) {
            (_, 0) => Tone::default(),
            (2, _) => Tone { period: (table.period(note) + bend).clamp(0, 2_047) as u16, volume: 15, timbre: 0 },
            (3, _) => Tone { period: (note & 15 ^ 15) as u16, volume, timbre },
            _ => Tone { period: (table.period(note) + bend).clamp(0, 2_047) as u16, volume, timbre },
        }
    }
}

/// Plays a module to its end.
pub(super) fn play(module: &Module, mixing: Mixing) -> Vec<Frame> {
    let table = NoteTable::new(module.standard);
    let mut frames = vec![Frame::default(); module.frames()];
    for voice in 0..4 {
        let mut channel = Channel { note: None, age: 0, volume: 15, timbre: 0, fine: 0 };
        let mut cells = module.cells(voice).peekable();
        for (index, frame) in frames.iter_mut().enumerate() {
            while let Some((_, cell)) = cells.next_if(|(at, _)| *at <= index) {
                channel.take(cell);
            }
            frame[voice] = channel.tone(voice, module, &table, mixing);
            channel.age += 1;
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_volumes_are_never_silence() {
        assert_eq!((Mixing::Down.volume(15, 9), Mixing::Nearest.volume(9, 15)), (9, 9));
        assert_eq!((Mixing::Down.volume(11, 11), Mixing::Nearest.volume(11, 11)), (8, 8));
        assert_eq!((Mixing::Down.volume(14, 14), Mixing::Nearest.volume(14, 14)), (13, 13));
        assert_eq!((Mixing::Down.volume(13, 14), Mixing::Nearest.volume(13, 14)), (12, 12));
        assert_eq!((Mixing::Down.volume(1, 1), Mixing::Nearest.volume(3, 0)), (1, 0));
    }
}
