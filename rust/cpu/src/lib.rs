//! The 6502 of the Nintendo Entertainment System (Ricoh 2A03: an NMOS 6502 without decimal mode).
//!
//! All 256 opcodes with their flags and cycles; reads and writes carry the cycle on which they happen; a run ends at a
//! cycle, so that no program can hold its caller up. Loops that only pass time are skipped, which changes nothing but the
//! time that the emulation takes.
//!
//! ```
//! use lakhnes_cpu::{Bus, Cpu, Stop};
//!
//! struct Ram([u8; 0x1_0000]);
//! impl Bus for Ram {
//!     fn read(&mut self, address: u16, _cycle: u64) -> u8 {
//!         self.0[usize::from(address)]
//!     }
//!     fn write(&mut self, address: u16, value: u8, _cycle: u64) {
//!         self.0[usize::from(address)] = value;
//!     }
//!     fn peek(&self, address: u16) -> Option<u8> {
//!         self.0.get(usize::from(address)).copied()
//!     }
//! }
//!
//! let mut ram = Ram([0; 0x1_0000]);
//! ram.0[0x8000..0x8005].copy_from_slice(&[0xA9, 0x2A, 0x85, 0x10, 0x60]); // LDA #42, STA $10, RTS
//! let mut cpu = Cpu::new();
//! cpu.call(&mut ram, 0x8000);
//! assert_eq!(cpu.run(&mut ram, 1_000), Stop::Returned);
//! assert_eq!((ram.0[0x10], cpu.cycle), (42, 6 + 2 + 3 + 6));
//! ```
//!
//! Sources: "MCS6500 Microcomputer Family Programming Manual", MOS Technology 1976; nesdev wiki, "CPU unofficial
//! opcodes" and "6502 cycle times"; "NMOS 6510 Unintended Opcodes" (groepaz), for what the unstable ones do.
#![forbid(unsafe_code)]

mod delay;
mod execute;
mod operations;

use delay::Heads;

/// What the processor is connected to.
pub trait Bus {
    /// The byte at an address, read on `cycle`.
    fn read(&mut self, address: u16, cycle: u64) -> u8;

    /// A read whose byte nobody takes: an indexed access looks at an address before its high byte is right.
    #[inline]
    fn touch(&mut self, address: u16, cycle: u64) {
        self.read(address, cycle);
    }

    /// Writes a byte on `cycle`.
    fn write(&mut self, address: u16, value: u8, cycle: u64);

    /// The byte at an address of plain memory, which reads do not change; `None` for anything else. Delay loops are
    /// skipped only where they stand in plain memory and look at nothing else.
    fn peek(&self, address: u16) -> Option<u8>;
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The routine that [`Cpu::call`] called has returned.
    Returned,
    /// The cycle at which the run was to end has come.
    Deadline,
    /// An opcode that halts the processor until it is reset.
    Jammed,
}

/// Where a called routine returns to. It lies between the registers and the memory of a cartridge.
const CALLER: u16 = 0x5000;

/// Processor flags as they are pushed.
mod flag {
    pub(crate) const CARRY: u8 = 0x01;
    pub(crate) const ZERO: u8 = 0x02;
    pub(crate) const INTERRUPT: u8 = 0x04;
    pub(crate) const DECIMAL: u8 = 0x08;
    pub(crate) const BREAK: u8 = 0x10;
    pub(crate) const ALWAYS: u8 = 0x20;
    pub(crate) const OVERFLOW: u8 = 0x40;
    pub(crate) const NEGATIVE: u8 = 0x80;
}

/// Registers, flags and clock.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the processor's flags")]
pub struct Cpu {
    /// The accumulator.
    pub a: u8,
    /// The first index register.
    pub x: u8,
    /// The second index register.
    pub y: u8,
    /// The stack pointer, in page 1.
    pub s: u8,
    /// The address of the next instruction.
    pub pc: u16,
    /// Cycles since the processor was made.
    pub cycle: u64,
    carry: bool,
    overflow: bool,
    interrupt: bool,
    decimal: bool,
    /// Zero is set when this is 0, and negative when bit 7 of the next is set: results are kept as they are.
    zero: u8,
    negative: u8,
    /// Why the instruction that just ran ends the run.
    stop: Option<Stop>,
    /// The cycle at which the run ends.
    deadline: u64,
    heads: Heads,
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// A processor with cleared registers, an empty stack, and interrupts off.
    #[must_use]
    pub fn new() -> Self {
        Self {
            a: 0,
            x: 0,
            y: 0,
            s: 0xFF,
            pc: CALLER,
            cycle: 0,
            carry: false,
            overflow: false,
            interrupt: true,
            decimal: false,
            zero: 1,
            negative: 0,
            stop: None,
            deadline: 0,
            heads: Heads::default(),
        }
    }

    /// Calls a routine as `JSR` does, in 6 cycles; [`Self::run`] says when it has returned.
    pub fn call<B: Bus>(&mut self, bus: &mut B, address: u16) {
        self.cycle += 6;
        self.push_word(bus, CALLER.wrapping_sub(1));
        self.pc = address;
    }

    /// Runs instructions until one ends at or after cycle `until`, a called routine has returned, or the processor
    /// halts. An instruction that has begun is finished: at most 8 cycles more.
    pub fn run<B: Bus>(&mut self, bus: &mut B, until: u64) -> Stop {
        self.deadline = until;
        while self.cycle < until {
            self.step(bus);
            if let Some(stop) = self.stop.take() {
                return stop;
            }
        }
        Stop::Deadline
    }

    /// The flags, as `PHP` pushes them.
    #[inline]
    #[must_use]
    pub fn status(&self) -> u8 {
        let bits = [
            (self.carry, flag::CARRY),
            (self.zero == 0, flag::ZERO),
            (self.interrupt, flag::INTERRUPT),
            (self.decimal, flag::DECIMAL),
            (self.overflow, flag::OVERFLOW),
            (self.negative & flag::NEGATIVE != 0, flag::NEGATIVE),
        ];
        let set = bits.iter().filter(|(set, _)| *set).map(|(_, bit)| bit);
        set.fold(flag::BREAK | flag::ALWAYS, |status, bit| status | bit)
    }

    /// Sets the flags, as `PLP` pulls them.
    #[inline]
    pub fn set_status(&mut self, status: u8) {
        self.carry = status & flag::CARRY != 0;
        self.zero = !status & flag::ZERO;
        self.interrupt = status & flag::INTERRUPT != 0;
        self.decimal = status & flag::DECIMAL != 0;
        self.overflow = status & flag::OVERFLOW != 0;
        self.negative = status;
    }
}
