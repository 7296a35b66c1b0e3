//! Files of songs, register writes and sound.
//!
//! [`FORMATS`] is the one table of formats: a row a format, with its name, its suffixes, what it holds, its reader and its
//! writer. Whatever is read becomes [`Played`]; whatever is written goes through [`export`](export()), to a file, to a
//! stream, or file by file in a [`Batch`].
//!
//! ```
//! use lakhnes_files::{Export, ExportOptions, Format, Sink, export, read};
//!
//! let song = read(b"P1_NOTEON_69\nWT_44100\nP1_NOTEOFF", Format::named("tx1")?)?;
//! let mut file = Vec::new();
//! export(&song, Format::named("vgm")?, &Export::new(&ExportOptions::default()), Sink::Stream(&mut file))?;
//! assert!(file.starts_with(b"Vgm "));
//! # Ok::<(), lakhnes_files::FileError>(())
//! ```

pub mod adapt;
pub mod album;
pub mod arrays;
pub mod batch;
mod encoder;
mod error;
mod export;
mod format;
mod gain;
mod level;
mod npy;
mod nsf;
mod options;
mod played;
mod read;
mod replace;
mod sink;
mod sound;
pub mod texts;
mod utf8;
mod vgz;
pub mod wav;

pub use batch::{Batch, Exported, Job, Source, Target};
pub use encoder::{Encoder, Encoding};
pub use error::FileError;
pub use export::{Export, export, export_sound, export_stems, stem_path};
pub use format::{Album, Append, Codec, FORMATS, Format, Holds, Near, Reader, Writer};
pub use level::Level;
pub use options::{ExportOptions, FileTags, MidiForm, ReadOptions};
pub use played::Played;
pub use read::{Edits, read, read_limited, read_track};
pub use sink::Sink;
pub use sound::Sound;
