//! A score by the instants at which it changes, and the bridge between scores and songs.

use super::{Frame, frames_of};
use crate::error::{TokenizerError, check_limit};
use crate::limits::MAX_SCORE_BYTES;
use crate::score_fault::{Cell, ScoreFault};
use crate::song::{Change, Note, Setting, Song, Track};
use crate::values::{Pitch, Ticks, Timbre, Velocity};
use crate::voice::Voice;

/// An expressive score at 44,100 frames a second, run-length coded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScoreRuns {
    /// The length of the song, in samples of 1/44,100 s.
    pub nsamps: u64,
    /// Where each run begins, in samples: ascending, the first at 0.
    pub starts: Vec<u64>,
    /// The frame that holds throughout each run; unlike its neighbours.
    pub values: Vec<Frame>,
}

/// Puts a run at the end, unless it says nothing new. One that begins where the last does takes its place.
pub(crate) fn push_run<F: Copy + PartialEq>(starts: &mut Vec<u64>, values: &mut Vec<F>, start: u64, frame: &F) {
    if starts.last() == Some(&start) {
        starts.pop();
        values.pop();
    }
    if values.last() != Some(frame) {
        starts.push(start);
        values.push(*frame);
    }
}

impl ScoreRuns {
    /// Builds runs from the parts of a `.npz` file: where they begin and their frames as bytes of shape (N, 4, 3).
    ///
    /// # Errors
    /// [`TokenizerError::Score`] if the parts do not fit each other or hold values that no voice has;
    /// [`TokenizerError::Limit`].
    pub fn from_bytes(nsamps: u64, starts: Vec<u64>, bytes: &[u8]) -> Result<Self, TokenizerError> {
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, bytes.len() as u64)?;
        TokenizerError::check_ticks(nsamps)?;
        let values = frames_of(bytes)?;
        check_starts(&starts, values.len(), nsamps)?;
        for (index, frame) in values.iter().enumerate() {
            check_frame(index, frame)?;
        }
        Ok(Self { nsamps, starts, values })
    }

    /// The exact score of a song. What happens at or after its end is not in it, and neither is a note that begins again at
    /// its own pitch: a score cannot say so.
    #[must_use]
    pub fn from_song(song: &Song) -> Self {
        let states = Voice::ALL.map(|voice| voice_states(voice, song.track(voice)));
        let mut rest = states.each_ref().map(Vec::as_slice);
        let mut runs = Self { nsamps: song.length().get(), ..Self::default() };
        let mut frame = Frame::default();
        runs.push(0, &frame);
        while let Some(tick) = rest.iter().filter_map(|states| states.first()).map(|&(tick, _)| tick).min() {
            for (state, voice) in frame.iter_mut().zip(&mut rest) {
                while let Some((&(due, next), later)) = voice.split_first()
                    && due <= tick
                {
                    *state = next;
                    *voice = later;
                }
            }
            runs.push(tick, &frame);
        }
        runs
    }

    /// Puts a frame at the end, unless it lies past the end of the song; see [`push_run`].
    pub(crate) fn push(&mut self, start: u64, frame: &Frame) {
        if start < self.nsamps {
            push_run(&mut self.starts, &mut self.values, start, frame);
        }
    }

    /// The song of a score.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
    pub fn to_song(&self) -> Result<Song, TokenizerError> {
        let length = TokenizerError::check_ticks(self.nsamps)?;
        let tracks = Voice::ALL.map(|voice| {
            let starts = self.starts.iter().copied().map(Ticks::saturating);
            track_of(voice, starts.zip(self.values.iter().map(|frame| frame[voice.index()])), length)
        });
        Song::new(tracks, length)
    }
}

/// Refuses starts of runs that do not fit the number of frames and the length of the song.
pub(crate) fn check_starts(starts: &[u64], frames: usize, nsamps: u64) -> Result<(), TokenizerError> {
    let fault = |fault| Err(TokenizerError::Score(fault));
    if starts.len() != frames {
        return fault(ScoreFault::RunCount { starts: starts.len(), frames });
    }
    if starts.first().is_some_and(|&start| start != 0) || !starts.is_sorted_by(|a, b| a < b) {
        return fault(ScoreFault::RunOrder);
    }
    if starts.last().is_some_and(|&start| start >= nsamps) {
        return fault(ScoreFault::RunPastEnd { length: nsamps });
    }
    Ok(())
}

/// The states of a voice and when they begin. More than one may begin at one tick; the last of them counts.
fn voice_states(voice: Voice, track: &Track) -> Vec<(u64, [u8; 3])> {
    enum Point {
        End,
        Onset(Note),
        Change(Setting),
    }
    let notes = track.notes.iter().flat_map(|note| [(note.start, 1, Point::Onset(*note)), (note.end, 0, Point::End)]);
    let changes = track.changes.iter().map(|change| (change.tick, 2, Point::Change(change.to)));
    let mut points: Vec<_> = notes.chain(changes).collect();
    points.sort_by_key(|&(tick, order, _)| (tick, order));
    let mut state = [0; 3];
    let states = points.into_iter().map(|(tick, _, point)| {
        match point {
            Point::End => [state[0], state[1]] = [0, 0],
            Point::Onset(note) => {
                let velocity = if voice.velocities().is_some() { note.velocity.get() } else { 0 };
                [state[0], state[1]] = [note.pitch.get(), velocity];
            }
            Point::Change(Setting::Velocity(velocity)) => state[1] = velocity.get(),
            Point::Change(Setting::Timbre(timbre)) => state[2] = timbre.get(),
        }
        (tick.get(), state)
    });
    states.collect()
}

/// The track whose states these are.
fn track_of(voice: Voice, states: impl Iterator<Item = (Ticks, [u8; 3])>, length: Ticks) -> Track {
    let mut track = Track::default();
    let mut before = [0; 3];
    for (tick, state) in states {
        let [note, velocity, timbre] = state;
        let mut implied = before[1];
        if note != before[0] {
            if let Some(last) = track.notes.last_mut()
                && before[0] != 0
            {
                last.end = tick;
            }
            implied = 0;
            if note != 0 {
                // A note cannot begin with velocity 0, which MIDI keeps for its end: a change says so.
                let onset = if velocity == 0 { voice.default_velocity() } else { Velocity::saturating(velocity) };
                track.notes.push(Note { start: tick, end: length, pitch: Pitch::saturating(note), velocity: onset });
                implied = onset.get();
            }
        }
        if voice.velocities().is_some() && velocity != implied {
            track.changes.push(Change::of_velocity(tick, Velocity::saturating(velocity)));
        }
        if voice.timbres().is_some() && timbre != before[2] {
            track.changes.push(Change::of_timbre(tick, Timbre::saturating(timbre)));
        }
        before = state;
    }
    track
}

/// Refuses values that no voice has.
pub(super) fn check_frame(index: usize, frame: &Frame) -> Result<(), TokenizerError> {
    for (voice, &[note, velocity, timbre]) in Voice::ALL.into_iter().zip(frame) {
        let fault = |cell, value: u8| {
            Err(TokenizerError::Score(ScoreFault::Value { cell, voice, found: value.into(), frame: index }))
        };
        if note != 0 && !voice.pitches().contains(&note) {
            return fault(Cell::Note, note);
        }
        if velocity > voice.velocities().map_or(0, |range| *range.end()) {
            return fault(Cell::Velocity, velocity);
        }
        if timbre > voice.timbres().map_or(0, |range| *range.end()) {
            return fault(Cell::Timbre, timbre);
        }
    }
    Ok(())
}
