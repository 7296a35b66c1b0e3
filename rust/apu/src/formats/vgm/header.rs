//! The header of a VGM file: where its parts lie, its clock, its volume and its loop.

use super::{CLOCK, DATA, LOOP, LOOP_BASE, LOOP_MODIFIER, MAGIC, TAGS, VERSION, VOLUME, format};
use crate::register_log::{MAX_CLOCK, MIN_CLOCK};
use crate::{ApuError, LoopScale};

/// Versions that are read, as the header gives them.
const VERSIONS: std::ops::RangeInclusive<u32> = 0x150..=0x172;
/// Where the data begin if the header does not say.
const DEFAULT_DATA: usize = 0x40;
/// Bits of the clock.
const FDS: u32 = 1 << 31;
const DUAL: u32 = 1 << 30;

/// What the header of a file says.
pub(crate) struct Header {
    pub(super) version: u32,
    pub(super) clock: u32,
    /// The offsets of the first command, of the one to loop to, and of the tags.
    pub(crate) data: usize,
    pub(super) loop_offset: Option<usize>,
    pub(super) loop_scale: LoopScale,
    pub(super) volume: i16,
    pub(super) tags: Option<usize>,
}

/// Reads the header of a file, of which the first 256 bytes are enough.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, ApuError> {
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
    // The header ends where the data begin, and older versions have less in it.
    let byte = |offset: usize, since: u32| {
        let byte = bytes.get(offset).filter(|_| version >= since && offset < data);
        byte.copied().unwrap_or(0)
    };
    let loop_scale =
        LoopScale { base: i8::from_le_bytes([byte(LOOP_BASE, 0x160)]), modifier: byte(LOOP_MODIFIER, 0x151) };
    let volume = match byte(VOLUME, 0x160) {
        0xC1 => -64, // so that a quarter of the volume can be said
        volume @ 0xC2.. => i16::from(volume) - 0x100,
        volume => i16::from(volume),
    };
    Ok(Header { version, clock, data, loop_offset: pointer(LOOP), loop_scale, volume, tags: pointer(TAGS) })
}
