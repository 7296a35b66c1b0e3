//! NDF, the functional disassembly of NES-MDB: every part of every register that is written.
//!
//! ```text
//! clock,1789773
//! apu,p1,du,2,0,0     channel, function, value, atom, offset
//! wait,735
//! ```
//! An atom is one write: they count from 0 after each wait, so functions of one atom belong to one byte. The offset is the
//! register's place among those of the channel. See [`FUNCTIONS`](super::disassembly::FUNCTIONS) for the functions.

use std::fmt;

use super::disassembly::{self, Builder, Field, Function, Registers, frames, function, functions_of, is_kept};
use crate::{ApuError, RegisterLog};

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The clock of the chip in Hz.
    Clock(u32),
    /// So many ticks pass.
    Wait(u32),
    /// A function of a channel is set.
    Function {
        /// Which.
        function: &'static Function,
        /// Its value, up to [`Function::highest`].
        value: u8,
        /// Which write since the last wait, from 0.
        atom: u32,
    },
}

impl Event {
    /// The tuple that stands for it.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        match *self {
            Self::Clock(hz) => vec![Field::Word("clock"), Field::Number(hz)],
            Self::Wait(ticks) => vec![Field::Word("wait"), Field::Number(ticks)],
            Self::Function { function, value, atom } => vec![
                Field::Word("apu"),
                Field::Word(function.channel),
                Field::Word(function.name),
                Field::Number(value.into()),
                Field::Number(atom),
                Field::Number(function.offset().into()),
            ],
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        disassembly::line(&self.fields(), f)
    }
}

/// The events of a log. A write to a register without functions still counts as an atom.
pub fn events(log: &RegisterLog) -> impl Iterator<Item = Event> {
    let frames = frames(log).flat_map(|frame| {
        let atoms = (0..).zip(frame.writes.iter().filter(|write| is_kept(write)));
        let functions = atoms.flat_map(|(atom, write)| {
            let set =
                move |function: &'static Function| Event::Function { function, value: function.of(write.value), atom };
            functions_of(write.register).map(set)
        });
        frame.wait.map(Event::Wait).into_iter().chain(functions)
    });
    std::iter::once(Event::Clock(log.clock_hz)).chain(frames)
}

/// Writes a log as text.
///
/// # Errors
/// Whatever [`RegisterLog::validate`] finds.
pub fn write(log: &RegisterLog) -> Result<String, ApuError> {
    log.validate()?;
    Ok(disassembly::text(events(log)))
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
            let value = value.parse().ok().filter(|&value| value <= function.highest());
            let value = value.ok_or_else(|| builder.fault("a value that the function can have", fields[3]))?;
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
        let last = self.last.get(usize::from(function.register)).copied().unwrap_or_default();
        let is_atom = |&&(register, number, _): &&(u8, u32, u8)| (register, number) == (function.register, atom);
        if self.pending.get(last).as_ref().is_some_and(is_atom) {
            if let Some(pending) = self.pending.get_mut(last) {
                pending.2 = byte;
            }
            return;
        }
        if let Some(last) = self.last.get_mut(usize::from(function.register)) {
            *last = self.pending.len();
        }
        self.pending.push((function.register, atom, byte));
    }

    fn flush(&mut self, builder: &mut Builder) -> Result<(), ApuError> {
        for (register, _, byte) in self.pending.drain(..) {
            builder.write(register, byte)?;
        }
        Ok(())
    }
}
