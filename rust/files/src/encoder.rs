//! Who codes the samples that this crate does not code itself.

use std::io;
use std::path::Path;

use crate::FileTags;

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
    /// Takes what is known about the sound, before its first frame; an encoder without tags drops it.
    ///
    /// # Errors
    /// What the encoder refuses.
    fn tag(&mut self, tags: &FileTags) -> io::Result<()> {
        _ = tags;
        Ok(())
    }

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
