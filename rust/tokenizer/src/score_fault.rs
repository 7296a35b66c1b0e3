//! What can be wrong with a score by frames.

use std::fmt;

use lakhnes_apu::ApuError;
use thiserror::Error;

use crate::voice::Voice;

/// What a frame holds of a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// The note of an expressive score.
    Note,
    /// Its velocity.
    Velocity,
    /// The timer of a raw score.
    Timer,
    /// Its volume.
    Volume,
    /// The timbre of either.
    Timbre,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Velocity => "velocity",
            Self::Timer => "timer",
            Self::Volume => "volume",
            Self::Timbre => "timbre",
        })
    }
}

/// The rule of a score that something breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScoreFault {
    /// Bytes that are no whole number of frames.
    #[error("expected frames of {form} bytes, found {found} bytes")]
    FrameSize {
        /// How many bytes a frame has, as its shape.
        form: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A value that the voice does not have.
    #[error("expected a {cell} that {voice} has, found {found} in frame {frame}")]
    Value {
        /// Of what.
        cell: Cell,
        /// The voice.
        voice: Voice,
        /// The value.
        found: u16,
        /// The frame, from 0.
        frame: usize,
    },
    /// More notes than voices of a blended score.
    #[error("expected at most three notes, found {found} in frame {frame}")]
    TooManyNotes {
        /// How many.
        found: usize,
        /// The frame, from 0.
        frame: usize,
    },
    /// Runs of which not each has a start and a frame.
    #[error("expected as many starts as frames, found {starts} and {frames}")]
    RunCount {
        /// How many starts.
        starts: usize,
        /// How many frames.
        frames: usize,
    },
    /// Runs out of order.
    #[error("expected starts that ascend from 0, found others")]
    RunOrder,
    /// A run that begins after the score.
    #[error("expected starts before the end of the song, found one from {length} on")]
    RunPastEnd {
        /// The length of the score in samples.
        length: u64,
    },
    /// Runs at another rate than that of the samples.
    #[error("expected runs at 44,100 frames a second, found {found}")]
    RunRate {
        /// The rate, as it is spelled.
        found: String,
    },
    /// Tuples that are no log.
    #[error("expected a disassembly, found {0}")]
    Disassembly(ApuError),
}
