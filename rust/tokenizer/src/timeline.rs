//! A song as the one sequence of events that TX1 and TX2 spell out, and back.
//!
//! Within one tick the voices stand in the order P1, P2, TR, NO; of a voice first its NOTEOFF or NOTEON, then, in TX2, its
//! VELOCITY and its TIMBRE. A NOTEOFF is left out where the next note begins at once. (LakhNES's converters.)

use crate::error::TokenizerError;
use crate::event::{Dialect, Event};
use crate::song::{Change, ChangeKind, Note, Song, Track, Voice};

/// The events of a song, waits exact. Ends with the wait up to the song's end.
pub(crate) fn events(song: &Song, dialect: Dialect) -> Vec<Event> {
    let voices = Voice::ALL.map(|voice| match dialect {
        Dialect::Tx1 => note_events(voice, song.track(voice)),
        Dialect::Tx2 => all_events(voice, song.track(voice)),
    });
    let total: usize = voices.iter().map(Vec::len).sum();
    let mut merged = Vec::with_capacity(2 * total + 1);
    let mut rest = voices.each_ref().map(Vec::as_slice);
    let mut now = 0;
    while let Some(tick) = rest.iter().filter_map(|events| events.first()).map(|&(tick, _)| tick).min() {
        push_wait(&mut merged, tick.saturating_sub(now));
        now = now.max(tick);
        for voice in &mut rest {
            while let Some((&(due, event), later)) = voice.split_first() {
                if due > now {
                    break;
                }
                merged.push(event);
                *voice = later;
            }
        }
    }
    push_wait(&mut merged, song.length.saturating_sub(now));
    merged
}

/// Waits of any length; one that does not fit 32 bits (which no reader lets in) becomes several.
fn push_wait(events: &mut Vec<Event>, mut ticks: u64) {
    while ticks > 0 {
        let part = u32::try_from(ticks).unwrap_or(u32::MAX);
        events.push(Event::Wait(part));
        ticks -= u64::from(part);
    }
}

fn note_events(voice: Voice, track: &Track) -> Vec<(u64, Event)> {
    let mut events = Vec::with_capacity(2 * track.notes.len());
    let mut notes = track.notes.iter().filter(|note| note.start < note.end).peekable();
    while let Some(note) = notes.next() {
        events.push((note.start, Event::NoteOn(voice, note.pitch)));
        if notes.peek().is_none_or(|next| next.start > note.end) {
            events.push((note.end, Event::NoteOff(voice)));
        }
    }
    events
}

fn all_events(voice: Voice, track: &Track) -> Vec<(u64, Event)> {
    let notes = note_events(voice, track);
    if notes.is_empty() {
        return notes; // the original has no events of a voice without notes, and nothing of them would be heard
    }
    let has_velocity = voice.velocities().is_some();
    let mut events = Vec::with_capacity(2 * notes.len() + track.changes.len());
    let mut changes = track.changes.iter().peekable();
    let mut onsets = track.notes.iter().filter(|note| note.start < note.end);
    for (tick, event) in notes {
        while let Some(change) = changes.next_if(|change| change.tick < tick) {
            events.push((change.tick, change_event(voice, change)));
        }
        events.push((tick, event));
        let onset = matches!(event, Event::NoteOn(..)).then(|| onsets.next()).flatten();
        let overridden =
            changes.peek().is_some_and(|change| change.tick == tick && change.kind == ChangeKind::Velocity);
        if let Some(note) = onset
            && has_velocity
            && !overridden
        {
            events.push((tick, Event::Velocity(voice, note.velocity)));
        }
    }
    events.extend(changes.map(|change| (change.tick, change_event(voice, change))));
    events
}

fn change_event(voice: Voice, change: &Change) -> Event {
    match change.kind {
        ChangeKind::Velocity => Event::Velocity(voice, change.value),
        ChangeKind::Timbre => Event::Timbre(voice, change.value),
    }
}

/// Builds a song from events in order.
///
/// A note that ends where it begins makes no sound and is left out; of two changes of one kind at one tick the later
/// stands; a note-off without a note is passed over; a note that is still held at the end ends there.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    song: Song,
    held: [Option<Note>; 4],
    count: usize,
}

impl Builder {
    pub(crate) fn push(&mut self, event: Event) -> Result<(), TokenizerError> {
        self.count += 1;
        TokenizerError::check_events(self.count)?;
        match event {
            Event::Wait(ticks) => {
                self.song.length += u64::from(ticks);
                TokenizerError::check_ticks(self.song.length)?;
            }
            Event::NoteOff(voice) => self.end_note(voice),
            Event::NoteOn(voice, pitch) => {
                self.end_note(voice);
                let start = self.song.length;
                self.held[voice.index()] = Some(Note { start, end: start, pitch, velocity: voice.default_velocity() });
            }
            Event::Velocity(voice, value) => self.change(voice, ChangeKind::Velocity, value),
            Event::Timbre(voice, value) => self.change(voice, ChangeKind::Timbre, value),
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Song {
        for voice in Voice::ALL {
            self.end_note(voice);
        }
        self.song
    }

    fn end_note(&mut self, voice: Voice) {
        let end = self.song.length;
        if let Some(note) = self.held[voice.index()].take()
            && note.start < end
        {
            self.song.tracks[voice.index()].notes.push(Note { end, ..note });
        }
    }

    fn change(&mut self, voice: Voice, kind: ChangeKind, value: u8) {
        let tick = self.song.length;
        let changes = &mut self.song.tracks[voice.index()].changes;
        let at_this_tick = changes.iter().rposition(|change| change.tick < tick).map_or(0, |last| last + 1);
        let place = at_this_tick + changes[at_this_tick..].partition_point(|change| change.kind < kind);
        match changes.get_mut(place) {
            Some(change) if change.kind == kind => change.value = value,
            _ => changes.insert(place, Change { tick, kind, value }),
        }
    }
}
