//! Samples on their way to a file.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::replace::{Temporary, replace};
use crate::{Codec, Export, FileError, Format, Holds, Sink, Writer, wav};

/// Samples that are rendered and written at once.
const BLOCK: usize = 1 << 16;

/// Sound of 16 bits, a block at a time.
pub struct Sound<'a> {
    /// In Hz.
    pub sample_rate: u32,
    /// Samples of a frame.
    pub channels: u16,
    /// How many frames there are.
    pub frames: u64,
    /// The frames to be looped, where a format can say so.
    pub looped: Option<Range<u64>>,
    /// Fills a block with the next samples and gives their number, 0 at the end.
    pub samples: &'a mut dyn FnMut(&mut [i16]) -> usize,
}

impl Sound<'_> {
    /// Its length in seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.frames as f64 / f64::from(self.sample_rate)
    }

    /// Hands all samples on, unless the export is stopped.
    pub(crate) fn each(
        &mut self,
        export: &Export<'_>,
        mut write: impl FnMut(&[i16]) -> io::Result<()>,
    ) -> Result<(), FileError> {
        // Whole frames: the channels of one are not torn apart.
        let channels = usize::from(self.channels.max(1));
        let mut block = vec![0; BLOCK / channels * channels];
        while let count @ 1.. = (self.samples)(&mut block) {
            if export.stop.load(Ordering::Relaxed) {
                return Err(FileError::Stopped);
            }
            write(block.get(..count).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// Codes samples for formats that this crate does not code itself. Called from many threads at once.
pub trait Encoder: Sync {
    /// Begins a file at a path.
    ///
    /// # Errors
    /// What the system or the encoder refuses.
    fn open(&self, path: &Path, format: &str, sample_rate: u32, channels: u16) -> io::Result<Box<dyn Encoding>>;
}

/// A file that an [`Encoder`] has begun.
pub trait Encoding {
    /// Takes whole frames.
    ///
    /// # Errors
    /// What the system or the encoder refuses.
    fn write(&mut self, samples: &[i16]) -> io::Result<()>;

    /// Completes the file.
    ///
    /// # Errors
    /// What the system or the encoder refuses.
    fn finish(&mut self) -> io::Result<()>;
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
            replace(path, overwrite, |temporary| wav::write(sound, export, &mut File::create(temporary)?))
        }
        (Sink::Stream(stream), Codec::Wav) => wav::write(sound, export, &mut BufWriter::with_capacity(BLOCK, stream)),
        (Sink::File { path, overwrite }, Codec::Encoder) => {
            replace(path, overwrite, |temporary| encode(sound, format.name, export, temporary))
        }
        // An encoder goes back to complete its header, which a stream cannot.
        (Sink::Stream(stream), Codec::Encoder) => {
            let temporary = Temporary::new(&std::env::temp_dir(), format.name);
            encode(sound, format.name, export, temporary.path())?;
            io::copy(&mut File::open(temporary.path())?, stream)?;
            Ok(())
        }
    }
}

fn encode(sound: &mut Sound<'_>, format: &str, export: &Export<'_>, path: &Path) -> Result<(), FileError> {
    let mut encoding = export.encoder.open(path, format, sound.sample_rate, sound.channels)?;
    sound.each(export, |samples| encoding.write(samples))?;
    Ok(encoding.finish()?)
}

/// Writes bytes to a file, whole or not at all, or to a stream.
pub(crate) fn export_bytes(bytes: &[u8], sink: Sink<'_>) -> Result<(), FileError> {
    match sink {
        Sink::File { path, overwrite } => replace(path, overwrite, |temporary| Ok(fs::write(temporary, bytes)?)),
        Sink::Stream(stream) => Ok(stream.write_all(bytes)?),
    }
}
