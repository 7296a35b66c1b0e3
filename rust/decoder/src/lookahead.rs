//! Fetching values while the shares that will weigh them are computed.
//!
//! Reading the memories of many sequences takes most of a step. Keys and values are each read in order, and the processor
//! fetches them ahead by itself; but between the two it computes shares, reads nothing, and the memory would stand idle.

use crate::simd::{Line, Simd};

/// The most lines that are fetched: they wait in the second cache.
const MOST: usize = 1024;

/// Lines that will be read soon, in order.
pub(crate) struct Lookahead<'a>(&'a [Line]);

impl<'a> Lookahead<'a> {
    pub(crate) fn new(lines: &'a [Line]) -> Self {
        Self(&lines[..lines.len().min(MOST)])
    }

    /// Fetches the next lines.
    #[inline(always)]
    pub(crate) fn fetch<S: Simd>(&mut self, simd: S, count: usize) {
        let (now, later) = self.0.split_at(count.min(self.0.len()));
        for line in now {
            simd.prefetch(line, 0);
        }
        self.0 = later;
    }
}
