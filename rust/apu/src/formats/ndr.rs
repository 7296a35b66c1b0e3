//! NDR, the raw disassembly of NES-MDB: every write to a register, and the waits between them.
//!
//! ```text
//! clock,1789773     the clock of the chip in Hz; comes first
//! apu,0b,00         the register, less $4000, and the byte, in hexadecimal
//! wait,735          ticks of 1/44,100 s
//! ```
//! The loop, tags and everything of the sample channel are left out: NES-MDB knows four voices.

use super::disassembly::{self, Builder, Field, is_kept};
use crate::{ApuError, RegisterLog};

/// The tuples of a log.
pub fn tuples(log: &RegisterLog) -> impl Iterator<Item = Vec<Field>> {
    disassembly::tuples(log, "wait", usize::MAX, |writes| {
        let writes = writes.iter().filter(|write| is_kept(write));
        writes.map(|write| vec![Field::Word("apu"), Field::Hex(write.register), Field::Hex(write.value)])
    })
}

/// Writes a log as text.
///
/// # Errors
/// Whatever [`RegisterLog::validate`] finds; [`ApuError::TooLarge`] for what [`read`] would not read.
pub fn write(log: &RegisterLog) -> Result<String, ApuError> {
    log.validate()?;
    disassembly::text(tuples(log))
}

/// Reads a text.
///
/// # Errors
/// [`ApuError::Line`] for the first line that is no event, and the limits.
pub fn read(text: &str) -> Result<RegisterLog, ApuError> {
    let builder = Builder::read(text, |builder, fields| match *fields {
        ["wait", ticks] => builder.wait(ticks),
        ["apu", register, value] => {
            let register = hex(register).filter(|&register| register < 0x18);
            let register = register.ok_or_else(|| builder.fault("a register from 00 to 17", fields[1]))?;
            let value = hex(value).ok_or_else(|| builder.fault("a byte from 00 to ff", fields[2]))?;
            builder.write(register, value)
        }
        _ => Err(builder.fault("clock,HZ or wait,TICKS or apu,REGISTER,BYTE", &fields.join(","))),
    });
    builder.map(Builder::finish)
}

/// A byte of one or two hexadecimal digits.
fn hex(field: &str) -> Option<u8> {
    if field.len() > 2 || !field.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(field, 16).ok()
}
