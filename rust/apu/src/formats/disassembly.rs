//! What the three disassemblies of NES-MDB share: lines of fields between commas, and the names of the registers' parts.
//!
//! ```text
//! raw          clock,1789773   wait,735   apu,00,bf
//! functional   clock,1789773   wait,735   apu,p1,du,2,0,0
//! tokens       clock,1789773   w,735      p1_du,2
//! ```
//! Each exists as text, one event a line, and as a list of tuples (a tuple an event), which Python and JSON know too.
//!
//! Source: the archives of "The NES Music Database" (Donahue et al., ISMIR 2018); nesdev wiki, "APU registers".

use std::fmt;

use super::MAX_INPUT;
use crate::register_log::{MAX_CLOCK, MAX_EVENTS, MAX_LENGTH, MIN_CLOCK};
use crate::{ApuError, RegisterLog, Standard, Write};

/// One field of a tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// A name.
    Word(&'static str),
    /// The name of a function of a channel, as `p1_du`.
    Name(&'static Function),
    /// A byte as a string of two hexadecimal digits.
    Hex(u8),
    /// A number.
    Number(u32),
}

impl Field {
    /// Whether Python and JSON have it as a number (else it is a string).
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Number(_))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Name(function) => write!(f, "{}_{}", function.channel, function.name),
            Self::Hex(byte) => write!(f, "{byte:02x}"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// A part of a register that does one thing.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// `p1`, `p2`, `tr`, `no`; `ch` for the enables of $4015, `fc` for the frame counter.
    pub channel: &'static str,
    /// What it does, in two letters.
    pub name: &'static str,
    /// The register, less $4000.
    pub register: u8,
    /// Its lowest bit.
    pub shift: u8,
    /// How many bits it has.
    pub bits: u8,
}

impl Function {
    /// Its place among the registers of its channel, 0 to 3.
    #[must_use]
    pub const fn offset(&self) -> u8 {
        if self.register < 0x10 { self.register & 3 } else { 0 }
    }

    /// Its highest value.
    #[must_use]
    pub const fn highest(&self) -> u8 {
        0xFF >> (8 - self.bits)
    }

    /// Its value in a register.
    #[must_use]
    pub const fn of(&self, register: u8) -> u8 {
        register >> self.shift & self.highest()
    }

    /// A register in which it alone is changed.
    #[must_use]
    pub const fn put(&self, register: u8, value: u8) -> u8 {
        let mask = self.highest() << self.shift;
        register & !mask | value << self.shift & mask
    }
}

const fn part(channel: &'static str, name: &'static str, register: u8, shift: u8, bits: u8) -> Function {
    Function { channel, name, register, shift, bits }
}

/// The functions, by register and from the highest bit down.
///
/// ```text
/// $4000, $4004  DDLC VVVV   du duty, lh length halt, cv constant volume, vo volume
/// $4001, $4005  EPPP NSSS   se enable, sp period, sn negate, ss shift: the sweep
/// $4002, $4006  TTTT TTTT   tl timer low
/// $4003, $4007  LLLL LTTT   ll length load, th timer high
/// $4008         CRRR RRRR   lh control (length halt), lr linear counter reload; $400A tl, $400B ll th
/// $400C         --LC VVVV   lh, cv, vo; $400E  M--- PPPP  nl loop (mode), np period; $400F ll
/// $4015         ---D NT21   dm, no, tr, p2, p1
/// $4017         MI-- ----   mo mode, iq interrupt inhibit
/// ```
pub static FUNCTIONS: [Function; 40] = [
    part("p1", "du", 0x00, 6, 2),
    part("p1", "lh", 0x00, 5, 1),
    part("p1", "cv", 0x00, 4, 1),
    part("p1", "vo", 0x00, 0, 4),
    part("p1", "se", 0x01, 7, 1),
    part("p1", "sp", 0x01, 4, 3),
    part("p1", "sn", 0x01, 3, 1),
    part("p1", "ss", 0x01, 0, 3),
    part("p1", "tl", 0x02, 0, 8),
    part("p1", "ll", 0x03, 3, 5),
    part("p1", "th", 0x03, 0, 3),
    part("p2", "du", 0x04, 6, 2),
    part("p2", "lh", 0x04, 5, 1),
    part("p2", "cv", 0x04, 4, 1),
    part("p2", "vo", 0x04, 0, 4),
    part("p2", "se", 0x05, 7, 1),
    part("p2", "sp", 0x05, 4, 3),
    part("p2", "sn", 0x05, 3, 1),
    part("p2", "ss", 0x05, 0, 3),
    part("p2", "tl", 0x06, 0, 8),
    part("p2", "ll", 0x07, 3, 5),
    part("p2", "th", 0x07, 0, 3),
    part("tr", "lh", 0x08, 7, 1),
    part("tr", "lr", 0x08, 0, 7),
    part("tr", "tl", 0x0A, 0, 8),
    part("tr", "ll", 0x0B, 3, 5),
    part("tr", "th", 0x0B, 0, 3),
    part("no", "lh", 0x0C, 5, 1),
    part("no", "cv", 0x0C, 4, 1),
    part("no", "vo", 0x0C, 0, 4),
    part("no", "nl", 0x0E, 7, 1),
    part("no", "np", 0x0E, 0, 4),
    part("no", "ll", 0x0F, 3, 5),
    part("ch", "dm", 0x15, 4, 1),
    part("ch", "no", 0x15, 3, 1),
    part("ch", "tr", 0x15, 2, 1),
    part("ch", "p2", 0x15, 1, 1),
    part("ch", "p1", 0x15, 0, 1),
    part("fc", "mo", 0x17, 7, 1),
    part("fc", "iq", 0x17, 6, 1),
];

/// The functions of a register, from its highest bit down.
pub fn functions_of(register: u8) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(move |function| function.register == register)
}

/// The function of a channel and a name.
pub(super) fn function(channel: &str, name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.channel == channel && function.name == name)
}

/// The registers as they were last written, from which a function alone can be changed.
#[derive(Debug, Default)]
pub(super) struct Registers([u8; 0x18]);

impl Registers {
    pub(super) fn get(&self, register: u8) -> u8 {
        self.0.get(usize::from(register)).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, function: &Function, value: u8) {
        if let Some(register) = self.0.get_mut(usize::from(function.register)) {
            *register = function.put(*register, value);
        }
    }
}

/// Whether a write stays in a disassembly: all but those of the sample channel.
pub(super) const fn is_kept(write: &Write) -> bool {
    !matches!(write.register, 0x10..=0x13)
}

/// The tuples of a log: its clock, then tick by tick the waits, by their name in the format, and what `of_writes` makes of
/// the writes, up to the end.
///
/// Writes of the sample channel are still among them, but a tick that has no others is passed over. `of_writes` gets at most
/// `at_once` writes of a tick at a time.
pub(super) fn tuples<'a, T: IntoIterator<Item = Vec<Field>>>(
    log: &'a RegisterLog,
    wait: &'static str,
    at_once: usize,
    mut of_writes: impl FnMut(&'a [Write]) -> T,
) -> impl Iterator<Item = Vec<Field>> {
    let heard = log.writes.partition_point(|write| write.tick <= log.length);
    let groups = log.writes.get(..heard).unwrap_or_default().chunk_by(|a, b| a.tick == b.tick);
    let groups = groups.flat_map(move |group| group.chunks(at_once));
    let groups = groups.filter(|group| group.iter().any(is_kept));
    let groups = groups.filter_map(|group| group.first().map(|write| (write.tick, group)));
    let mut now = 0;
    let events = groups.chain(std::iter::once((log.length, [].as_slice()))).flat_map(move |(tick, writes)| {
        let waits = waits(tick.saturating_sub(now));
        now = tick;
        waits.map(move |ticks| vec![Field::Word(wait), Field::Number(ticks)]).chain(of_writes(writes))
    });
    std::iter::once(vec![Field::Word("clock"), Field::Number(log.clock_hz)]).chain(events)
}

/// A wait as numbers of 32 bits.
fn waits(mut ticks: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let part = u32::try_from(ticks).unwrap_or(u32::MAX);
        ticks -= u64::from(part);
        (part > 0).then_some(part)
    })
}

/// Writes tuples as text, one a line, without a newline at the end; as long as the text can be read again.
///
/// # Errors
/// [`ApuError::TooLarge`].
pub(super) fn text(tuples: impl Iterator<Item = Vec<Field>>) -> Result<String, ApuError> {
    use fmt::Write as _;
    let mut text = String::new();
    for fields in tuples {
        if !text.is_empty() {
            text.push('\n');
        }
        for (index, field) in fields.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{field}");
        }
        if text.len() > MAX_INPUT {
            return Err(ApuError::TooLarge { found: text.len() as u64, limit: MAX_INPUT as u64 });
        }
    }
    Ok(text)
}

/// A log in the making.
pub(super) struct Builder {
    log: RegisterLog,
    /// The line that is read, from 1.
    line: usize,
}

impl Builder {
    /// Runs `event` on the fields of every line that is not empty; lines of the clock are dealt with here.
    pub(super) fn read<'a>(
        text: &'a str,
        mut event: impl FnMut(&mut Self, &[&'a str]) -> Result<(), ApuError>,
    ) -> Result<Self, ApuError> {
        if text.len() > MAX_INPUT {
            return Err(ApuError::TooLarge { found: text.len() as u64, limit: MAX_INPUT as u64 });
        }
        // Windows puts a byte order mark in front.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut builder = Self { log: RegisterLog::default(), line: 0 };
        let mut empty = true;
        for (index, line) in text.lines().enumerate() {
            builder.line = index + 1;
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            empty = false;
            let mut fields = [""; 7];
            let mut count = 0;
            for (place, field) in fields.iter_mut().zip(line.split(',')) {
                *place = field.trim();
                count += 1;
            }
            match fields.get(..count).unwrap_or_default() {
                ["clock", clock] => builder.clock(clock)?,
                fields => event(&mut builder, fields)?,
            }
        }
        if empty {
            return Err(ApuError::Line {
                line: 1,
                expected: "an event such as clock,1789773",
                found: "nothing".into(),
            });
        }
        Ok(builder)
    }

    /// The log, once every line has been read.
    pub(super) fn finish(self) -> RegisterLog {
        self.log
    }

    pub(super) fn fault(&self, expected: &'static str, found: &str) -> ApuError {
        const LONGEST: usize = 40;
        let mut excerpt: String = found.chars().take(LONGEST).collect();
        if excerpt.len() < found.len() {
            excerpt.push('…');
        }
        ApuError::Line { line: self.line, expected, found: format!("{excerpt:?}") }
    }

    const fn limit(&self, what: &'static str, found: u64, limit: u64) -> ApuError {
        ApuError::LineLimit { line: self.line, what, found, limit }
    }

    fn clock(&mut self, field: &str) -> Result<(), ApuError> {
        let clock = field.parse().ok().filter(|clock| (MIN_CLOCK..=MAX_CLOCK).contains(clock));
        let clock = clock.ok_or_else(|| self.fault("a clock of 1000000 to 4000000 Hz", field))?;
        self.log.clock_hz = clock;
        self.log.standard = Standard::nearest(clock);
        Ok(())
    }

    /// The value of a function.
    pub(super) fn value(&self, function: &Function, field: &str) -> Result<u8, ApuError> {
        let value = field.parse().ok().filter(|&value| value <= function.highest());
        value.ok_or_else(|| self.fault("a value that the function can have", field))
    }

    pub(super) fn wait(&mut self, field: &str) -> Result<(), ApuError> {
        let ticks: u32 = field.parse().map_err(|_| self.fault("a number of ticks up to 4294967295", field))?;
        self.log.length += u64::from(ticks);
        if self.log.length > MAX_LENGTH {
            return Err(self.limit("length in ticks of 1/44,100 s", self.log.length, MAX_LENGTH));
        }
        Ok(())
    }

    pub(super) fn write(&mut self, register: u8, value: u8) -> Result<(), ApuError> {
        if self.log.writes.len() as u64 >= MAX_EVENTS {
            return Err(self.limit("number of writes", MAX_EVENTS + 1, MAX_EVENTS));
        }
        self.log.writes.push(Write { tick: self.log.length, register, value });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_a_register_share_no_bit_and_their_places_are_known() {
        for register in 0..0x18 {
            let mut used = 0_u8;
            for function in functions_of(register) {
                let mask = function.put(0, 0xFF);
                assert_eq!(used & mask, 0, "{register:02x} {}", function.name);
                used |= mask;
                assert!(function.offset() < 4);
            }
        }
        assert_eq!(function("no", "nl").map(|function| (function.register, function.offset())), Some((0x0E, 2)));
        assert_eq!(function("fc", "mo").map(|function| (function.register, function.offset())), Some((0x17, 0)));
    }

    #[test]
    fn a_function_is_changed_alone() {
        let sweep_period = function("p2", "sp").expect("a function");
        assert_eq!(sweep_period.put(0b1111_1111, 0b010), 0b1010_1111);
        assert_eq!(sweep_period.of(0b1010_1111), 0b010);
    }
}
