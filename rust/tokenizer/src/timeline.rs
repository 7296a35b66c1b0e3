//! A song as the one sequence of events that TX1 and TX2 spell out, and back.
//!
//! Within one tick the voices stand in the order P1, P2, TR, NO; of a voice first its NOTEOFF or NOTEON, then, in TX2, its
//! VELOCITY and its TIMBRE. A NOTEOFF is left out where the next note begins at once. (LakhNES's converters.)

use crate::error::TokenizerError;
use crate::event::{Dialect, Event};
use crate::song::{Change, ChangeKind, Note, Setting, Song, Track};
use crate::values::Ticks;
use crate::voice::Voice;

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
    wait(song.length().get().saturating_sub(now), &mut take);
}

fn wait(ticks: u64, take: &mut impl FnMut(Event)) {
    if ticks > 0 {
        take(Event::Wait(ticks as u32)); // no song is longer than fits
    }
}

/// The tick of what does not come.
const NEVER: u64 = u64::MAX;

/// What is still to come of a voice.
struct Line<'a> {
    voice: Voice,
    notes: &'a [Note],
    /// Empty in TX1, and for a voice without notes, of which the original has no events; the first is one of the dialect.
    changes: &'a [Change],
    dialect: Dialect,
    /// Where the note that sounds ends, if a note-off says so.
    end: Option<u64>,
    has_velocity: bool,
}

impl<'a> Line<'a> {
    fn new(voice: Voice, track: &'a Track, dialect: Dialect) -> Self {
        let changing = !track.notes.is_empty() && (dialect.has_velocities() || dialect.has_timbres());
        let has_velocity = dialect.has_velocities() && voice.velocities().is_some();
        let mut line = Self { voice, notes: &track.notes, changes: &[], dialect, end: None, has_velocity };
        line.set_changes(if changing { &track.changes } else { &[] });
        line
    }

    /// Passes over the changes that the dialect does not have.
    fn set_changes(&mut self, mut changes: &'a [Change]) {
        let dialect = self.dialect;
        let has = |change: &Change| match change.to {
            Setting::Velocity(_) => dialect.has_velocities(),
            Setting::Timbre(_) => dialect.has_timbres(),
        };
        while let Some((_, later)) = changes.split_first().filter(|(change, _)| !has(change)) {
            changes = later;
        }
        self.changes = changes;
    }

    fn next_note_event(&self) -> u64 {
        self.end.or_else(|| self.notes.first().map(|note| note.start.get())).unwrap_or(NEVER)
    }

    fn next_tick(&self) -> u64 {
        self.changes.first().map_or(NEVER, |change| change.tick.get()).min(self.next_note_event())
    }

    /// Gives what is due by a tick: of one tick the end or the beginning of a note first.
    fn take_until(&mut self, now: u64, take: &mut impl FnMut(Event)) {
        loop {
            let next = self.next_note_event();
            while let Some((change, later)) = self.changes.split_first()
                && change.tick.get() < next
                && change.tick.get() <= now
            {
                take(change_event(self.voice, *change));
                self.set_changes(later);
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
        // Where the next one begins at once it needs no end.
        self.end = self.notes.first().is_none_or(|next| next.start > note.end).then_some(note.end.get());
        take(Event::NoteOn(self.voice, note.pitch));
        let onset = (note.start, ChangeKind::Velocity);
        let overridden = self.changes.first().is_some_and(|change| change.place() == onset);
        if self.has_velocity && !overridden {
            take(Event::Velocity(self.voice, note.velocity));
        }
    }
}

fn change_event(voice: Voice, change: Change) -> Event {
    match change.to {
        Setting::Velocity(velocity) => Event::Velocity(voice, velocity),
        Setting::Timbre(timbre) => Event::Timbre(voice, timbre),
    }
}

/// Builds a song from events in order.
///
/// A note that ends where it begins makes no sound and is left out; of two changes of one kind at one tick the later
/// stands; a note-off without a note is passed over; a note that is still held at the end ends there.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    tracks: [Track; 4],
    now: Ticks,
    held: [Option<Note>; 4],
    count: usize,
}

impl Builder {
    pub(crate) fn push(&mut self, event: Event) -> Result<(), TokenizerError> {
        self.count += 1;
        TokenizerError::check_events(self.count)?;
        match event {
            Event::Wait(ticks) => self.now = TokenizerError::check_ticks(self.now.get() + u64::from(ticks))?,
            Event::NoteOff(voice) => self.end_note(voice),
            Event::NoteOn(voice, pitch) => {
                self.end_note(voice);
                let (start, velocity) = (self.now, voice.default_velocity());
                self.held[voice.index()] = Some(Note { start, end: start, pitch, velocity });
            }
            Event::Velocity(voice, velocity) => self.change(voice, Setting::Velocity(velocity)),
            Event::Timbre(voice, timbre) => self.change(voice, Setting::Timbre(timbre)),
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Song, TokenizerError> {
        for voice in Voice::ALL {
            self.end_note(voice);
        }
        Song::new(self.tracks, self.now)
    }

    fn end_note(&mut self, voice: Voice) {
        let end = self.now;
        if let Some(note) = self.held[voice.index()].take()
            && note.start < end
        {
            self.tracks[voice.index()].notes.push(Note { end, ..note });
        }
    }

    fn change(&mut self, voice: Voice, to: Setting) {
        let change = Change { tick: self.now, to };
        let changes = &mut self.tracks[voice.index()].changes;
        let place = changes.iter().rposition(|earlier| earlier.place() < change.place()).map_or(0, |last| last + 1);
        match changes.get_mut(place) {
            Some(same) if same.place() == change.place() => *same = change,
            _ => changes.insert(place, change),
        }
    }
}
