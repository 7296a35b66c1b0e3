//! Blended scores: which notes sound, no matter which voice plays them.
//!
//! ```text
//! frame   the notes of p1, p2 and tr from low to high, none to three; a note of two voices stands twice
//! ```
//! The task of blended composition in NES-MDB; the noise has no part in it. Source: Donahue, Mao, `McAuley`, "The NES Music
//! Database", ISMIR 2018.

use crate::error::{TokenizerError, check_limit};
use crate::limits::MAX_SCORE_BYTES;
use crate::score::{ExpressiveScore, Frame};
use crate::score_fault::ScoreFault;
use crate::song::Song;
use crate::voice::Voice;

/// The most notes of a frame, and the bytes that stand for one.
const VOICES: usize = 3;

/// A blended score at a constant frame rate.
#[derive(Debug, Clone, PartialEq)]
pub struct BlendedScore {
    /// Frames a second, greater than 0 and at most 44,100.
    pub rate: f64,
    /// The length of the song, in samples of 1/44,100 s.
    pub nsamps: u64,
    /// The notes of each frame: ascending, then 0 where there are less than three.
    pub frames: Vec<[u8; VOICES]>,
}

impl BlendedScore {
    /// Builds a score from the notes of its frames, in any order.
    ///
    /// # Errors
    /// [`TokenizerError::Score`] for more than three notes in a frame, or notes that no voice is left to play;
    /// [`TokenizerError::Option`] for a rate out of range; [`TokenizerError::Limit`].
    pub fn from_notes<'a>(
        rate: f64,
        nsamps: u64,
        frames: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, TokenizerError> {
        let mut score = Self { rate, nsamps, frames: Vec::new() };
        for (index, notes) in frames.into_iter().enumerate() {
            let mut frame = [0; VOICES];
            if notes.len() > VOICES {
                let fault = ScoreFault::TooManyNotes { found: notes.len(), frame: index };
                return Err(TokenizerError::Score(fault));
            }
            for (place, &note) in frame.iter_mut().zip(notes) {
                *place = note;
            }
            score.frames.push(ascending(frame));
            check_limit("score in bytes", MAX_SCORE_BYTES as u64, (VOICES * score.frames.len()) as u64)?;
        }
        score.to_expressive()?; // which knows what is legal
        Ok(score)
    }

    /// Builds a score from the parts of a `.npz` file: the frames as bytes of shape (N, 3), C order, 0 for no note.
    ///
    /// # Errors
    /// As [`Self::from_notes`], and [`TokenizerError::Score`] for a length that is no multiple of 3.
    pub fn from_bytes(rate: f64, nsamps: u64, bytes: &[u8]) -> Result<Self, TokenizerError> {
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, bytes.len() as u64)?;
        let (frames, rest) = bytes.as_chunks::<VOICES>();
        if !rest.is_empty() {
            return Err(TokenizerError::Score(ScoreFault::FrameSize { form: "3", found: bytes.len() }));
        }
        Self::from_notes(rate, nsamps, frames.iter().map(<[u8; VOICES]>::as_slice))
    }

    /// The frames as bytes of shape (N, 3), C order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.frames.iter().flatten().copied().collect()
    }

    /// The notes of each frame, without the zeros.
    pub fn notes(&self) -> impl Iterator<Item = &[u8]> {
        self.frames.iter().map(|frame| {
            let count = frame.iter().take_while(|&&note| note != 0).count();
            frame.get(..count).unwrap_or_default()
        })
    }

    /// Reads a score as NES-MDB publishes it: a pickle of (rate, nsamps, list of a list of notes a frame). Nothing in it is
    /// executed.
    ///
    /// # Errors
    /// [`TokenizerError::Pickle`] with the offset and the name of the opcode that breaks it off; else as
    /// [`Self::from_notes`].
    pub fn read_pickle(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let (rate, nsamps, frames) = crate::score::read_list_pickle(bytes)?;
        Self::from_notes(rate, nsamps, frames.iter().map(Vec::as_slice))
    }

    /// The notes of an expressive score.
    #[must_use]
    pub fn from_expressive(score: &ExpressiveScore) -> Self {
        let notes = |&[[p1, ..], [p2, ..], [tr, ..], _]: &Frame| ascending([p1, p2, tr]);
        Self { rate: score.rate, nsamps: score.nsamps, frames: score.frames.iter().map(notes).collect() }
    }

    /// The score that gives the lowest note to p1, the next to p2 and the highest to tr, with velocity 15 and timbre 0;
    /// unlike those of a separated score, voices that rest have velocity 0.
    ///
    /// A note below those of the pulses goes to the triangle.
    ///
    /// # Errors
    /// [`TokenizerError::Score`] for notes that no voice is left to play; [`TokenizerError::Option`];
    /// [`TokenizerError::Limit`].
    pub fn to_expressive(&self) -> Result<ExpressiveScore, TokenizerError> {
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, 4 * (VOICES * self.frames.len()) as u64)?;
        let frames = self.frames.iter().copied().map(expressive).collect();
        ExpressiveScore::from_frames(self.rate, self.nsamps, frames)
    }

    /// The score of a song at a frame rate.
    ///
    /// # Errors
    /// As [`ExpressiveScore::from_song`].
    pub fn from_song(song: &Song, rate: f64) -> Result<Self, TokenizerError> {
        ExpressiveScore::from_song(song, rate).map(|score| Self::from_expressive(&score))
    }

    /// The song of a score.
    ///
    /// # Errors
    /// As [`Self::to_expressive`].
    pub fn to_song(&self) -> Result<Song, TokenizerError> {
        self.to_expressive()?.to_song()
    }
}

/// Notes from low to high, zeros last.
fn ascending(mut notes: [u8; VOICES]) -> [u8; VOICES] {
    notes.sort_unstable_by_key(|&note| (note == 0, note));
    notes
}

fn expressive(notes: [u8; VOICES]) -> Frame {
    let [lowest, middle, highest] = notes;
    let too_low = (1..*Voice::P1.pitches().start()).contains(&lowest);
    let [p1, p2, tr] = if too_low { [middle, highest, lowest] } else { notes };
    let pulse = |note: u8| [note, if note == 0 { 0 } else { 15 }, 0];
    [pulse(p1), pulse(p2), [tr, 0, 0], [0; 3]]
}
