//! Writes a log as an NSF file.
//!
//! The program (`player.s`) is called some 60 times a second. It sends each write in its own time within the call
//! ([`Timing::Exact`]) or all at the beginning of the nearest call ([`Timing::Frame`]), in the order of the log, and
//! nothing but what is in the log, save that it sets the chip to its state at power-up first. Writes that belong to
//! other units ($4014, $4016) are left out. A log without a loop point ends in silence.
//!
//! The file has no banks where player, stream and samples fit into 32 KiB; else the stream is seen through 4 KiB from
//! $9000 on. Samples lie where the log puts them, at $C000–$FFFF; where its memory changes, banks are switched.

use super::assembler::{Program, assemble};
use super::pack::{Place, frequent_waits, pack};
use super::samples::{FIRST_SLOT, PAGE, SampleMemory};
use super::stream::Stream;
use super::{HEADER, NTSC_SPEED, PAL_SPEED};
use crate::{ApuError, RegisterLog, Standard, Tags};

/// Most bytes of program and data: 256 banks.
pub const MAX_PROGRAM: usize = 256 * PAGE;

/// Where the program begins.
const LOAD: u16 = 0x8000;
/// Bytes of a file without banks.
const FLAT: usize = 0x8000;
/// Ticks at the end of a call in which no wait ends, so that the call is over in time.
const MARGIN: u16 = 64;
const PLAYER: &str = include_str!("player.s");

/// When the writes of a log happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Timing {
    /// Each in its own time, to some tenths of a millisecond: the player waits for it within its call, of which the
    /// last 1.5 ms are left alone. This takes nearly all time of the processor.
    #[default]
    Exact,
    /// All at the beginning of the nearest call: as early or late as 1/120 s, and the processor is free.
    Frame,
}

/// Writes a log as an NSF file.
///
/// # Errors
/// Whatever [`RegisterLog::validate`] finds; logs of a Dendy, which NSF 1 does not know; samples that wrap round to
/// $8000; more writes than a 6502 can send in their time; more than 1 MiB.
pub fn write(log: &RegisterLog, timing: Timing) -> Result<Vec<u8>, ApuError> {
    write_named(log, timing, "")
}

/// The same with a title for a log whose tags have none: the name of its file, say.
///
/// # Errors
/// Those of [`write()`].
pub fn write_named(log: &RegisterLog, timing: Timing, name: &str) -> Result<Vec<u8>, ApuError> {
    log.validate()?;
    if log.standard == Standard::Dendy {
        return Err(ApuError::NotWritable { format: "NSF", what: "a log of a Dendy console" });
    }
    let samples = SampleMemory::of(log)?;
    let stream = Stream::of(log, &samples)?;
    let waits = frequent_waits(&stream.codes);
    let flat = if samples.is_switched() { None } else { flat(log.standard, timing, &stream, &waits, &samples)? };
    let (program, banks, bytes) = match flat {
        Some((program, bytes)) => (program, [0; 8], bytes),
        None => banked(log.standard, timing, &stream, &waits, &samples)?,
    };
    let mut file = header(log, name, &program, banks)?;
    file.extend(bytes);
    Ok(file)
}

/// The player for a console.
fn player(standard: Standard, timing: Timing, banked: bool, waits: &[u16]) -> Result<Program, ApuError> {
    // Of a call of 16,639 µs, or 19,997 µs.
    let (ticks, part) = if standard == Standard::Pal { (881, 223) } else { (733, 200) };
    let exact = timing == Timing::Exact;
    let symbols = [
        ("exact", u16::from(exact)),
        ("ntsc", u16::from(standard != Standard::Pal)),
        ("banked", u16::from(banked)),
        ("ticks", ticks),
        ("ticks_part", part),
        ("margin", if exact { MARGIN } else { 1 }),
        ("table_size", 2 * waits.len() as u16), // at most 0x60
    ];
    let mut program = assemble(PLAYER, LOAD, &symbols)?;
    program.code.extend(waits.iter().flat_map(|wait| wait.to_le_bytes()));
    Ok(program)
}

/// Player, stream and samples side by side, if they have room in 32 KiB.
fn flat(
    standard: Standard,
    timing: Timing,
    stream: &Stream,
    waits: &[u16],
    samples: &SampleMemory,
) -> Result<Option<(Program, Vec<u8>)>, ApuError> {
    let program = player(standard, timing, false, waits)?;
    let slots = (usize::from(FIRST_SLOT)..).zip(samples.initial).filter_map(|(slot, page)| Some((slot, page?)));
    let end = slots.clone().next().map_or(FLAT, |(slot, _)| slot * PAGE);
    let room = end - program.code.len();
    let place = Place { start: program.address("stream")?, banked: false, first_sample_bank: 0, room };
    let packed = match pack(stream, waits, place) {
        Err(ApuError::TooLarge { .. }) => return Ok(None),
        packed => packed?,
    };
    let mut bytes = [&*program.code, &packed].concat();
    for (slot, page) in slots {
        bytes.resize(slot * PAGE, 0);
        bytes.extend_from_slice(samples.pages.get(usize::from(page)).map_or(&[], |page| &**page));
    }
    Ok(Some((program, bytes)))
}

/// Player and stream in banks from number 0 on, then the pages of sample memory; and the banks to begin with.
fn banked(
    standard: Standard,
    timing: Timing,
    stream: &Stream,
    waits: &[u16],
    samples: &SampleMemory,
) -> Result<(Program, [u8; 8], Vec<u8>), ApuError> {
    let program = player(standard, timing, true, waits)?;
    let room = (MAX_PROGRAM - PAGE * samples.pages.len()).saturating_sub(program.code.len());
    let start = program.address("stream")?;
    // The samples follow the stream, but their numbers stand in it: its size does not depend on them.
    let place = Place { start, banked: true, first_sample_bank: 0, room };
    let banks_of = |packed: &[u8]| (program.code.len() + packed.len()).div_ceil(PAGE).max(2);
    let mut packed = pack(stream, waits, place)?;
    let first_sample_bank = banks_of(&packed);
    if samples.is_switched() {
        let first_sample_bank = first_sample_bank as u8; // room is left for all pages
        packed = pack(stream, waits, Place { first_sample_bank, ..place })?;
    }
    let mut banks = [0, 1, 0, 0, 0, 0, 0, 0];
    for (bank, page) in banks.iter_mut().skip(usize::from(FIRST_SLOT)).zip(samples.initial) {
        *bank = page.map_or(0, |page| (first_sample_bank + usize::from(page)) as u8);
    }
    let mut bytes = [&*program.code, &packed].concat();
    bytes.resize(first_sample_bank * PAGE, 0);
    samples.pages.iter().for_each(|page| bytes.extend_from_slice(page));
    Ok((program, banks, bytes))
}

fn header(log: &RegisterLog, name: &str, program: &Program, banks: [u8; 8]) -> Result<Vec<u8>, ApuError> {
    let Tags { title, title_native, game, artist, artist_native, date, .. } = &log.tags;
    let mut file = Vec::with_capacity(HEADER);
    file.extend(b"NESM\x1A");
    file.extend([1, 1, 1]); // version, songs, the first of them
    for address in [LOAD, program.address("init")?, program.address("play")?] {
        file.extend(address.to_le_bytes());
    }
    file.extend(text(&[title, title_native, game, name]));
    file.extend(text(&[artist, artist_native]));
    file.extend(text(&[date]));
    file.extend(NTSC_SPEED.to_le_bytes());
    file.extend(banks);
    file.extend(PAL_SPEED.to_le_bytes());
    file.push(u8::from(log.standard == Standard::Pal));
    file.resize(HEADER, 0);
    Ok(file)
}

/// The first text that ASCII can say, or the mark of what is not known: 31 bytes at most, then zeros.
fn text(choices: &[&str]) -> [u8; 32] {
    let known = choices.iter().find(|text| text.chars().any(|c| c.is_ascii_graphic() && c != '?'));
    let known = known.map_or("<?>", |text| text);
    let mut field = [0; 32];
    for (byte, c) in field.iter_mut().take(31).zip(known.chars().filter(|&c| c != '\0')) {
        *byte = if c.is_ascii() && !c.is_ascii_control() { c as u8 } else { b'?' };
    }
    field
}
