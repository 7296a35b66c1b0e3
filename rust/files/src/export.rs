//! The one way out: whatever the chip can play, in whatever format, to a file, to a stream, or as stems.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::{env, fmt};

use lakhnes_apu::{Channels, MixerMode, RegisterLog, RenderOptions, Renderer};

use crate::gain::factor_of;
use crate::replace::{Temporary, replace};
use crate::sink::write_bytes;
use crate::sound::BLOCK;
use crate::{Codec, Encoder, Encoding, ExportOptions, FileError, Format, Holds, Played, Sink, Sound, Writer, wav};

/// An export: its options, who codes FLAC and Ogg, and whether it is to stop.
#[derive(Clone, Copy)]
pub struct Export<'a> {
    /// How files are written.
    pub options: &'a ExportOptions,
    /// Who codes what this crate does not.
    pub encoder: &'a dyn Encoder,
    /// Looked at now and then; when it is set, the export ends with [`FileError::Stopped`] and leaves nothing.
    pub stop: &'a AtomicBool,
    /// Where it says, in one line, what the format could not hold.
    pub lacks: Option<&'a Mutex<String>>,
}

impl<'a> Export<'a> {
    /// An export without an encoder, which nobody stops.
    #[must_use]
    pub const fn new(options: &'a ExportOptions) -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { options, encoder: &NoEncoder, stop: &NEVER, lacks: None }
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
            append(&*played.song(options.exact)?, &mut text)?;
            if text.is_empty() {
                return Err(FileError::NoEvents);
            }
            write_bytes(&text, sink)?;
        }
        Writer::Bytes(write) => write_bytes(&write(played, options)?, sink)?,
        Writer::Near(write) => {
            let (bytes, lacks) = write(played, options)?;
            write_bytes(&bytes, sink)?;
            if let Some(Ok(mut said)) = export.lacks.map(Mutex::lock) {
                *said = lacks;
            }
        }
        Writer::Sound(_) => {
            let log = options.log(played)?;
            let factor = factor_of(&log, options, false, export.stop)?;
            return export_log(&log, &options.render, factor, format, export, sink);
        }
    }
    Ok(played.duration())
}

/// Writes every voice by itself, `NAME.p1.wav` beside `NAME.wav` and so on: its files, and their length in seconds. Those
/// that exist and must not be replaced stay as they are: an earlier run, which was stopped, has written them.
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
    let log = export.options.log(played)?;
    let factor = factor_of(&log, export.options, true, export.stop)?;
    let (mut paths, mut seconds) = (Vec::new(), 0.0);
    // The first pulse comes last: where it is there, so are the others, whatever ended an earlier run.
    for (channel, name) in Channels::NAMES.iter().enumerate().take(if log.uses_samples() { 5 } else { 4 }).rev() {
        let channels = Channels::only(channel);
        let options = RenderOptions { mixer: MixerMode::Linear, channels, ..export.options.render };
        let stem = stem_path(path, name);
        if !overwrite && stem.try_exists()? {
            continue;
        }
        let sink = Sink::File { path: &stem, overwrite };
        seconds = export_log(&log, &options, factor, format, export, sink)?;
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
    factor: f64,
    format: &'static Format,
    export: &Export<'_>,
    sink: Sink<'_>,
) -> Result<f64, FileError> {
    let mut renderer = Renderer::new(log, options)?;
    renderer.set_gain(factor as f32);
    let is_wav = matches!(format.write, Some(Writer::Sound(Codec::Wav)));
    let mut sound = Sound {
        tags: export.options.sound_tags(log, is_wav),
        sample_rate: options.sample_rate,
        channels: 1,
        frames: renderer.remaining(),
        looped: wav::loop_samples(log, options).filter(|samples| !samples.is_empty()),
        samples: &mut |block| renderer.read_i16(block),
    };
    export_sound(&mut sound, format, export, sink)?;
    Ok(sound.duration())
}

/// Writes sound in a format to a file, whole or not at all, or to a stream.
///
/// # Errors
/// [`FileError::Format`] for a format that holds no sound; [`FileError::Limit`], [`FileError::Loop`] for what a WAV file
/// cannot hold; [`FileError::Io`]; [`FileError::Stopped`].
pub fn export_sound(
    sound: &mut Sound<'_>,
    format: &'static Format,
    export: &Export<'_>,
    sink: Sink<'_>,
) -> Result<(), FileError> {
    let Writer::Sound(codec) = format.writer()? else {
        return Err(Format::refused(format.name, |format| format.holds == Holds::Audio));
    };
    match (sink, codec) {
        (Sink::File { path, overwrite }, Codec::Wav) => {
            replace(path, overwrite, |temporary| wav::write(sound, export.stop, &mut File::create(temporary)?))
        }
        (Sink::Stream(stream), Codec::Wav) => {
            wav::write(sound, export.stop, &mut BufWriter::with_capacity(BLOCK, stream))
        }
        (Sink::File { path, overwrite }, Codec::Encoder) => {
            replace(path, overwrite, |temporary| encode(sound, format.name, export, temporary))
        }
        // An encoder goes back to complete its header, which a stream cannot.
        (Sink::Stream(stream), Codec::Encoder) => {
            let temporary = Temporary::new(&env::temp_dir(), format.name);
            encode(sound, format.name, export, temporary.path())?;
            io::copy(&mut File::open(temporary.path())?, stream)?;
            Ok(())
        }
    }
}

fn encode(sound: &mut Sound<'_>, format: &str, export: &Export<'_>, path: &Path) -> Result<(), FileError> {
    let mut encoding = export.encoder.open(path, format, sound.sample_rate, sound.channels)?;
    encoding.tag(&sound.tags)?;
    sound.each(export.stop, |samples| encoding.write(samples))?;
    Ok(encoding.finish()?)
}
