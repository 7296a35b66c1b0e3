//! Writes logs as NSF files.
//!
//! The program (`player.s`) is called some 60 times a second. It sends each write in its own time within the call
//! ([`Timing::Exact`]) or all at the beginning of the nearest call ([`Timing::Frame`]), in the order of the log, and
//! nothing but what is in the log, save that it sets the chip to its state at power-up first, and loads a linear counter
//! of the triangle that is held throughout, for which the first note would wait up to a quarter of a frame. Writes that belong to
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
pub(super) const LOAD: u16 = 0x8000;
/// Bytes of a file without banks.
const FLAT: usize = 0x8000;
/// Ticks at the end of a call in which no wait ends, so that the call is over in time.
const MARGIN: u16 = 64;
/// Bytes that the table of songs has for each: where it begins, and four banks.
const TABLES: u16 = 7;
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
    let image = Image::of(&[log], timing)?;
    let Tags { title, title_native, game, artist, artist_native, date, .. } = &log.tags;
    let mut file = image.header([&[title, title_native, game, name], &[artist, artist_native], &[date]]);
    file.extend(image.bytes);
    Ok(file)
}

/// A program with its data, and how it is called.
pub(super) struct Image {
    pub(super) init: u16,
    pub(super) play: u16,
    pub(super) banks: [u8; 8],
    pub(super) bytes: Vec<u8>,
    pub(super) standard: Standard,
    pub(super) songs: u8,
}

impl Image {
    /// The program that plays these logs, each as a track.
    ///
    /// # Errors
    /// Those of [`write()`]; no logs or more than 255, and logs of different consoles.
    pub(super) fn of(logs: &[&RegisterLog], timing: Timing) -> Result<Self, ApuError> {
        let refused = |what| Err(ApuError::NotWritable { format: "NSF", what });
        let Some(standard) = logs.first().map(|log| log.standard) else { return refused("no songs") };
        let Ok(songs) = u8::try_from(logs.len()) else { return refused("more than 255 songs") };
        let (mut pages, mut switched) = (Vec::new(), false);
        let (mut streams, mut shown) = (Vec::new(), Vec::new());
        for log in logs {
            log.validate()?;
            if log.standard == Standard::Dendy {
                return refused("a log of a Dendy console");
            }
            if log.standard != standard {
                return refused("songs of an NTSC console beside songs of a PAL console");
            }
            let samples = SampleMemory::of(log, pages)?;
            streams.push(Stream::of(log, &samples)?);
            switched |= samples.is_switched();
            shown.push(samples.initial);
            pages = samples.pages;
        }
        let codes: Vec<_> = streams.iter().flat_map(|stream| &stream.codes).copied().collect();
        let waits = frequent_waits(&codes);
        let held = logs.iter().all(|log| holds_triangle(log));
        let songs = Songs { standard, timing, streams, waits, shown, pages, switched, held, count: songs };
        match if songs.count > 1 || switched { None } else { songs.flat()? } {
            Some(image) => Ok(image),
            None => songs.banked(),
        }
    }

    /// The header, with the first text that can be written of each line's choices.
    pub(super) fn header(&self, [name, artist, copyright]: [&[&str]; 3]) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEADER);
        file.extend(b"NESM\x1A");
        file.extend([1, self.songs, 1]); // version, songs, the first of them
        for address in [LOAD, self.init, self.play] {
            file.extend(address.to_le_bytes());
        }
        file.extend(text(name));
        file.extend(text(artist));
        file.extend(text(copyright));
        file.extend(NTSC_SPEED.to_le_bytes());
        file.extend(self.banks);
        file.extend(PAL_SPEED.to_le_bytes());
        file.push(u8::from(self.standard == Standard::Pal));
        file.resize(HEADER, 0);
        file
    }
}

/// All that goes into an image.
struct Songs {
    standard: Standard,
    timing: Timing,
    streams: Vec<Stream>,
    waits: Vec<u16>,
    /// The pages of sample memory that each song shows first.
    shown: Vec<[Option<u8>; 4]>,
    pages: Vec<Box<[u8]>>,
    /// Whether a song shows other pages later.
    switched: bool,
    /// Whether the triangle's linear counter is held throughout: see [`holds_triangle`].
    held: bool,
    count: u8,
}

impl Songs {
    /// The player, with room for the table of the songs.
    fn player(&self, banked: bool) -> Result<Program, ApuError> {
        // Of a call of 16,639 µs, or 19,997 µs.
        let (ticks, part) = if self.standard == Standard::Pal { (881, 223) } else { (733, 200) };
        let exact = self.timing == Timing::Exact;
        let songs = if self.count > 1 { u16::from(self.count) } else { 0 };
        let symbols = [
            ("exact", u16::from(exact)),
            ("ntsc", u16::from(self.standard != Standard::Pal)),
            ("banked", u16::from(banked)),
            ("held", u16::from(self.held)),
            ("ticks", ticks),
            ("ticks_part", part),
            ("margin", if exact { MARGIN } else { 1 }),
            ("table_size", 2 * self.waits.len() as u16), // at most 0x60
            ("songs", songs),
            ("starts_size", TABLES * songs),
        ];
        let mut program = assemble(PLAYER, LOAD, &symbols)?;
        program.code.extend(self.waits.iter().flat_map(|wait| wait.to_le_bytes()));
        Ok(program)
    }

    /// Player, stream and samples side by side, if they have room in 32 KiB.
    fn flat(&self) -> Result<Option<Image>, ApuError> {
        let program = self.player(false)?;
        let pages = self.shown.iter().flatten();
        let slots = (usize::from(FIRST_SLOT)..).zip(pages).filter_map(|(slot, page)| Some((slot, (*page)?)));
        let end = slots.clone().next().map_or(FLAT, |(slot, _)| slot * PAGE);
        let room = end - program.code.len();
        let place = Place { start: program.address("stream")?, banked: false, first_sample_bank: 0, room };
        let packed = match pack(&self.streams, &self.waits, place) {
            Err(ApuError::TooLarge { .. }) => return Ok(None),
            packed => packed?.0,
        };
        let mut bytes = [&*program.code, &packed].concat();
        for (slot, page) in slots {
            bytes.resize(slot * PAGE, 0);
            bytes.extend_from_slice(self.pages.get(usize::from(page)).map_or(&[], |page| &**page));
        }
        self.image(&program, [0; 8], bytes).map(Some)
    }

    /// Player and streams in banks from number 0 on, then the pages of sample memory.
    fn banked(&self) -> Result<Image, ApuError> {
        let mut program = self.player(true)?;
        let start = program.address("stream")?;
        let stream_offset = usize::from(start - LOAD);
        let room = (MAX_PROGRAM - PAGE * self.pages.len()).saturating_sub(stream_offset);
        // The samples follow the stream, but their numbers stand in it: its size does not depend on them.
        let place = Place { start, banked: true, first_sample_bank: 0, room };
        let (mut packed, starts) = pack(&self.streams, &self.waits, place)?;
        let first_sample_bank = (stream_offset + packed.len()).div_ceil(PAGE).max(2);
        if self.switched {
            let first_sample_bank = first_sample_bank as u8; // room is left for all pages
            packed = pack(&self.streams, &self.waits, Place { first_sample_bank, ..place })?.0;
        }
        let bank_of = |page: Option<u8>| page.map_or(0, |page| (first_sample_bank + usize::from(page)) as u8);
        let mut banks = [0, 1, 0, 0, 0, 0, 0, 0];
        if let [shown] = &*self.shown {
            banks.iter_mut().skip(FIRST_SLOT.into()).zip(shown).for_each(|(bank, &page)| *bank = bank_of(page));
        } else {
            let starts: Vec<[u8; 3]> = starts.into_iter().map(|start| place.address(start).0).collect();
            (0..3).for_each(|part| program.code.extend(starts.iter().map(|start| start[part])));
            (0..4).for_each(|slot| program.code.extend(self.shown.iter().map(|shown| bank_of(shown[slot]))));
        }
        let mut bytes = [&*program.code, &packed].concat();
        bytes.resize(first_sample_bank * PAGE, 0);
        self.pages.iter().for_each(|page| bytes.extend_from_slice(page));
        self.image(&program, banks, bytes)
    }

    fn image(&self, program: &Program, banks: [u8; 8], bytes: Vec<u8>) -> Result<Image, ApuError> {
        let (init, play) = (program.address("init")?, program.address("play")?);
        Ok(Image { init, play, banks, bytes, standard: self.standard, songs: self.count })
    }
}

/// Whether a log holds the triangle's linear counter at a number other than 0 from before the first note on, so that it never
/// ends one. It is loaded a quarter of a frame after the first note has begun; the player does so before.
fn holds_triangle(log: &RegisterLog) -> bool {
    let mut counters = log.writes.iter().filter(|write| matches!(write.register, 0x08 | 0x0B)).peekable();
    counters.peek().is_some_and(|first| first.register == 0x08)
        && counters.all(|write| write.register == 0x0B || write.value > 0x80)
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
