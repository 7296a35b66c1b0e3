//! The console around the processor, as players of NSF files build it.
//!
//! ```text
//! 0000–07FF  memory, again and again up to 1FFF     5FF6–5FFF  banks of 6000, 7000 (FDS), 8000 … F000
//! 4000–4017  the sound chip                         6000–7FFF  memory
//! 5205, 5206, 5C00–5FF5  the MMC5's                 8000–FFFF  the program, in pages of 4 KiB (FDS: memory up to DFFF)
//! ```
//! Source: nesdev wiki, "NSF", "MMC5".

use lakhnes_cpu::Bus;

use super::file::{FDS, MMC5, Nsf};
use super::hash::{Hash, MemoryHash};
use super::recorder::Recorder;
use super::samples::PAGE;
use crate::Standard;

/// Pages from $6000 to $FFFF.
const PAGES: usize = 10;
/// The first page of the program's usual place, $8000.
const FIRST_ROM: usize = 2;
/// Pages that are memory on a Famicom Disk System: $6000–$DFFF.
const FDS_RAM: usize = 8;

/// Memory, program and sound chip.
pub(super) struct Console {
    ram: Box<[u8; 0x800]>,
    /// The hash of that, which would else be most of the work of finding loops.
    ram_hash: MemoryHash,
    /// The program in whole pages, an empty page, and then the memory of $6000 and up.
    store: Vec<u8>,
    /// Where in the store each page from $6000 on begins.
    pages: [usize; PAGES],
    /// Pages that can be written: the first 2, or on an FDS 8.
    writable: usize,
    /// Pages of the program that banks can show.
    banks: usize,
    /// Where the memory begins in the store.
    memory: usize,
    banked: bool,
    /// Whether the memory from $6000 on has been written.
    used: bool,
    mmc5: Option<Box<Mmc5>>,
    pub(super) recorder: Recorder,
}

/// Memory and multiplier of the MMC5.
struct Mmc5 {
    factors: [u8; 2],
    memory: [u8; 0x400],
}

impl Console {
    /// Loads a program: all memory is zero, the first banks are shown.
    pub(super) fn new(nsf: &Nsf, standard: Standard) -> Self {
        let fds = nsf.chips & FDS != 0;
        // With banks the program begins somewhere in its first page; else at its place, from $6000 on.
        let padding = usize::from(if nsf.banks.is_some() { nsf.load & 0xFFF } else { nsf.load - 0x6000 });
        let whole = (padding + nsf.program.len()).div_ceil(PAGE);
        let banks = if nsf.banks.is_some() { whole } else { PAGES };
        let memory = (banks + 1) * PAGE;
        let writable = if fds { FDS_RAM } else { FIRST_ROM };
        let mut store = vec![0; memory + writable * PAGE];
        let room = store.get_mut(padding..banks * PAGE).unwrap_or_default();
        room.iter_mut().zip(&nsf.program).for_each(|(place, &byte)| *place = byte);
        let mut console = Self {
            ram: Box::new([0; 0x800]),
            ram_hash: MemoryHash::default(),
            store,
            pages: [banks * PAGE; PAGES],
            writable,
            banks,
            memory,
            banked: nsf.banks.is_some(),
            used: fds,
            mmc5: (nsf.chips & MMC5 != 0).then(|| Box::new(Mmc5 { factors: [0; 2], memory: [0; 0x400] })),
            recorder: Recorder::new(standard),
        };
        for page in 0..writable {
            console.pages[page] = memory + page * PAGE;
        }
        for page in 0..PAGES {
            match nsf.banks {
                Some(banks) if page >= FIRST_ROM => console.show(page, banks[page - FIRST_ROM]),
                // The two pages before take the banks of the last two.
                Some(banks) if fds => console.show(page, banks[page + 6]),
                None if page >= FIRST_ROM || nsf.load < 0x8000 => console.show(page, page as u8),
                _ => {}
            }
        }
        console
    }

    /// Shows a bank in a page: memory takes a copy of it.
    fn show(&mut self, page: usize, bank: u8) {
        let start = usize::from(bank).min(self.banks) * PAGE; // past the program there is an empty page
        if page < self.writable {
            let to = self.memory + page * PAGE;
            if to + PAGE <= self.store.len() {
                self.store.copy_within(start..start + PAGE, to);
            }
        } else {
            self.pages[page] = start;
        }
    }

    /// A byte from $6000 on.
    #[inline]
    fn byte(&self, address: u16) -> u8 {
        let page = usize::from(address >> 12).saturating_sub(6);
        self.store.get(self.pages[page] + usize::from(address & 0xFFF)).copied().unwrap_or(0)
    }

    /// The registers between the console's own and the cartridge.
    #[cold]
    fn read_register(&mut self, address: u16, cycle: u64) -> u8 {
        let product = |mmc5: &Mmc5| u16::from(mmc5.factors[0]) * u16::from(mmc5.factors[1]);
        match (address, &self.mmc5) {
            (0x4015, _) => self.recorder.status(cycle),
            (0x5205, Some(mmc5)) => product(mmc5) as u8,
            (0x5206, Some(mmc5)) => (product(mmc5) >> 8) as u8,
            (0x5C00..=0x5FF5, Some(mmc5)) => mmc5.memory[usize::from(address - 0x5C00)],
            // Nobody answers: the bus keeps what was on it last, the high byte of the address.
            _ => (address >> 8) as u8,
        }
    }

    fn write_register(&mut self, address: u16, value: u8, cycle: u64) {
        match address {
            0x4000..=0x4017 => {
                let register = (address - 0x4000) as u8;
                self.recorder.write(cycle, register, value);
                if matches!(register, 0x12 | 0x13 | 0x15) {
                    self.keep_sample(cycle);
                }
            }
            0x5FF6..=0x5FFF if self.banked => {
                let page = usize::from(address - 0x5FF6);
                if page >= FIRST_ROM || self.writable == FDS_RAM {
                    self.show(page, value);
                    self.keep_sample(cycle);
                }
            }
            _ => {
                if let Some(mmc5) = &mut self.mmc5 {
                    match address {
                        0x5205 | 0x5206 => mmc5.factors[usize::from(address - 0x5205)] = value,
                        0x5C00..=0x5FF5 => mmc5.memory[usize::from(address - 0x5C00)] = value,
                        _ => {}
                    }
                }
            }
        }
    }

    /// Hands the recorder what the sample channel reads from now on, if it plays.
    fn keep_sample(&mut self, cycle: u64) {
        if let Some((start, length)) = self.recorder.sample(cycle) {
            // Behind $FFFF the channel goes on at $8000.
            let address =
                |offset: u16| start.checked_add(offset).unwrap_or_else(|| 0x8000 + (start + offset - 0x8000) % 0x8000);
            let bytes: Vec<u8> = (0..length).map(|offset| self.byte(address(offset))).collect();
            self.recorder.keep(cycle, start, &bytes);
        }
    }

    /// A number for everything that decides what the program does next, but for the processor's registers.
    pub(super) fn state(&mut self, cycle: u64) -> u64 {
        let mut hash = Hash::default();
        hash.number(self.ram_hash.number());
        if self.used {
            hash.bytes(self.store.get(self.memory..).unwrap_or_default());
        }
        for &page in self.pages.get(self.writable..).unwrap_or_default() {
            hash.number(page as u64);
        }
        if let Some(mmc5) = &self.mmc5 {
            hash.bytes(&mmc5.factors);
            hash.bytes(&mmc5.memory);
        }
        self.recorder.state(cycle, &mut hash);
        hash.finish()
    }
}

impl Bus for Console {
    #[inline]
    fn read(&mut self, address: u16, cycle: u64) -> u8 {
        if address >= 0x6000 {
            return self.byte(address);
        }
        if address < 0x2000 {
            return self.ram[usize::from(address & 0x7FF)];
        }
        self.read_register(address, cycle)
    }

    #[inline]
    fn touch(&mut self, address: u16, cycle: u64) {
        // A read of $4015 clears a flag. As long as the program takes no byte from there, nobody sees it.
        if address == 0x4015 && self.recorder.answers() {
            self.recorder.status(cycle);
        }
    }

    #[inline]
    fn write(&mut self, address: u16, value: u8, cycle: u64) {
        if address < 0x2000 {
            let place = usize::from(address & 0x7FF);
            self.ram_hash.change(place, self.ram[place], value);
            self.ram[place] = value;
        } else if address >= 0x6000 {
            let page = usize::from(address >> 12) - 6;
            if page < self.writable
                && let Some(place) = self.store.get_mut(self.pages[page] + usize::from(address & 0xFFF))
            {
                *place = value;
                self.used = true;
            }
        } else {
            self.write_register(address, value, cycle);
        }
    }

    #[inline]
    fn peek(&self, address: u16) -> Option<u8> {
        match address {
            0..0x2000 => Some(self.ram[usize::from(address & 0x7FF)]),
            0x6000.. => Some(self.byte(address)),
            _ => None,
        }
    }
}
