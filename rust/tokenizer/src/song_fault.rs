//! What can be wrong with the tracks of a song: the rules of [`Song::new`](crate::Song::new) that they break.

use std::ops::RangeInclusive;

use thiserror::Error;

use crate::values::{Pitch, Ticks, Velocity};

/// The rule of a song that something breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SongFault {
    /// A pitch that the voice cannot play.
    #[error("expected a pitch of {} to {}, found {found}", .legal.start(), .legal.end())]
    Pitch {
        /// Those that it can play.
        legal: RangeInclusive<u8>,
        /// The pitch.
        found: Pitch,
    },
    /// A velocity that the voice does not have.
    #[error("expected a velocity of {} to {}, found {found}", .legal.start(), .legal.end())]
    Velocity {
        /// Those that it has here.
        legal: RangeInclusive<u8>,
        /// The velocity.
        found: Velocity,
    },
    /// A timbre that the voice does not have.
    #[error("expected a timbre of {} to {}, found {found}", .legal.start(), .legal.end())]
    Timbre {
        /// Those that it has.
        legal: RangeInclusive<u8>,
        /// The timbre.
        found: u8,
    },
    /// A velocity for the triangle, which has none.
    #[error("expected no change, for the voice has none, found one of velocity")]
    NoVelocity,
    /// A timbre for the triangle, which has none.
    #[error("expected no change, for the voice has none, found one of timbre")]
    NoTimbre,
    /// A note that ends before it has begun, or after the song.
    #[error("expected a note that ends after its onset and by the end of the song ({length}), found an end at {end}")]
    End {
        /// The end of the note.
        end: Ticks,
        /// The end of the song.
        length: Ticks,
    },
    /// A note that begins while another one sounds.
    #[error("expected one note at a time, so an onset from {free_from} on, found {found}")]
    Overlap {
        /// The end of the note before.
        free_from: Ticks,
        /// The onset.
        found: Ticks,
    },
    /// A change after the end of the song.
    #[error("expected nothing after the end of the song ({length}), found a change")]
    Late {
        /// The end of the song.
        length: Ticks,
    },
    /// Changes out of order, or two of a kind at a tick.
    #[error("expected changes by tick, one of a kind at a tick, found a change out of order")]
    Order,
}
