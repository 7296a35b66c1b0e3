//! The song: what every symbolic format is read into and written from.
//!
//! Times are ticks of 1/44,100 s. A voice plays one note at a time; within a note its velocity and timbre may change.

use std::ops::RangeInclusive;

use crate::error::TokenizerError;

/// One of the four voices that NES-MDB scores have (the chip's fifth, the sample channel, has no notes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Voice {
    /// The first pulse channel.
    P1,
    /// The second pulse channel.
    P2,
    /// The triangle channel.
    Tr,
    /// The noise channel.
    No,
}

impl Voice {
    /// All four, in the order in which events of one tick are written.
    pub const ALL: [Self; 4] = [Self::P1, Self::P2, Self::Tr, Self::No];

    /// 0 to 3, the index into [`Song::tracks`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// `p1`, `p2`, `tr` or `no`: the track names of NES-MDB's MIDI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ["p1", "p2", "tr", "no"][self as usize]
    }

    /// `P1`, `P2`, `TR` or `NO`: how a TX event begins.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        ["P1", "P2", "TR", "NO"][self as usize]
    }

    /// The pitches that a voice can play: MIDI notes of the pulses and the triangle; of the noise channel
    /// 16 − period, so that 16 is the brightest (NES-MDB, section 3).
    #[must_use]
    pub const fn pitches(self) -> RangeInclusive<u8> {
        match self {
            Self::P1 | Self::P2 => 33..=108,
            Self::Tr => 21..=108,
            Self::No => 1..=16,
        }
    }

    /// The velocities that TX2 has for a voice; none for the triangle, which has no volume.
    #[must_use]
    pub const fn velocities(self) -> Option<RangeInclusive<u8>> {
        match self {
            Self::Tr => None,
            _ => Some(1..=15),
        }
    }

    /// The timbres of a voice: the duty of a pulse (0 to 3: 12.5, 25, 50, 75 %), the mode of the noise (1: short); none
    /// for the triangle.
    #[must_use]
    pub const fn timbres(self) -> Option<RangeInclusive<u8>> {
        match self {
            Self::P1 | Self::P2 => Some(0..=3),
            Self::Tr => None,
            Self::No => Some(0..=1),
        }
    }

    /// The velocity of a note of which nothing says how loud it is: 15, and 1 for the triangle.
    #[must_use]
    pub const fn default_velocity(self) -> u8 {
        match self {
            Self::Tr => 1,
            _ => 15,
        }
    }
}

/// A note. Ticks of 1/44,100 s; `start < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Note {
    /// The tick at which it begins.
    pub start: u64,
    /// The tick at which it is silent again.
    pub end: u64,
    /// Its pitch, as [`Voice::pitches`] says.
    pub pitch: u8,
    /// Its velocity at the onset, 1 to 15 (1 for the triangle). A [`Change`] at the same tick overrides it.
    pub velocity: u8,
}

/// What a [`Change`] sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// The velocity, 0 to 15, until the next note or change.
    Velocity,
    /// The timbre, as [`Voice::timbres`] says, until the next change.
    Timbre,
}

/// A change of velocity or timbre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    /// When, in ticks of 1/44,100 s.
    pub tick: u64,
    /// Of what.
    pub kind: ChangeKind,
    /// The new value.
    pub value: u8,
}

/// What one voice plays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Track {
    /// Its notes by onset; none overlaps the next.
    pub notes: Vec<Note>,
    /// Its changes by tick; at one tick velocities come before timbres.
    pub changes: Vec<Change>,
}

/// A song of four voices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Song {
    /// The voices, by [`Voice::index`].
    pub tracks: [Track; 4],
    /// Its length in ticks of 1/44,100 s; nothing in it is later.
    pub length: u64,
}

impl Song {
    /// The track of a voice.
    #[must_use]
    pub fn track(&self, voice: Voice) -> &Track {
        &self.tracks[voice.index()]
    }

    /// The voices with their tracks, in order.
    pub fn voices(&self) -> impl Iterator<Item = (Voice, &Track)> {
        Voice::ALL.into_iter().zip(&self.tracks)
    }

    /// The song in which some voices play what they play in another; as long as the longer of the two.
    #[must_use]
    pub fn with_voices(&self, other: &Self, voices: &[Voice]) -> Self {
        let mut song = Self { length: self.length.max(other.length), ..self.clone() };
        for voice in voices {
            song.tracks[voice.index()].clone_from(other.track(*voice));
        }
        song
    }

    /// Its length in seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.length as f64 / crate::limits::TICKS_PER_SECOND as f64
    }
}

impl Song {
    /// Checks that it is a song: notes by onset without overlap, of pitches and velocities that the voices have; changes by
    /// tick, one of a kind at a tick, of values that the voices have; nothing after the end; no more of anything than
    /// [`crate::limits`] allow.
    ///
    /// # Errors
    /// [`TokenizerError::Song`] naming the voice and the tick of the first fault, [`TokenizerError::Limit`].
    pub fn check(&self) -> Result<(), TokenizerError> {
        TokenizerError::check_ticks(self.length)?;
        let events = self.tracks.iter().map(|track| 2 * track.notes.len() + track.changes.len()).sum();
        TokenizerError::check_events(events)?;
        for (voice, track) in self.voices() {
            self.check_notes(voice, &track.notes)?;
            self.check_changes(voice, &track.changes)?;
        }
        Ok(())
    }

    fn check_notes(&self, voice: Voice, notes: &[Note]) -> Result<(), TokenizerError> {
        let fault = |note: &Note, expected: String, found: String| {
            Err(TokenizerError::Song { voice: voice.name(), tick: note.start, expected, found })
        };
        let mut free_from = 0;
        for note in notes {
            if !voice.pitches().contains(&note.pitch) {
                let (low, high) = voice.pitches().into_inner();
                return fault(note, format!("a pitch of {low} to {high}"), note.pitch.to_string());
            }
            if !(1..=voice.default_velocity()).contains(&note.velocity) {
                let expected = format!("a velocity of 1 to {}", voice.default_velocity());
                return fault(note, expected, note.velocity.to_string());
            }
            if note.start >= note.end || note.end > self.length {
                let expected = format!("a note that ends after its onset and by the end of the song ({})", self.length);
                return fault(note, expected, format!("an end at {}", note.end));
            }
            if note.start < free_from {
                return fault(
                    note,
                    format!("one note at a time, so an onset from {free_from} on"),
                    note.start.to_string(),
                );
            }
            free_from = note.end;
        }
        Ok(())
    }

    fn check_changes(&self, voice: Voice, changes: &[Change]) -> Result<(), TokenizerError> {
        let fault = |change: &Change, expected: String, found: String| {
            Err(TokenizerError::Song { voice: voice.name(), tick: change.tick, expected, found })
        };
        let mut before = None;
        for change in changes {
            let legal = match change.kind {
                ChangeKind::Velocity => voice.velocities().map(|range| 0..=*range.end()),
                ChangeKind::Timbre => voice.timbres(),
            };
            let Some(legal) = legal else {
                return fault(change, "no change, for the voice has none".to_owned(), format!("{:?}", change.kind));
            };
            if !legal.contains(&change.value) {
                let expected = format!("a {:?} of {} to {}", change.kind, legal.start(), legal.end()).to_lowercase();
                return fault(change, expected, change.value.to_string());
            }
            if change.tick > self.length {
                return fault(
                    change,
                    format!("nothing after the end of the song ({})", self.length),
                    "a change".to_owned(),
                );
            }
            let place = (change.tick, change.kind);
            if before.is_some_and(|before| before >= place) {
                return fault(
                    change,
                    "changes by tick, one of a kind at a tick".to_owned(),
                    "a change out of order".to_owned(),
                );
            }
            before = Some(place);
        }
        Ok(())
    }
}
