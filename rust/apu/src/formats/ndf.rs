//! NDF, the functional disassembly of NES-MDB: every part of every register that is written.
//!
//! ```text
//! clock,1789773
//! apu,p1,du,2,0,0     channel, function, value, atom, offset
//! wait,735
//! ```
//! An atom is one write: they count from 0 after each wait, so functions of one atom belong to one byte. The offset is the
//! register's place among those of the channel. See [`FUNCTIONS`](super::disassembly::FUNCTIONS) for the functions.

use super::disassembly::{self, Builder, Field, Function, Registers, function, functions_of, is_kept};
use crate::{ApuError, RegisterLog};

/// The tuples of a log. A write to a register without functions still counts as an atom.
pub fn tuples(log: &RegisterLog) -> impl Iterator<Item = Vec<Field>> {
    disassembly::tuples(log, "wait", usize::MAX, |writes| {
        let atoms = (0..).zip(writes.iter().filter(|write| is_kept(write)));
        atoms.flat_map(|(atom, write)| {
            let tuple = move |function: &'static Function| {
                vec![
                    Field::Word("apu"),
                    Field::Word(function.channel),
                    Field::Word(function.name),
                    Field::Number(function.of(write.value).into()),
                    Field::Number(atom),
                    Field::Number(function.offset().into()),
                ]
            };
            functions_of(write.register).map(tuple)
        })
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
/// Functions of one channel, offset and atom become one write, where the first of them stands. The bits of functions that
/// are not given stay what they were; at first they are 0.
///
/// # Errors
/// [`ApuError::Line`] for the first line that is no event, and the limits.
pub fn read(text: &str) -> Result<RegisterLog, ApuError> {
    let mut atoms = Atoms::default();
    let mut builder = Builder::read(text, |builder, fields| match *fields {
        ["wait", ticks] => {
            atoms.flush(builder)?;
            builder.wait(ticks)
        }
        ["apu", channel, name, value, atom, offset] => {
            let found = function(channel, name);
            let function = found.ok_or_else(|| builder.fault("a channel and its function", &fields.join(",")))?;
            let value = builder.value(function, value)?;
            let atom = atom.parse().map_err(|_| builder.fault("the number of an atom", fields[4]))?;
            if offset.parse() != Ok(function.offset()) {
                return Err(builder.fault("the offset of the function's register", fields[5]));
            }
            atoms.set(function, value, atom);
            Ok(())
        }
        _ => Err(builder.fault("clock,HZ or wait,TICKS or apu,CHANNEL,FUNCTION,VALUE,ATOM,OFFSET", &fields.join(","))),
    })?;
    atoms.flush(&mut builder)?;
    Ok(builder.finish())
}

/// The writes between two waits.
#[derive(Default)]
struct Atoms {
    registers: Registers,
    /// Register, atom and byte of each.
    pending: Vec<(u8, u32, u8)>,
    /// Where in `pending` each register's last atom is, for a log whose atoms are in order.
    last: [usize; 0x18],
}

impl Atoms {
    fn set(&mut self, function: &Function, value: u8, atom: u32) {
        self.registers.set(function, value);
        let byte = self.registers.get(function.register);
        let Some(last) = self.last.get_mut(usize::from(function.register)) else { return };
        match self.pending.get_mut(*last) {
            Some((register, number, pending)) if (*register, *number) == (function.register, atom) => *pending = byte,
            _ => {
                *last = self.pending.len();
                self.pending.push((function.register, atom, byte));
            }
        }
    }

    fn flush(&mut self, builder: &mut Builder) -> Result<(), ApuError> {
        for (register, _, byte) in self.pending.drain(..) {
            builder.write(register, byte)?;
        }
        Ok(())
    }
}
