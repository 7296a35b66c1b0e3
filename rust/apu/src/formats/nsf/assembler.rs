//! A small assembler for the 6502, enough for the player of an NSF file.
//!
//! ```text
//! name = expression      a symbol                 .if symbol / .else / .endif   lines for a symbol that is not 0
//! label:                 the address here         ; comment
//! mnemonic operand       #e  e  e,x  (e),y  or none
//! expression             parts joined by + and -: $hex, decimal, symbol, symbol/2; < before it takes the low byte, > the high
//! ```
//! An operand below 256 is an address of the zero page. Two passes: the first finds where each label lies.
//!
//! Source: opcodes and lengths from "MCS6500 Microcomputer Family Programming Manual", MOS Technology 1976, appendix B.

use std::collections::HashMap;

use crate::ApuError;

/// How an instruction takes its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Implied,
    Immediate,
    ZeroPage,
    Absolute,
    AbsoluteX,
    IndirectY,
    Relative,
}

use Mode::{Absolute, AbsoluteX, Immediate, Implied, IndirectY, Relative, ZeroPage};

/// The instructions that are known.
const INSTRUCTIONS: &[(&str, Mode, u8)] = &[
    ("adc", Immediate, 0x69),
    ("adc", ZeroPage, 0x65),
    ("and", Immediate, 0x29),
    ("asl", Implied, 0x0A),
    ("bcs", Relative, 0xB0),
    ("beq", Relative, 0xF0),
    ("bit", ZeroPage, 0x24),
    ("bmi", Relative, 0x30),
    ("bne", Relative, 0xD0),
    ("bpl", Relative, 0x10),
    ("clc", Implied, 0x18),
    ("cld", Implied, 0xD8),
    ("cmp", Immediate, 0xC9),
    ("cpx", Immediate, 0xE0),
    ("dec", ZeroPage, 0xC6),
    ("eor", Immediate, 0x49),
    ("inc", ZeroPage, 0xE6),
    ("jmp", Absolute, 0x4C),
    ("jsr", Absolute, 0x20),
    ("lda", Immediate, 0xA9),
    ("lda", ZeroPage, 0xA5),
    ("lda", AbsoluteX, 0xBD),
    ("lda", IndirectY, 0xB1),
    ("ldx", ZeroPage, 0xA6),
    ("ldy", Immediate, 0xA0),
    ("lsr", Implied, 0x4A),
    ("pha", Implied, 0x48),
    ("pla", Implied, 0x68),
    ("rts", Implied, 0x60),
    ("sbc", Immediate, 0xE9),
    ("sbc", ZeroPage, 0xE5),
    ("sec", Implied, 0x38),
    ("sei", Implied, 0x78),
    ("sta", ZeroPage, 0x85),
    ("sta", Absolute, 0x8D),
    ("sta", AbsoluteX, 0x9D),
    ("stx", ZeroPage, 0x86),
    ("tax", Implied, 0xAA),
    ("tay", Implied, 0xA8),
    ("txa", Implied, 0x8A),
    ("tya", Implied, 0x98),
];

/// What a symbol is taken for while its value is not known: no address of the zero page.
const UNKNOWN: i32 = 0xFFFF;

/// A program, and where its labels lie.
pub(super) struct Program {
    pub(super) code: Vec<u8>,
    symbols: HashMap<String, i32>,
}

impl Program {
    /// The address of a label.
    pub(super) fn address(&self, label: &'static str) -> Result<u16, ApuError> {
        let address = self.symbols.get(label).and_then(|&address| u16::try_from(address).ok());
        address.ok_or(ApuError::Line { line: 0, expected: label, found: "no such label".into() })
    }
}

/// Assembles a source for the address `origin`, with symbols from outside.
///
/// # Errors
/// [`ApuError::Line`] with the first line that is not understood.
pub(super) fn assemble(source: &str, origin: u16, symbols: &[(&str, u16)]) -> Result<Program, ApuError> {
    let symbols = symbols.iter().map(|&(name, value)| (name.to_owned(), i32::from(value))).collect();
    let mut pass = Pass { origin, symbols, code: Vec::new(), last: false, line: 0 };
    pass.run(source)?;
    pass.last = true;
    pass.code.clear();
    pass.run(source)?;
    Ok(Program { code: pass.code, symbols: pass.symbols })
}

struct Pass {
    origin: u16,
    symbols: HashMap<String, i32>,
    code: Vec<u8>,
    /// Whether every symbol must be known.
    last: bool,
    line: usize,
}

impl Pass {
    fn run(&mut self, source: &str) -> Result<(), ApuError> {
        // What the conditions around a line say, from the outermost on.
        let mut conditions = Vec::new();
        for (index, line) in source.lines().enumerate() {
            self.line = index + 1;
            let line = line.split(';').next().unwrap_or_default().trim();
            match line.split_once(' ') {
                Some((".if", symbol)) => conditions.push(self.value(symbol)? != 0),
                _ if line == ".else" => {
                    if let Some(condition) = conditions.last_mut() {
                        *condition = !*condition;
                    }
                }
                _ if line == ".endif" => _ = conditions.pop(),
                _ if line.is_empty() || conditions.contains(&false) => {}
                _ => self.statement(line)?,
            }
        }
        Ok(())
    }

    fn statement(&mut self, line: &str) -> Result<(), ApuError> {
        if let Some(label) = line.strip_suffix(':') {
            let here = self.here();
            self.symbols.insert(label.to_owned(), here);
        } else if let Some((name, value)) = line.split_once('=') {
            let value = self.value(value)?;
            self.symbols.insert(name.trim().to_owned(), value);
        } else {
            self.instruction(line)?;
        }
        Ok(())
    }

    fn instruction(&mut self, line: &str) -> Result<(), ApuError> {
        let (mnemonic, operand) = line.split_once(' ').map_or((line, ""), |(name, rest)| (name, rest.trim()));
        let branch = INSTRUCTIONS.iter().any(|&(name, mode, _)| name == mnemonic && mode == Relative);
        let (mode, value) = self.operand(operand, branch)?;
        let known = INSTRUCTIONS.iter().find(|&&(name, its_mode, _)| name == mnemonic && its_mode == mode);
        let &(_, _, opcode) = known.ok_or_else(|| self.error("an instruction", line))?;
        let after = self.here() + 2;
        self.code.push(opcode);
        match mode {
            Implied => {}
            Absolute | AbsoluteX => self.code.extend((value as u16).to_le_bytes()),
            Immediate | ZeroPage | IndirectY => self.code.push(self.byte(value, line)?),
            Relative => {
                let distance = i8::try_from(value - after);
                if self.last && distance.is_err() {
                    return Err(self.error("a label that is near", line));
                }
                self.code.push(distance.unwrap_or_default() as u8);
            }
        }
        Ok(())
    }

    /// The mode and the value of an operand.
    fn operand(&self, text: &str, branch: bool) -> Result<(Mode, i32), ApuError> {
        if text.is_empty() {
            return Ok((Implied, 0));
        }
        if let Some(text) = text.strip_prefix('#') {
            return Ok((Immediate, self.value(text)?));
        }
        if let Some(text) = text.strip_prefix('(').and_then(|text| text.strip_suffix("),y")) {
            return Ok((IndirectY, self.value(text)?));
        }
        if let Some(text) = text.strip_suffix(",x") {
            return Ok((AbsoluteX, self.value(text)?));
        }
        let value = self.value(text)?;
        let mode = if value < 0x100 { ZeroPage } else { Absolute };
        Ok((if branch { Relative } else { mode }, value))
    }

    /// The value of an expression.
    fn value(&self, text: &str) -> Result<i32, ApuError> {
        let text = text.trim();
        if let Some(text) = text.strip_prefix('<') {
            return Ok(self.value(text)? & 0xFF);
        }
        if let Some(text) = text.strip_prefix('>') {
            return Ok(self.value(text)? >> 8 & 0xFF);
        }
        if let Some((left, right)) = text.rsplit_once(['+', '-']) {
            let (left_value, right) = (self.value(left)?, self.value(right)?);
            let sum = text.as_bytes().get(left.len()) == Some(&b'+');
            return Ok(if sum { left_value + right } else { left_value - right });
        }
        if let Some(text) = text.strip_suffix("/2") {
            return Ok(self.value(text)? / 2);
        }
        let number = text.strip_prefix('$').map_or_else(|| text.parse(), |hex| i32::from_str_radix(hex, 16));
        let unknown = || if self.last { Err(self.error("a known symbol", text)) } else { Ok(UNKNOWN) };
        number.or_else(|_| self.symbols.get(text).copied().map_or_else(unknown, Ok))
    }

    fn byte(&self, value: i32, line: &str) -> Result<u8, ApuError> {
        match u8::try_from(value) {
            Err(_) if self.last => Err(self.error("a byte", line)),
            byte => Ok(byte.unwrap_or_default()),
        }
    }

    fn here(&self) -> i32 {
        i32::from(self.origin) + self.code.len() as i32
    }

    fn error(&self, expected: &'static str, found: &str) -> ApuError {
        ApuError::Line { line: self.line, expected, found: format!("{found:?}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> Vec<u8> {
        assemble(source, 0x8000, &[("yes", 1), ("no", 0)]).unwrap().code
    }

    #[test]
    fn every_mode_has_its_bytes() {
        let source = "zp = $12\n lda #<$1234+1\n lda zp\n sta $4000,x\n lda (zp),y\n sta zp+1\n asl\n jmp $8000 ; ever";
        let bytes = [0xA9, 0x35, 0xA5, 0x12, 0x9D, 0x00, 0x40, 0xB1, 0x12, 0x85, 0x13, 0x0A, 0x4C, 0x00, 0x80];
        assert_eq!(code(source), bytes);
    }

    #[test]
    fn labels_are_found_before_and_behind() {
        assert_eq!(code("a:\n bne a\n beq b\n jsr c\nb:\nc = b+2"), [0xD0, 0xFE, 0xF0, 0x03, 0x20, 0x09, 0x80]);
    }

    #[test]
    fn conditions_choose_lines() {
        assert_eq!(
            code(".if no\n sei\n.if yes\n sei\n.endif\n.else\n cld\n.endif\n.if yes\n rts\n.endif"),
            [0xD8, 0x60]
        );
    }

    #[test]
    fn a_line_that_is_not_understood_is_told() {
        let error = |source: &str| assemble(source, 0x8000, &[]).err().map(|error| error.to_string());
        assert_eq!(error("\n lda #y").unwrap(), "line 2: expected a known symbol, found \"y\"");
        assert_eq!(error(" ldq #1").unwrap(), "line 1: expected an instruction, found \"ldq #1\"");
        assert_eq!(error(" lda #256").unwrap(), "line 1: expected a byte, found \"lda #256\"");
        assert_eq!(error(" beq $9000").unwrap(), "line 1: expected a label that is near, found \"beq $9000\"");
    }
}
