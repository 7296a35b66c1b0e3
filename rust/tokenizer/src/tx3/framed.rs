//! A song by frames: what each voice plays in each frame.

use super::clock::Clock;
use crate::error::TokenizerError;
use crate::song::{Change, Note, Setting, Song, Track};
use crate::values::{Pitch, Ticks, Timbre, Velocity};
use crate::voice::Voice;

/// A note in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameNote {
    pub start: u64,
    pub end: u64,
    pub pitch: u8,
}

/// What a voice plays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// By onset; none overlaps the next.
    pub notes: Vec<FrameNote>,
    /// The velocity of each frame; 0 where the voice is silent, and throughout for the triangle.
    pub levels: Vec<u8>,
    /// The timbre of each frame; 0 where the voice is silent.
    pub timbres: Vec<u8>,
}

/// A song by frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FramedSong {
    pub clock: Clock,
    /// The voices, by [`Voice::index`].
    pub lines: [Line; 4],
    /// In frames.
    pub length: u64,
}

impl FramedSong {
    /// Moves everything in a song to the nearest frame of its clock.
    ///
    /// A note that then has no length is left out. Notes of one pitch that only such a note parted are one note: they are
    /// what is seen of one note while the two halves of a timer are written.
    pub(super) fn of(song: &Song) -> Result<Self, TokenizerError> {
        let clock = Clock::of(song);
        let framed = Self::by(song, clock);
        // The frames may lie on a clock that comes before: then that is the one under which the song is found again.
        let song = framed.to_song()?;
        let exact = Clock::exact(&song).unwrap_or(clock);
        Ok(if exact == clock { framed } else { Self::by(&song, exact) })
    }

    fn by(song: &Song, clock: Clock) -> Self {
        let length = clock.frame_of(song.length().get());
        let lines = Voice::ALL.map(|voice| line_of(voice, song.track(voice), clock, length));
        Self { clock, lines, length }
    }

    /// The song, with every event at the tick of its frame.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`] if it is longer than a song may be.
    pub(super) fn to_song(&self) -> Result<Song, TokenizerError> {
        let tracks = Voice::ALL.map(|voice| track_of(voice, &self.lines[voice.index()], self.clock));
        Song::new(tracks, Ticks::saturating(self.clock.tick_of(self.length)))
    }
}

fn line_of(voice: Voice, track: &Track, clock: Clock, length: u64) -> Line {
    let mut notes: Vec<FrameNote> = Vec::with_capacity(track.notes.len());
    let mut parted = false;
    for note in &track.notes {
        let (start, end) = (clock.frame_of(note.start.get()), clock.frame_of(note.end.get()));
        if start == end {
            parted = true;
            continue;
        }
        match notes.last_mut() {
            Some(last) if parted && last.end == start && last.pitch == note.pitch.get() => last.end = end,
            _ => notes.push(FrameNote { start, end, pitch: note.pitch.get() }),
        }
        parted = false;
    }
    let mut line = Line { notes, ..Line::default() };
    if voice.velocities().is_some() && !line.notes.is_empty() {
        (line.levels, line.timbres) = courses(track, clock, length as usize);
        line.silence_rests();
    }
    line
}

/// The velocity and the timbre of every frame, rests included: the last that is set in a frame counts.
fn courses(track: &Track, clock: Clock, length: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut levels, mut timbres) = (Vec::with_capacity(length), Vec::with_capacity(length));
    let (mut level, mut timbre) = (0, 0);
    let mut notes = track.notes.iter().peekable();
    let mut changes = track.changes.iter().peekable();
    for frame in 0..length {
        loop {
            let due = |tick: Ticks| clock.frame_of(tick.get()) <= frame as u64;
            let note = notes.peek().filter(|note| due(note.start));
            let change = changes.peek().filter(|change| due(change.tick));
            match (note, change) {
                (Some(note), change) if change.is_none_or(|change| note.start <= change.tick) => {
                    level = note.velocity.get();
                    notes.next();
                }
                (_, Some(change)) => {
                    match change.to {
                        Setting::Velocity(velocity) => level = velocity.get(),
                        Setting::Timbre(value) => timbre = value.get(),
                    }
                    changes.next();
                }
                _ => break,
            }
        }
        levels.push(level);
        timbres.push(timbre);
    }
    (levels, timbres)
}

impl Line {
    fn silence_rests(&mut self) {
        let mut from = 0;
        let ends = self.notes.iter().map(|note| (note.start as usize, note.end as usize));
        for (start, end) in ends.chain([(self.levels.len(), 0)]) {
            self.levels[from..start].fill(0);
            self.timbres[from..start].fill(0);
            from = end;
        }
    }
}

fn track_of(voice: Voice, line: &Line, clock: Clock) -> Track {
    let mut track = Track::default();
    let mut timbre = 0;
    for note in &line.notes {
        let (start, end) = (clock.tick_of(note.start), clock.tick_of(note.end));
        let first = line.levels.get(note.start as usize).copied().unwrap_or(0);
        let velocity = if first == 0 { voice.default_velocity().get() } else { first };
        track.notes.push(Note {
            start: Ticks::saturating(start),
            end: Ticks::saturating(end),
            pitch: Pitch::saturating(note.pitch),
            velocity: Velocity::saturating(velocity),
        });
        if voice.velocities().is_none() {
            continue;
        }
        let mut level = velocity;
        for frame in note.start..note.end {
            let tick = Ticks::saturating(clock.tick_of(frame));
            let mut change = |now: &mut u8, course: &[u8], to: fn(u8) -> Setting| {
                let value = course.get(frame as usize).copied().unwrap_or(*now);
                if value != *now {
                    track.changes.push(Change { tick, to: to(value) });
                    *now = value;
                }
            };
            change(&mut level, &line.levels, |value| Setting::Velocity(Velocity::saturating(value)));
            change(&mut timbre, &line.timbres, |value| Setting::Timbre(Timbre::saturating(value)));
        }
    }
    track
}
