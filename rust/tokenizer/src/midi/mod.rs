//! The MIDI form of NES-MDB (Donahue, Mao, McAuley, ISMIR 2018): sample-accurate, one track a voice.
//!
//! ```text
//! format 1, 22,050 ticks a beat, 120 beats a minute: a MIDI tick is a sample of 1/44,100 s
//! track 0    tempo, time signature 4/4; a time signature 1/1 at the end of the song says how long it is
//! p1 p2 tr no    (by track name; programs 80, 81, 38, 121; channels 1, 2, 3, 10)
//!            notes, velocity 1 to 15; CC 11 velocity and CC 12 timbre within notes
//! track 0    of a song that loops, a marker `loopStart` where it goes on after its end
//! ```
//! For other programs there is a second form, General MIDI ([`write_general`]):
//! ```text
//! track 0    the mark, tempo, bars; a MIDI tick is a sample all the same, so a beat has as many MIDI ticks as it has samples
//! p1 p2 tr no    programs of General MIDI; velocities of 1 to 127, CC 11 for what changes within a note, CC 12 timbre;
//!            the noise on the keys of the drum map
//! ```
//! For other programs there is a second form, General MIDI ([`write_general`]):
//! ```text
//! track 0    the mark, tempo, bars; a MIDI tick is a sample all the same, so a beat has as many MIDI ticks as it has samples
//! p1 p2 tr no    programs of General MIDI; velocities of 1 to 127, CC 11 for what changes within a note, CC 12 timbre;
//!            the noise on the keys of the drum map
//! ```
//! Files of any other division and tempo map are read too, each time converted exactly and rounded to the nearest tick; so are
//! some that break the standard as players allow (`lenient`), with [`Warnings`].

pub(crate) mod clock;
mod drum_map;
mod general;
mod lenient;
mod read;
pub(crate) mod walk;
mod write;

pub use general::write_general;
pub use lenient::Warnings;
pub use read::{read, read_and_warn};
pub use write::write;

use crate::voice::Voice;

/// The controller that carries [`crate::Setting::Velocity`].
const VELOCITY_CONTROLLER: u8 = 11;

/// The same controller in General MIDI, where it is the expression.
const EXPRESSION: u8 = VELOCITY_CONTROLLER;

/// The controller that carries [`crate::Setting::Timbre`].
const TIMBRE_CONTROLLER: u8 = 12;

/// The marker where a song goes on after its end, as many players of game music know it (in any case).
const LOOP_MARKER: &[u8] = b"loopStart";

/// MIDI ticks a beat of the files that are written.
const TICKS_PER_BEAT: u16 = 22_050;

/// Microseconds a beat of the files that are written, and of those that do not say.
const MICROSECONDS_PER_BEAT: u32 = 500_000;

/// The General MIDI program and the channel (from 0) of a voice.
const fn program_and_channel(voice: Voice) -> (u8, u8) {
    match voice {
        Voice::P1 => (80, 0),
        Voice::P2 => (81, 1),
        Voice::Tr => (38, 2),
        Voice::No => (121, 9),
    }
}
