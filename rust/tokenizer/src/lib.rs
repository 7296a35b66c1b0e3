//! Four-voice scores for the sound chip of the Nintendo Entertainment System, and the ways they are written down.
//!
//! Everything symbolic meets in [`Song`]: four voices of notes and of velocity and timbre changes, timed in ticks of
//! 1/44,100 s. [`tx1`] and [`tx2`] are the event texts of LakhNES (Donahue et al., ISMIR 2019), [`midi`] the
//! sample-accurate MIDI of NES-MDB (Donahue, Mao, McAuley, ISMIR 2018), [`score`] its expressive scores;
//! [`perform`](perform()) turns a song into the register writes that play it. [`Vocabulary`] numbers the events for a
//! language model and [`augment`] varies them for its training; [`adapt`](mod@adapt) makes training songs of any MIDI file.
//!
//! ```
//! use lakhnes_tokenizer::{PerformOptions, Vocabulary, midi, perform, tx1};
//!
//! let song = tx1::read("P1_NOTEON_69\nWT_44100\nP1_NOTEOFF")?;
//! assert_eq!(song.duration(), 1.0);
//! assert_eq!(Vocabulary::tx1().encode_song(&song)?, [408, 314, 371]);
//! assert_eq!(midi::read(&midi::write(&song)?)?, song);
//! assert_eq!(perform(&song, &PerformOptions::default())?.length, 44_100);
//! # Ok::<(), lakhnes_tokenizer::TokenizerError>(())
//! ```
//!
//! Nothing here reads files or knows of Python, and no input makes it panic: a mistake is a [`TokenizerError`] that
//! says where it is and what was expected there.

pub mod adapt;
pub mod arrange;
pub mod augment;
pub mod blended;
pub mod compact;
pub mod disassembly;
mod drawing;
mod error;
mod event;
pub mod expression;
pub mod limits;
mod live;
pub mod midi;
pub mod perform;
mod piano_roll;
mod piece;
pub mod quantize;
mod random;
pub mod raw_score;
pub mod score;
mod score_fault;
pub mod separated;
mod song;
mod song_fault;
mod text;
mod timeline;
pub mod tracker;
pub mod transcribe;
pub mod tx1;
pub mod tx2;
pub mod tx3;
mod unpickle;
mod values;
mod vocabulary;
mod voice;

pub use adapt::{AdaptOptions, adapt};
pub use arrange::{ArrangeOptions, arrange};
pub use drawing::{VOICE_COLORS, piano_roll_svg};
pub use error::TokenizerError;
pub use event::{BOUNDARY, Dialect, Event};
pub use expression::Expression;
pub use live::{LivePerformer, LivePlayer, MAX_WAIT};
pub use perform::{PerformOptions, perform};
pub use piano_roll::{MAX_ROLL_FRAMES, PianoRoll, piano_roll};
pub use score_fault::{Cell, ScoreFault};
pub use song::{Change, ChangeKind, Note, Setting, Song, Track};
pub use song_fault::SongFault;
pub use tracker::{TrackerFormat, TrackerMode, TrackerReport};
pub use transcribe::{transcribe, transcribe_exactly};
pub use values::{Pitch, Ticks, Timbre, Velocity};
pub use vocabulary::Vocabulary;
pub use voice::Voice;
