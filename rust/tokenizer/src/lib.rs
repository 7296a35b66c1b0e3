//! Four-voice scores for the sound chip of the Nintendo Entertainment System, and the ways they are written down.
//!
//! Everything symbolic meets in [`Song`]: four voices of notes and of velocity and timbre changes, timed in ticks of
//! 1/44,100 s. [`Vocabulary`] numbers the TX1 and TX2 events of LakhNES (Donahue et al., ISMIR 2019) for a language model
//! and [`augment`] varies them for its training.
//!
//! Nothing here reads files or knows of Python, and no input makes it panic: a mistake is a [`TokenizerError`] that
//! says where it is and what was expected there.

pub mod augment;
mod error;
mod event;
pub mod limits;
pub mod midi;
pub mod perform;
pub mod quantize;
mod random;
pub mod score;
mod song;
mod text;
mod timeline;
pub mod tx1;
pub mod tx2;
mod vocabulary;

pub use error::TokenizerError;
pub use event::{Dialect, Event};
pub use perform::{PerformOptions, perform};
pub use song::{Change, ChangeKind, Note, Song, Track, Voice};
pub use vocabulary::{BOUNDARY, Vocabulary};
