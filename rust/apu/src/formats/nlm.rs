//! NLM, the disassembly of NES-MDB for language models: as NDF, less all that changes nothing.
//!
//! ```text
//! clock,1789773
//! p1_du,2             channel and function, and the value
//! w,735
//! ```
//! A function that keeps its value is left out, unless to write it does something all the same: the length counters
//! (`ll`), the enables (`ch`) and the frame counter's mode (`fc_mo`). The enable of the sample channel and the frame
//! counter's interrupt are always left out.
//!
//! [`read`] puts functions together that stand together: those of one register between two waits are one write, up to the
//! first that comes a second time.

use super::disassembly::{self, Builder, Field, Function, Registers, function, functions_of, is_kept};
use crate::{ApuError, RegisterLog};

/// Whether a function is never written down.
fn is_silent(function: &Function) -> bool {
    matches!((function.channel, function.name), ("ch", "dm") | ("fc", "iq"))
}

/// Whether to write a function does something even if its value stays.
fn acts_when_repeated(function: &Function) -> bool {
    function.name == "ll" || function.channel == "ch" || function.channel == "fc"
}

/// Writes whose tuples are in memory at one time.
const AT_ONCE: usize = 1 << 10;

/// The tuples of a log.
pub fn tuples(log: &RegisterLog) -> impl Iterator<Item = Vec<Field>> {
    let mut registers = Registers::default();
    disassembly::tuples(log, "w", AT_ONCE, move |writes| {
        let mut tuples = Vec::new();
        for write in writes.iter().filter(|write| is_kept(write)) {
            for function in functions_of(write.register).filter(|function| !is_silent(function)) {
                let value = function.of(write.value);
                if acts_when_repeated(function) || value != function.of(registers.get(write.register)) {
                    tuples.push(vec![Field::Name(function), Field::Number(value.into())]);
                }
                registers.set(function, value);
            }
        }
        tuples
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
    let mut group = Group::default();
    let mut builder = Builder::read(text, |builder, fields| match *fields {
        ["w", ticks] => {
            group.flush(builder)?;
            builder.wait(ticks)
        }
        [name, value] => {
            let found = name.split_once('_').and_then(|(channel, name)| function(channel, name));
            let function = found.ok_or_else(|| builder.fault("clock or w or a function such as p1_du", name))?;
            group.set(function, builder.value(function, value)?, builder)
        }
        _ => Err(builder.fault("clock,HZ or w,TICKS or FUNCTION,VALUE", &fields.join(","))),
    })?;
    group.flush(&mut builder)?;
    Ok(builder.finish())
}

/// Functions that become one write.
#[derive(Default)]
struct Group {
    registers: Registers,
    /// The register, if any function is waiting.
    register: Option<u8>,
    /// The bits of the functions that are waiting.
    given: u8,
}

impl Group {
    fn set(&mut self, function: &Function, value: u8, builder: &mut Builder) -> Result<(), ApuError> {
        let mask = function.put(0, 0xFF);
        if self.register != Some(function.register) || self.given & mask != 0 {
            self.flush(builder)?;
        }
        self.register = Some(function.register);
        self.given |= mask;
        self.registers.set(function, value);
        Ok(())
    }

    fn flush(&mut self, builder: &mut Builder) -> Result<(), ApuError> {
        self.given = 0;
        match self.register.take() {
            Some(register) => builder.write(register, self.registers.get(register)),
            None => Ok(()),
        }
    }
}
