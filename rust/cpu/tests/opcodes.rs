//! Every opcode beside a plain restatement of what the documents say: result, flags, cycles, and bytes written.

use lakhnes_cpu::{Bus, Cpu, Stop};
use proptest::prelude::*;

/// All opcodes by mnemonic and addressing mode, 16 a row. Modes: i implied, # immediate, z zero page, x and y with an
/// index, a absolute, m and n with X and Y, ( indirect with X, ) indirect with Y, r relative, j indirect.
const TABLE: &str = "
    brk i, ora (, jam i, slo (, nop z, ora z, asl z, slo z, php i, ora #, asl A, anc #, nop a, ora a, asl a, slo a,
    bpl r, ora ), jam i, slo ), nop x, ora x, asl x, slo x, clc i, ora n, nop i, slo n, nop m, ora m, asl m, slo m,
    jsr a, and (, jam i, rla (, bit z, and z, rol z, rla z, plp i, and #, rol A, anc #, bit a, and a, rol a, rla a,
    bmi r, and ), jam i, rla ), nop x, and x, rol x, rla x, sec i, and n, nop i, rla n, nop m, and m, rol m, rla m,
    rti i, eor (, jam i, sre (, nop z, eor z, lsr z, sre z, pha i, eor #, lsr A, alr #, jmp a, eor a, lsr a, sre a,
    bvc r, eor ), jam i, sre ), nop x, eor x, lsr x, sre x, cli i, eor n, nop i, sre n, nop m, eor m, lsr m, sre m,
    rts i, adc (, jam i, rra (, nop z, adc z, ror z, rra z, pla i, adc #, ror A, arr #, jmp j, adc a, ror a, rra a,
    bvs r, adc ), jam i, rra ), nop x, adc x, ror x, rra x, sei i, adc n, nop i, rra n, nop m, adc m, ror m, rra m,
    nop #, sta (, nop #, sax (, sty z, sta z, stx z, sax z, dey i, nop #, txa i, ane #, sty a, sta a, stx a, sax a,
    bcc r, sta ), jam i, sha ), sty x, sta x, stx y, sax y, tya i, sta n, txs i, tas n, shy m, sta m, shx n, sha n,
    ldy #, lda (, ldx #, lax (, ldy z, lda z, ldx z, lax z, tay i, lda #, tax i, lxa #, ldy a, lda a, ldx a, lax a,
    bcs r, lda ), jam i, lax ), ldy x, lda x, ldx y, lax y, clv i, lda n, tsx i, las n, ldy m, lda m, ldx n, lax n,
    cpy #, cmp (, nop #, dcp (, cpy z, cmp z, dec z, dcp z, iny i, cmp #, dex i, sbx #, cpy a, cmp a, dec a, dcp a,
    bne r, cmp ), jam i, dcp ), nop x, cmp x, dec x, dcp x, cld i, cmp n, nop i, dcp n, nop m, cmp m, dec m, dcp m,
    cpx #, sbc (, nop #, isc (, cpx z, sbc z, inc z, isc z, inx i, sbc #, nop i, sbc #, cpx a, sbc a, inc a, isc a,
    beq r, sbc ), jam i, isc ), nop x, sbc x, inc x, isc x, sed i, sbc n, nop i, isc n, nop m, sbc m, inc m, isc m";

const C: u8 = 0x01;
const Z: u8 = 0x02;
const I: u8 = 0x04;
const D: u8 = 0x08;
const V: u8 = 0x40;
const N: u8 = 0x80;

fn table() -> Vec<(&'static str, char)> {
    TABLE
        .split(',')
        .map(|entry| {
            let (name, mode) = entry.trim().split_once(' ').unwrap();
            (name, mode.chars().next().unwrap())
        })
        .collect()
}

/// Registers and memory, as the documents speak of them.
#[derive(Clone, PartialEq)]
struct Machine {
    a: u8,
    x: u8,
    y: u8,
    s: u8,
    p: u8,
    pc: u16,
    memory: Vec<u8>,
    cycles: u64,
    jammed: bool,
}

impl Machine {
    fn get(&self, address: u16) -> u8 {
        self.memory[usize::from(address)]
    }

    fn set(&mut self, address: u16, value: u8) {
        self.memory[usize::from(address)] = value;
    }

    fn flag(&mut self, flag: u8, on: bool) {
        self.p = if on { self.p | flag } else { self.p & !flag };
    }

    fn nz(&mut self, value: u8) -> u8 {
        self.flag(Z, value == 0);
        self.flag(N, value >= 0x80);
        value
    }

    fn push(&mut self, value: u8) {
        self.set(0x100 + u16::from(self.s), value);
        self.s = self.s.wrapping_sub(1);
    }

    fn pull(&mut self) -> u8 {
        self.s = self.s.wrapping_add(1);
        self.get(0x100 + u16::from(self.s))
    }

    fn add(&mut self, value: u8) {
        let carry = i32::from(self.p & C);
        let unsigned = i32::from(self.a) + i32::from(value) + carry;
        let signed = i32::from(self.a as i8) + i32::from(value as i8) + carry;
        self.flag(C, unsigned > 255);
        self.flag(V, !(-128..=127).contains(&signed));
        self.a = self.nz((unsigned & 0xFF) as u8);
    }

    fn compare(&mut self, register: u8, value: u8) {
        self.flag(C, register >= value);
        self.nz(register.wrapping_sub(value));
    }

    /// A shift by name.
    fn shift(&mut self, name: &str, value: u8) -> u8 {
        let carry = self.p & C;
        let (out, shifted) = match name {
            "asl" => (value >> 7, value << 1),
            "rol" => (value >> 7, value << 1 | carry),
            "lsr" => (value & 1, value >> 1),
            _ => (value & 1, value >> 1 | carry << 7),
        };
        self.flag(C, out == 1);
        self.nz(shifted)
    }

    /// The address of the operand, the base before an index is added, and the length of the instruction.
    fn address(&self, mode: char) -> (u16, u16, u16) {
        let byte = self.get(self.pc.wrapping_add(1));
        let word = u16::from_le_bytes([byte, self.get(self.pc.wrapping_add(2))]);
        let pointer = |at: u8| u16::from_le_bytes([self.get(at.into()), self.get(at.wrapping_add(1).into())]);
        let (x, y) = (u16::from(self.x), u16::from(self.y));
        let (address, base, length) = match mode {
            '#' | 'r' => (self.pc.wrapping_add(1), 0, 2),
            'z' => (byte.into(), 0, 2),
            'x' => (byte.wrapping_add(self.x).into(), 0, 2),
            'y' => (byte.wrapping_add(self.y).into(), 0, 2),
            'a' | 'j' => (word, word, 3),
            'm' => (word.wrapping_add(x), word, 3),
            'n' => (word.wrapping_add(y), word, 3),
            '(' => (pointer(byte.wrapping_add(self.x)), 0, 2),
            ')' => (pointer(byte).wrapping_add(y), pointer(byte), 2),
            _ => (0, 0, 1),
        };
        (address, base, length)
    }

    #[expect(clippy::too_many_lines, reason = "a line an instruction")]
    fn step(&mut self) {
        let (name, mode) = table()[usize::from(self.get(self.pc))];
        let (address, base, length) = self.address(mode);
        let indexed = matches!(mode, 'm' | 'n' | ')');
        let crossed = indexed && base >> 8 != address >> 8;
        let modifies = "asl rol lsr ror inc dec slo rla sre rra dcp isc".contains(name) && mode != 'A';
        let stores = "sta stx sty sax sha shx shy tas".contains(name);
        // A fetch a byte, an access, and one more cycle for each thing that needs the adder.
        self.cycles = match mode {
            'i' | 'A' | '#' | 'r' => 2,
            'z' => 3,
            'x' | 'y' | 'a' => 4,
            'm' | 'n' => 4 + u64::from(crossed || stores || modifies),
            '(' => 6,
            _ => 5 + u64::from(crossed || stores || modifies),
        } + if modifies { 2 } else { 0 };
        let old = if mode == 'A' { self.a } else { self.get(address) };
        let next = self.pc.wrapping_add(length);
        self.pc = next;
        let (a, x, y) = (self.a, self.x, self.y);
        match name {
            "lda" => self.a = self.nz(old),
            "ldx" => self.x = self.nz(old),
            "ldy" => self.y = self.nz(old),
            "lax" | "lxa" => (self.a, self.x) = (self.nz(old), old),
            "ane" => self.a = self.nz(x & old),
            "las" => {
                let value = self.nz(old & self.s);
                (self.a, self.x, self.s) = (value, value, value);
            }
            "sta" => self.set(address, a),
            "stx" => self.set(address, x),
            "sty" => self.set(address, y),
            "sax" => self.set(address, a & x),
            "sha" | "shx" | "shy" | "tas" => {
                let register = match name {
                    "shx" => x,
                    "shy" => y,
                    _ => a & x,
                };
                if name == "tas" {
                    self.s = register;
                }
                let value = register & ((base >> 8) as u8).wrapping_add(1);
                let high = if crossed { value } else { (base >> 8) as u8 };
                self.set(u16::from_le_bytes([address as u8, high]), value);
            }
            "ora" => self.a = self.nz(a | old),
            "and" => self.a = self.nz(a & old),
            "eor" => self.a = self.nz(a ^ old),
            "adc" => self.add(old),
            "sbc" => self.add(!old),
            "cmp" => self.compare(a, old),
            "cpx" => self.compare(x, old),
            "cpy" => self.compare(y, old),
            "bit" => {
                self.flag(Z, a & old == 0);
                self.flag(N, old & 0x80 != 0);
                self.flag(V, old & 0x40 != 0);
            }
            "anc" => {
                self.a = self.nz(a & old);
                self.flag(C, self.a >= 0x80);
            }
            "alr" => self.a = self.shift("lsr", a & old),
            "arr" => {
                self.a = self.shift("ror", a & old);
                let (bit_6, bit_5) = (self.a >> 6 & 1, self.a >> 5 & 1);
                self.flag(C, bit_6 == 1);
                self.flag(V, bit_6 != bit_5);
            }
            "sbx" => {
                self.compare(a & x, old);
                self.x = (a & x).wrapping_sub(old);
            }
            "asl" | "rol" | "lsr" | "ror" => {
                let value = self.shift(name, old);
                if mode == 'A' {
                    self.a = value;
                } else {
                    self.set(address, value);
                }
            }
            "inc" | "dec" => {
                let value = self.nz(old.wrapping_add(if name == "inc" { 1 } else { 255 }));
                self.set(address, value);
            }
            "slo" | "rla" | "sre" | "rra" => {
                let shift = match name {
                    "slo" => "asl",
                    "rla" => "rol",
                    "sre" => "lsr",
                    _ => "ror",
                };
                let value = self.shift(shift, old);
                self.set(address, value);
                match name {
                    "slo" => self.a = self.nz(a | value),
                    "rla" => self.a = self.nz(a & value),
                    "sre" => self.a = self.nz(a ^ value),
                    _ => self.add(value),
                }
            }
            "dcp" => {
                self.set(address, old.wrapping_sub(1));
                self.compare(a, old.wrapping_sub(1));
            }
            "isc" => {
                self.set(address, old.wrapping_add(1));
                self.add(!old.wrapping_add(1));
            }
            "tax" => self.x = self.nz(a),
            "tay" => self.y = self.nz(a),
            "txa" => self.a = self.nz(x),
            "tya" => self.a = self.nz(y),
            "tsx" => self.x = self.nz(self.s),
            "txs" => self.s = x,
            "inx" => self.x = self.nz(x.wrapping_add(1)),
            "iny" => self.y = self.nz(y.wrapping_add(1)),
            "dex" => self.x = self.nz(x.wrapping_sub(1)),
            "dey" => self.y = self.nz(y.wrapping_sub(1)),
            "clc" | "sec" => self.flag(C, name == "sec"),
            "cli" | "sei" => self.flag(I, name == "sei"),
            "cld" | "sed" => self.flag(D, name == "sed"),
            "clv" => self.flag(V, false),
            "nop" => {}
            "jam" => (self.pc, self.jammed) = (next.wrapping_sub(1), true),
            _ => self.go(name, mode, address, next),
        }
    }

    /// Branches, jumps and the stack.
    fn go(&mut self, name: &str, mode: char, address: u16, next: u16) {
        let condition = match name {
            "bpl" => Some(self.p & N == 0),
            "bmi" => Some(self.p & N != 0),
            "bvc" => Some(self.p & V == 0),
            "bvs" => Some(self.p & V != 0),
            "bcc" => Some(self.p & C == 0),
            "bcs" => Some(self.p & C != 0),
            "bne" => Some(self.p & Z == 0),
            "beq" => Some(self.p & Z != 0),
            _ => None,
        };
        if let Some(taken) = condition {
            if taken {
                self.pc = next.wrapping_add_signed(i16::from(self.get(address) as i8));
                self.cycles += 1 + u64::from(self.pc >> 8 != next >> 8);
            }
            return;
        }
        match name {
            "pha" => self.push(self.a),
            "php" => self.push(self.p | 0x30),
            "pla" => {
                let value = self.pull();
                self.a = self.nz(value);
            }
            "plp" => self.p = self.pull() & 0xCF,
            "jmp" if mode == 'a' => self.pc = address,
            "jmp" => {
                let [low, high] = address.to_le_bytes();
                let second = u16::from_le_bytes([low.wrapping_add(1), high]);
                self.pc = u16::from_le_bytes([self.get(address), self.get(second)]);
            }
            "jsr" => {
                let [low, high] = next.wrapping_sub(1).to_le_bytes();
                self.push(high);
                self.push(low);
                self.pc = address;
            }
            "rts" => self.pc = u16::from_le_bytes([self.pull(), self.pull()]).wrapping_add(1),
            "rti" => {
                self.p = self.pull() & 0xCF;
                self.pc = u16::from_le_bytes([self.pull(), self.pull()]);
            }
            "brk" => {
                let [low, high] = next.wrapping_add(1).to_le_bytes();
                self.push(high);
                self.push(low);
                self.push(self.p | 0x30);
                self.flag(I, true);
                self.pc = u16::from_le_bytes([self.get(0xFFFE), self.get(0xFFFF)]);
            }
            _ => panic!("{name}"),
        }
        self.cycles = match name {
            "jmp" if mode == 'a' => 3,
            "pha" | "php" => 3,
            "pla" | "plp" => 4,
            "jmp" => 5,
            "brk" => 7,
            _ => 6,
        };
    }
}

struct Ram(Vec<u8>);

impl Bus for Ram {
    fn read(&mut self, address: u16, _cycle: u64) -> u8 {
        self.0[usize::from(address)]
    }

    fn write(&mut self, address: u16, value: u8, _cycle: u64) {
        self.0[usize::from(address)] = value;
    }

    fn peek(&self, address: u16) -> Option<u8> {
        Some(self.0[usize::from(address)])
    }
}

/// A small generator (splitmix64), so that memory costs one number of a test case.
fn memory(mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ mixed >> 29
    };
    (0..0x2000).flat_map(|_| next().to_le_bytes()).collect()
}

#[test]
fn the_table_has_every_opcode() {
    assert_eq!(table().len(), 256);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_opcode_does_what_the_documents_say(
        seed in any::<u64>(),
        registers in any::<[u8; 5]>(),
        pc in 0x0300_u16..0xFF00,
        clear in any::<u8>(),
    ) {
        let image = memory(seed);
        for opcode in 0..=0xFF_u8 {
            let [a, x, y, s, p] = registers;
            let mut image = image.clone();
            image[usize::from(pc)] = opcode;
            // Zeros are where flags and borders are.
            image[usize::from(pc) + 2] &= clear;
            let p = p & 0xCF;
            let mut expected = Machine { a, x, y, s, p, pc, memory: image.clone(), cycles: 0, jammed: false };
            expected.step();
            let mut ram = Ram(image);
            let mut cpu = Cpu::new();
            (cpu.a, cpu.x, cpu.y, cpu.s, cpu.pc) = (a, x, y, s, pc);
            cpu.set_status(p);
            let stop = cpu.run(&mut ram, 1);
            let found = (cpu.a, cpu.x, cpu.y, cpu.s, cpu.status() & 0xCF, cpu.pc);
            let Machine { a, x, y, s, p, pc, cycles, jammed, .. } = expected;
            prop_assert_eq!(found, (a, x, y, s, p, pc), "opcode {:02X}", opcode);
            prop_assert_eq!(cpu.cycle, cycles, "opcode {:02X}", opcode);
            prop_assert_eq!(stop == Stop::Jammed, jammed, "opcode {:02X}", opcode);
            prop_assert!(ram.0 == expected.memory, "memory of opcode {:02X}", opcode);
        }
    }
}
