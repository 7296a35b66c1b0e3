//! A 6502 that knows the instructions of our NSF player, and a console around it: what a player of NSF files does.
//!
//! Source: "MCS6500 Microcomputer Family Programming Manual", MOS Technology 1976; nesdev wiki, "NSF".

/// A write to the sound chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Processor cycles since the call of init.
    pub(crate) cycle: u64,
    /// Calls of play before it; 0 is init.
    pub(crate) call: u64,
    pub(crate) register: u8,
    pub(crate) value: u8,
}

pub(crate) struct Console {
    ram: [u8; 0x800],
    /// The file from its byte 0x80 on.
    program: Vec<u8>,
    /// The bank in each slot of 4 KiB from $8000 on; without banks the program lies at its load address.
    banks: Option<[u8; 8]>,
    load: u16,
    init: u16,
    play: u16,
    a: u8,
    x: u8,
    y: u8,
    stack: u8,
    carry: bool,
    zero: bool,
    negative: bool,
    pc: u16,
    pub(crate) cycle: u64,
    pub(crate) call: u64,
    pub(crate) sent: Vec<Sent>,
    /// Calls that were not over when the next was due.
    pub(crate) overruns: u64,
}

/// Where a call of init or play comes back to.
const CALLER: u16 = 0x5555;

impl Console {
    /// Loads a file and calls init.
    pub(crate) fn new(file: &[u8]) -> Self {
        assert_eq!(file[..5], *b"NESM\x1A");
        let word = |at: usize| u16::from_le_bytes([file[at], file[at + 1]]);
        let banks: [u8; 8] = file[0x70..0x78].try_into().unwrap();
        let mut console = Self {
            ram: [0; 0x800],
            program: file[0x80..].to_vec(),
            banks: (banks != [0; 8]).then_some(banks),
            load: word(8),
            init: word(10),
            play: word(12),
            a: 0,
            x: file[0x7A] & 1,
            y: 0,
            stack: 0xFF,
            carry: true,
            zero: false,
            negative: true,
            pc: 0,
            cycle: 0,
            call: 0,
            sent: Vec::new(),
            overruns: 0,
        };
        console.run(console.init);
        console
    }

    /// Calls play once a `period` of cycles until `end`.
    pub(crate) fn play(&mut self, period: f64, end: u64) {
        while self.cycle < end {
            self.call += 1;
            let due = (self.call as f64 * period) as u64;
            self.overruns += u64::from(self.cycle > due);
            self.cycle = self.cycle.max(due);
            (self.a, self.x, self.y) = (0x12, 0x34, 0x56);
            self.run(self.play);
        }
    }

    fn run(&mut self, address: u16) {
        let start = self.cycle;
        for byte in (CALLER - 1).to_be_bytes() {
            self.push(byte);
        }
        self.pc = address;
        while self.pc != CALLER {
            self.step();
            assert!(self.cycle - start < 1_000_000, "a call does not end");
        }
        assert_eq!(self.stack, 0xFF);
    }

    fn read(&self, address: u16) -> u8 {
        match address {
            0..0x800 => self.ram[usize::from(address)],
            0x8000.. => {
                let offset = match self.banks {
                    Some(banks) => {
                        let bank = banks[usize::from(address >> 12) - 8];
                        usize::from(bank) << 12 | usize::from(address & 0xFFF)
                    }
                    None => usize::from(address - self.load),
                };
                self.program.get(offset).copied().unwrap_or_default()
            }
            _ => panic!("a read from ${address:04X}"),
        }
    }

    /// The 16 KiB that the sample channel sees.
    pub(crate) fn sample_memory(&self) -> Vec<u8> {
        (0xC000..=0xFFFF).map(|address| self.read(address)).collect()
    }

    fn write(&mut self, address: u16, value: u8) {
        match address {
            0..0x800 => self.ram[usize::from(address)] = value,
            0x4000..=0x4017 => {
                let register = (address - 0x4000) as u8;
                self.sent.push(Sent { cycle: self.cycle, call: self.call, register, value });
            }
            0x5FF8..=0x5FFF => {
                let banks = self.banks.as_mut().expect("a file with banks");
                banks[usize::from(address - 0x5FF8)] = value;
            }
            _ => panic!("a write to ${address:04X}"),
        }
    }

    fn push(&mut self, value: u8) {
        self.ram[0x100 + usize::from(self.stack)] = value;
        self.stack -= 1;
    }

    fn pull(&mut self) -> u8 {
        self.stack += 1;
        self.ram[0x100 + usize::from(self.stack)]
    }

    fn fetch(&mut self) -> u8 {
        self.pc += 1;
        self.read(self.pc - 1)
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.fetch(), self.fetch()])
    }

    fn flags(&mut self, value: u8) -> u8 {
        (self.zero, self.negative) = (value == 0, value > 0x7F);
        value
    }

    fn add(&mut self, value: u8) {
        let sum = u16::from(self.a) + u16::from(value) + u16::from(self.carry);
        self.carry = sum > 0xFF;
        self.a = self.flags(sum as u8);
    }

    fn compare(&mut self, register: u8, value: u8) {
        self.carry = register >= value;
        self.flags(register.wrapping_sub(value));
    }

    fn branch(&mut self, taken: bool) {
        let distance = self.fetch() as i8;
        if taken {
            let target = self.pc.wrapping_add_signed(i16::from(distance));
            self.cycle += 1 + u64::from(target >> 8 != self.pc >> 8);
            self.pc = target;
        }
    }

    fn step(&mut self) {
        let opcode = self.fetch();
        // Cycles without those of taken branches; no table of ours crosses a page within an instruction that minds.
        self.cycle += match opcode {
            0x60 | 0x20 => 6,
            0xB1 | 0x9D | 0xC6 | 0xE6 => 5,
            0xBD | 0x8D | 0x68 => 4,
            0x65 | 0x85 | 0x86 | 0xA5 | 0xA6 | 0xE5 | 0x24 | 0x48 | 0x4C => 3,
            _ => 2,
        };
        // The operand of the instructions that take a byte, read by their mode.
        let operand = match opcode {
            0x69 | 0xE9 | 0x29 | 0x49 | 0xC9 | 0xE0 | 0xA9 | 0xA0 => self.fetch(),
            0x65 | 0xE5 | 0x24 | 0xA5 | 0xA6 => {
                let address = self.fetch();
                self.read(address.into())
            }
            0xBD => {
                let address = self.word() + u16::from(self.x);
                self.read(address)
            }
            0xB1 => {
                let at = self.fetch();
                let address = u16::from_le_bytes([self.read(at.into()), self.read(u16::from(at) + 1)]);
                self.read(address + u16::from(self.y))
            }
            _ => 0,
        };
        match opcode {
            0x69 | 0x65 => self.add(operand),
            0xE9 | 0xE5 => self.add(!operand),
            0x29 => self.a = self.flags(self.a & operand),
            0x49 => self.a = self.flags(self.a ^ operand),
            0x24 => _ = self.flags(operand), // but for overflow, which nobody asks for
            0xC9 => self.compare(self.a, operand),
            0xE0 => self.compare(self.x, operand),
            0xA9 | 0xA5 | 0xBD | 0xB1 => self.a = self.flags(operand),
            0xA6 => self.x = self.flags(operand),
            0xA0 => self.y = self.flags(operand),
            0x0A => {
                self.carry = self.a > 0x7F;
                self.a = self.flags(self.a << 1);
            }
            0x4A => {
                self.carry = self.a & 1 != 0;
                self.a = self.flags(self.a >> 1);
            }
            0xAA => self.x = self.flags(self.a),
            0xA8 => self.y = self.flags(self.a),
            0x8A => self.a = self.flags(self.x),
            0x98 => self.a = self.flags(self.y),
            0x10 => self.branch(!self.negative),
            0x30 => self.branch(self.negative),
            0xB0 => self.branch(self.carry),
            0xD0 => self.branch(!self.zero),
            0xF0 => self.branch(self.zero),
            0x18 => self.carry = false,
            0x38 => self.carry = true,
            0x78 | 0xD8 => {}
            0xC6 | 0xE6 => {
                let address = self.fetch().into();
                let value = self.read(address).wrapping_add(if opcode == 0xC6 { 0xFF } else { 1 });
                self.flags(value);
                self.write(address, value);
            }
            0x4C => self.pc = self.word(),
            0x20 => {
                let target = self.word();
                for byte in (self.pc - 1).to_be_bytes() {
                    self.push(byte);
                }
                self.pc = target;
            }
            0x60 => self.pc = u16::from_le_bytes([self.pull(), self.pull()]) + 1,
            0x48 => self.push(self.a),
            0x68 => {
                let value = self.pull();
                self.a = self.flags(value);
            }
            0x85 | 0x86 => {
                let address = self.fetch();
                self.write(address.into(), if opcode == 0x85 { self.a } else { self.x });
            }
            0x8D | 0x9D => {
                let address = self.word() + if opcode == 0x9D { u16::from(self.x) } else { 0 };
                self.write(address, self.a);
            }
            _ => panic!("opcode {opcode:02X} at ${:04X}", self.pc - 1),
        }
    }
}
