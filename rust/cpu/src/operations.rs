//! What the instructions do to registers and flags, once their operand is there.

use crate::{Bus, Cpu, Stop, flag};

/// The page of the stack.
const STACK: u16 = 0x100;
/// Where `BRK` finds its routine.
const BREAK_VECTOR: u16 = 0xFFFE;
/// What the unstable opcodes $8B and $AB mix into the accumulator: on a console all bits.
const MAGIC: u8 = 0xFF;

/// Instructions that take a byte.
impl Cpu {
    /// Takes note of a result's zero and negative.
    #[inline]
    pub(crate) fn result(&mut self, value: u8) -> u8 {
        (self.zero, self.negative) = (value, value);
        value
    }

    #[inline]
    pub(crate) fn lda(&mut self, value: u8) {
        self.a = self.result(value);
    }

    #[inline]
    pub(crate) fn ldx(&mut self, value: u8) {
        self.x = self.result(value);
    }

    #[inline]
    pub(crate) fn ldy(&mut self, value: u8) {
        self.y = self.result(value);
    }

    #[inline]
    pub(crate) fn lax(&mut self, value: u8) {
        self.a = self.result(value);
        self.x = value;
    }

    #[inline]
    pub(crate) fn ora(&mut self, value: u8) {
        self.a = self.result(self.a | value);
    }

    #[inline]
    pub(crate) fn and(&mut self, value: u8) {
        self.a = self.result(self.a & value);
    }

    #[inline]
    pub(crate) fn eor(&mut self, value: u8) {
        self.a = self.result(self.a ^ value);
    }

    #[inline]
    pub(crate) fn adc(&mut self, value: u8) {
        let sum = u16::from(self.a) + u16::from(value) + u16::from(self.carry);
        let low = sum as u8;
        self.carry = sum > 0xFF;
        self.overflow = (self.a ^ low) & (value ^ low) & 0x80 != 0;
        self.a = self.result(low);
    }

    #[inline]
    pub(crate) fn sbc(&mut self, value: u8) {
        self.adc(!value);
    }

    #[inline]
    fn compare(&mut self, register: u8, value: u8) {
        self.carry = register >= value;
        self.result(register.wrapping_sub(value));
    }

    #[inline]
    pub(crate) fn cmp(&mut self, value: u8) {
        self.compare(self.a, value);
    }

    #[inline]
    pub(crate) fn cpx(&mut self, value: u8) {
        self.compare(self.x, value);
    }

    #[inline]
    pub(crate) fn cpy(&mut self, value: u8) {
        self.compare(self.y, value);
    }

    #[inline]
    pub(crate) fn bit(&mut self, value: u8) {
        self.zero = self.a & value;
        self.negative = value;
        self.overflow = value & flag::OVERFLOW != 0;
    }

    #[expect(clippy::unused_self, reason = "it stands in the table of instructions")]
    #[inline]
    pub(crate) fn nop(&mut self, _value: u8) {}

    /// `AND`, and the sign into the carry.
    #[inline]
    pub(crate) fn anc(&mut self, value: u8) {
        self.and(value);
        self.carry = self.a & 0x80 != 0;
    }

    /// `AND`, `LSR`.
    #[inline]
    pub(crate) fn alr(&mut self, value: u8) {
        self.a = self.lsr(self.a & value);
    }

    /// `AND`, `ROR`, with carry and overflow from bits 6 and 5 of the result.
    #[inline]
    pub(crate) fn arr(&mut self, value: u8) {
        self.a = self.ror(self.a & value);
        self.carry = self.a & 0x40 != 0;
        self.overflow = (self.a ^ self.a << 1) & 0x40 != 0;
    }

    /// X becomes A AND X less the operand; carry as for a comparison.
    #[inline]
    pub(crate) fn sbx(&mut self, value: u8) {
        let masked = self.a & self.x;
        self.compare(masked, value);
        self.x = masked.wrapping_sub(value);
    }

    #[inline]
    pub(crate) fn ane(&mut self, value: u8) {
        self.a = self.result((self.a | MAGIC) & self.x & value);
    }

    #[inline]
    pub(crate) fn lxa(&mut self, value: u8) {
        self.lax((self.a | MAGIC) & value);
    }

    #[inline]
    pub(crate) fn las(&mut self, value: u8) {
        self.s &= value;
        self.lax(self.s);
    }
}

/// Instructions that change a byte.
impl Cpu {
    #[inline]
    pub(crate) fn asl(&mut self, value: u8) -> u8 {
        self.carry = value & 0x80 != 0;
        self.result(value << 1)
    }

    #[inline]
    pub(crate) fn lsr(&mut self, value: u8) -> u8 {
        self.carry = value & 1 != 0;
        self.result(value >> 1)
    }

    #[inline]
    pub(crate) fn rol(&mut self, value: u8) -> u8 {
        let low = u8::from(self.carry);
        self.carry = value & 0x80 != 0;
        self.result(value << 1 | low)
    }

    #[inline]
    pub(crate) fn ror(&mut self, value: u8) -> u8 {
        let high = u8::from(self.carry) << 7;
        self.carry = value & 1 != 0;
        self.result(value >> 1 | high)
    }

    #[inline]
    pub(crate) fn inc(&mut self, value: u8) -> u8 {
        self.result(value.wrapping_add(1))
    }

    #[inline]
    pub(crate) fn dec(&mut self, value: u8) -> u8 {
        self.result(value.wrapping_sub(1))
    }

    /// `ASL`, `ORA`.
    #[inline]
    pub(crate) fn slo(&mut self, value: u8) -> u8 {
        let value = self.asl(value);
        self.ora(value);
        value
    }

    /// `ROL`, `AND`.
    #[inline]
    pub(crate) fn rla(&mut self, value: u8) -> u8 {
        let value = self.rol(value);
        self.and(value);
        value
    }

    /// `LSR`, `EOR`.
    #[inline]
    pub(crate) fn sre(&mut self, value: u8) -> u8 {
        let value = self.lsr(value);
        self.eor(value);
        value
    }

    /// `ROR`, `ADC`.
    #[inline]
    pub(crate) fn rra(&mut self, value: u8) -> u8 {
        let value = self.ror(value);
        self.adc(value);
        value
    }

    /// `DEC`, `CMP`.
    #[inline]
    pub(crate) fn dcp(&mut self, value: u8) -> u8 {
        let value = self.dec(value);
        self.cmp(value);
        value
    }

    /// `INC`, `SBC`.
    #[inline]
    pub(crate) fn isc(&mut self, value: u8) -> u8 {
        let value = self.inc(value);
        self.sbc(value);
        value
    }
}

/// Stack and jumps.
impl Cpu {
    #[inline]
    pub(crate) fn push<B: Bus>(&mut self, bus: &mut B, value: u8) {
        bus.write(STACK + u16::from(self.s), value, self.cycle);
        self.s = self.s.wrapping_sub(1);
    }

    #[inline]
    pub(crate) fn pull<B: Bus>(&mut self, bus: &mut B) -> u8 {
        self.s = self.s.wrapping_add(1);
        bus.read(STACK + u16::from(self.s), self.cycle)
    }

    #[inline]
    pub(crate) fn push_word<B: Bus>(&mut self, bus: &mut B, value: u16) {
        let [low, high] = value.to_le_bytes();
        self.push(bus, high);
        self.push(bus, low);
    }

    #[inline]
    pub(crate) fn pull_word<B: Bus>(&mut self, bus: &mut B) -> u16 {
        u16::from_le_bytes([self.pull(bus), self.pull(bus)])
    }

    /// The high byte of the target is read after the return address is on the stack.
    #[inline]
    pub(crate) fn jsr<B: Bus>(&mut self, bus: &mut B) {
        let low = self.fetch(bus);
        self.push_word(bus, self.pc);
        self.pc = u16::from_le_bytes([low, bus.read(self.pc, self.cycle)]);
    }

    #[inline]
    pub(crate) fn rts<B: Bus>(&mut self, bus: &mut B) {
        self.pc = self.pull_word(bus).wrapping_add(1);
        if self.pc == crate::CALLER {
            self.stop = Some(Stop::Returned);
        }
    }

    #[inline]
    pub(crate) fn rti<B: Bus>(&mut self, bus: &mut B) {
        let status = self.pull(bus);
        self.set_status(status);
        self.pc = self.pull_word(bus);
    }

    #[inline]
    pub(crate) fn brk<B: Bus>(&mut self, bus: &mut B) {
        self.push_word(bus, self.pc.wrapping_add(1));
        self.push(bus, self.status());
        self.interrupt = true;
        self.pc = self.read_word(bus, BREAK_VECTOR, BREAK_VECTOR + 1);
    }

    /// `JMP (address)`, whose high byte comes from the same page.
    #[inline]
    pub(crate) fn jmp_indirect<B: Bus>(&mut self, bus: &mut B) {
        let pointer = self.fetch_word(bus);
        let [low, high] = pointer.to_le_bytes();
        self.pc = self.read_word(bus, pointer, u16::from_le_bytes([low.wrapping_add(1), high]));
    }

    #[inline]
    pub(crate) fn jam(&mut self) {
        self.pc = self.pc.wrapping_sub(1);
        self.stop = Some(Stop::Jammed);
    }
}
