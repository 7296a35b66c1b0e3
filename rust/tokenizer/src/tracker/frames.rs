//! A log frame by frame: what each voice plays when a tracker would next decide about it.

use lakhnes_apu::{RegisterLog, Trace, VoiceState};

use super::clock::FrameClock;
use crate::error::{TokenizerError, check_limit};

/// The longest song, in frames: more than an hour.
pub const MAX_FRAMES: u64 = 1 << 18;

/// What a voice plays in a frame. All zero where it is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Tone {
    /// The timer of a pulse or the triangle, 0 to 2,047; the period of the noise, 0 to 15.
    pub period: u16,
    /// The volume, 1 to 15 (15 for the triangle); 0 is silence.
    pub volume: u8,
    /// The duty of a pulse, 0 to 3; the mode of the noise, 0 or 1.
    pub timbre: u8,
}

/// What p1, p2, tr and no play in a frame.
pub type Frame = [Tone; 4];

/// Looks at the chip once a frame, at least once.
///
/// # Errors
/// [`TokenizerError::Limit`] for more than [`MAX_FRAMES`].
pub fn frames_of(log: &RegisterLog, clock: &FrameClock) -> Result<Vec<Frame>, TokenizerError> {
    TokenizerError::check_ticks(log.length)?;
    let count = clock.frames(log.length).max(1);
    check_limit("length in frames", MAX_FRAMES, count)?;
    let mut frames = Vec::with_capacity(count as usize);
    let mut now = Frame::default();
    for (tick, states) in Trace::exact(log) {
        while (frames.len() as u64) < count && clock.tick(frames.len() as u64) < tick {
            frames.push(now);
        }
        for (voice, (tone, state)) in now.iter_mut().zip(&states).enumerate() {
            *tone = tone_of(voice, *state);
        }
    }
    frames.resize(count as usize, now);
    Ok(frames)
}

fn tone_of(voice: usize, state: VoiceState) -> Tone {
    match (state.sounds, voice) {
        (false, _) => Tone::default(),
        (true, 2) => Tone { period: state.timer, volume: 15, timbre: 0 },
        (true, _) => Tone { period: state.timer, volume: state.volume, timbre: state.timbre },
    }
}
