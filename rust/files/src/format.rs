//! The one table of formats: `--help`, messages, documents and tests are made from it.
//!
//! A new format is a row here, and a module with its reader and its writer.

use std::borrow::Cow;

use lakhnes_apu::formats::nsf::AlbumSong;
use lakhnes_apu::{ApuError, Tags};
use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::disassembly::Disassembly::{Ndf, Ndr, Nlm};
use lakhnes_tokenizer::score::ExpressiveScore;
use lakhnes_tokenizer::separated::SeparatedScore;
use lakhnes_tokenizer::{Song, TokenizerError, TrackerFormat, TrackerMode, midi, tracker, tx1, tx2, tx3};

use crate::arrays::Kind::{Blended, Expressive, Raw, Separated};
use crate::utf8::utf8;
use crate::{ExportOptions, FileError, MidiForm, Played, ReadOptions, arrays, nsf, vgz};

/// What a format holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holds {
    /// Notes.
    Song,
    /// A score by frames, as arrays.
    Arrays,
    /// Register writes.
    Log,
    /// Samples.
    Audio,
}

impl Holds {
    /// Its name in Python.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Song => "song",
            Self::Arrays => "arrays",
            Self::Log => "log",
            Self::Audio => "audio",
        }
    }
}

/// How a format is read.
#[derive(Debug, Clone, Copy)]
pub enum Reader {
    /// As a song.
    Song(fn(&[u8]) -> Result<Played<'static>, FileError>),
    /// As one of several tracks, each a program that is run.
    Track(fn(&[u8], &ReadOptions) -> Result<Played<'static>, FileError>),
}

/// Writes several songs as the tracks of one file, with what is known about the whole.
pub type Album = fn(&[AlbumSong<'_>], &Tags) -> Result<Vec<u8>, ApuError>;

/// Appends the text of a song to others, and gives the number of its events.
pub type Append = fn(&Song, &mut Vec<u8>) -> Result<usize, TokenizerError>;

/// Writes bytes, and says what they lack.
pub type Near = fn(&Played<'_>, &ExportOptions) -> Result<(Vec<u8>, String), FileError>;

/// How a format is written.
#[derive(Debug, Clone, Copy)]
pub enum Writer {
    /// As an event text, which is appended to others; gives the number of its events.
    Text(Append),
    /// As bytes.
    Bytes(fn(&Played<'_>, &ExportOptions) -> Result<Vec<u8>, FileError>),
    /// As bytes that do not say all; and what they lack, in one line, or nothing.
    Near(Near),
    /// As sound, a block at a time.
    Sound(Codec),
}

/// How samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// As they are, by [`crate::wav`].
    Wav,
    /// By the [`Encoder`](crate::Encoder) that is given.
    Encoder,
}

/// A row of the table.
#[derive(Debug)]
#[non_exhaustive]
pub struct Format {
    /// Its name, as `--to` and `--from` take it.
    pub name: &'static str,
    /// How names of its files end, the one that is written first.
    pub suffixes: &'static [&'static str],
    /// Its media type.
    pub mime: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// How it is read, if it is.
    pub read: Option<Reader>,
    /// How it is written, if it is.
    pub write: Option<Writer>,
    /// How several songs are written as one file, if they can be.
    pub album: Option<Album>,
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const MIDI: &str = "audio/midi";
const VGM: &str = "audio/x-vgm";
const BINARY: &str = "application/octet-stream";

/// All formats, songs first. Where a corpus holds a song in more than one, the first counts.
pub static FORMATS: &[Format] = &[
    row("tx1", &[".tx1.txt"], TEXT, Holds::Song)
        .read(|data| Ok(tx1::read(utf8(data)?)?.into()))
        .text(|song, text| Ok(tx1::append(song, text))),
    row("tx2", &[".tx2.txt"], TEXT, Holds::Song)
        .read(|data| Ok(tx2::read(utf8(data)?)?.into()))
        .text(|song, text| Ok(tx2::append(song, text))),
    row("tx3", &[".tx3.txt"], TEXT, Holds::Song).read(|data| Ok(tx3::read(utf8(data)?)?.into())).text(tx3::append),
    row("mid", &[".mid", ".midi"], MIDI, Holds::Song)
        .read(|data| {
            let (song, warnings) = midi::read_and_warn(data)?;
            Ok(Played::Song { song: Cow::Owned(song), warnings: warnings.to_string() })
        })
        .bytes(|played, options| {
            let song = played.song(options.exact)?;
            Ok(match options.midi {
                MidiForm::NesMdb => midi::write(&song)?,
                MidiForm::General => midi::write_general(&song)?,
            })
        }),
    row("exprsco", &[".exprsco.pkl"], BINARY, Holds::Arrays)
        .read(|data| Ok(ExpressiveScore::read_pickle(data)?.to_song()?.into())),
    row("seprsco", &[".seprsco.pkl"], BINARY, Holds::Arrays)
        .read(|data| Ok(SeparatedScore::read_pickle(data)?.to_song()?.into())),
    row("blndsco", &[".blndsco.pkl"], BINARY, Holds::Arrays)
        .read(|data| Ok(BlendedScore::read_pickle(data)?.to_song()?.into())),
    row("exprsco.npz", &[".exprsco.npz"], BINARY, Holds::Arrays)
        .read(|data| arrays::read(data, Expressive))
        .bytes(|played, options| arrays::write(played, Expressive, options)),
    row("seprsco.npz", &[".seprsco.npz"], BINARY, Holds::Arrays)
        .read(|data| arrays::read(data, Separated))
        .bytes(|played, options| arrays::write(played, Separated, options)),
    row("blndsco.npz", &[".blndsco.npz"], BINARY, Holds::Arrays)
        .read(|data| arrays::read(data, Blended))
        .bytes(|played, options| arrays::write(played, Blended, options)),
    row("rawsco.npz", &[".rawsco.npz"], BINARY, Holds::Arrays)
        .read(|data| arrays::read(data, Raw))
        .bytes(|played, options| arrays::write(played, Raw, options)),
    row("vgm", &[".vgm"], VGM, Holds::Log).read(vgz::read).bytes(vgz::write_plain),
    row("vgz", &[".vgz"], VGM, Holds::Log).read(vgz::read).bytes(vgz::write),
    row("nsf", &[".nsf"], "audio/x-nsf", Holds::Log).tracks(nsf::read).bytes(nsf::write).album(nsf::write_album),
    row("nsfe", &[".nsfe"], "audio/x-nsfe", Holds::Log)
        .tracks(nsf::read)
        .bytes(nsf::write_nsfe)
        .album(nsf::write_album_nsfe),
    row("ndr", &[".ndr.txt"], TEXT, Holds::Log)
        .read(|data| Ok(Ndr.read(utf8(data)?)?.into()))
        .bytes(|played, options| Ok(Ndr.write(&*options.log(played)?)?.into())),
    row("ndf", &[".ndf.txt"], TEXT, Holds::Log)
        .read(|data| Ok(Ndf.read(utf8(data)?)?.into()))
        .bytes(|played, options| Ok(Ndf.write(&*options.log(played)?)?.into())),
    row("nlm", &[".nlm.txt"], TEXT, Holds::Log)
        .read(|data| Ok(Nlm.read(utf8(data)?)?.into()))
        .bytes(|played, options| Ok(Nlm.write(&*options.log(played)?)?.into())),
    row("ndr.json", &[".ndr.json"], JSON, Holds::Log)
        .read(|data| Ok(Ndr.read_json(data)?.into()))
        .bytes(|played, options| Ok(Ndr.write_json(&*options.log(played)?)?.into())),
    row("ndf.json", &[".ndf.json"], JSON, Holds::Log)
        .read(|data| Ok(Ndf.read_json(data)?.into()))
        .bytes(|played, options| Ok(Ndf.write_json(&*options.log(played)?)?.into())),
    row("nlm.json", &[".nlm.json"], JSON, Holds::Log)
        .read(|data| Ok(Nlm.read_json(data)?.into()))
        .bytes(|played, options| Ok(Nlm.write_json(&*options.log(played)?)?.into())),
    row("ndr.pkl", &[".ndr.pkl"], BINARY, Holds::Log).read(|data| Ok(Ndr.read_pickle(data)?.into())),
    row("ndf.pkl", &[".ndf.pkl"], BINARY, Holds::Log).read(|data| Ok(Ndf.read_pickle(data)?.into())),
    row("nlm.pkl", &[".nlm.pkl"], BINARY, Holds::Log).read(|data| Ok(Nlm.read_pickle(data)?.into())),
    row("ftm", &[".ftm.txt"], TEXT, Holds::Log)
        .near(|played, options| tracker_text(played, TrackerFormat::FamiTracker, options)),
    row("fms", &[".fms.txt"], TEXT, Holds::Log)
        .near(|played, options| tracker_text(played, TrackerFormat::FamiStudio, options)),
    row("wav", &[".wav"], "audio/wav", Holds::Audio).sound(Codec::Wav),
    row("flac", &[".flac"], "audio/flac", Holds::Audio).sound(Codec::Encoder),
    row("ogg", &[".ogg"], "audio/ogg", Holds::Audio).sound(Codec::Encoder),
];

/// A text for a tracker: rows and instruments, or, if register writes count as they are, every frame. With it, in how many
/// frames it plays anything else.
fn tracker_text(
    played: &Played<'_>,
    format: TrackerFormat,
    options: &ExportOptions,
) -> Result<(Vec<u8>, String), FileError> {
    let mode = if options.exact { TrackerMode::Exact } else { TrackerMode::Readable };
    let (text, report) = match played {
        Played::Song { song, .. } => tracker::export_song(song, &options.perform, format, mode)?,
        played => tracker::export(&*options.log(played)?, format, mode)?,
    };
    let (differing, frames) = (report.differing_frames, report.frames.max(1));
    let share = 100.0 * differing as f64 / frames as f64;
    let differs = format!("a voice differs in {differing} of {frames} frames ({share:.1} %); --exact keeps them all");
    Ok((text.into(), if differing == 0 { String::new() } else { differs }))
}

const fn row(name: &'static str, suffixes: &'static [&'static str], mime: &'static str, holds: Holds) -> Format {
    Format { name, suffixes, mime, holds, read: None, write: None, album: None }
}

impl Format {
    const fn read(self, read: fn(&[u8]) -> Result<Played<'static>, FileError>) -> Self {
        Self { read: Some(Reader::Song(read)), ..self }
    }

    const fn tracks(self, read: fn(&[u8], &ReadOptions) -> Result<Played<'static>, FileError>) -> Self {
        Self { read: Some(Reader::Track(read)), ..self }
    }

    const fn text(self, append: Append) -> Self {
        Self { write: Some(Writer::Text(append)), ..self }
    }

    const fn bytes(self, write: fn(&Played<'_>, &ExportOptions) -> Result<Vec<u8>, FileError>) -> Self {
        Self { write: Some(Writer::Bytes(write)), ..self }
    }

    const fn near(self, write: Near) -> Self {
        Self { write: Some(Writer::Near(write)), ..self }
    }

    const fn album(self, album: Album) -> Self {
        Self { album: Some(album), ..self }
    }

    const fn sound(self, codec: Codec) -> Self {
        Self { write: Some(Writer::Sound(codec)), ..self }
    }

    /// Whether a file may hold several songs, of which one is read.
    #[must_use]
    pub const fn has_tracks(&self) -> bool {
        matches!(self.read, Some(Reader::Track(_)))
    }

    /// The format of a name.
    ///
    /// # Errors
    /// [`FileError::Format`] with the names of all.
    pub fn named(name: &str) -> Result<&'static Self, FileError> {
        Self::named_where(name, |_| true)
    }

    /// The format of a name, if it fits.
    ///
    /// # Errors
    /// [`FileError::Format`] with the names of those that fit.
    pub fn named_where(name: &str, fits: impl Fn(&Self) -> bool) -> Result<&'static Self, FileError> {
        let mut fitting = FORMATS.iter().filter(|format| fits(format));
        fitting.find(|format| format.name == name).ok_or_else(|| Self::refused(name, fits))
    }

    /// How it is read.
    ///
    /// # Errors
    /// [`FileError::Format`] with the names of those that are.
    pub fn reader(&self) -> Result<Reader, FileError> {
        self.read.ok_or_else(|| Self::refused(self.name, |format| format.read.is_some()))
    }

    /// How it is written.
    ///
    /// # Errors
    /// [`FileError::Format`] with the names of those that are.
    pub fn writer(&self) -> Result<Writer, FileError> {
        self.write.ok_or_else(|| Self::refused(self.name, |format| format.write.is_some()))
    }

    /// Says of a name which would do.
    pub(crate) fn refused(name: &str, fits: impl Fn(&Self) -> bool) -> FileError {
        let names: Vec<_> = FORMATS.iter().filter(|format| fits(format)).map(|format| format.name).collect();
        FileError::Format { expected: names.join(" "), found: name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_suffixes_are_those_of_one_format() {
        let suffixes: Vec<_> = FORMATS.iter().flat_map(|format| format.suffixes).collect();
        for (index, suffix) in suffixes.iter().enumerate() {
            assert!(
                suffixes.iter().skip(index + 1).all(|other| !other.ends_with(*suffix) && !suffix.ends_with(*other))
            );
        }
        for format in FORMATS {
            assert!(std::ptr::eq(Format::named(format.name).unwrap(), format));
        }
    }

    #[test]
    fn another_name_is_refused_with_those_that_would_do() {
        let error = Format::named_where("mp3", |format| format.holds == Holds::Audio).unwrap_err();
        assert_eq!(error.to_string(), "mp3: expected one of wav flac ogg");
    }
}
