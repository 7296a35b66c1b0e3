//! The four voices of a score, and what each of them can play.

use std::fmt;
use std::ops::RangeInclusive;

use crate::values::Velocity;

/// One of the four voices that NES-MDB scores have (the chip's fifth, the sample channel, has no notes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Voice {
    /// The first pulse channel.
    P1,
    /// The second pulse channel.
    P2,
    /// The triangle channel.
    Tr,
    /// The noise channel.
    No,
}

impl fmt::Display for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Voice {
    /// All four, in the order in which events of one tick are written.
    pub const ALL: [Self; 4] = [Self::P1, Self::P2, Self::Tr, Self::No];

    /// 0 to 3, the index into [`Song::tracks`](crate::Song::tracks).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// `p1`, `p2`, `tr` or `no`: the track names of NES-MDB's MIDI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ["p1", "p2", "tr", "no"][self as usize]
    }

    /// `P1`, `P2`, `TR` or `NO`: how a TX event begins.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        ["P1", "P2", "TR", "NO"][self as usize]
    }

    /// The pitches that a voice can play: MIDI notes of the pulses and the triangle; of the noise channel
    /// 16 − period, so that 16 is the brightest (NES-MDB, section 3).
    #[must_use]
    pub const fn pitches(self) -> RangeInclusive<u8> {
        match self {
            Self::P1 | Self::P2 => 33..=108,
            Self::Tr => 21..=108,
            Self::No => 1..=16,
        }
    }

    /// The velocities that TX2 has for a voice; none for the triangle, which has no volume.
    #[must_use]
    pub const fn velocities(self) -> Option<RangeInclusive<u8>> {
        match self {
            Self::Tr => None,
            _ => Some(1..=15),
        }
    }

    /// The timbres of a voice: the duty of a pulse (0 to 3: 12.5, 25, 50, 75 %), the mode of the noise (1: short); none
    /// for the triangle.
    #[must_use]
    pub const fn timbres(self) -> Option<RangeInclusive<u8>> {
        match self {
            Self::P1 | Self::P2 => Some(0..=3),
            Self::Tr => None,
            Self::No => Some(0..=1),
        }
    }

    /// The velocity of a note of which nothing says how loud it is, and the highest: 15, and 1 for the triangle.
    #[must_use]
    pub const fn default_velocity(self) -> Velocity {
        match self {
            Self::Tr => Velocity::LOWEST,
            _ => Velocity::MAX,
        }
    }
}
