//! Separated scores: what note every voice plays, without its expression.
//!
//! ```text
//! frame   [p1, p2, tr, no]   4 notes as in an expressive score; 0 is silence
//! ```
//! The task of separated composition in NES-MDB. Source: Donahue, Mao, `McAuley`, "The NES Music Database", ISMIR 2018.

use crate::error::{TokenizerError, check_limit};
use crate::limits::MAX_SCORE_BYTES;
use crate::score::{ExpressiveScore, Frame};
use crate::score_fault::ScoreFault;
use crate::song::Song;
use crate::voice::Voice;

/// Bytes of a frame.
const FRAME_BYTES: usize = 4;

/// A separated score at a constant frame rate.
#[derive(Debug, Clone, PartialEq)]
pub struct SeparatedScore {
    /// Frames a second, greater than 0 and at most 44,100.
    pub rate: f64,
    /// The length of the song, in samples of 1/44,100 s.
    pub nsamps: u64,
    /// The notes of p1, p2, tr and no.
    pub frames: Vec<[u8; 4]>,
}

impl SeparatedScore {
    /// Builds a score from the parts of a `.npz` file: the frames as bytes of shape (N, 4), C order.
    ///
    /// # Errors
    /// [`TokenizerError::Score`] for a length that is no multiple of 4 or notes that no voice has; [`TokenizerError::Option`]
    /// for a rate out of range; [`TokenizerError::Limit`].
    pub fn from_bytes(rate: f64, nsamps: u64, bytes: &[u8]) -> Result<Self, TokenizerError> {
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, bytes.len() as u64)?;
        let (frames, rest) = bytes.as_chunks::<FRAME_BYTES>();
        if !rest.is_empty() {
            return Err(TokenizerError::Score(ScoreFault::FrameSize { form: "4", found: bytes.len() }));
        }
        let score = Self { rate, nsamps, frames: frames.to_vec() };
        score.to_expressive()?; // which knows what is legal
        Ok(score)
    }

    /// The frames as bytes of shape (N, 4), C order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.frames.iter().flatten().copied().collect()
    }

    /// Reads a score as NES-MDB publishes it: a pickle of (rate, nsamps, `uint8` array of N × 4). Nothing in it is executed.
    ///
    /// # Errors
    /// As [`ExpressiveScore::read_pickle`].
    pub fn read_pickle(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let (rate, nsamps, bytes) = crate::score::read_array_pickle(bytes, &[4])?;
        Self::from_bytes(rate, nsamps, &bytes)
    }

    /// An expressive score without its expression.
    #[must_use]
    pub fn from_expressive(score: &ExpressiveScore) -> Self {
        let frames = score.frames.iter().map(|frame| frame.map(|[note, ..]| note)).collect();
        Self { rate: score.rate, nsamps: score.nsamps, frames }
    }

    /// The score with the least expression: velocity 15, even where a voice rests, and timbre 0.
    ///
    /// # Errors
    /// [`TokenizerError::Score`] for notes that no voice has; [`TokenizerError::Option`]; [`TokenizerError::Limit`].
    pub fn to_expressive(&self) -> Result<ExpressiveScore, TokenizerError> {
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, 3 * self.frames.len() as u64)?;
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

fn expressive(notes: [u8; 4]) -> Frame {
    let mut frame = Frame::default();
    for ((voice, note), place) in Voice::ALL.into_iter().zip(notes).zip(&mut frame) {
        *place = [note, voice.velocities().map_or(0, |range| *range.end()), 0];
    }
    frame
}
