//! The piano roll of a song: what sounds, by voice, pitch and frame.

use crate::error::{TokenizerError, check_limit};
use crate::limits::TICKS_PER_SECOND;
use crate::song::Song;

/// The most frames of a roll; each takes 512 bytes.
pub const MAX_ROLL_FRAMES: u64 = 1 << 20;
/// Pitches of a voice.
const PITCHES: usize = 128;

/// Velocities, 0 for silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PianoRoll {
    /// How many frames there are.
    pub frames: usize,
    /// Of shape (4, 128, frames), C order.
    pub velocities: Vec<u8>,
}

/// Draws the roll of a song at a number of frames a second. A note fills the frames from that of its start to the one before
/// that of its end.
///
/// # Errors
/// [`TokenizerError::Option`] for a rate that is not above 0; [`TokenizerError::Limit`] for more than [`MAX_ROLL_FRAMES`].
pub fn piano_roll(song: &Song, frame_rate: f64) -> Result<PianoRoll, TokenizerError> {
    if !frame_rate.is_finite() || frame_rate <= 0.0 {
        let expected = "a number of frames a second above 0";
        return Err(TokenizerError::Option { name: "frame_rate", expected, found: frame_rate.to_string() });
    }
    let frame_of = |tick: u64| (tick as f64 * frame_rate / TICKS_PER_SECOND as f64).floor() as u64;
    let frames = frame_of(song.length().get());
    check_limit("frames of a piano roll", MAX_ROLL_FRAMES, frames)?;
    let frames = frames as usize; // at most MAX_ROLL_FRAMES
    let mut velocities = vec![0; 4 * PITCHES * frames];
    for (voice, track) in song.voices() {
        for note in &track.notes {
            let row = (voice.index() * PITCHES + usize::from(note.pitch.get())) * frames;
            let (start, end) = (frame_of(note.start.get()) as usize, frame_of(note.end.get()) as usize);
            let cells = velocities.get_mut(row + start.min(frames)..row + end.min(frames)).unwrap_or_default();
            cells.fill(note.velocity.get());
        }
    }
    Ok(PianoRoll { frames, velocities })
}
