//! A log as the codes that the player of an NSF file obeys: writes, waits, and banks of sample memory.

use super::samples::{FIRST_SLOT, SampleMemory};
use crate::{ApuError, RegisterLog, Write};

/// The longest wait of one code, in ticks.
const LONGEST_WAIT: u64 = 0x7FFF;
/// Writes after which a wait of no length lets the player see whether its call is over.
const BURST: u32 = 48;
/// How late the player may fall behind the log, in ticks: half a second.
const MAX_LAG: u64 = 22_050;

/// What the player does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Code {
    /// A byte for $4000 and up.
    Write { register: u8, value: u8 },
    /// Ticks, at most [`LONGEST_WAIT`].
    Wait(u16),
    /// A page of sample memory appears in a slot of 4 KiB. The page is counted from the first of sample memory.
    Show { slot: u8, page: u8 },
}

/// The codes of a log, and what follows the last.
pub(super) struct Stream {
    pub(super) codes: Vec<Code>,
    /// The code to go on with at the end; without one the chip falls silent.
    pub(super) loop_code: Option<usize>,
}

impl Stream {
    /// Turns a valid log into codes.
    ///
    /// # Errors
    /// A log whose writes come faster than a 6502 can send them.
    pub(super) fn of(log: &RegisterLog, memory: &SampleMemory) -> Result<Self, ApuError> {
        let mut maker = Maker::default();
        let mut changes = memory.changes.iter().filter(|change| change.tick > 0).peekable();
        let mut shown = memory.initial;
        let mut at_loop = None;
        for write in log.writes.iter().filter(|write| is_sound(write) && write.tick < log.length) {
            // Banks come before the writes of their tick, and the loop point before both.
            while let Some(change) = changes.next_if(|change| change.tick <= write.tick) {
                maker.pass(log.loop_start, change.tick, &mut at_loop, shown)?;
                maker.show(&mut shown, change.slot, change.page);
            }
            maker.pass(log.loop_start, write.tick, &mut at_loop, shown)?;
            maker.write(write.register, write.value);
        }
        maker.pass(log.loop_start, log.length, &mut at_loop, shown)?;
        if let Some((_, then)) = at_loop {
            for (slot, page) in then.into_iter().enumerate() {
                maker.show(&mut shown, slot, page);
            }
        } else {
            maker.write(0x15, 0);
        }
        Ok(Self { codes: maker.codes, loop_code: at_loop.map(|(code, _)| code) })
    }
}

/// Whether a write is for the sound chip: $4014 moves sprites, $4016 reads controllers.
fn is_sound(write: &Write) -> bool {
    !matches!(write.register, 0x14 | 0x16)
}

/// The page that each slot shows, if any.
type Shown = [Option<u8>; 4];

#[derive(Default)]
struct Maker {
    codes: Vec<Code>,
    tick: u64,
    /// Writes since the last wait.
    burst: u32,
    /// Ticks by which the player is late, in quarters.
    lag: u64,
}

impl Maker {
    /// Waits until `tick`, and takes note of the loop point where it lies on the way.
    fn pass(
        &mut self,
        loop_start: Option<u64>,
        tick: u64,
        at_loop: &mut Option<(usize, Shown)>,
        shown: Shown,
    ) -> Result<(), ApuError> {
        if let Some(start) = loop_start.filter(|&start| start <= tick && at_loop.is_none()) {
            self.wait(start)?;
            *at_loop = Some((self.codes.len(), shown));
        }
        self.wait(tick)
    }

    fn wait(&mut self, tick: u64) -> Result<(), ApuError> {
        let mut ticks = tick - self.tick;
        self.tick = tick;
        self.lag = self.lag.saturating_sub(4 * ticks);
        if self.lag > 4 * MAX_LAG {
            return Err(ApuError::NotWritable {
                format: "NSF",
                what: "more writes than a 6502 can send in their time",
            });
        }
        while ticks > 0 {
            let part = ticks.min(LONGEST_WAIT);
            self.push_wait(part as u16);
            ticks -= part;
        }
        Ok(())
    }

    fn push_wait(&mut self, ticks: u16) {
        self.codes.push(Code::Wait(ticks));
        self.lag += 16;
        self.burst = 0;
    }

    fn write(&mut self, register: u8, value: u8) {
        self.push(Code::Write { register, value }, 1);
    }

    fn show(&mut self, shown: &mut Shown, slot: usize, page: Option<u8>) {
        let Some(place) = shown.get_mut(slot).filter(|place| **place != page) else { return };
        *place = page;
        if let Some(page) = page {
            self.push(Code::Show { slot: FIRST_SLOT + slot as u8, page }, 3);
        }
    }

    fn push(&mut self, code: Code, cost: u32) {
        if self.burst >= BURST {
            self.push_wait(0);
        }
        self.codes.push(code);
        self.burst += cost;
        self.lag += 5 * u64::from(cost);
    }
}
