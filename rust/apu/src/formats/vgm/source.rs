//! Bytes one after the other, from memory or out of gzip: a packed file is never unpacked as a whole.

use std::io::{ErrorKind, Read};

use flate2::bufread::GzDecoder;

use crate::ApuError;
use crate::formats::MAX_UNPACKED;

/// What a reader takes its bytes from.
pub(crate) trait Source {
    /// Fills `buffer` as far as there are bytes, and says how far.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ApuError>;

    /// Passes over at most `count` bytes, and says how many there were.
    fn pass(&mut self, count: usize) -> Result<usize, ApuError>;
}

impl Source for &[u8] {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ApuError> {
        let count = buffer.len().min(self.len());
        let (bytes, rest) = self.split_at_checked(count).unwrap_or_default();
        buffer.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
        *self = rest;
        Ok(count)
    }

    fn pass(&mut self, count: usize) -> Result<usize, ApuError> {
        let count = count.min(self.len());
        *self = self.get(count..).unwrap_or_default();
        Ok(count)
    }
}

/// Bytes that are unpacked at once.
const BLOCK: usize = 1 << 15;

/// The bytes in a gzip file, up to [`MAX_UNPACKED`].
pub(super) struct Gzip<'a> {
    decoder: GzDecoder<&'a [u8]>,
    block: Vec<u8>,
    /// The next byte of the block.
    next: usize,
    /// Bytes unpacked so far.
    total: usize,
}

impl<'a> Gzip<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { decoder: GzDecoder::new(bytes), block: Vec::with_capacity(BLOCK), next: 0, total: 0 }
    }

    /// The bytes that are unpacked and not taken yet: none at the end only.
    fn ready(&mut self) -> Result<&[u8], ApuError> {
        if self.next == self.block.len() {
            self.next = 0;
            self.block.resize(BLOCK, 0);
            let count = loop {
                match self.decoder.read(&mut self.block) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // Several members in a row are one file (RFC 1952, 2.2); whatever else follows is passed over.
                    Ok(0) if self.decoder.get_ref().starts_with(&[0x1F, 0x8B]) => {
                        self.decoder = GzDecoder::new(*self.decoder.get_ref());
                    }
                    result => break result.map_err(|error| gzip_error(&error))?,
                }
            };
            self.block.truncate(count);
            self.total += count;
            if self.total > MAX_UNPACKED {
                return Err(ApuError::TooLarge { found: self.total as u64, limit: MAX_UNPACKED as u64 });
            }
        }
        Ok(self.block.get(self.next..).unwrap_or_default())
    }
}

fn gzip_error(error: &std::io::Error) -> ApuError {
    ApuError::Format { offset: 0, expected: "gzip data", found: error.to_string() }
}

impl Source for Gzip<'_> {
    #[inline]
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ApuError> {
        // Nearly always all of it is there already.
        if let Some(bytes) = self.block.get(self.next..self.next + buffer.len()) {
            buffer.copy_from_slice(bytes);
            self.next += bytes.len();
            return Ok(bytes.len());
        }
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let count = self.ready()?.fill(rest)?;
            if count == 0 {
                break;
            }
            self.next += count;
            filled += count;
        }
        Ok(filled)
    }

    fn pass(&mut self, count: usize) -> Result<usize, ApuError> {
        let mut passed = 0;
        while passed < count {
            let part = self.ready()?.len().min(count - passed);
            if part == 0 {
                break;
            }
            self.next += part;
            passed += part;
        }
        Ok(passed)
    }
}

/// A few bytes that have been looked at already, and then the rest of their source.
pub(super) struct After<'a, S> {
    pub(super) first: &'a [u8],
    pub(super) rest: S,
}

impl<S: Source> Source for After<'_, S> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ApuError> {
        let count = self.first.fill(buffer)?;
        let rest = buffer.get_mut(count..).unwrap_or_default();
        Ok(if rest.is_empty() { count } else { count + self.rest.fill(rest)? })
    }

    fn pass(&mut self, count: usize) -> Result<usize, ApuError> {
        let first = self.first.pass(count)?;
        Ok(if first == count { count } else { first + self.rest.pass(count - first)? })
    }
}
