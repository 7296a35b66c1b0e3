//! VGM, the format of chip logs: 1.50 to 1.72, plain or gzipped (VGZ).
//!
//! ```text
//! 00 "Vgm "   04 end     08 version  14 tags   18 ticks   1C loop   20 loop ticks   34 data   7C volume
//! 7E loop base   7F loop modifier   84 clock of the NES APU
//! ```
//! Offsets in the header count from their own place; all numbers are little-endian.
//!
//! Source: "VGM Spec v1.71 beta", smspower.org / vgmrips.net.

mod header;
mod reader;
mod source;
mod stream;
mod warnings;

use super::gd3;
use crate::{ApuError, LoopScale, MemoryBlock, RegisterLog};

pub(super) use self::header::header;
pub use self::reader::{MAX_LOG_BYTES, read, read_and_warn};
pub(super) use self::reader::{Reader, unpacked};
pub use self::warnings::Warnings;

const MAGIC: &[u8; 4] = b"Vgm ";

/// The version that is written: the first with an NES APU.
const VERSION_WRITTEN: u32 = 0x161;
/// Bytes of the header that is written; the clock of the NES APU is its last field but the rest of that line.
const HEADER: usize = 0xC0;

/// Offsets in the header.
const END: usize = 0x04;
const VERSION: usize = 0x08;
const TAGS: usize = 0x14;
const TICKS: usize = 0x18;
const LOOP: usize = 0x1C;
const LOOP_TICKS: usize = 0x20;
const DATA: usize = 0x34;
const CLOCK: usize = 0x84;
const VOLUME: usize = 0x7C;
const LOOP_BASE: usize = 0x7E;
const LOOP_MODIFIER: usize = 0x7F;

/// Ticks of the two short waits.
const FRAME_NTSC: u64 = 735;
const FRAME_PAL: u64 = 882;
/// Longest wait of one command.
const LONGEST_WAIT: u64 = 0xFFFF;

/// The data block that puts bytes into the memory of the NES APU; the one that holds bytes for its samples, and the chip for
/// which a command copies them from there into its memory.
const NES_MEMORY: u8 = 0xC2;
const NES_SAMPLES: u8 = 0x07;
/// The type of the NES APU in the commands of streams.
const NES_APU: u8 = 0x14;

fn format(offset: usize, expected: &'static str, found: impl Into<String>) -> ApuError {
    ApuError::Format { offset, expected, found: found.into() }
}

/// Writes a log as a VGM 1.61 file. Writes after its end are left out, those on its last tick are kept.
///
/// # Errors
/// Whatever [`RegisterLog::validate`] finds, and logs longer than the format's 2³² - 1 ticks.
pub fn write(log: &RegisterLog) -> Result<Vec<u8>, ApuError> {
    write_with(log, put_wait)
}

/// Writes a log as [`write()`], but every wait as the command with two bytes, as nesmdb does.
///
/// # Errors
/// As [`write()`].
pub fn write_with_long_waits(log: &RegisterLog) -> Result<Vec<u8>, ApuError> {
    write_with(log, put_long_wait)
}

fn write_with(log: &RegisterLog, put_wait: fn(&mut Vec<u8>, u64)) -> Result<Vec<u8>, ApuError> {
    log.validate()?;
    let limit = u64::from(u32::MAX);
    let ticks = u32::try_from(log.length).map_err(|_| ApuError::TooLong { found: log.length, limit })?;
    let mut file = vec![0; HEADER];
    let mut loop_offset = 0;
    let mut tick = 0;
    let mut writes = log.writes.iter().take_while(|write| write.tick <= log.length).peekable();
    let mut blocks = log.memory.iter().take_while(|block| block.tick <= log.length).peekable();
    loop {
        if log.loop_start == Some(tick) && loop_offset == 0 {
            loop_offset = file.len() - LOOP;
        }
        while let Some(block) = blocks.next_if(|block| block.tick == tick) {
            put_block(&mut file, block);
        }
        while let Some(write) = writes.next_if(|write| write.tick == tick) {
            file.extend([0xB4, write.register, write.value]);
        }
        let next = [writes.peek().map(|write| write.tick), blocks.peek().map(|block| block.tick), log.loop_start];
        let next = next.into_iter().flatten().filter(|&next| next > tick).min().unwrap_or(log.length);
        if next <= tick {
            break;
        }
        put_wait(&mut file, next - tick);
        tick = next;
    }
    file.push(0x66);
    let tags = if log.tags.is_empty() { 0 } else { file.len() - TAGS };
    if tags > 0 {
        file.extend(gd3::write(&log.tags));
    }
    let loop_ticks = log.loop_start.map_or(0, |start| log.length - start);
    let mut put = |offset: usize, number: u64| {
        let bytes = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = file.get_mut(offset..).and_then(|rest| rest.first_chunk_mut()) {
            *place = bytes;
        }
    };
    put(0, u64::from(u32::from_le_bytes(*MAGIC)));
    put(VERSION, u64::from(VERSION_WRITTEN));
    put(TAGS, tags as u64);
    put(TICKS, u64::from(ticks));
    put(LOOP, loop_offset as u64);
    put(LOOP_TICKS, loop_ticks);
    put(DATA, (HEADER - DATA) as u64);
    put(CLOCK, u64::from(log.clock_hz));
    let LoopScale { base, modifier } = log.loop_scale;
    file.splice(LOOP_BASE..=LOOP_MODIFIER, [base.to_le_bytes()[0], modifier]);
    // C1 stands for a quarter of the volume, -64; nothing can be softer.
    file.splice(VOLUME..=VOLUME, [if log.volume <= -63 { 0xC1 } else { log.volume.min(0xC0) as u8 }]);
    let end = (file.len() - END) as u32;
    file.splice(END..END + 4, end.to_le_bytes());
    Ok(file)
}

/// Writes a wait as the shortest commands.
fn put_wait(file: &mut Vec<u8>, mut ticks: u64) {
    while ticks > 0 {
        let part = ticks.min(LONGEST_WAIT);
        match part {
            FRAME_NTSC => file.push(0x62),
            FRAME_PAL => file.push(0x63),
            1..=16 => file.push(0x70 + (part - 1) as u8),
            _ => put_long_wait(file, part),
        }
        ticks -= part;
    }
}

/// `61 nn nn`, as often as it takes.
fn put_long_wait(file: &mut Vec<u8>, mut ticks: u64) {
    while ticks > 0 {
        let part = ticks.min(LONGEST_WAIT);
        file.push(0x61);
        file.extend((part as u16).to_le_bytes());
        ticks -= part;
    }
}

fn put_block(file: &mut Vec<u8>, block: &MemoryBlock) {
    let bytes = block.bytes.get(..0x1_0000 - usize::from(block.address)).unwrap_or(&block.bytes);
    file.extend([0x67, 0x66, NES_MEMORY]);
    file.extend((bytes.len() as u32 + 2).to_le_bytes());
    file.extend(block.address.to_le_bytes());
    file.extend(bytes);
}
