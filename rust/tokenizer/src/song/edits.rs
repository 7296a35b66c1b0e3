//! Songs of songs: transposed, trimmed, joined, spliced.

use super::{Change, ChangeKind, Note, Setting, Song, Track};
use crate::error::TokenizerError;
use crate::values::{Ticks, Timbre, Velocity};
use crate::voice::Voice;

impl Song {
    /// The song with the pulses and the triangle moved by semitones; the noise, which has no pitches, stays.
    ///
    /// # Errors
    /// [`TokenizerError::Song`] for the first note that its voice cannot play there.
    pub fn transposed(&self, semitones: i8) -> Result<Self, TokenizerError> {
        let mut tracks = self.tracks.clone();
        for voice in [Voice::P1, Voice::P2, Voice::Tr] {
            for note in &mut tracks[voice.index()].notes {
                note.pitch = note.pitch.transposed(semitones).ok_or_else(|| TokenizerError::Option {
                    name: "transpose",
                    expected: "semitones that leave every pitch between 0 and 127",
                    found: semitones.to_string(),
                })?;
            }
        }
        Self::new(tracks, self.length)
    }

    /// What sounds from one tick to another, or to the end if that comes before. A note that sounds at the start begins
    /// there, as loud as it is then.
    ///
    /// # Errors
    /// [`TokenizerError::Option`] for a start at or after the end.
    pub fn trimmed(&self, start: u64, end: u64) -> Result<Self, TokenizerError> {
        let end = end.min(self.length.get());
        if start >= end && (start, end) != (0, 0) {
            return Err(TokenizerError::Option {
                name: "trim",
                expected: "a start before the end, and within the song",
                found: format!("{start} to {end} ticks of 1/44,100 s"),
            });
        }
        let tracks = self.tracks.each_ref().map(|track| trimmed(track, start, end));
        Self::new(tracks, Ticks::saturating(end - start))
    }

    /// The song, and another after it.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`] for a song that is longer than one may be.
    pub fn then(&self, other: &Self) -> Result<Self, TokenizerError> {
        let offset = self.length.get();
        let length = TokenizerError::check_ticks(offset + other.length.get())?;
        let mut tracks = self.tracks.clone();
        for (track, next) in tracks.iter_mut().zip(&other.tracks) {
            append(track, next, offset);
        }
        Self::new(tracks, length)
    }

    /// The song with another in place of what sounds from one tick to another.
    ///
    /// # Errors
    /// [`TokenizerError::Option`] for a start after the end of the passage or of the song, [`TokenizerError::Limit`].
    pub fn spliced(&self, other: &Self, start: u64, end: u64) -> Result<Self, TokenizerError> {
        let length = self.length.get();
        let end = end.min(length);
        if start > end {
            return Err(TokenizerError::Option {
                name: "splice",
                expected: "a start that is not after the end, and within the song",
                found: format!("{start} to {end} ticks of 1/44,100 s"),
            });
        }
        let before = if start == 0 { Self::default() } else { self.trimmed(0, start)? };
        let whole = before.then(other)?;
        if end == length { Ok(whole) } else { whole.then(&self.trimmed(end, length)?) }
    }
}

/// The tick at a distance after `start`.
fn from(tick: Ticks, start: u64) -> Ticks {
    Ticks::saturating(tick.get().saturating_sub(start))
}

fn trimmed(track: &Track, start: u64, end: u64) -> Track {
    let mut cut = Track::default();
    let before = |change: &&Change| change.tick.get() < start;
    // What was set before the start, and holds there: the timbre; and the velocity, for a note that sounds on.
    let timbre = track.changes.iter().take_while(before).filter(|change| change.kind() == ChangeKind::Timbre).last();
    let mut opening: Vec<Change> =
        timbre.map(|change| Change { tick: Ticks::ZERO, to: change.to }).into_iter().collect();
    for note in &track.notes {
        if note.end.get() <= start || note.start.get() >= end {
            continue;
        }
        let mut velocity = note.velocity;
        if note.start.get() < start {
            let swells = track.changes.iter().take_while(before).filter(|change| change.tick >= note.start);
            let last = swells.filter_map(|change| match change.to {
                Setting::Velocity(velocity) => Some(velocity),
                Setting::Timbre(_) => None,
            });
            velocity = last.last().unwrap_or(velocity);
            if velocity == Velocity::default() {
                opening.push(Change::of_velocity(Ticks::ZERO, velocity));
                velocity = Velocity::LOWEST;
            }
        }
        let (onset, ending) = (from(note.start, start), from(note.end.min(Ticks::saturating(end)), start));
        cut.notes.push(Note { start: onset, end: ending, pitch: note.pitch, velocity });
    }
    let within = track.changes.iter().filter(|change| (start..end).contains(&change.tick.get()));
    let within: Vec<Change> = within.map(|change| Change { tick: from(change.tick, start), to: change.to }).collect();
    opening.sort_by_key(Change::place);
    opening.retain(|change| !within.iter().any(|later| later.place() == change.place()));
    let mut changes = [opening, within].concat();
    changes.sort_by_key(Change::place);
    cut.changes = changes;
    cut
}

/// Puts a track after another. A timbre that the first leaves behind ends with it.
fn append(track: &mut Track, next: &Track, offset: u64) {
    track.changes.retain(|change| change.tick.get() < offset);
    let later = |tick: Ticks| Ticks::saturating(tick.get() + offset);
    let timbre = track.changes.iter().rev().find(|change| change.kind() == ChangeKind::Timbre);
    let says = next.changes.iter().any(|change| change.place() == (Ticks::ZERO, ChangeKind::Timbre));
    let reset = timbre.is_some_and(|change| change.value() != 0) && !says;
    let moved = next.changes.iter().map(|change| Change { tick: later(change.tick), to: change.to });
    let reset = reset.then(|| Change::of_timbre(later(Ticks::ZERO), Timbre::default()));
    let mut added: Vec<Change> = reset.into_iter().chain(moved).collect();
    added.sort_by_key(Change::place);
    track.changes.extend(added);
    track.notes.extend(next.notes.iter().map(|note| Note { start: later(note.start), end: later(note.end), ..*note }));
}

#[cfg(test)]
mod tests {
    use crate::tx2;

    const SONG: &str =
        "P1_NOTEON_69\nP1_VELOCITY_10\nP1_TIMBRE_2\nTR_NOTEON_45\nWT_1000\nP1_NOTEOFF\nWT_500\nTR_NOTEOFF\nWT_500";

    #[test]
    fn the_halves_of_a_song_make_the_song_but_for_notes_that_are_cut_in_two() {
        let song = tx2::read(SONG).unwrap();
        for cut in [1, 999, 1_000, 1_200, 1_500, 1_999] {
            let (first, second) = (song.trimmed(0, cut).unwrap(), song.trimmed(cut, u64::MAX).unwrap());
            assert_eq!((first.length().get(), second.length().get()), (cut, 2_000 - cut));
            let whole = first.then(&second).unwrap();
            assert_eq!(whole.length(), song.length());
            for (ours, theirs) in whole.tracks().iter().zip(song.tracks()) {
                let sounding = |notes: &[crate::Note]| notes.iter().map(crate::Note::length).sum::<u64>();
                assert_eq!(sounding(&ours.notes), sounding(&theirs.notes), "{cut}");
            }
        }
    }

    #[test]
    fn a_passage_is_replaced_and_what_follows_moves() {
        let song = tx2::read(SONG).unwrap();
        let other = tx2::read("P2_NOTEON_60\nP2_VELOCITY_3\nWT_100\nP2_NOTEOFF").unwrap();
        let spliced = song.spliced(&other, 1_000, 1_500).unwrap();
        assert_eq!(spliced.length().get(), 1_600);
        assert_eq!(spliced.tracks()[1].notes[0].start.get(), 1_000);
        assert_eq!(song.spliced(&song.trimmed(500, 800).unwrap(), 500, 800).unwrap().length(), song.length());
        assert!(song.spliced(&other, 900, 800).is_err() && song.spliced(&other, 3_000, 4_000).is_err());
    }

    #[test]
    fn a_transposition_that_a_voice_cannot_play_is_refused_with_its_place() {
        let song = tx2::read(SONG).unwrap();
        assert_eq!(song.transposed(12).unwrap().transposed(-12).unwrap(), song);
        let error = song.transposed(-30).unwrap_err().to_string();
        assert!(error.starts_with("tr at tick 0: expected a pitch of 21 to 108, found 15"), "{error}");
        assert!(song.transposed(100).is_err() && song.trimmed(5, 5).is_err() && song.trimmed(2_000, 3_000).is_err());
    }
}
