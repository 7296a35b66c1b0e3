//! Levels of sound, in decibels.

use std::fmt;

/// How loud something is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    /// Its highest sample, in decibels below full scale.
    Peak(f64),
    /// Its integrated loudness in LUFS.
    Loudness(f64),
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peak(level) => write!(f, "{level} dBFS"),
            Self::Loudness(level) => write!(f, "{level} LUFS"),
        }
    }
}

/// The factor of a level in decibels.
pub(crate) fn decibels(gain: f64) -> f64 {
    10_f64.powf(gain / 20.0)
}
