//! Loops that only pass time, passed at once.
//!
//! A loop is skipped when one round of it, from its head back to its head, does nothing but count one byte down or up
//! (a register, or a byte of memory): it may load bytes of plain memory, test them for zero or sign, jump, and call an
//! `RTS`. Every round then takes the same way and the same cycles as long as the counter does not reach zero, so that
//! all but the last can be passed by arithmetic; that one runs as usual and leaves registers, flags and stack as it
//! always does. A loop that counts nothing never ends by itself and is passed up to the end of the run.

use crate::{Bus, Cpu};

/// Most instructions of a round.
const MAX_INSTRUCTIONS: usize = 24;
/// Loop heads that are remembered.
const HEADS: usize = 64;
/// How often in turn a round may be found to do more because of a byte that it tests, before its loop is no more looked at.
const PATIENCE: u8 = 64;

/// Heads of loops that do more than to pass time, and how often in turn they were seen to.
#[derive(Debug, Clone)]
pub(crate) struct Heads([(u16, u8); HEADS]);

impl Default for Heads {
    fn default() -> Self {
        Self([(0, 0); HEADS])
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    X,
    Y,
    Memory(u16),
}

/// What zero and negative say at a point of a round.
#[derive(Debug, Clone, Copy)]
enum Tested {
    Nothing,
    /// A byte with this value, which no round before the last changes, unless it turns out to be the counter.
    Byte(Place, u8),
    /// The counter after it has been counted.
    Counter,
}

/// A round of a loop, as far as it has been followed.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a round may have done")]
struct Round {
    pc: u16,
    cycles: u64,
    tested: Tested,
    counter: Option<(Place, bool)>,
    /// Bytes whose value 0 decided the way, and whether a sign decided it.
    zeros: [Option<Place>; 4],
    signed: bool,
    /// Registers that are loaded.
    loads_x: bool,
    loads_y: bool,
    /// Whether a byte decided the way.
    chosen: bool,
}

/// Why a round is not a delay's.
enum Fault {
    /// It does something else: so it will the next time.
    Never,
    /// It does something else on the way that it takes with these values: as a delay's last round does.
    OtherWay,
    /// Not with these values.
    NotNow,
}

impl Cpu {
    /// Passes rounds of the loop whose head is the next instruction, if they only pass time.
    pub(crate) fn skip_delay<B: Bus>(&mut self, bus: &mut B) {
        let head = self.pc;
        let slot = usize::from(head) % HEADS;
        let (known, faults) = self.heads.0[slot];
        if known == head && faults >= PATIENCE {
            return;
        }
        let faults = if known == head { faults } else { 0 };
        match Round::of(bus, head) {
            Ok(round) => {
                if known == head {
                    self.heads.0[slot].1 = 0;
                }
                self.pass(bus, &round);
            }
            Err(Fault::Never) => self.heads.0[slot] = (head, PATIENCE),
            Err(Fault::OtherWay) => self.heads.0[slot] = (head, faults + 1),
            Err(Fault::NotNow) => {}
        }
    }

    fn pass<B: Bus>(&mut self, bus: &mut B, round: &Round) {
        let time = self.deadline.saturating_sub(self.cycle);
        let Some((place, up)) = round.counter else {
            self.cycle += time.div_ceil(round.cycles) * round.cycles;
            return;
        };
        let value = match place {
            Place::X => self.x,
            Place::Y => self.y,
            Place::Memory(address) => bus.peek(address).unwrap_or_default(),
        };
        if round.signed && (up || value > 0x7F) || value == 0 {
            return;
        }
        let left = if up { value.wrapping_neg() } else { value };
        let rounds = (left - 1).min(u8::try_from(time / round.cycles).unwrap_or(u8::MAX));
        let counted = if up { value.wrapping_add(rounds) } else { value - rounds };
        self.cycle += u64::from(rounds) * round.cycles;
        match place {
            Place::X => self.x = counted,
            Place::Y => self.y = counted,
            Place::Memory(address) => bus.write(address, counted, self.cycle),
        }
    }
}

impl Round {
    /// Follows one round from its head on.
    fn of<B: Bus>(bus: &B, head: u16) -> Result<Self, Fault> {
        let mut round = Self {
            pc: head,
            cycles: 0,
            tested: Tested::Nothing,
            counter: None,
            zeros: [None; 4],
            signed: false,
            loads_x: false,
            loads_y: false,
            chosen: false,
        };
        for _ in 0..MAX_INSTRUCTIONS {
            round.follow(bus).map_err(|fault| match fault {
                Fault::Never if round.chosen => Fault::OtherWay,
                fault => fault,
            })?;
            if round.pc == head {
                return round.checked();
            }
        }
        Err(Fault::Never)
    }

    /// Follows one instruction.
    fn follow<B: Bus>(&mut self, bus: &B) -> Result<(), Fault> {
        if self.pc < 0x2000 {
            return Err(Fault::Never); // the counter might stand in the program
        }
        let byte = |offset: u16| bus.peek(self.pc.wrapping_add(offset)).ok_or(Fault::Never);
        let opcode = byte(0)?;
        let word = || Ok(u16::from_le_bytes([byte(1)?, byte(2)?]));
        match opcode {
            0xEA => self.next(1, 2),
            0xA5 | 0xA6 | 0xA4 | 0x24 => {
                let address = byte(1)?.into();
                self.load(bus, opcode, address)?;
                self.next(2, 3);
            }
            0xAD | 0xAE | 0xAC | 0x2C => {
                let address = word()?;
                self.load(bus, opcode, address)?;
                self.next(3, 4);
            }
            0xC6 | 0xE6 => {
                let address = byte(1)?.into();
                self.count(plain(bus, address)?.0, opcode == 0xE6)?;
                self.next(2, 5);
            }
            0xCE | 0xEE => {
                let address = word()?;
                self.count(plain(bus, address)?.0, opcode == 0xEE)?;
                self.next(3, 6);
            }
            0xCA | 0xE8 => {
                self.count(Place::X, opcode == 0xE8)?;
                self.next(1, 2);
            }
            0x88 | 0xC8 => {
                self.count(Place::Y, opcode == 0xC8)?;
                self.next(1, 2);
            }
            0xD0 | 0xF0 | 0x10 | 0x30 => {
                let distance = byte(1)? as i8;
                let taken = self.decide(opcode)?;
                self.next(2, 2);
                if taken {
                    let target = self.pc.wrapping_add_signed(distance.into());
                    self.cycles += 1 + u64::from(target >> 8 != self.pc >> 8);
                    self.pc = target;
                }
            }
            0x4C => {
                self.pc = word()?;
                self.cycles += 3;
            }
            0x20 => {
                let routine = word()?;
                if bus.peek(routine) != Some(0x60) {
                    return Err(Fault::Never);
                }
                self.next(3, 12);
            }
            _ => return Err(Fault::Never),
        }
        Ok(())
    }

    fn next(&mut self, bytes: u16, cycles: u64) {
        self.pc = self.pc.wrapping_add(bytes);
        self.cycles += cycles;
    }

    fn load<B: Bus>(&mut self, bus: &B, opcode: u8, address: u16) -> Result<(), Fault> {
        let (place, value) = plain(bus, address)?;
        match opcode {
            0xA6 | 0xAE => self.loads_x = true,
            0xA4 | 0xAC => self.loads_y = true,
            _ => {}
        }
        self.tested = match self.counter {
            _ if matches!(opcode, 0x24 | 0x2C) => Tested::Nothing, // zero depends on the accumulator
            Some((counter, _)) if counter == place => Tested::Counter,
            _ => Tested::Byte(place, value),
        };
        Ok(())
    }

    fn count(&mut self, place: Place, up: bool) -> Result<(), Fault> {
        if self.counter.is_some() {
            return Err(Fault::NotNow);
        }
        self.counter = Some((place, up));
        self.tested = Tested::Counter;
        Ok(())
    }

    /// Whether a branch is taken, with a counter that is not 0 and whose sign does not change.
    fn decide(&mut self, opcode: u8) -> Result<bool, Fault> {
        let sign = matches!(opcode, 0x10 | 0x30);
        let set = match self.tested {
            Tested::Nothing => return Err(Fault::Never),
            Tested::Counter => false,
            Tested::Byte(_, value) if sign => value > 0x7F,
            Tested::Byte(place, value) => {
                if value == 0 {
                    let free = self.zeros.iter_mut().find(|zero| zero.is_none()).ok_or(Fault::Never)?;
                    *free = Some(place);
                }
                value == 0
            }
        };
        self.signed |= sign;
        self.chosen |= matches!(self.tested, Tested::Byte(..));
        Ok(set == matches!(opcode, 0xF0 | 0x30))
    }

    fn checked(self) -> Result<Self, Fault> {
        match self.counter {
            Some((Place::X, _)) if self.loads_x => Err(Fault::Never),
            Some((Place::Y, _)) if self.loads_y => Err(Fault::Never),
            Some((place, _)) if self.zeros.contains(&Some(place)) => Err(Fault::NotNow),
            _ => Ok(self),
        }
    }
}

/// A byte of plain memory that is neither the stack's nor may be seen at another address: the first 2 KiB less page 1.
fn plain<B: Bus>(bus: &B, address: u16) -> Result<(Place, u8), Fault> {
    if !matches!(address, 0..0x100 | 0x200..0x800) {
        return Err(Fault::Never);
    }
    Ok((Place::Memory(address), bus.peek(address).ok_or(Fault::Never)?))
}
