//! VGM, the format of chip logs: 1.50 to 1.72, plain or gzipped (VGZ).
//!
//! ```text
//! 00 "Vgm "   04 end     08 version  14 tags   18 ticks   1C loop   20 loop ticks   34 data   84 clock of the NES APU
//! ```
//! Offsets in the header count from their own place; all numbers are little-endian.
//!
//! Source: "VGM Spec v1.71 beta", smspower.org / vgmrips.net.

use std::borrow::Cow;
use std::io::Read;

use super::{MAX_INPUT, MAX_UNPACKED, gd3};
use crate::register_log::{MAX_CLOCK, MAX_EVENTS, MAX_LENGTH, MIN_CLOCK};
use crate::{ApuError, MemoryBlock, RegisterLog, Standard, Write};

const MAGIC: &[u8; 4] = b"Vgm ";
const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];

/// Versions that are read, as the header gives them.
const VERSIONS: std::ops::RangeInclusive<u32> = 0x150..=0x172;
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
/// Where the data begin if the header does not say.
const DEFAULT_DATA: usize = 0x40;

/// Bits of the clock.
const FDS: u32 = 1 << 31;
const DUAL: u32 = 1 << 30;

/// Ticks of the two short waits.
const FRAME_NTSC: u64 = 735;
const FRAME_PAL: u64 = 882;
/// Longest wait of one command.
const LONGEST_WAIT: u64 = 0xFFFF;

/// The data block that puts bytes into the memory of the NES APU.
const NES_MEMORY: u8 = 0xC2;

/// Reads a VGM or VGZ file.
///
/// # Errors
/// Bytes that are not VGM, files without an NES APU, with the sound chip of the Famicom Disk System or with two NES
/// APUs, and files over the limits.
pub fn read(bytes: &[u8]) -> Result<RegisterLog, ApuError> {
    read_and_count(bytes).map(|(log, _)| log)
}

/// Reads a VGM or VGZ file, and says how many commands were for other chips and have been skipped.
///
/// # Errors
/// Those of [`read`].
pub fn read_and_count(bytes: &[u8]) -> Result<(RegisterLog, u64), ApuError> {
    Reader::read(&unpacked(bytes)?)
}

/// The bytes of a file, unpacked if it is a VGZ.
pub(super) fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ApuError> {
    if bytes.len() > MAX_INPUT {
        return Err(ApuError::TooLarge { found: bytes.len() as u64, limit: MAX_INPUT as u64 });
    }
    if bytes.starts_with(GZIP_MAGIC) {
        return unpack(bytes).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(bytes))
}

/// Unpacks gzip, up to the limit.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, ApuError> {
    let mut unpacked = Vec::new();
    let limit = MAX_UNPACKED as u64;
    let mut decoder = flate2::read::GzDecoder::new(bytes).take(limit + 1);
    let result = decoder.read_to_end(&mut unpacked);
    if unpacked.len() > MAX_UNPACKED {
        return Err(ApuError::TooLarge { found: unpacked.len() as u64, limit });
    }
    result.map(|_| ()).map_err(|error| format(0, "gzip data", error.to_string()))?;
    Ok(unpacked)
}

fn format(offset: usize, expected: &'static str, found: impl Into<String>) -> ApuError {
    ApuError::Format { offset, expected, found: found.into() }
}

/// The state of reading.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    version: u32,
    /// The next byte.
    pub(super) offset: usize,
    /// Where the loop begins, if it does.
    loop_offset: Option<usize>,
    tick: u64,
    log: RegisterLog,
    skipped: u64,
}

impl<'a> Reader<'a> {
    fn read(bytes: &'a [u8]) -> Result<(RegisterLog, u64), ApuError> {
        let mut reader = Self::header(bytes)?;
        while reader.command()? {}
        let Self { mut log, skipped, tick, loop_offset, .. } = reader;
        if loop_offset.is_some() && log.loop_start.is_none() {
            return Err(format(LOOP, "the offset of a command to loop to", "an offset between commands"));
        }
        log.length = tick;
        // A loop of no length would never end.
        log.loop_start = log.loop_start.filter(|&start| start < log.length);
        Ok((log, skipped))
    }

    pub(super) fn header(bytes: &'a [u8]) -> Result<Self, ApuError> {
        let number = |offset: usize| bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied();
        let number = |offset: usize| number(offset).map(u32::from_le_bytes);
        let pointer = |offset: usize| number(offset).filter(|&at| at > 0).map(|at| offset + at as usize);
        if !bytes.starts_with(MAGIC) {
            let found = format!("{:02X?}", bytes.get(..4).unwrap_or(bytes));
            return Err(format(0, "the mark \"Vgm \" of a VGM file", found));
        }
        let version = number(VERSION).unwrap_or(0);
        if !VERSIONS.contains(&version) {
            let found = format!("{:X}.{:02X}", version >> 8, version & 0xFF);
            return Err(format(VERSION, "a version from 1.50 to 1.72", found));
        }
        let data = pointer(DATA).unwrap_or(DEFAULT_DATA);
        let clock = if data >= CLOCK + 4 { number(CLOCK).unwrap_or(0) } else { 0 };
        if clock & FDS != 0 {
            return Err(ApuError::Unsupported { offset: CLOCK, what: "the sound chip of the Famicom Disk System" });
        }
        if clock & DUAL != 0 {
            return Err(ApuError::Unsupported { offset: CLOCK, what: "a second NES APU" });
        }
        if !(MIN_CLOCK..=MAX_CLOCK).contains(&clock) {
            let expected = "the clock of an NES APU (1,000,000 to 4,000,000 Hz)";
            return Err(format(CLOCK, expected, if clock == 0 { "none".into() } else { clock.to_string() }));
        }
        // Programs that shorten a log leave the pointer where it was: tags that are not there are no tags.
        let tags = pointer(TAGS).and_then(|offset| gd3::read(bytes, offset)).unwrap_or_default();
        let log = RegisterLog { clock_hz: clock, tags, ..RegisterLog::new(standard_of(clock)) };
        let loop_offset = pointer(LOOP);
        Ok(Self { bytes, version, offset: data, loop_offset, tick: 0, log, skipped: 0 })
    }

    /// Takes the next `N` bytes.
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ApuError> {
        let chunk = self.bytes.get(self.offset..).and_then(|rest| rest.first_chunk());
        let chunk = *chunk.ok_or_else(|| format(self.offset, "more commands, or the end command 66", "end of file"))?;
        self.offset += N;
        Ok(chunk)
    }

    fn wait(&mut self, ticks: u64) -> Result<(), ApuError> {
        self.tick += ticks;
        if self.tick > MAX_LENGTH {
            return Err(ApuError::TooLong { found: self.tick, limit: MAX_LENGTH });
        }
        Ok(())
    }

    /// Skips a command's `operands` bytes.
    fn skip(&mut self, operands: usize) -> Result<(), ApuError> {
        if self.bytes.len().saturating_sub(self.offset) < operands {
            return Err(format(self.offset, "the operands of a command", "end of file"));
        }
        self.offset += operands;
        self.skipped += 1;
        Ok(())
    }

    /// Reads a command and says whether others follow. Lengths: VGM spec, "Commands".
    pub(super) fn command(&mut self) -> Result<bool, ApuError> {
        if self.loop_offset == Some(self.offset) {
            self.log.loop_start = Some(self.tick);
        }
        let start = self.offset;
        let [command] = self.take()?;
        match command {
            0x61 => {
                let ticks = u16::from_le_bytes(self.take()?);
                self.wait(u64::from(ticks))?;
            }
            0x62 => self.wait(FRAME_NTSC)?,
            0x63 => self.wait(FRAME_PAL)?,
            0x66 => return Ok(false),
            0x67 => self.data_block()?,
            0x70..=0x7F => self.wait(u64::from(command & 15) + 1)?,
            // A sample of another chip, and then a wait.
            0x80..=0x8F => {
                self.skipped += 1;
                self.wait(u64::from(command & 15))?;
            }
            0xB4 => {
                let [register, value] = self.take()?;
                self.write(start, register, value)?;
            }
            0x40..=0x4E if self.version < 0x160 => self.skip(1)?,
            0x30..=0x3F | 0x4F | 0x50 | 0x94 => self.skip(1)?,
            0x40..=0x4E | 0x51..=0x5F | 0xA0..=0xBF => self.skip(2)?,
            0x64 | 0xC0..=0xDF => self.skip(3)?,
            0x90 | 0x91 | 0x95 | 0xE0..=0xFF => self.skip(4)?,
            0x92 => self.skip(5)?,
            0x93 => self.skip(10)?,
            0x68 => self.skip(11)?,
            _ => return Err(format(start, "a VGM command", format!("{command:02X}"))),
        }
        Ok(true)
    }

    fn write(&mut self, offset: usize, register: u8, value: u8) -> Result<(), ApuError> {
        match register {
            0x00..=0x17 => {
                self.log.writes.push(Write { tick: self.tick, register, value });
                limit_events(self.log.writes.len())
            }
            // Addresses of the processor's test mode: no sound.
            0x18..=0x1F => {
                self.skipped += 1;
                Ok(())
            }
            0x20..=0x7F => Err(ApuError::Unsupported { offset, what: "the sound chip of the Famicom Disk System" }),
            0x80.. => Err(ApuError::Unsupported { offset, what: "a second NES APU" }),
        }
    }

    /// `67 66 tt ss ss ss ss`, then as many bytes.
    fn data_block(&mut self) -> Result<(), ApuError> {
        let start = self.offset;
        let [mark, kind] = self.take()?;
        if mark != 0x66 {
            return Err(format(start, "66 after the data block command 67", format!("{mark:02X}")));
        }
        let size = u32::from_le_bytes(self.take()?) & !FDS;
        let Some(block) = self.bytes.get(self.offset..).and_then(|rest| rest.get(..size as usize)) else {
            return Err(format(start + 2, "a data block that ends within the file", format!("{size} bytes")));
        };
        self.offset += block.len();
        if kind != NES_MEMORY {
            self.skipped += 1;
            return Ok(());
        }
        let Some((address, bytes)) = block.split_first_chunk() else {
            return Err(format(start + 2, "an address in the data block", format!("{size} bytes")));
        };
        let address = u16::from_le_bytes(*address);
        // What lies past the end of the address space is never read.
        let bytes = bytes.get(..0x1_0000 - usize::from(address)).unwrap_or(bytes).to_vec();
        self.log.memory.push(MemoryBlock { tick: self.tick, address, bytes });
        limit_events(self.log.memory.len())
    }
}

fn limit_events(count: usize) -> Result<(), ApuError> {
    let found = count as u64;
    if found > MAX_EVENTS { Err(ApuError::TooManyEvents { found, limit: MAX_EVENTS }) } else { Ok(()) }
}

/// The console whose clock is nearest.
pub(super) fn standard_of(clock: u32) -> Standard {
    let standards = [Standard::Ntsc, Standard::Pal, Standard::Dendy];
    standards.into_iter().min_by_key(|standard| standard.clock_hz().abs_diff(clock)).unwrap_or_default()
}

/// Writes a log as a VGM 1.61 file. Writes after its end are left out, those on its last tick are kept.
///
/// # Errors
/// Whatever [`RegisterLog::validate`] finds, and logs longer than the format's 2³² - 1 ticks.
pub fn write(log: &RegisterLog) -> Result<Vec<u8>, ApuError> {
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
            _ => {
                file.push(0x61);
                file.extend((part as u16).to_le_bytes());
            }
        }
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
