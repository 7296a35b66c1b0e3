//! The numbers of a score, each a type that holds no wrong value.

use std::fmt;

use crate::limits::MAX_TICKS;

macro_rules! numbers_up_to {
    ($highest:literal, $(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(u8);

        impl $name {
            /// The highest.
            pub const MAX: Self = Self($highest);

            /// The value of a number; `None` above the highest.
            #[must_use]
            pub const fn new(number: u8) -> Option<Self> {
                if number <= $highest { Some(Self(number)) } else { None }
            }

            /// The value nearest to a number.
            #[must_use]
            pub const fn saturating(number: u8) -> Self {
                if number <= $highest { Self(number) } else { Self::MAX }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u8 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numbers_up_to! { 127,
    /// A MIDI note, 0 to 127; of the noise 16 − period. What a voice can play of them: [`Voice::pitches`](crate::Voice::pitches).
    Pitch
}

numbers_up_to! { 15,
    /// How loud: 0 (silent) to 15.
    Velocity
}

numbers_up_to! { 3,
    /// The duty of a pulse, 0 to 3, or the mode of the noise, 0 or 1: see [`Voice::timbres`](crate::Voice::timbres).
    Timbre
}

impl Pitch {
    /// The pitch this number of semitones higher, if there is one.
    #[must_use]
    pub const fn transposed(self, semitones: i8) -> Option<Self> {
        match self.0.checked_add_signed(semitones) {
            Some(number) => Self::new(number),
            None => None,
        }
    }
}

impl Velocity {
    /// That of the softest note.
    pub(crate) const LOWEST: Self = Self(1);
}

/// A time or a length of a song in ticks of 1/44,100 s, at most [`MAX_TICKS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ticks(u32);

impl Ticks {
    /// The beginning of a song.
    pub const ZERO: Self = Self(0);
    /// The end of the longest song.
    pub const MAX: Self = Self(MAX_TICKS as u32);

    /// The time this number of ticks from the beginning; `None` above [`MAX_TICKS`].
    #[must_use]
    pub const fn new(ticks: u64) -> Option<Self> {
        if ticks <= MAX_TICKS { Some(Self(ticks as u32)) } else { None }
    }

    /// The time nearest to this number of ticks from the beginning.
    #[must_use]
    pub const fn saturating(ticks: u64) -> Self {
        if ticks <= MAX_TICKS { Self(ticks as u32) } else { Self::MAX }
    }

    /// The number of ticks.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
