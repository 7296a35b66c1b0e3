//! Streams of a VGM file: bytes of the data blocks that are written to a register at a steady rate, as sampled sound is to
//! the level of the sample channel, $4011.
//!
//! ```text
//! 90 ss tt pp cc                      stream s writes to register c of a chip of type t (14: the NES APU)
//! 91 ss dd ll bb                      it reads every l-th byte from byte b on of the blocks of type d
//! 92 ss ff ff ff ff                   f times a second
//! 93 ss aa aa aa aa mm ll ll ll ll    it begins at byte a, or where it is (-1): m 1 for l writes, 2 for l ms, 3 to the end
//! 94 ss                               it stops (FF: all do)
//! 95 ss bb bb ff                      it plays block b
//! ```
//! Bit 7 of m and bit 0 of f repeat it, bit 4 plays it backwards. Source: "VGM Spec v1.71 beta", "DAC Stream Control".

use std::ops::Range;

use crate::register_log::TICK_RATE;

/// Most streams of a file.
pub(super) const MAX_STREAMS: usize = 16;

/// A stream to a register of the NES APU.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    pub(super) register: u8,
    /// Every how many bytes one is read, and from which on.
    pub(super) step: usize,
    pub(super) base: usize,
    /// Writes a second.
    frequency: u64,
    /// The byte at which it begins, how many it plays, and how many of these it has played.
    from: usize,
    count: u64,
    played: u64,
    repeats: bool,
    backwards: bool,
    running: bool,
    /// The tick from which its writes are timed, and how many there were since.
    since: u64,
    written: u64,
}

impl Stream {
    pub(super) fn new(register: u8) -> Self {
        Self { register, step: 1, ..Self::default() }
    }

    pub(super) fn set_frequency(&mut self, frequency: u32, now: u64) {
        if self.running && self.frequency > 0 {
            (self.since, self.written) = (self.due().max(now), 0);
        } else {
            (self.since, self.written) = (now, 0);
        }
        self.frequency = u64::from(frequency);
    }

    /// Begins at a tick; the operands are those of command 93. `end` is the number of bytes that there are.
    pub(super) fn start(&mut self, from: u32, mode: u8, length: u32, end: usize, now: u64) {
        if from != u32::MAX {
            self.from = from as usize;
        }
        let count = match mode & 0x0F {
            1 => u64::from(length),
            2 => u64::from(length) * self.frequency / 1000,
            3 => self.fitting(end.saturating_sub(self.from)),
            _ => return, // only its place is set
        };
        self.begin(count, mode & 0x80 != 0, mode & 0x10 != 0, now);
    }

    /// Plays a block from a tick on.
    pub(super) fn start_block(&mut self, block: &Range<usize>, flags: u8, now: u64) {
        self.from = block.start;
        self.begin(self.fitting(block.len()), flags & 1 != 0, flags & 0x10 != 0, now);
    }

    pub(super) fn stop(&mut self) {
        self.running = false;
    }

    /// How many writes a number of bytes gives.
    fn fitting(&self, bytes: usize) -> u64 {
        bytes.saturating_sub(self.base).div_ceil(self.step.max(1)) as u64
    }

    fn begin(&mut self, count: u64, repeats: bool, backwards: bool, now: u64) {
        (self.count, self.played, self.repeats, self.backwards) = (count, 0, repeats, backwards);
        (self.since, self.written, self.running) = (now, 0, count > 0);
    }

    /// The tick of the next write.
    fn due(&self) -> u64 {
        self.since + self.written * TICK_RATE / self.frequency.max(1)
    }

    /// The tick of the next write, if that comes before `end`.
    pub(super) fn due_before(&self, end: u64) -> Option<u64> {
        Some(self.due()).filter(|&due| self.running && self.frequency > 0 && due < end)
    }

    /// The value of the next write; the stream stops where there are no more bytes.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<u8> {
        let place = if self.backwards { self.count - 1 - self.played } else { self.played };
        let value = usize::try_from(place).ok().and_then(|place| {
            let offset = place.checked_mul(self.step)?.checked_add(self.base)?.checked_add(self.from)?;
            bytes.get(offset).copied()
        });
        self.written += 1;
        self.played += 1;
        if self.played >= self.count {
            self.played = 0;
            self.running = self.repeats;
        }
        self.running &= value.is_some();
        value
    }
}
