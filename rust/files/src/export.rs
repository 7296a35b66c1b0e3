//! The one way out: whatever the chip can play, in whatever format, to a file, to a stream, or as stems.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::{fmt, io};

use lakhnes_apu::{Channels, MixerMode, RegisterLog, RenderOptions, Renderer};
use lakhnes_tokenizer::PerformOptions;

use crate::sound::export_bytes;
use crate::{Encoder, Encoding, FileError, Format, Played, Sound, Writer, export_sound, wav};

/// How a file is written. Each format heeds what concerns it.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// How songs become register writes.
    pub perform: PerformOptions,
    /// How register writes become sound.
    pub render: RenderOptions,
    /// Frames a second of scores as arrays, above 0 and at most 44,100; 0 takes the lowest rate that keeps the notes,
    /// `None` 24, and 44,100 for raw scores.
    pub score_rate: Option<f64>,
    /// Whether register writes are transcribed true to the chip, not as NES-MDB does.
    pub exact: bool,
    /// Whether every wait of a VGM file is written as its longest command, as nesmdb does.
    pub long_waits: bool,
    /// What an NSF file is called whose song has no title of its own.
    pub title: String,
}

/// An export: its options, who codes FLAC and Ogg, and whether it is to stop.
#[derive(Clone, Copy)]
pub struct Export<'a> {
    /// How files are written.
    pub options: &'a ExportOptions,
    /// Who codes what this crate does not.
    pub encoder: &'a dyn Encoder,
    /// Looked at now and then; when it is set, the export ends with [`FileError::Stopped`] and leaves nothing.
    pub stop: &'a AtomicBool,
}

impl<'a> Export<'a> {
    /// An export without an encoder, which nobody stops.
    #[must_use]
    pub const fn new(options: &'a ExportOptions) -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { options, encoder: &NoEncoder, stop: &NEVER }
    }
}

impl fmt::Debug for Export<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("options", self.options).finish_non_exhaustive()
    }
}

struct NoEncoder;

impl Encoder for NoEncoder {
    fn open(&self, _: &Path, format: &str, _: u32, _: u16) -> io::Result<Box<dyn Encoding>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("{format} needs an encoder")))
    }
}

/// Where a file goes.
pub enum Sink<'a> {
    /// To a path, whole or not at all.
    File {
        /// The file.
        path: &'a Path,
        /// Whether one of that name may be replaced.
        overwrite: bool,
    },
    /// To a stream.
    Stream(&'a mut dyn Write),
}

/// Writes what the chip can play, and gives the length of what was written, in seconds.
///
/// # Errors
/// [`FileError::Format`] for a format that is not written; what stands in the way of performing, transcribing, rendering
/// and writing; [`FileError::Stopped`].
pub fn export(
    played: &Played<'_>,
    format: &'static Format,
    export: &Export<'_>,
    sink: Sink<'_>,
) -> Result<f64, FileError> {
    let options = export.options;
    match format.writer()? {
        Writer::Text(append) => {
            let mut text = Vec::new();
            append(&*played.song(options.exact)?, &mut text);
            export_bytes(&text, sink)?;
        }
        Writer::Bytes(write) => export_bytes(&write(played, options)?, sink)?,
        Writer::Sound(_) => {
            return export_log(&*played.log(&options.perform)?, &options.render, format, export, sink);
        }
    }
    Ok(played.duration())
}

/// Writes every voice by itself, `NAME.p1.wav` beside `NAME.wav` and so on: its files, and their length in seconds.
///
/// # Errors
/// As [`export`]; [`FileError::Format`] for a format that holds no sound.
pub fn export_stems(
    played: &Played<'_>,
    format: &'static Format,
    export: &Export<'_>,
    path: &Path,
    overwrite: bool,
) -> Result<(Vec<PathBuf>, f64), FileError> {
    let log = played.log(&export.options.perform)?;
    let (mut paths, mut seconds) = (Vec::new(), 0.0);
    for (channel, name) in Channels::NAMES.iter().enumerate().take(if log.uses_samples() { 5 } else { 4 }) {
        let channels = Channels::only(channel);
        let options = RenderOptions { mixer: MixerMode::Linear, channels, ..export.options.render };
        let stem = stem_path(path, name);
        let sink = Sink::File { path: &stem, overwrite };
        seconds = export_log(&log, &options, format, export, sink)?;
        paths.push(stem);
    }
    Ok((paths, seconds))
}

/// The file of one voice: `a.wav` → `a.p1.wav`.
#[must_use]
pub fn stem_path(path: &Path, voice: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{voice}"));
    if let Some(suffix) = path.extension() {
        name.push(".");
        name.push(suffix);
    }
    path.with_file_name(name)
}

fn export_log(
    log: &RegisterLog,
    options: &RenderOptions,
    format: &'static Format,
    export: &Export<'_>,
    sink: Sink<'_>,
) -> Result<f64, FileError> {
    let mut renderer = Renderer::new(log, options)?;
    let mut sound = Sound {
        sample_rate: options.sample_rate,
        channels: 1,
        frames: renderer.remaining(),
        looped: wav::loop_samples(log, options).filter(|samples| !samples.is_empty()),
        samples: &mut |block| renderer.read_i16(block),
    };
    export_sound(&mut sound, format, export, sink)?;
    Ok(sound.duration())
}
