//! A song as the one sequence of events that TX1 and TX2 spell out, and back.
//!
//! Within one tick the voices stand in the order P1, P2, TR, NO; of a voice first its NOTEOFF or NOTEON, then, in TX2, its
//! VELOCITY and its TIMBRE. A NOTEOFF is left out where the next note begins at once. (LakhNES's converters.)

use crate::error::TokenizerError;
use crate::event::{Dialect, Event};
use crate::song::{Change, ChangeKind, Note, Song, Track, Voice};

/// Gives the events of a song in order, waits exact; the last may be the wait up to the song's end.
pub(crate) fn for_each_event(song: &Song, dialect: Dialect, mut take: impl FnMut(Event)) {
    let mut lines = Voice::ALL.map(|voice| Line::new(voice, song.track(voice), dialect));
    let mut due = lines.each_ref().map(Line::next_tick);
    let mut now = 0;
    while let Some(tick) = due.iter().copied().min().filter(|&tick| tick < NEVER) {
        wait(tick.saturating_sub(now), &mut take);
        now = now.max(tick);
        for (line, due) in lines.iter_mut().zip(&mut due) {
            if *due <= now {
                line.take_until(now, &mut take);
                *due = line.next_tick();
            }
        }
    }
    wait(song.length.saturating_sub(now), &mut take);
}

/// Waits of any length; one that does not fit 32 bits (which no reader lets in) becomes several.
fn wait(mut ticks: u64, take: &mut impl FnMut(Event)) {
    while ticks > 0 {
        let part = u32::try_from(ticks).unwrap_or(u32::MAX);
        take(Event::Wait(part));
        ticks -= u64::from(part);
    }
}

/// The tick of what does not come.
const NEVER: u64 = u64::MAX;

/// What is still to come of a voice.
struct Line<'a> {
    voice: Voice,
    notes: &'a [Note],
    /// Empty in TX1, and for a voice without notes, of which the original has no events.
    changes: &'a [Change],
    /// Where the note that sounds ends, if a note-off says so.
    end: Option<u64>,
    has_velocity: bool,
}

impl<'a> Line<'a> {
    fn new(voice: Voice, track: &'a Track, dialect: Dialect) -> Self {
        let full = dialect == Dialect::Tx2;
        let mut line = Self {
            voice,
            notes: &track.notes,
            changes: &[],
            end: None,
            has_velocity: full && voice.velocities().is_some(),
        };
        line.skip_empty();
        if full && !line.notes.is_empty() {
            line.changes = &track.changes;
        }
        line
    }

    /// Passes over notes of no length.
    fn skip_empty(&mut self) {
        while let Some((note, later)) = self.notes.split_first()
            && note.start >= note.end
        {
            self.notes = later;
        }
    }

    fn next_note_event(&self) -> u64 {
        self.end.or_else(|| self.notes.first().map(|note| note.start)).unwrap_or(NEVER)
    }

    fn next_tick(&self) -> u64 {
        self.changes.first().map_or(NEVER, |change| change.tick).min(self.next_note_event())
    }

    /// Gives what is due by a tick: of one tick the end or the beginning of a note first.
    fn take_until(&mut self, now: u64, take: &mut impl FnMut(Event)) {
        loop {
            let next = self.next_note_event();
            while let Some((change, later)) = self.changes.split_first()
                && change.tick < next
                && change.tick <= now
            {
                take(change_event(self.voice, change));
                self.changes = later;
            }
            if next > now {
                return;
            }
            if self.end.take().is_some() {
                take(Event::NoteOff(self.voice));
            } else {
                self.begin_note(take);
            }
        }
    }

    fn begin_note(&mut self, take: &mut impl FnMut(Event)) {
        let Some((note, later)) = self.notes.split_first() else { return };
        self.notes = later;
        self.skip_empty();
        // Where the next one begins at once, or before, it needs no end.
        self.end = self.notes.first().is_none_or(|next| next.start > note.end).then_some(note.end);
        take(Event::NoteOn(self.voice, note.pitch));
        let overridden =
            self.changes.first().is_some_and(|change| change.tick == note.start && change.kind == ChangeKind::Velocity);
        if self.has_velocity && !overridden {
            take(Event::Velocity(self.voice, note.velocity));
        }
    }
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
