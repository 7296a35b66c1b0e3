//! Samples on their way to a file.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{FileError, FileTags};

/// Samples that are written at once.
pub(crate) const BLOCK: usize = 1 << 16;

/// Samples that are rendered between two looks at whether to stop.
const PART: usize = 1 << 12;

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
    /// What is known about it.
    pub tags: FileTags,
    /// Fills a block with the next samples and gives their number, 0 at the end.
    pub samples: &'a mut dyn FnMut(&mut [i16]) -> usize,
}

impl Sound<'_> {
    /// Its length in seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.frames as f64 / f64::from(self.sample_rate)
    }

    /// Hands all samples on, until it is asked to stop.
    pub(crate) fn each(
        &mut self,
        stop: &AtomicBool,
        mut write: impl FnMut(&[i16]) -> io::Result<()>,
    ) -> Result<(), FileError> {
        // Whole frames: the channels of one are not torn apart.
        let channels = usize::from(self.channels.max(1));
        let whole = |samples: usize| (samples / channels).max(1) * channels;
        let mut block = vec![0; whole(BLOCK)];
        loop {
            let mut filled = 0;
            for part in block.chunks_mut(whole(PART)) {
                if stop.load(Ordering::Relaxed) {
                    return Err(FileError::Stopped);
                }
                let count = (self.samples)(part);
                filled += count;
                if count < part.len() {
                    break;
                }
            }
            if filled == 0 {
                return Ok(());
            }
            write(block.get(..filled).unwrap_or_default())?;
        }
    }
}
