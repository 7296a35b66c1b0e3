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
    },
}

impl Event {
    /// The tuple that stands for it.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        match *self {
            Self::Clock(hz) => vec![Field::Word("clock"), Field::Number(hz)],
            Self::Wait(ticks) => vec![Field::Word("w"), Field::Number(ticks)],
            Self::Function { function, value } => vec![Field::Name(function), Field::Number(value.into())],
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        disassembly::line(&self.fields(), f)
    }
}

/// Whether a function is never written down.
fn is_silent(function: &Function) -> bool {
    matches!((function.channel, function.name), ("ch", "dm") | ("fc", "iq"))
}

/// Whether to write a function does something even if its value stays.
fn acts_when_repeated(function: &Function) -> bool {
    function.name == "ll" || function.channel == "ch" || function.channel == "fc"
}

/// The events of a log.
pub fn events(log: &RegisterLog) -> impl Iterator<Item = Event> {
    let mut registers = Registers::default();
    let frames = frames(log).flat_map(move |frame| {
        let mut events: Vec<Event> = frame.wait.map(Event::Wait).into_iter().collect();
        for write in frame.writes.iter().filter(|write| is_kept(write)) {
            for function in functions_of(write.register).filter(|function| !is_silent(function)) {
                let value = function.of(write.value);
                if acts_when_repeated(function) || value != function.of(registers.get(write.register)) {
                    events.push(Event::Function { function, value });
                }
                registers.set(function, value);
            }
        }
        events
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
            let value = value.parse().ok().filter(|&value| value <= function.highest());
            let value = value.ok_or_else(|| builder.fault("a value that the function can have", fields[1]))?;
            group.set(function, value, builder)
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
