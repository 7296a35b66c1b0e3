//! What a program tells the sound chip, written down as a log; and the chip's answers.

use super::hash::Hash;
use crate::dmc::{NTSC_PERIODS, PAL_PERIODS};
use crate::{Apu, ApuOptions, MemoryBlock, Standard, TICK_RATE, Write};

/// Most writes of a run.
pub const MAX_WRITES: usize = 1 << 22;

/// Most bytes of sample memory that a log takes.
const MAX_SAMPLE_BYTES: usize = 16 << 20;
/// Most blocks of sample memory.
const MAX_BLOCKS: usize = 1 << 17;
/// Where sample memory begins.
const SAMPLES: u16 = 0x8000;
/// Ticks of the longest burst of writes that get one tick: half a video frame.
const LONGEST_BURST: u64 = 367;
/// Cycles after which the chip that answers reads is relieved of its samples.
const FRAME: u64 = 1 << 20;

/// The log of a run.
pub(super) struct Recorder {
    standard: Standard,
    pub(super) writes: Vec<Write>,
    /// The cycle of each write.
    pub(super) cycles: Vec<u64>,
    pub(super) memory: Vec<MemoryBlock>,
    /// The last value of each register.
    registers: [u8; 0x18],
    /// Sample memory as the log has it; empty as long as no sample has been played.
    image: Vec<u8>,
    sample_bytes: usize,
    /// The cycle after which the sample channel has no more to read, if it does not begin again.
    pub(super) sample_end: u64,
    /// The last cycle on which the sample channel's level was set to another value.
    pub(super) last_level: u64,
    /// Answers reads: the chip, made on the first of them, and how many writes it has seen.
    chip: Option<Box<(Apu, usize)>>,
    /// Whether more was written than a log may hold.
    pub(super) full: bool,
    /// Ticks after a write within which the next gets its tick, and from when on that holds.
    gather: u64,
    last_tick: u64,
}

impl Recorder {
    pub(super) fn new(standard: Standard) -> Self {
        let mut recorder = Self {
            standard,
            writes: Vec::new(),
            cycles: Vec::new(),
            memory: Vec::new(),
            registers: [0; 0x18],
            image: Vec::new(),
            sample_bytes: 0,
            sample_end: 0,
            last_level: 0,
            chip: None,
            full: false,
            gather: 0,
            last_tick: 0,
        };
        // As the format's page says: $4000–$4013 and $4015 cleared, then four voices on and the frame counter started.
        (0..=0x13).chain([0x15]).for_each(|register| recorder.write(0, register, 0));
        recorder.write(0, 0x15, 0x0F);
        recorder.write(0, 0x17, 0x40);
        recorder
    }

    /// From now on a write that follows another within so many ticks gets its tick. Registers that are cleared have no
    /// writes then: those of one tick act together, and what ends a note could not be told from what begins one.
    pub(super) fn gather(&mut self, ticks: u64) {
        self.gather = ticks;
        self.writes.retain(|write| write.value != 0);
        self.cycles.truncate(self.writes.len());
    }

    /// The tick in which a cycle lies.
    pub(super) fn tick(&self, cycle: u64) -> u64 {
        tick_of(cycle, self.standard)
    }

    /// Says that what follows is not part of what was sent before.
    pub(super) fn begin_call(&mut self) {
        self.last_tick = 0;
    }

    pub(super) fn write(&mut self, cycle: u64, register: u8, value: u8) {
        // Sprites and controllers are not the chip's.
        if matches!(register, 0x14 | 0x16) {
            return;
        }
        if self.writes.len() >= MAX_WRITES {
            self.full = true;
            return;
        }
        let place = &mut self.registers[usize::from(register & 0x1F).min(0x17)];
        if register == 0x11 && *place != value {
            self.last_level = cycle;
        }
        *place = value;
        let mut tick = self.tick(cycle);
        let exact = tick;
        if let Some(before) = self.writes.last()
            && exact - self.last_tick <= self.gather
            && exact - before.tick < LONGEST_BURST
        {
            tick = before.tick;
        }
        self.last_tick = exact;
        self.writes.push(Write { tick, register, value });
        self.cycles.push(cycle);
        if register == 0x15 {
            self.sample_end = if value & 0x10 == 0 { cycle } else { self.sample_end.max(cycle + self.sample_cycles()) };
        }
    }

    /// How long the sample that the registers name is read, or was when its registers were set last.
    fn sample_cycles(&self) -> u64 {
        let [rate, _, _, length] = [0x10, 0x11, 0x12, 0x13].map(|register: usize| self.registers[register]);
        let periods = if self.standard == Standard::Pal { &PAL_PERIODS } else { &NTSC_PERIODS };
        if rate & 0x40 != 0 {
            return u64::MAX / 4; // it begins again
        }
        // One byte more: the one before may still be playing.
        (u64::from(length) * 16 + 2) * 8 * u64::from(periods[usize::from(rate & 0x0F)])
    }

    /// Where the sample lies that is being read, and its bytes, if one is.
    pub(super) fn sample(&self, cycle: u64) -> Option<(u16, u16)> {
        let [start, length] = [0x12, 0x13].map(|register: usize| u16::from(self.registers[register]));
        (self.registers[0x15] & 0x10 != 0 && cycle <= self.sample_end && !self.full)
            .then_some((0xC000 + 0x40 * start, 0x10 * length + 1))
    }

    /// Takes note of the bytes that the sample channel reads from `start` on: those that the log does not have yet.
    pub(super) fn keep(&mut self, cycle: u64, start: u16, bytes: &[u8]) {
        let before_wrap = usize::from(u16::MAX - start) + 1;
        let (first, wrapped) = bytes.split_at_checked(before_wrap).unwrap_or((bytes, &[]));
        self.keep_part(cycle, start, first);
        self.keep_part(cycle, SAMPLES, wrapped);
    }

    fn keep_part(&mut self, cycle: u64, start: u16, bytes: &[u8]) {
        self.image.resize(0x8000, 0);
        let place = usize::from(start - SAMPLES);
        let Some(known) = self.image.get_mut(place..place + bytes.len()) else { return };
        let differs = |(known, byte): (&u8, &u8)| known != byte;
        let Some(first) = known.iter().zip(bytes).position(differs) else { return };
        let last = known.iter().zip(bytes).rposition(differs).unwrap_or(first);
        self.sample_bytes += last + 1 - first;
        if self.sample_bytes > MAX_SAMPLE_BYTES || self.memory.len() >= MAX_BLOCKS {
            self.full = true;
            return;
        }
        known.copy_from_slice(bytes);
        let bytes = bytes.get(first..=last).unwrap_or_default().to_vec();
        self.memory.push(MemoryBlock { tick: tick_of(cycle, self.standard), address: start + first as u16, bytes });
    }

    /// Whether the program has asked the chip for anything.
    pub(super) fn answers(&self) -> bool {
        self.chip.is_some()
    }

    /// What a read of $4015 on `cycle` sees.
    pub(super) fn status(&mut self, cycle: u64) -> u8 {
        if self.chip.is_none() {
            let options = ApuOptions {
                standard: self.standard,
                clock_hz: self.standard.clock_hz(),
                sample_rate: crate::MIN_SAMPLE_RATE,
                ..ApuOptions::default()
            };
            self.chip = Apu::new(&options).ok().map(|apu| Box::new((apu, 0)));
        }
        self.catch_up(cycle);
        self.chip.as_mut().and_then(|chip| chip.0.read_status(cycle).ok()).unwrap_or(0)
    }

    /// Sends the chip that answers reads all that it has not seen.
    fn catch_up(&mut self, cycle: u64) {
        let Some(chip) = &mut self.chip else { return };
        let (apu, seen) = &mut **chip;
        let mut samples = Vec::new();
        let writes = self.writes.iter().zip(&self.cycles).skip(*seen);
        *seen = self.writes.len();
        let mut pass = |apu: &mut Apu, to: u64| {
            while apu.cycles_in_frame(to) > FRAME {
                let end = to - apu.cycles_in_frame(to) + FRAME;
                if apu.end_frame(end).is_err() {
                    return;
                }
                apu.samples(&mut samples);
                samples.clear();
            }
        };
        for (write, &at) in writes {
            pass(apu, at);
            _ = apu.write(at, 0x4000 + u16::from(write.register), write.value);
        }
        pass(apu, cycle);
    }

    /// Adds what a program may ask the chip for, and what it has written last.
    pub(super) fn state(&mut self, cycle: u64, hash: &mut Hash) {
        hash.bytes(&self.registers);
        self.catch_up(cycle);
        let status = self.chip.as_mut().map(|chip| chip.0.peek_status(cycle).unwrap_or_default());
        hash.number(status.map_or(0x100, u64::from));
    }
}

/// The tick of 1/44,100 s in which a cycle lies.
pub(super) fn tick_of(cycle: u64, standard: Standard) -> u64 {
    let clock = u64::from(standard.clock_hz());
    // A log is at most 2^40 ticks long, so that the product has room.
    cycle.saturating_mul(TICK_RATE) / clock
}
