//! The instruments of a MIDI file, separated and timed as `pretty_midi` does, on which LakhNES's adaptation works.
//!
//! An instrument is what one program plays on one channel of one track. A note-off ends all notes of its pitch that began
//! before it; a note that nothing ends is dropped. Unlike `pretty_midi`, tempo changes count wherever they stand in the
//! file, and times are exact.

use midly::{MetaMessage, MidiMessage, TrackEventKind};

use crate::error::TokenizerError;
use crate::midi::clock::Clock;
use crate::midi::walk::{Listener, Tracks, walk};

/// The channel of the drums, from 0 (General MIDI).
const DRUMS: u8 = 9;

/// A note. Ticks of 1/44,100 s; `start < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceNote {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) pitch: u8,
    /// 1 to 127.
    pub(super) velocity: u8,
}

/// What one program plays on one channel of one track.
#[derive(Debug, Clone, Default)]
pub(super) struct Instrument {
    pub(super) track: usize,
    /// From 0.
    pub(super) channel: u8,
    pub(super) program: u8,
    /// By onset; those that begin together in the order in which they end.
    pub(super) notes: Vec<SourceNote>,
}

impl Instrument {
    pub(super) const fn is_drums(&self) -> bool {
        self.channel == DRUMS
    }
}

#[derive(Debug, Default)]
pub(super) struct Source {
    /// In the order in which their first notes end.
    pub(super) instruments: Vec<Instrument>,
    /// Where the last note, controller, pitch bend, signature or text stands, in ticks.
    pub(super) length: u64,
}

pub(super) fn read(bytes: &[u8]) -> Result<Source, TokenizerError> {
    let mut file = File::default();
    // What follows the last track that the header counts is no concern of a player's.
    let extent = walk(bytes, Tracks::Announced, &mut file)?;
    let clock = Clock::new(extent.timing, file.tempos);
    for instrument in &mut file.instruments {
        for note in &mut instrument.notes {
            (note.start, note.end) = (clock.tick(note.start), clock.tick(note.end));
        }
        instrument.notes.retain(|note| note.start < note.end);
        instrument.notes.sort_by_key(|note| note.start);
    }
    file.instruments.retain(|instrument| !instrument.notes.is_empty());
    let length = clock.tick(file.last);
    Ok(Source { instruments: file.instruments, length })
}

/// What the tracks of a file hold, in MIDI time.
struct File {
    instruments: Vec<Instrument>,
    tempos: Vec<(u64, u32)>,
    last: u64,
    track: usize,
    /// The first of `instruments` that belongs to the track.
    first: usize,
    /// By channel.
    programs: [u8; 16],
    /// The notes of the track that sound, by channel and pitch: MIDI tick and velocity of their onsets.
    held: Vec<Vec<(u64, u8)>>,
    /// Where there may be some.
    touched: Vec<usize>,
}

impl Default for File {
    fn default() -> Self {
        Self {
            instruments: Vec::new(),
            tempos: Vec::new(),
            last: 0,
            track: 0,
            first: 0,
            programs: [0; 16],
            held: vec![Vec::new(); 16 * 128],
            touched: Vec::new(),
        }
    }
}

impl Listener for File {
    fn begin_track(&mut self, track: usize) {
        (self.track, self.first) = (track, self.instruments.len());
        self.programs = [0; 16];
        for index in self.touched.drain(..) {
            if let Some(onsets) = self.held.get_mut(index) {
                onsets.clear();
            }
        }
    }

    #[inline]
    fn hear(&mut self, now: u64, event: TrackEventKind<'_>) -> Result<(), TokenizerError> {
        match event {
            TrackEventKind::Midi { channel, message } => self.receive(now, channel.as_int(), message),
            TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => self.tempos.push((now, tempo.as_int())),
            TrackEventKind::Meta(
                MetaMessage::TimeSignature(..)
                | MetaMessage::KeySignature(..)
                | MetaMessage::Lyric(_)
                | MetaMessage::Text(_),
            ) => self.last = self.last.max(now),
            _ => {}
        }
        Ok(())
    }
}

impl File {
    fn receive(&mut self, now: u64, channel: u8, message: MidiMessage) {
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                let index = slot(channel, key.as_int());
                if let Some(onsets) = self.held.get_mut(index) {
                    if onsets.is_empty() {
                        self.touched.push(index);
                    }
                    onsets.push((now, vel.as_int()));
                }
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => self.end(now, channel, key.as_int()),
            MidiMessage::ProgramChange { program } => {
                if let Some(chosen) = self.programs.get_mut(usize::from(channel)) {
                    *chosen = program.as_int();
                }
            }
            MidiMessage::Controller { .. } | MidiMessage::PitchBend { .. } => self.last = self.last.max(now),
            _ => {}
        }
    }

    /// Ends the notes of a pitch that began before now. Those that begin right now sound on, unless there was nothing else
    /// to end.
    fn end(&mut self, now: u64, channel: u8, pitch: u8) {
        let program = self.programs.get(usize::from(channel)).copied().unwrap_or(0);
        let Some(held) = self.held.get_mut(slot(channel, pitch)) else { return };
        if held.iter().all(|&(start, _)| start == now) {
            return held.clear();
        }
        let mut onsets = std::mem::take(held);
        let notes = self.notes_of(channel, program);
        for &(start, velocity) in onsets.iter().filter(|&&(start, _)| start < now) {
            notes.push(SourceNote { start, end: now, pitch, velocity });
        }
        onsets.retain(|&(start, _)| start == now);
        if let Some(held) = self.held.get_mut(slot(channel, pitch)) {
            *held = onsets;
        }
        self.last = self.last.max(now);
    }

    fn notes_of(&mut self, channel: u8, program: u8) -> &mut Vec<SourceNote> {
        let of_track = self.instruments.get(self.first..).unwrap_or_default();
        // The last one is nearly always it.
        let is_it = |instrument: &Instrument| (instrument.channel, instrument.program) == (channel, program);
        let index = of_track.iter().rposition(is_it).map_or(self.instruments.len(), |index| self.first + index);
        if index == self.instruments.len() {
            self.instruments.push(Instrument { track: self.track, channel, program, notes: Vec::new() });
        }
        &mut self.instruments[index].notes
    }
}

const fn slot(channel: u8, pitch: u8) -> usize {
    channel as usize * 128 + pitch as usize
}
