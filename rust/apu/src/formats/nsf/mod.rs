//! NSF, the format in which NES music is played by emulators and on consoles: a program for the 6502 that plays.
//!
//! - [`read()`] reads `.nsf` (versions 1 and 2) and `.nsfe`; [`Nsf::run`] runs a track's program and gives its
//!   [`RegisterLog`](crate::RegisterLog).
//! - [`write()`] turns a log into a program that plays it; [`write_album`] and [`write_nsfe`] put several into one file.
//!
//! ```text
//! 00 "NESM" 1A, version   06 songs, first   08 load, init, play   0E title   2E artist   4E copyright (32 bytes each)
//! 6E µs between calls, NTSC   70 first banks   78 µs, PAL   7A 1: PAL, 2: both   7B extra chips
//! 7C features (version 2)   7D bytes of the program, 0: all   80 program and data, then chunks as in an NSFe file
//! ```
//!
//! Source: nesdev wiki, "NSF", "NSFe" and "NSF2".

mod album;
mod assembler;
mod chunks;
mod console;
mod ending;
mod file;
mod hash;
mod pack;
mod read;
mod recorder;
mod run;
mod samples;
mod sounding;
mod stream;
mod write;

pub use self::album::{AlbumSong, LOOP_FADE_MS, write_album, write_nsfe};
pub use self::ending::{Ending, Played};
pub use self::file::{Features, MAX_TRACKS, Nsf, Region, Track};
pub use self::read::read;
pub use self::recorder::MAX_WRITES;
pub use self::run::{DEFAULT_MAX_TICKS, RunOptions};
pub use self::write::{MAX_PROGRAM, Timing, write, write_named};

/// Bytes of the header.
pub const HEADER: usize = 0x80;
/// Microseconds between two calls on an NTSC console: 60.0988 Hz.
pub const NTSC_SPEED: u16 = 16_639;
/// Microseconds between two calls on a PAL console: 50.007 Hz.
pub const PAL_SPEED: u16 = 19_997;
/// Microseconds between two calls on a Dendy: 50.006 Hz.
pub const DENDY_SPEED: u16 = 19_998;
