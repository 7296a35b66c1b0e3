//! Fetching, addressing, and the table of all opcodes.

use crate::{Bus, Cpu};

/// Cycles of each opcode, without those of taken branches and of reads that cross a page. The opcodes that halt the
/// processor take 2.
///
/// Source: "MCS6500 Programming Manual", appendix B; nesdev wiki, "CPU unofficial opcodes".
const CYCLES: [u8; 256] = [
    7, 6, 2, 8, 3, 3, 5, 5, 3, 2, 2, 2, 4, 4, 6, 6, 2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7, //
    6, 6, 2, 8, 3, 3, 5, 5, 4, 2, 2, 2, 4, 4, 6, 6, 2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7, //
    6, 6, 2, 8, 3, 3, 5, 5, 3, 2, 2, 2, 3, 4, 6, 6, 2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7, //
    6, 6, 2, 8, 3, 3, 5, 5, 4, 2, 2, 2, 5, 4, 6, 6, 2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7, //
    2, 6, 2, 6, 3, 3, 3, 3, 2, 2, 2, 2, 4, 4, 4, 4, 2, 6, 2, 6, 4, 4, 4, 4, 2, 5, 2, 5, 5, 5, 5, 5, //
    2, 6, 2, 6, 3, 3, 3, 3, 2, 2, 2, 2, 4, 4, 4, 4, 2, 5, 2, 5, 4, 4, 4, 4, 2, 4, 2, 4, 4, 4, 4, 4, //
    2, 6, 2, 8, 3, 3, 5, 5, 2, 2, 2, 2, 4, 4, 6, 6, 2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7, //
    2, 6, 2, 8, 3, 3, 5, 5, 2, 2, 2, 2, 4, 4, 6, 6, 2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7,
];

/// Whether an indexed access only reads: then it takes another cycle where it crosses a page.
const READ: bool = true;
/// The others always take the cycle, which the table has.
const WRITE: bool = false;

/// A `match` over the opcodes, from tables: name, then opcode and addressing mode of each form.
macro_rules! instructions {
    (
        $cpu:ident, $bus:ident, $opcode:ident;
        read { $($read:ident: $($r_code:literal $r_mode:ident),+;)+ }
        modify { $($modify:ident: $($m_code:literal $m_mode:ident),+;)+ }
        store { $($value:expr => $($s_code:literal $s_mode:ident),+;)+ }
        branch { $($b_code:literal $taken:expr;)+ }
        other { $($($o_code:literal)|+ => $action:expr;)+ }
    ) => {
        match $opcode {
            $($($r_code => {
                let address = $cpu.$r_mode::<B, READ>($bus);
                let value = $bus.read(address, $cpu.cycle - 1);
                $cpu.$read(value);
            })+)+
            $($($m_code => {
                let address = $cpu.$m_mode::<B, WRITE>($bus);
                let old = $bus.read(address, $cpu.cycle - 3);
                $bus.write(address, old, $cpu.cycle - 2);
                let new = $cpu.$modify(old);
                $bus.write(address, new, $cpu.cycle - 1);
            })+)+
            $($($s_code => {
                let address = $cpu.$s_mode::<B, WRITE>($bus);
                $bus.write(address, $value, $cpu.cycle - 1);
            })+)+
            $($b_code => { let taken = $taken; $cpu.branch($bus, taken); })+
            $($($o_code)|+ => $action,)+
        }
    };
}

impl Cpu {
    /// Runs one instruction.
    #[expect(clippy::too_many_lines, reason = "it is a table: a line an instruction")]
    #[expect(clippy::inline_always, reason = "a call an instruction would be a fifth of the time of a run")]
    #[inline(always)]
    pub(crate) fn step<B: Bus>(&mut self, bus: &mut B) {
        let opcode = self.fetch(bus);
        self.cycle += u64::from(CYCLES[usize::from(opcode)]);
        instructions! {
            self, bus, opcode;
            read {
                lda: 0xA9 immediate, 0xA5 zero_page, 0xB5 zero_page_x, 0xAD absolute, 0xBD absolute_x,
                    0xB9 absolute_y, 0xA1 indirect_x, 0xB1 indirect_y;
                ldx: 0xA2 immediate, 0xA6 zero_page, 0xB6 zero_page_y, 0xAE absolute, 0xBE absolute_y;
                ldy: 0xA0 immediate, 0xA4 zero_page, 0xB4 zero_page_x, 0xAC absolute, 0xBC absolute_x;
                ora: 0x09 immediate, 0x05 zero_page, 0x15 zero_page_x, 0x0D absolute, 0x1D absolute_x,
                    0x19 absolute_y, 0x01 indirect_x, 0x11 indirect_y;
                and: 0x29 immediate, 0x25 zero_page, 0x35 zero_page_x, 0x2D absolute, 0x3D absolute_x,
                    0x39 absolute_y, 0x21 indirect_x, 0x31 indirect_y;
                eor: 0x49 immediate, 0x45 zero_page, 0x55 zero_page_x, 0x4D absolute, 0x5D absolute_x,
                    0x59 absolute_y, 0x41 indirect_x, 0x51 indirect_y;
                adc: 0x69 immediate, 0x65 zero_page, 0x75 zero_page_x, 0x6D absolute, 0x7D absolute_x,
                    0x79 absolute_y, 0x61 indirect_x, 0x71 indirect_y;
                sbc: 0xE9 immediate, 0xEB immediate, 0xE5 zero_page, 0xF5 zero_page_x, 0xED absolute,
                    0xFD absolute_x, 0xF9 absolute_y, 0xE1 indirect_x, 0xF1 indirect_y;
                cmp: 0xC9 immediate, 0xC5 zero_page, 0xD5 zero_page_x, 0xCD absolute, 0xDD absolute_x,
                    0xD9 absolute_y, 0xC1 indirect_x, 0xD1 indirect_y;
                cpx: 0xE0 immediate, 0xE4 zero_page, 0xEC absolute;
                cpy: 0xC0 immediate, 0xC4 zero_page, 0xCC absolute;
                bit: 0x24 zero_page, 0x2C absolute;
                // Unofficial.
                nop: 0x80 immediate, 0x82 immediate, 0x89 immediate, 0xC2 immediate, 0xE2 immediate, 0x04 zero_page,
                    0x44 zero_page, 0x64 zero_page, 0x14 zero_page_x, 0x34 zero_page_x, 0x54 zero_page_x,
                    0x74 zero_page_x, 0xD4 zero_page_x, 0xF4 zero_page_x, 0x0C absolute, 0x1C absolute_x,
                    0x3C absolute_x, 0x5C absolute_x, 0x7C absolute_x, 0xDC absolute_x, 0xFC absolute_x;
                lax: 0xA7 zero_page, 0xB7 zero_page_y, 0xAF absolute, 0xBF absolute_y, 0xA3 indirect_x,
                    0xB3 indirect_y;
                anc: 0x0B immediate, 0x2B immediate;
                alr: 0x4B immediate;
                arr: 0x6B immediate;
                ane: 0x8B immediate;
                lxa: 0xAB immediate;
                sbx: 0xCB immediate;
                las: 0xBB absolute_y;
            }
            modify {
                asl: 0x06 zero_page, 0x16 zero_page_x, 0x0E absolute, 0x1E absolute_x;
                rol: 0x26 zero_page, 0x36 zero_page_x, 0x2E absolute, 0x3E absolute_x;
                lsr: 0x46 zero_page, 0x56 zero_page_x, 0x4E absolute, 0x5E absolute_x;
                ror: 0x66 zero_page, 0x76 zero_page_x, 0x6E absolute, 0x7E absolute_x;
                dec: 0xC6 zero_page, 0xD6 zero_page_x, 0xCE absolute, 0xDE absolute_x;
                inc: 0xE6 zero_page, 0xF6 zero_page_x, 0xEE absolute, 0xFE absolute_x;
                // Unofficial.
                slo: 0x07 zero_page, 0x17 zero_page_x, 0x0F absolute, 0x1F absolute_x, 0x1B absolute_y,
                    0x03 indirect_x, 0x13 indirect_y;
                rla: 0x27 zero_page, 0x37 zero_page_x, 0x2F absolute, 0x3F absolute_x, 0x3B absolute_y,
                    0x23 indirect_x, 0x33 indirect_y;
                sre: 0x47 zero_page, 0x57 zero_page_x, 0x4F absolute, 0x5F absolute_x, 0x5B absolute_y,
                    0x43 indirect_x, 0x53 indirect_y;
                rra: 0x67 zero_page, 0x77 zero_page_x, 0x6F absolute, 0x7F absolute_x, 0x7B absolute_y,
                    0x63 indirect_x, 0x73 indirect_y;
                dcp: 0xC7 zero_page, 0xD7 zero_page_x, 0xCF absolute, 0xDF absolute_x, 0xDB absolute_y,
                    0xC3 indirect_x, 0xD3 indirect_y;
                isc: 0xE7 zero_page, 0xF7 zero_page_x, 0xEF absolute, 0xFF absolute_x, 0xFB absolute_y,
                    0xE3 indirect_x, 0xF3 indirect_y;
            }
            store {
                self.a => 0x85 zero_page, 0x95 zero_page_x, 0x8D absolute, 0x9D absolute_x, 0x99 absolute_y,
                    0x81 indirect_x, 0x91 indirect_y;
                self.x => 0x86 zero_page, 0x96 zero_page_y, 0x8E absolute;
                self.y => 0x84 zero_page, 0x94 zero_page_x, 0x8C absolute;
                self.a & self.x => 0x87 zero_page, 0x97 zero_page_y, 0x8F absolute, 0x83 indirect_x;
            }
            branch {
                0x10 self.negative & 0x80 == 0;
                0x30 self.negative & 0x80 != 0;
                0x50 !self.overflow;
                0x70 self.overflow;
                0x90 !self.carry;
                0xB0 self.carry;
                0xD0 self.zero != 0;
                0xF0 self.zero == 0;
            }
            other {
                0x0A => self.a = self.asl(self.a);
                0x2A => self.a = self.rol(self.a);
                0x4A => self.a = self.lsr(self.a);
                0x6A => self.a = self.ror(self.a);
                0xAA => self.x = self.result(self.a);
                0xA8 => self.y = self.result(self.a);
                0x8A => self.a = self.result(self.x);
                0x98 => self.a = self.result(self.y);
                0xBA => self.x = self.result(self.s);
                0x9A => self.s = self.x;
                0xE8 => self.x = self.inc(self.x);
                0xC8 => self.y = self.inc(self.y);
                0xCA => self.x = self.dec(self.x);
                0x88 => self.y = self.dec(self.y);
                0x18 => self.carry = false;
                0x38 => self.carry = true;
                0x58 => self.interrupt = false;
                0x78 => self.interrupt = true;
                0xB8 => self.overflow = false;
                0xD8 => self.decimal = false;
                0xF8 => self.decimal = true;
                0x48 => self.push(bus, self.a);
                0x08 => self.push(bus, self.status());
                0x68 => { let value = self.pull(bus); self.lda(value); };
                0x28 => { let status = self.pull(bus); self.set_status(status); };
                0x4C => self.jmp(bus);
                0x6C => self.jmp_indirect(bus);
                0x20 => self.jsr(bus);
                0x60 => self.rts(bus);
                0x40 => self.rti(bus);
                0x00 => self.brk(bus);
                0xEA | 0x1A | 0x3A | 0x5A | 0x7A | 0xDA | 0xFA => {};
                0x93 => self.store_masked_indirect(bus);
                0x9F => self.store_masked(bus, self.a & self.x, self.y);
                0x9E => self.store_masked(bus, self.x, self.y);
                0x9C => self.store_masked(bus, self.y, self.x);
                0x9B => { self.s = self.a & self.x; self.store_masked(bus, self.s, self.y); };
                0x02 | 0x12 | 0x22 | 0x32 | 0x42 | 0x52 | 0x62 | 0x72 | 0x92 | 0xB2 | 0xD2 | 0xF2 => self.jam();
            }
        }
    }

    #[inline]
    pub(crate) fn fetch<B: Bus>(&mut self, bus: &mut B) -> u8 {
        let byte = bus.read(self.pc, self.cycle);
        self.pc = self.pc.wrapping_add(1);
        byte
    }

    #[inline]
    pub(crate) fn fetch_word<B: Bus>(&mut self, bus: &mut B) -> u16 {
        u16::from_le_bytes([self.fetch(bus), self.fetch(bus)])
    }

    #[inline]
    pub(crate) fn read_word<B: Bus>(&mut self, bus: &mut B, low: u16, high: u16) -> u16 {
        u16::from_le_bytes([bus.read(low, self.cycle), bus.read(high, self.cycle)])
    }

    fn branch<B: Bus>(&mut self, bus: &mut B, taken: bool) {
        let distance = self.fetch(bus) as i8;
        if taken {
            let target = self.pc.wrapping_add_signed(distance.into());
            self.cycle += 1 + u64::from(target >> 8 != self.pc >> 8);
            self.pc = target;
            if distance < 0 {
                self.skip_delay(bus);
            }
        }
    }

    fn jmp<B: Bus>(&mut self, bus: &mut B) {
        let from = self.pc;
        self.pc = self.fetch_word(bus);
        if self.pc < from {
            self.skip_delay(bus);
        }
    }
}

/// Addressing: where the operand lies. `READ` says whether the instruction only reads.
impl Cpu {
    #[inline]
    fn immediate<B: Bus, const READ: bool>(&mut self, _bus: &mut B) -> u16 {
        let address = self.pc;
        self.pc = self.pc.wrapping_add(1);
        address
    }

    #[inline]
    fn zero_page<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        self.fetch(bus).into()
    }

    #[inline]
    fn zero_page_x<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        self.fetch(bus).wrapping_add(self.x).into()
    }

    #[inline]
    fn zero_page_y<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        self.fetch(bus).wrapping_add(self.y).into()
    }

    #[inline]
    fn absolute<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        self.fetch_word(bus)
    }

    #[inline]
    fn absolute_x<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        let base = self.fetch_word(bus);
        self.indexed::<B, READ>(bus, base, self.x)
    }

    #[inline]
    fn absolute_y<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        let base = self.fetch_word(bus);
        self.indexed::<B, READ>(bus, base, self.y)
    }

    #[inline]
    fn indirect_x<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        let at = self.fetch(bus).wrapping_add(self.x);
        self.read_word(bus, at.into(), at.wrapping_add(1).into())
    }

    #[inline]
    fn indirect_y<B: Bus, const READ: bool>(&mut self, bus: &mut B) -> u16 {
        let at = self.fetch(bus);
        let base = self.read_word(bus, at.into(), at.wrapping_add(1).into());
        self.indexed::<B, READ>(bus, base, self.y)
    }

    /// Adds an index. The low byte is ready first: the processor reads there before it has the carry.
    #[inline]
    fn indexed<B: Bus, const READ: bool>(&mut self, bus: &mut B, base: u16, index: u8) -> u16 {
        let address = base.wrapping_add(index.into());
        let crossed = (address ^ base) & 0xFF00 != 0;
        if !READ || crossed {
            self.cycle += u64::from(READ);
            bus.touch(base & 0xFF00 | address & 0xFF, self.cycle - 2);
        }
        address
    }

    /// Stores a value AND the high byte of the base address plus 1, which also becomes the high byte of an address
    /// that crosses a page.
    fn store_masked_at<B: Bus>(&mut self, bus: &mut B, base: u16, value: u8, index: u8) {
        let address = self.indexed::<B, WRITE>(bus, base, index);
        let [low, high] = address.to_le_bytes();
        let base_high = (base >> 8) as u8;
        let value = value & base_high.wrapping_add(1);
        let high = if high == base_high { high } else { value };
        bus.write(u16::from_le_bytes([low, high]), value, self.cycle - 1);
    }

    fn store_masked<B: Bus>(&mut self, bus: &mut B, value: u8, index: u8) {
        let base = self.fetch_word(bus);
        self.store_masked_at(bus, base, value, index);
    }

    fn store_masked_indirect<B: Bus>(&mut self, bus: &mut B) {
        let at = self.fetch(bus);
        let base = self.read_word(bus, at.into(), at.wrapping_add(1).into());
        self.store_masked_at(bus, base, self.a & self.x, self.y);
    }
}
