//! The sample channel: which samples a log plays, and when.
//!
//! ```text
//! $4010  IL-- RRRR   loop, rate            $4012  AAAA AAAA   address: $C000 + 64 * A
//! $4011  -DDD DDDD   level                 $4013  LLLL LLLL   length: 16 * L + 1 bytes
//! $4015  ---D ----   starts the sample, or stops it
//! ```
//!
//! Source: nesdev wiki, "APU DMC".

use lakhnes_apu::{RegisterLog, Standard, TICK_RATE};

use super::clock::FrameClock;
use super::module::{Action, Cell, SampleKey};

/// The most samples that `FamiTracker` holds.
const MAX_SAMPLES: usize = 64;
/// The most keys: those from C-1 to D-6.
const MAX_KEYS: usize = 63;
/// Cycles between bits by rate, and the same for PAL.
const NTSC_RATES: [u64; 16] = [428, 380, 340, 320, 286, 254, 226, 214, 190, 160, 142, 128, 106, 84, 72, 54];
const PAL_RATES: [u64; 16] = [398, 354, 316, 298, 276, 236, 210, 198, 176, 148, 132, 118, 98, 78, 66, 50];

/// What the sample channel does.
#[derive(Debug, Default)]
pub(super) struct Dpcm {
    pub(super) samples: Vec<Vec<u8>>,
    pub(super) keys: Vec<SampleKey>,
    /// Frames with what happens in them.
    pub(super) events: Vec<(usize, Cell)>,
    /// Starts of samples beyond those that a tracker holds.
    pub(super) left_out: usize,
}

impl Dpcm {
    /// Reads the writes of a log.
    pub(super) fn of(log: &RegisterLog, clock: &FrameClock) -> Self {
        let mut dpcm = Self::default();
        let mut channel = Channel::new();
        let mut blocks = log.memory.iter().peekable();
        for write in log.writes.iter().filter(|write| write.tick < log.length) {
            while let Some(block) = blocks.next_if(|block| block.tick <= write.tick) {
                channel.put(block.address, &block.bytes);
            }
            let frame = clock.frames(write.tick) as usize;
            match write.register {
                0x10 | 0x12 | 0x13 => channel.registers[usize::from(write.register) - 0x10] = write.value,
                0x11 => dpcm.at(frame).level = Some(write.value & 0x7F),
                0x15 if write.value & 0x10 == 0 => {
                    if channel.ends > write.tick {
                        dpcm.at(frame).action = Some(Action::Cut);
                    }
                    channel.ends = 0;
                }
                0x15 if channel.ends <= write.tick => {
                    channel.start(write.tick, log);
                    dpcm.play(frame, &channel);
                }
                _ => {}
            }
        }
        dpcm
    }

    /// The cell of a frame, which is not before the last.
    fn at(&mut self, frame: usize) -> &mut Cell {
        if self.events.last().is_none_or(|(last, _)| *last < frame) {
            self.events.push((frame, Cell::default()));
        }
        let last = self.events.len() - 1;
        &mut self.events[last].1
    }

    fn play(&mut self, frame: usize, channel: &Channel) {
        let bytes = channel.bytes();
        let known = self.samples.iter().position(|sample| *sample == bytes);
        let sample = known.unwrap_or(self.samples.len());
        let key = SampleKey { sample, rate: channel.registers[0] & 15, looped: channel.registers[0] & 0x40 != 0 };
        let place = self.keys.iter().position(|other| *other == key);
        if place.is_none() && (self.keys.len() == MAX_KEYS || sample == MAX_SAMPLES) {
            self.left_out += 1;
            return;
        }
        if known.is_none() {
            self.samples.push(bytes);
        }
        let note = place.unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        self.at(frame).action = Some(Action::Play { note: note as u8, instrument: 0 });
    }
}

/// The registers and the memory.
struct Channel {
    registers: [u8; 4],
    /// $8000–$FFFF.
    memory: Vec<u8>,
    /// The tick at which the sample that plays has ended.
    ends: u64,
}

impl Channel {
    const BASE: usize = 0x8000;

    fn new() -> Self {
        Self { registers: [0; 4], memory: vec![0; Self::BASE], ends: 0 }
    }

    fn put(&mut self, address: u16, bytes: &[u8]) {
        for (index, &byte) in bytes.iter().enumerate() {
            let place = (usize::from(address) + index).checked_sub(Self::BASE);
            if let Some(cell) = place.and_then(|place| self.memory.get_mut(place)) {
                *cell = byte;
            }
        }
    }

    /// How many bytes the sample has.
    fn length(&self) -> usize {
        16 * usize::from(self.registers[3]) + 1
    }

    /// The bytes of the sample; after $FFFF comes $8000.
    fn bytes(&self) -> Vec<u8> {
        let start = 0x4000 + 64 * usize::from(self.registers[2]);
        (0..self.length()).map(|index| self.memory[(start + index) % Self::BASE]).collect()
    }

    fn start(&mut self, tick: u64, log: &RegisterLog) {
        let rates = if log.standard == Standard::Pal { PAL_RATES } else { NTSC_RATES };
        let cycles = 8 * self.length() as u64 * rates[usize::from(self.registers[0] & 15)];
        let looped = self.registers[0] & 0x40 != 0;
        let lasts = cycles * TICK_RATE / u64::from(log.clock_hz.max(1));
        self.ends = if looped { u64::MAX } else { tick + lasts };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakhnes_apu::{MemoryBlock, Write};

    #[test]
    fn a_sample_is_taken_once_and_played_by_its_keys() {
        let start = |tick: u64, rate: u8| {
            let values = [(0x10, rate), (0x12, 0), (0x13, 1), (0x15, 0x0F), (0x15, 0x1F)];
            values.map(|(register, value)| Write { tick, register, value })
        };
        let writes = [start(0, 15), start(7_350, 15), start(14_700, 14)].concat();
        let memory = vec![MemoryBlock { tick: 0, address: 0xC000, bytes: (0..64).collect() }];
        let log = RegisterLog { writes, memory, length: 20_000, ..RegisterLog::default() };
        let samples = Dpcm::of(&log, &FrameClock { first: 0, period: 735 << 16 });
        assert_eq!((samples.samples.len(), samples.samples[0].len(), samples.keys.len()), (1, 17, 2));
        let played: Vec<_> = samples.events.iter().map(|(frame, cell)| (*frame, cell.action)).collect();
        let key = |note| Some(Action::Play { note, instrument: 0 });
        assert_eq!(played, [(0, key(0)), (10, key(0)), (20, key(1))]);
    }
}
