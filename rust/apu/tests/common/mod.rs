//! What the integration tests share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use lakhnes_apu::{Apu, ApuOptions, RegisterLog, Standard, Write};

/// A chip and a clock that counts the cycles of instructions, as a 6502 would.
pub(crate) struct Machine {
    pub(crate) apu: Apu,
    pub(crate) cycle: u64,
}

impl Machine {
    pub(crate) fn new(standard: Standard) -> Self {
        let options = ApuOptions { standard, clock_hz: standard.clock_hz(), ..ApuOptions::default() };
        Self { apu: Apu::new(&options).unwrap(), cycle: 0 }
    }

    /// `LDA #value`, `STA address`: the write falls on the sixth cycle, whose number comes back.
    pub(crate) fn set(&mut self, address: u16, value: u8) -> u64 {
        self.cycle += 6;
        self.apu.write(self.cycle - 1, address, value).unwrap();
        self.cycle - 1
    }

    /// `LDA $4015`: the read falls on the fourth cycle.
    pub(crate) fn status(&mut self) -> u8 {
        self.cycle += 4;
        self.apu.read_status(self.cycle - 1).unwrap()
    }

    pub(crate) fn delay(&mut self, cycles: u64) {
        self.cycle += cycles;
        self.apu.end_frame(self.cycle).unwrap();
    }

    pub(crate) fn delay_ms(&mut self, ms: u64) {
        self.delay(ms * 1_790);
    }

    /// Makes the next `set` write on an odd cycle, after which the frame counter starts over without an extra cycle.
    pub(crate) fn sync(&mut self) {
        self.cycle += self.cycle % 2;
    }
}

/// A log of writes `(tick, register, value)`.
pub(crate) fn log(writes: &[(u64, u8, u8)], length: u64) -> RegisterLog {
    let writes = writes.iter().map(|&(tick, register, value)| Write { tick, register, value }).collect();
    RegisterLog { writes, length, ..RegisterLog::new(Standard::Ntsc) }
}

/// A small generator of pseudo-random numbers, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
