//! Reading VGM, a command at a time.
//!
//! Memory stays below 256 MiB whatever the file says: the input has at most [`MAX_INPUT`] bytes, what is read of it takes
//! at most [`MAX_LOG_BYTES`], and a packed file is unpacked a block at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::header::{Header, header};
use super::source::{After, Gzip, Source};
use super::stream::{MAX_STREAMS, Stream};
use super::{FRAME_NTSC, FRAME_PAL, NES_APU, NES_MEMORY, NES_SAMPLES, Warnings, format};
use crate::formats::{MAX_INPUT, gd3};
use crate::register_log::{MAX_EVENTS, MAX_LENGTH};
use crate::{ApuError, MemoryBlock, RegisterLog, Standard, Tags, Write};

/// Most bytes that the writes and the sample memory of a file take: 8 Mi writes, or an hour of 2,300 a second.
pub const MAX_LOG_BYTES: usize = 128 << 20;
/// What a memory block takes beside its bytes.
const BLOCK_BYTES: usize = size_of::<MemoryBlock>() + 32;
/// Most bytes of the tags.
const MAX_TAGS: usize = 1 << 20;

/// Most bytes that a command copies from data blocks into memory.
const LONGEST_COPY: usize = 1 << 24;

const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
/// Bytes of the longest header.
const LONGEST_HEADER: usize = 0x100;
/// The bit of a data block's size that gives it to a second chip.
const SECOND_CHIP: u32 = 1 << 31;

/// Reads a VGM or VGZ file.
///
/// # Errors
/// Bytes that are not VGM, files without an NES APU, with the sound chip of the Famicom Disk System or with two NES
/// APUs, and files over the limits.
pub fn read(bytes: &[u8]) -> Result<RegisterLog, ApuError> {
    read_and_warn(bytes).map(|(log, _)| log)
}

/// Reads a VGM or VGZ file, and says what was left out.
///
/// # Errors
/// Those of [`read`].
pub fn read_and_warn(bytes: &[u8]) -> Result<(RegisterLog, Warnings), ApuError> {
    limited(bytes)?;
    if !bytes.starts_with(GZIP_MAGIC) {
        let header = header(bytes)?;
        let tags = header.tags.and_then(|offset| gd3::read(bytes, offset));
        let rest = bytes.get(header.data..).unwrap_or_default();
        return Reader::new(rest, &header).log(tags);
    }
    let mut gzip = Gzip::new(bytes);
    let mut first = [0; LONGEST_HEADER];
    let count = gzip.fill(&mut first)?;
    let first = first.get(..count).unwrap_or_default();
    let header = header(first)?;
    // Tags may lie anywhere; the data are passed over to find them.
    let tags = header.tags.map(|offset| packed_tags(bytes, offset)).transpose()?.flatten();
    let mut source = After { first, rest: gzip };
    source.pass(header.data)?;
    let mut reader = Reader::new(source, &header);
    while reader.command()? {}
    // To the end, where the checksum stands.
    reader.source.pass(usize::MAX)?;
    Ok(reader.finish(tags))
}

/// The tags at `offset` of what is packed.
fn packed_tags(bytes: &[u8], offset: usize) -> Result<Option<Tags>, ApuError> {
    let mut gzip = Gzip::new(bytes);
    gzip.pass(offset)?;
    let mut start = [0; gd3::HEADER];
    let count = gzip.fill(&mut start)?;
    let size = start.last_chunk().map_or(0, |&size| u32::from_le_bytes(size) as usize);
    if count < gd3::HEADER || !start.starts_with(gd3::MAGIC) || size > MAX_TAGS {
        return Ok(None);
    }
    let mut tags = vec![0; gd3::HEADER + size];
    let count = After { first: &start, rest: gzip }.fill(&mut tags)?;
    Ok(gd3::read(tags.get(..count).unwrap_or_default(), 0))
}

fn limited(bytes: &[u8]) -> Result<(), ApuError> {
    let (found, limit) = (bytes.len() as u64, MAX_INPUT as u64);
    if found > limit { Err(ApuError::TooLarge { found, limit }) } else { Ok(()) }
}

/// The bytes of a file, unpacked if it is a VGZ, for those who need them as a whole: at most [`MAX_INPUT`].
pub(crate) fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ApuError> {
    limited(bytes)?;
    if !bytes.starts_with(GZIP_MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let (mut gzip, mut unpacked, mut block) = (Gzip::new(bytes), Vec::new(), vec![0; 1 << 16]);
    while let count @ 1.. = gzip.fill(&mut block)? {
        unpacked.extend_from_slice(block.get(..count).unwrap_or_default());
        limited(&unpacked)?;
    }
    Ok(Cow::Owned(unpacked))
}

/// The state of reading.
pub(crate) struct Reader<S> {
    source: S,
    version: u32,
    /// The offset of the first command, and of the next byte.
    data: usize,
    pub(crate) offset: usize,
    loop_offset: Option<usize>,
    tick: u64,
    log: RegisterLog,
    /// The bytes of the data blocks from which samples are copied into memory.
    samples: Vec<u8>,
    /// Where each of these blocks lies in them.
    blocks: Vec<Range<usize>>,
    /// The streams to the NES APU, by their numbers.
    streams: BTreeMap<u8, Stream>,
    no_end: bool,
    /// Bytes that the log takes.
    taken: usize,
    skipped: u64,
}

impl<S: Source> Reader<S> {
    /// A reader of the commands that `source` begins with.
    pub(crate) fn new(source: S, header: &Header) -> Self {
        let &Header { version, clock, data, loop_offset, loop_scale, volume, .. } = header;
        let log = RegisterLog { clock_hz: clock, loop_scale, volume, ..RegisterLog::new(Standard::nearest(clock)) };
        Self {
            source,
            version,
            data,
            offset: data,
            loop_offset,
            tick: 0,
            log,
            samples: Vec::new(),
            blocks: Vec::new(),
            streams: BTreeMap::new(),
            no_end: false,
            taken: 0,
            skipped: 0,
        }
    }

    fn log(mut self, tags: Option<Tags>) -> Result<(RegisterLog, Warnings), ApuError> {
        while self.command()? {}
        Ok(self.finish(tags))
    }

    fn finish(self, tags: Option<Tags>) -> (RegisterLog, Warnings) {
        let Self { mut log, skipped, tick, loop_offset, no_end, .. } = self;
        let warnings = Warnings { skipped, lost_loop: loop_offset.is_some() && log.loop_start.is_none(), no_end };
        log.length = tick;
        // A loop of no length would never end.
        log.loop_start = log.loop_start.filter(|&start| start < log.length);
        // Programs that shorten a log leave the pointer where it was: tags that are not there are no tags.
        log.tags = tags.unwrap_or_default();
        log.writes.shrink_to_fit();
        (log, warnings)
    }

    /// Takes the next `N` bytes.
    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ApuError> {
        let mut chunk = [0; N];
        if self.source.fill(&mut chunk)? < N {
            return Err(format(self.offset, "more commands, or the end command 66", "end of file"));
        }
        self.offset += N;
        Ok(chunk)
    }

    fn wait(&mut self, ticks: u64) -> Result<(), ApuError> {
        let end = self.tick + ticks;
        self.limit("length in ticks of 1/44,100 s", end, MAX_LENGTH)?;
        if !self.streams.is_empty() {
            self.play_streams(end)?;
        }
        self.tick = end;
        Ok(())
    }

    /// Adds the writes of streams before a tick, in their order.
    #[cold]
    fn play_streams(&mut self, end: u64) -> Result<(), ApuError> {
        loop {
            let due = self.streams.values().filter_map(|stream| stream.due_before(end)).min();
            let Some(due) = due else { return Ok(()) };
            let stream = self.streams.values_mut().find(|stream| stream.due_before(end) == Some(due));
            if let Some(stream) = stream
                && let Some(value) = stream.next(&self.samples)
            {
                let register = stream.register;
                self.tick = due;
                self.write(self.offset, register, value)?;
            }
        }
    }

    /// Commands 90 to 95; those of streams to other chips are passed over.
    fn stream_command(&mut self, command: u8) -> Result<(), ApuError> {
        let [number] = self.take()?;
        let (now, end) = (self.tick, self.samples.len());
        if command == 0x90 {
            let [chip, _, register] = self.take()?;
            let fits = self.streams.len() < MAX_STREAMS || self.streams.contains_key(&number);
            if chip == NES_APU && register <= 0x17 && fits {
                self.streams.insert(number, Stream::new(register));
            } else {
                self.streams.remove(&number);
                self.skipped += 1;
            }
            return Ok(());
        }
        if command == 0x94 && number == 0xFF {
            self.skipped += u64::from(self.streams.is_empty());
            self.streams.values_mut().for_each(Stream::stop);
            return Ok(());
        }
        let mut operands = [0; 9];
        let count = match command {
            0x91 | 0x95 => 3,
            0x92 => 4,
            0x93 => 9,
            _ => 0,
        };
        if self.source.fill(operands.get_mut(..count).unwrap_or_default())? < count {
            return Err(format(self.offset, "the operands of a command", "end of file"));
        }
        self.offset += count;
        let [o0, o1, o2, o3, o4, o5, o6, o7, o8] = operands;
        let Some(stream) = self.streams.get_mut(&number) else {
            self.skipped += 1;
            return Ok(());
        };
        match command {
            0x91 if o0 == NES_SAMPLES => (stream.step, stream.base) = (usize::from(o1.max(1)), usize::from(o2)),
            0x91 => {
                self.streams.remove(&number); // of bytes that are not kept
                self.skipped += 1;
            }
            0x92 => stream.set_frequency(u32::from_le_bytes([o0, o1, o2, o3]), now),
            0x93 => {
                let (from, length) = (u32::from_le_bytes([o0, o1, o2, o3]), u32::from_le_bytes([o5, o6, o7, o8]));
                stream.start(from, o4, length, end, now);
            }
            0x95 => {
                if let Some(block) = self.blocks.get(usize::from(u16::from_le_bytes([o0, o1]))) {
                    stream.start_block(block, o2, now);
                }
            }
            _ => stream.stop(),
        }
        Ok(())
    }

    /// Skips a command's `operands` bytes.
    fn skip(&mut self, operands: usize) -> Result<(), ApuError> {
        if self.source.pass(operands)? < operands {
            return Err(format(self.offset, "the operands of a command", "end of file"));
        }
        self.offset += operands;
        self.skipped += 1;
        Ok(())
    }

    /// Reads a command and says whether others follow. Lengths: VGM spec, "Commands".
    pub(crate) fn command(&mut self) -> Result<bool, ApuError> {
        if self.loop_offset == Some(self.offset) {
            self.log.loop_start = Some(self.tick);
        }
        let start = self.offset;
        let mut first = [0];
        if self.source.fill(&mut first)? == 0 {
            if start == self.data {
                return Err(format(start, "a VGM command", "end of file")); // cut off before its commands
            }
            self.no_end = true;
            return Ok(false);
        }
        self.offset += 1;
        let [command] = first;
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
            0x30..=0x3F | 0x4F | 0x50 => self.skip(1)?,
            0x40..=0x4E | 0x51..=0x5F | 0xA0..=0xBF => self.skip(2)?,
            0x64 | 0xC0..=0xDF => self.skip(3)?,
            0x90..=0x95 => self.stream_command(command)?,
            0xE0..=0xFF => self.skip(4)?,
            0x68 => self.copy_samples()?,
            _ => return Err(format(start, "a VGM command", format!("{command:02X}"))),
        }
        Ok(true)
    }

    fn write(&mut self, offset: usize, register: u8, value: u8) -> Result<(), ApuError> {
        match register {
            0x00..=0x17 => {
                self.charge(size_of::<Write>())?;
                self.log.writes.push(Write { tick: self.tick, register, value });
                self.limit("number of writes", self.log.writes.len() as u64, MAX_EVENTS)
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
        let size = u32::from_le_bytes(self.take()?);
        if kind == NES_MEMORY && size & SECOND_CHIP != 0 {
            return Err(ApuError::Unsupported { offset: start, what: "a second NES APU" });
        }
        let size = (size & !SECOND_CHIP) as usize;
        let ended = |passed: usize| {
            let found = || format(start + 2, "a data block that ends within the file", format!("{size} bytes"));
            if passed < size { Err(found()) } else { Ok(()) }
        };
        self.offset += size;
        if kind == NES_SAMPLES {
            // No command reaches further than its 24 bits.
            let (start, kept) = (self.samples.len(), size.min(LONGEST_COPY - self.samples.len()));
            self.charge(kept)?;
            self.samples.resize(start + kept, 0);
            self.charge(size_of::<Range<usize>>())?;
            self.blocks.push(start..start + kept);
            let filled = self.source.fill(self.samples.get_mut(start..).unwrap_or_default())?;
            return ended(filled + self.source.pass(size - kept)?);
        }
        if kind != NES_MEMORY {
            self.skipped += 1;
            return ended(self.source.pass(size)?);
        }
        let mut address = [0; 2];
        if size < address.len() {
            return Err(format(start + 2, "an address in the data block", format!("{size} bytes")));
        }
        let passed = self.source.fill(&mut address)?;
        let address = u16::from_le_bytes(address);
        // What lies past the end of the address space is never read.
        let mut bytes = vec![0; (size - passed).min(0x1_0000 - usize::from(address))];
        self.charge(bytes.len() + BLOCK_BYTES)?;
        let passed = passed + self.source.fill(&mut bytes)?;
        ended(passed + self.source.pass(size - passed)?)?;
        self.put_memory(address, bytes)
    }

    /// `68 66 cc oo oo oo dd dd dd ss ss ss`: copies `s` bytes (0: 2²⁴) of the data blocks, from `o` on, to address `d`.
    fn copy_samples(&mut self) -> Result<(), ApuError> {
        let operands: [u8; 11] = self.take()?;
        let [_, chip, o0, o1, o2, d0, d1, d2, s0, s1, s2] = operands;
        if chip != NES_SAMPLES {
            self.skipped += 1;
            return Ok(());
        }
        let [from, to, size] = [[o0, o1, o2], [d0, d1, d2], [s0, s1, s2]]
            .map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]) as usize);
        let size = if size == 0 { LONGEST_COPY } else { size };
        // What lies past the end of the address space is never read.
        let (Some(room), Some(rest)) = (0x1_0000_usize.checked_sub(to), self.samples.get(from..)) else {
            return Ok(());
        };
        let count = size.min(room).min(rest.len());
        self.charge(count + BLOCK_BYTES)?;
        let bytes = self.samples.get(from..from + count).unwrap_or_default().to_vec();
        self.put_memory(to as u16, bytes)
    }

    fn put_memory(&mut self, address: u16, bytes: Vec<u8>) -> Result<(), ApuError> {
        self.log.memory.push(MemoryBlock { tick: self.tick, address, bytes });
        self.limit("number of memory blocks", self.log.memory.len() as u64, MAX_EVENTS)
    }

    /// Accounts for memory that the log is about to take.
    #[inline]
    fn charge(&mut self, bytes: usize) -> Result<(), ApuError> {
        self.taken += bytes;
        self.limit("memory for the log in bytes", self.taken as u64, MAX_LOG_BYTES as u64)
    }

    #[inline]
    fn limit(&self, what: &'static str, found: u64, limit: u64) -> Result<(), ApuError> {
        if found > limit { Err(ApuError::ByteLimit { offset: self.offset, what, found, limit }) } else { Ok(()) }
    }
}
