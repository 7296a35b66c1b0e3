//! The song: what every symbolic format is read into and written from.
//!
//! Times are ticks of 1/44,100 s. A voice plays one note at a time; within a note its velocity and timbre may change.

mod edits;

use crate::error::TokenizerError;
use crate::song_fault::SongFault;
use crate::values::{Pitch, Ticks, Timbre, Velocity};
use crate::voice::Voice;

/// A note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Note {
    /// When it begins.
    pub start: Ticks,
    /// When it is silent again: later.
    pub end: Ticks,
    /// Its pitch, as [`Voice::pitches`] says.
    pub pitch: Pitch,
    /// Its velocity at the onset, 1 to 15 (1 for the triangle). A [`Change`] at the same tick overrides it.
    pub velocity: Velocity,
}

impl Note {
    /// Its length in ticks.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end.get() - self.start.get()
    }
}

/// What a [`Change`] sets, and to what. Their order is that of the changes of one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// The velocity, until the next note or change.
    Velocity(Velocity),
    /// The timbre, as [`Voice::timbres`] says, until the next change.
    Timbre(Timbre),
}

/// What a [`Setting`] is of: at one tick velocities come before timbres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// [`Setting::Velocity`].
    Velocity,
    /// [`Setting::Timbre`].
    Timbre,
}

/// A change of velocity or timbre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    /// When.
    pub tick: Ticks,
    /// What becomes of the voice.
    pub to: Setting,
}

impl Change {
    /// A change of the velocity.
    #[must_use]
    pub const fn of_velocity(tick: Ticks, velocity: Velocity) -> Self {
        Self { tick, to: Setting::Velocity(velocity) }
    }

    /// A change of the timbre.
    #[must_use]
    pub const fn of_timbre(tick: Ticks, timbre: Timbre) -> Self {
        Self { tick, to: Setting::Timbre(timbre) }
    }

    /// What it changes.
    #[must_use]
    pub const fn kind(&self) -> ChangeKind {
        match self.to {
            Setting::Velocity(_) => ChangeKind::Velocity,
            Setting::Timbre(_) => ChangeKind::Timbre,
        }
    }

    /// The new value.
    #[must_use]
    pub const fn value(&self) -> u8 {
        match self.to {
            Setting::Velocity(velocity) => velocity.get(),
            Setting::Timbre(timbre) => timbre.get(),
        }
    }

    /// By what changes are ordered; no two of a track have the same.
    #[must_use]
    pub const fn place(&self) -> (Ticks, ChangeKind) {
        (self.tick, self.kind())
    }
}

/// What one voice plays: the material of a [`Song`], which checks it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Track {
    /// Its notes by onset; none overlaps the next.
    pub notes: Vec<Note>,
    /// Its changes by tick; at one tick velocities come before timbres.
    pub changes: Vec<Change>,
}

impl Track {
    /// How many events say it at most: a beginning and an end for each note, and the changes.
    fn events(&self) -> usize {
        2 * self.notes.len() + self.changes.len()
    }
}

/// A song of four voices, which keeps all rules that [`Song::new`] states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Song {
    tracks: [Track; 4],
    length: Ticks,
}

impl Song {
    /// The song of four tracks, by [`Voice::index`], and a length: notes by onset without overlap, of pitches and velocities
    /// that the voices have; changes by tick, one of a kind at a tick, of values that the voices have; nothing after the
    /// end; no more of anything than [`crate::limits`] allow.
    ///
    /// # Errors
    /// [`TokenizerError::Song`] naming the voice, the tick and the first fault, [`TokenizerError::Limit`].
    pub fn new(tracks: [Track; 4], length: Ticks) -> Result<Self, TokenizerError> {
        TokenizerError::check_events(tracks.iter().map(Track::events).sum())?;
        for (voice, track) in Voice::ALL.into_iter().zip(&tracks) {
            let fault = |(tick, fault)| TokenizerError::Song { voice, tick, fault };
            check_notes(voice, &track.notes, length).map_err(fault)?;
            check_changes(voice, &track.changes, length).map_err(fault)?;
        }
        Ok(Self { tracks, length })
    }

    /// The tracks, by [`Voice::index`].
    #[must_use]
    pub const fn tracks(&self) -> &[Track; 4] {
        &self.tracks
    }

    /// The track of a voice.
    #[must_use]
    pub fn track(&self, voice: Voice) -> &Track {
        &self.tracks[voice.index()]
    }

    /// The voices with their tracks, in order.
    pub fn voices(&self) -> impl Iterator<Item = (Voice, &Track)> {
        Voice::ALL.into_iter().zip(&self.tracks)
    }

    /// Its length; nothing in it is later.
    #[must_use]
    pub const fn length(&self) -> Ticks {
        self.length
    }

    /// Its length in seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.length.get() as f64 / crate::limits::TICKS_PER_SECOND as f64
    }

    /// How many events say it at most.
    pub(crate) fn events(&self) -> usize {
        self.tracks.iter().map(Track::events).sum()
    }

    /// The song in which some voices play what they play in another; as long as the longer of the two.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`] for more events than a song may have.
    pub fn with_voices(&self, other: &Self, voices: &[Voice]) -> Result<Self, TokenizerError> {
        let mut tracks = self.tracks.clone();
        for voice in voices {
            tracks[voice.index()].clone_from(other.track(*voice));
        }
        Self::new(tracks, self.length.max(other.length))
    }
}

/// A fault and its tick.
type Fault = (Ticks, SongFault);

fn check_notes(voice: Voice, notes: &[Note], length: Ticks) -> Result<(), Fault> {
    let (pitches, velocities) = (voice.pitches(), 1..=voice.default_velocity().get());
    let mut free_from = Ticks::ZERO;
    for &Note { start, end, pitch, velocity } in notes {
        if !pitches.contains(&pitch.get()) {
            return Err((start, SongFault::Pitch { legal: pitches, found: pitch }));
        }
        if !velocities.contains(&velocity.get()) {
            return Err((start, SongFault::Velocity { legal: velocities, found: velocity }));
        }
        if start >= end || end > length {
            return Err((start, SongFault::End { end, length }));
        }
        if start < free_from {
            return Err((start, SongFault::Overlap { free_from, found: start }));
        }
        free_from = end;
    }
    Ok(())
}

fn check_changes(voice: Voice, changes: &[Change], length: Ticks) -> Result<(), Fault> {
    let velocities = voice.velocities().map(|range| 0..=*range.end());
    let mut before = None;
    for change in changes {
        let fault = |fault| Err((change.tick, fault));
        let legal = match change.to {
            Setting::Velocity(_) => velocities.clone(),
            Setting::Timbre(_) => voice.timbres(),
        };
        let Some(legal) = legal else {
            return fault(match change.to {
                Setting::Velocity(_) => SongFault::NoVelocity,
                Setting::Timbre(_) => SongFault::NoTimbre,
            });
        };
        if !legal.contains(&change.value()) {
            return fault(match change.to {
                Setting::Velocity(found) => SongFault::Velocity { legal, found },
                Setting::Timbre(found) => SongFault::Timbre { legal, found: found.get() },
            });
        }
        if change.tick > length {
            return fault(SongFault::Late { length });
        }
        if before.is_some_and(|before| before >= change.place()) {
            return fault(SongFault::Order);
        }
        before = Some(change.place());
    }
    Ok(())
}
