//! The delta modulation channel: plays one-bit samples from memory, or whatever level it is given.
//!
//! ```text
//! $4010  IL-- RRRR   interrupt enable, loop, rate
//! $4011  -DDD DDDD   level
//! $4012  AAAA AAAA   sample address: $C000 + 64 * A
//! $4013  LLLL LLLL   sample length: 16 * L + 1 bytes
//! ```
//!
//! Source: nesdev wiki, "APU DMC". Bytes are fetched at once; the cycles for which a processor stands still are for it to
//! spend, which [`Dmc::next_fetch`] tells when.

use crate::Standard;
use crate::timer::Timer;

/// Cycles between bits by rate index, for the 2A03.
pub(crate) const NTSC_PERIODS: [u16; 16] =
    [428, 380, 340, 320, 286, 254, 226, 214, 190, 160, 142, 128, 106, 84, 72, 54];
/// The same for the 2A07.
pub(crate) const PAL_PERIODS: [u16; 16] = [398, 354, 316, 298, 276, 236, 210, 198, 176, 148, 132, 118, 98, 78, 66, 50];

/// What the channel sees of the address space: $8000–$FFFF, zero where nothing was put.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Empty, or all 32 KiB.
    bytes: Vec<u8>,
}

impl Memory {
    const BASE: usize = 0x8000;
    const SIZE: usize = 0x8000;

    /// Puts bytes at an address; what lies outside $8000–$FFFF is dropped.
    pub(crate) fn set(&mut self, address: u16, bytes: &[u8]) {
        let hidden = Self::BASE.saturating_sub(usize::from(address));
        let start = usize::from(address).saturating_sub(Self::BASE);
        let visible = bytes.get(hidden..).unwrap_or_default();
        if self.bytes.is_empty() && !visible.is_empty() {
            self.bytes = vec![0; Self::SIZE];
        }
        let room = self.bytes.get_mut(start..).unwrap_or_default();
        room.iter_mut().zip(visible).for_each(|(place, &byte)| *place = byte);
    }

    fn get(&self, address: u16) -> u8 {
        self.bytes.get(usize::from(address & 0x7FFF)).copied().unwrap_or(0)
    }
}

/// The sample channel.
#[derive(Debug, Clone)]
pub(crate) struct Dmc {
    pub(crate) memory: Memory,
    periods: &'static [u16; 16],
    timer: Timer,
    interrupt_enabled: bool,
    looped: bool,
    /// The interrupt flag.
    pub(crate) flag: bool,
    /// 0 to 127.
    pub(crate) level: u8,
    sample_address: u16,
    sample_length: u16,
    address: u16,
    /// Bytes still to be fetched.
    remaining: u16,
    buffer: Option<u8>,
    /// The cycle of the last fetch.
    fetched: Option<u64>,
    /// The byte that is being played; nothing while the channel is silent.
    shift: Option<u8>,
    /// Bits of the output cycle still to come, 1 to 8.
    bits: u8,
}

impl Dmc {
    pub(crate) fn new(standard: Standard) -> Self {
        let periods = if standard == Standard::Pal { &PAL_PERIODS } else { &NTSC_PERIODS };
        Self {
            memory: Memory::default(),
            periods,
            timer: Timer::new(0, u64::from(periods[0])),
            interrupt_enabled: false,
            looped: false,
            flag: false,
            level: 0,
            sample_address: 0xC000,
            sample_length: 1,
            address: 0xC000,
            remaining: 0,
            buffer: None,
            fetched: None,
            shift: None,
            bits: 8,
        }
    }

    /// A write to the channel's register 0 to 3.
    pub(crate) fn write(&mut self, register: u8, value: u8) {
        match register {
            0 => {
                self.interrupt_enabled = value & 0x80 != 0;
                self.flag &= self.interrupt_enabled;
                self.looped = value & 0x40 != 0;
                self.timer.period = u64::from(self.periods[usize::from(value & 15)]);
            }
            1 => self.level = value & 0x7F,
            2 => self.sample_address = 0xC000 | u16::from(value) << 6,
            _ => self.sample_length = u16::from(value) << 4 | 1,
        }
    }

    /// Bit 4 of a write to $4015 on `cycle`.
    pub(crate) fn enable(&mut self, cycle: u64, enabled: bool) {
        self.flag = false;
        if !enabled {
            self.remaining = 0;
        } else if self.remaining == 0 {
            self.restart();
            self.fetch(cycle);
        }
    }

    /// The console's reset: $4015 is cleared, and the level but for its lowest bit.
    pub(crate) fn reset(&mut self, cycle: u64) {
        self.enable(cycle, false);
        self.level &= 1;
    }

    /// Whether bytes remain to be fetched: bit 4 of a read of $4015.
    pub(crate) const fn active(&self) -> bool {
        self.remaining > 0
    }

    fn restart(&mut self) {
        self.address = self.sample_address;
        self.remaining = self.sample_length;
    }

    /// The memory reader: fills the buffer if it is empty and bytes remain.
    fn fetch(&mut self, cycle: u64) {
        if self.buffer.is_some() || self.remaining == 0 {
            return;
        }
        self.fetched = Some(cycle);
        self.buffer = Some(self.memory.get(self.address));
        self.address = self.address.wrapping_add(1) | 0x8000;
        self.remaining -= 1;
        if self.remaining == 0 {
            if self.looped {
                self.restart();
            } else {
                self.flag |= self.interrupt_enabled;
            }
        }
    }

    /// The cycle of the first fetch that is not before `cycle`, all before which has been run: one that was made on it, or
    /// the one when the byte that is being played ends.
    pub(crate) fn next_fetch(&self, cycle: u64) -> Option<u64> {
        let made = self.fetched.filter(|&fetched| fetched >= cycle);
        let coming = (self.remaining > 0).then(|| self.timer.next + u64::from(self.bits - 1) * self.timer.period);
        made.or(coming)
    }

    /// The cycle of the next clock that may change anything but the bit count.
    pub(crate) fn next(&self) -> u64 {
        if self.shift.is_some() || self.buffer.is_some() { self.timer.next } else { u64::MAX }
    }

    /// The clock on the cycle that [`Self::next`] named.
    pub(crate) fn clock(&mut self) {
        let now = self.timer.next;
        self.timer.next += self.timer.period;
        if let Some(byte) = &mut self.shift {
            match (*byte & 1, self.level) {
                (1, ..=125) => self.level += 2,
                (0, 2..) => self.level -= 2,
                _ => {}
            }
            *byte >>= 1;
        }
        self.bits -= 1;
        if self.bits == 0 {
            self.bits = 8;
            self.shift = self.buffer.take();
            self.fetch(now);
        }
    }

    /// Passes the idle clocks before cycle `to`.
    pub(crate) fn advance(&mut self, to: u64) {
        let clocks = self.timer.advance(to);
        self.bits = 8 - ((8 - u64::from(self.bits) + clocks) & 7) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(dmc: &mut Dmc, to: u64) {
        while dmc.next() < to {
            dmc.clock();
        }
        dmc.advance(to);
    }

    fn playing(bytes: &[u8], control: u8, length: u8) -> Dmc {
        let mut dmc = Dmc::new(Standard::Ntsc);
        dmc.memory.set(0xC000, bytes);
        dmc.write(0, control);
        dmc.write(3, length);
        dmc.enable(0, true);
        dmc
    }

    #[test]
    fn ones_raise_the_level_by_2_and_zeros_lower_it() {
        let mut dmc = playing(&[0b0000_1111], 0x0F, 0);
        dmc.write(1, 40);
        run(&mut dmc, 54 * (8 + 4)); // one output cycle passes before the byte is taken
        assert_eq!(dmc.level, 48);
        run(&mut dmc, 54 * (8 + 4 + 20));
        assert_eq!(dmc.level, 40);
    }

    #[test]
    fn the_level_stays_within_0_and_127() {
        let mut dmc = playing(&[0xFF; 17], 0x4F, 1);
        run(&mut dmc, 100_000);
        assert_eq!(dmc.level, 126);
        let mut dmc = playing(&[0x00; 17], 0x4F, 1);
        dmc.write(1, 127);
        run(&mut dmc, 100_000);
        assert_eq!(dmc.level, 1);
    }

    #[test]
    fn fetches_are_foretold_to_the_cycle_until_the_sample_ends() {
        let mut dmc = playing(&[0xAA; 17], 0x0F, 1); // on cycle 0
        assert_eq!(dmc.next_fetch(0), Some(0));
        let mut fetches = Vec::new();
        for cycle in 1..54 * 8 * 20 {
            run(&mut dmc, cycle);
            let foretold = dmc.next_fetch(cycle);
            let before = dmc.remaining;
            run(&mut dmc, cycle + 1);
            if dmc.remaining == before {
                assert_ne!(foretold, Some(cycle));
            } else {
                assert_eq!(foretold, Some(cycle));
                assert_eq!(dmc.next_fetch(cycle), Some(cycle));
                fetches.push(cycle);
            }
        }
        assert_eq!(fetches.len(), 16);
        assert_eq!(dmc.next_fetch(54 * 8 * 20), None);
    }

    #[test]
    fn addresses_wrap_from_ffff_to_8000() {
        let mut dmc = Dmc::new(Standard::Ntsc);
        dmc.memory.set(0x8000, &[0xAA]);
        dmc.write(2, 0xFF);
        dmc.write(3, 0x04); // 65 bytes from $FFC0
        dmc.enable(0, true);
        while dmc.active() {
            dmc.clock();
        }
        assert_eq!(dmc.address, 0x8001);
        assert_eq!(dmc.buffer, Some(0xAA));
    }

    #[test]
    fn memory_outside_the_cartridge_is_dropped() {
        let mut memory = Memory::default();
        memory.set(0x7FFF, &[1, 2]);
        memory.set(0xFFFF, &[3, 4]);
        assert_eq!((memory.get(0x8000), memory.get(0xFFFF)), (2, 3));
    }

    #[test]
    fn idle_clocks_keep_the_bit_count() {
        let mut fast = Dmc::new(Standard::Ntsc);
        let mut slow = fast.clone();
        for _ in 0..11 {
            slow.clock();
        }
        fast.advance(slow.timer.next - 427);
        assert_eq!((fast.bits, fast.timer), (slow.bits, slow.timer));
    }
}
