//! Expressive scores: what every voice plays at every instant.
//!
//! ```text
//! frame   [p1, p2, tr, no] × [note, velocity, timbre]   12 bytes; note 0 is silence
//! ```
//! NES-MDB publishes them at 24 frames a second as pickles of (rate, length in samples, array of N × 4 × 3). Of a song
//! that is exact to the sample, [`ScoreRuns`] holds only the frames at which something changes.
//!
//! Source: Donahue, Mao, McAuley, "The NES Music Database", ISMIR 2018, section 3.

mod adaptive;
mod downsample;
mod pickle;
mod runs;

pub use adaptive::HIGHEST_ADAPTIVE_RATE;
pub(crate) use pickle::{read_array as read_array_pickle, read_lists as read_list_pickle};
pub use runs::ScoreRuns;
pub(crate) use runs::{check_starts, push_run};

use crate::error::{TokenizerError, check_limit};
use crate::limits::{MAX_SCORE_BYTES, TICKS_PER_SECOND};
use crate::score_fault::ScoreFault;
use crate::song::Song;

/// What the four voices play at an instant: note, velocity and timbre of each. A note of 0 is silence; the triangle has
/// neither velocity nor timbre (both 0).
pub type Frame = [[u8; 3]; 4];

/// Bytes of a frame.
const FRAME_BYTES: usize = 12;

/// An expressive score at a constant frame rate.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpressiveScore {
    /// Frames a second, greater than 0 and at most 44,100.
    pub rate: f64,
    /// The length of the song, in samples of 1/44,100 s.
    pub nsamps: u64,
    /// The frames; the last lasts until the end of the song.
    pub frames: Vec<Frame>,
}

impl ExpressiveScore {
    /// Builds a score from the parts of a `.npz` file: the frames as bytes of shape (N, 4, 3), C order.
    ///
    /// # Errors
    /// [`TokenizerError::Score`] for a length that is no multiple of 12 or values that no voice has;
    /// [`TokenizerError::Option`] for a rate out of range; [`TokenizerError::Limit`].
    pub fn from_bytes(rate: f64, nsamps: u64, bytes: &[u8]) -> Result<Self, TokenizerError> {
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, bytes.len() as u64)?;
        Self::from_frames(rate, nsamps, frames_of(bytes)?)
    }

    /// Builds a score from frames.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn from_frames(rate: f64, nsamps: u64, frames: Vec<Frame>) -> Result<Self, TokenizerError> {
        check_rate(rate)?;
        TokenizerError::check_ticks(nsamps)?;
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, (frames.len() * FRAME_BYTES) as u64)?;
        for (index, frame) in frames.iter().enumerate() {
            runs::check_frame(index, frame)?;
        }
        Ok(Self { rate, nsamps, frames })
    }

    /// Reads a score as NES-MDB publishes it: a pickle, of any protocol and of Python 2 or 3, of (rate, nsamps, `uint8`
    /// array of N × 4 × 3). Nothing in it is executed; see the opcodes and the two functions that are understood in
    /// [`TokenizerError::Pickle`]'s message when another is met.
    ///
    /// # Errors
    /// [`TokenizerError::Pickle`] with the offset and the name of the opcode that breaks it off; else as
    /// [`Self::from_bytes`].
    pub fn read_pickle(bytes: &[u8]) -> Result<Self, TokenizerError> {
        pickle::read(bytes)
    }

    /// The score of a song. At 44,100 frames a second it is exact; below, a frame takes for each voice the most frequent
    /// note, the most frequent velocity and the most frequent timbre of its sounding instants, ties going to the lowest
    /// (nesmdb's `exprsco_downsample`); where none sounds, only the timbre.
    ///
    /// # Errors
    /// [`TokenizerError::Option`] for a rate out of range, [`TokenizerError::Limit`] for a score of more than
    /// [`MAX_SCORE_BYTES`].
    pub fn from_song(song: &Song, rate: f64) -> Result<Self, TokenizerError> {
        ScoreRuns::from_song(song).downsample(rate)
    }

    /// Where its frames change, in samples. Each frame begins at the sum of so many frame lengths, in 64-bit floating point
    /// and cut to the sample, as nesmdb does when it plays a score.
    #[must_use]
    pub fn runs(&self) -> ScoreRuns {
        let mut runs = ScoreRuns { nsamps: self.nsamps, ..ScoreRuns::default() };
        for (start, frame) in frame_starts(self.rate).zip(&self.frames) {
            runs.push(start, frame);
        }
        runs
    }

    /// The song of a score: a note where a note begins or changes, a change where its velocity does, and one wherever a
    /// timbre does.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`].
    pub fn to_song(&self) -> Result<Song, TokenizerError> {
        self.runs().to_song()
    }

    /// The frames as bytes of shape (N, 4, 3), C order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.frames.iter().flatten().flatten().copied().collect()
    }
}

/// Where the frames of a score begin, in samples; see [`ExpressiveScore::runs`].
pub(crate) fn frame_starts(rate: f64) -> impl Iterator<Item = u64> {
    let exact = (rate - TICKS_PER_SECOND as f64).abs() < f64::EPSILON;
    let mut time = 0.0_f64;
    (0..).map(move |index| {
        let start = if exact { index } else { (time * TICKS_PER_SECOND as f64) as u64 };
        time += 1.0 / rate;
        start
    })
}

/// Splits bytes into frames.
fn frames_of(bytes: &[u8]) -> Result<Vec<Frame>, TokenizerError> {
    let (frames, rest) = bytes.as_chunks::<FRAME_BYTES>();
    if !rest.is_empty() {
        return Err(TokenizerError::Score(ScoreFault::FrameSize { form: "4 × 3", found: bytes.len() }));
    }
    Ok(frames
        .iter()
        .map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| [[a, b, c], [d, e, f], [g, h, i], [j, k, l]])
        .collect())
}

pub(crate) fn check_rate(rate: f64) -> Result<(), TokenizerError> {
    if rate > 0.0 && rate <= TICKS_PER_SECOND as f64 {
        return Ok(());
    }
    Err(TokenizerError::Option {
        name: "rate",
        expected: "a frame rate above 0 and up to 44,100 Hz",
        found: rate.to_string(),
    })
}
