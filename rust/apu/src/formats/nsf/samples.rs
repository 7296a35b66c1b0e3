//! The memory that the sample channel reads, as pages of 4 KiB that an NSF file shows in $C000–$FFFF.
//!
//! Source: nesdev wiki, "APU DMC": a sample begins at $C000 + $40 * $4012 and has $10 * $4013 + 1 bytes.

use crate::{ApuError, RegisterLog};

/// Bytes of a page, which is what a bank holds.
pub(super) const PAGE: usize = 0x1000;
/// The slot of $C000, counted from $8000.
pub(super) const FIRST_SLOT: u8 = 4;
/// The first address of a sample.
const FIRST: usize = 0xC000;
/// Slots in which samples lie.
const SLOTS: usize = 4;
/// Most pages of different content.
const MAX_PAGES: usize = 255;

/// From `tick` on `slot` shows `page`.
pub(super) struct Change {
    pub(super) tick: u64,
    pub(super) slot: usize,
    pub(super) page: Option<u8>,
}

/// Pages of sample memory, each once, and which of them is seen when.
pub(super) struct SampleMemory {
    pub(super) pages: Vec<Box<[u8]>>,
    /// What the slots show at first: `None` where no sample lies.
    pub(super) initial: [Option<u8>; SLOTS],
    /// What they show afterwards, in the order of the ticks.
    pub(super) changes: Vec<Change>,
}

impl SampleMemory {
    /// Finds the pages that the samples of a valid log need, in addition to those that there are.
    ///
    /// # Errors
    /// A sample that wraps from $FFFF to $8000, where the player lies; more pages than a file can hold.
    pub(super) fn of(log: &RegisterLog, pages: Vec<Box<[u8]>>) -> Result<Self, ApuError> {
        let heard = heard_slots(log)?;
        let mut memory = Self { pages, initial: [None; SLOTS], changes: Vec::new() };
        if heard == [false; SLOTS] {
            return Ok(memory);
        }
        let mut image = vec![0; SLOTS * PAGE];
        let mut shown = [None; SLOTS];
        let mut blocks = log.memory.iter().filter(|block| block.tick < log.length).peekable();
        let mut tick = 0;
        loop {
            while let Some(block) = blocks.next_if(|block| block.tick == tick) {
                for (address, &byte) in (usize::from(block.address)..0x1_0000).zip(&block.bytes) {
                    if let Some(place) = address.checked_sub(FIRST).and_then(|offset| image.get_mut(offset)) {
                        *place = byte;
                    }
                }
            }
            for (slot, bytes) in image.chunks(PAGE).enumerate().filter(|&(slot, _)| heard.get(slot) == Some(&true)) {
                let page = Some(memory.page_of(bytes)?);
                if let Some(place) = shown.get_mut(slot).filter(|place| **place != page) {
                    *place = page;
                    memory.changes.push(Change { tick, slot, page });
                }
            }
            if tick == 0 {
                memory.initial = shown;
            }
            let Some(block) = blocks.peek() else { return Ok(memory) };
            tick = block.tick;
        }
    }

    /// Whether a slot shows more than one page.
    pub(super) fn is_switched(&self) -> bool {
        self.changes.iter().any(|change| change.tick > 0)
    }

    fn page_of(&mut self, bytes: &[u8]) -> Result<u8, ApuError> {
        if let Some(page) = self.pages.iter().position(|page| **page == *bytes) {
            return Ok(page as u8); // at most MAX_PAGES
        }
        if self.pages.len() == MAX_PAGES {
            let limit = (MAX_PAGES * PAGE) as u64;
            return Err(ApuError::TooLarge { found: limit + PAGE as u64, limit });
        }
        self.pages.push(bytes.into());
        Ok((self.pages.len() - 1) as u8)
    }
}

/// Which slots the samples of a log may touch.
fn heard_slots(log: &RegisterLog) -> Result<[bool; SLOTS], ApuError> {
    let (mut heard, mut start, mut length, mut on) = ([false; SLOTS], 0, 0, false);
    for write in log.writes.iter().filter(|write| write.tick < log.length) {
        match write.register {
            0x12 => start = FIRST + 0x40 * usize::from(write.value),
            0x13 => length = 0x10 * usize::from(write.value) + 1,
            0x15 => on = write.value & 0x10 != 0,
            _ => continue,
        }
        if !on {
            continue;
        }
        let (start, length) = (start.max(FIRST), length.max(1));
        if write.register == 0x15 && start + length > 0x1_0000 {
            return Err(ApuError::NotWritable { format: "NSF", what: "a sample that wraps round to $8000" });
        }
        let slots = (start - FIRST) / PAGE..=(start + length - 1 - FIRST) / PAGE;
        for (_, slot) in heard.iter_mut().enumerate().filter(|(slot, _)| slots.contains(slot)) {
            *slot = true;
        }
    }
    Ok(heard)
}
