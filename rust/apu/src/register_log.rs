//! A register log: everything that a program tells the sound chip, and when.
//!
//! The hub of all chip-level work: formats read into it and write from it, the chip plays it. Time is in ticks of
//! 1/44,100 s, the clock of the VGM format; a tick becomes a cycle by the exact fraction `tick * clock_hz / 44,100`.

use crate::ApuError;

/// Ticks in a second.
pub const TICK_RATE: u64 = 44_100;
/// Slowest clock that a log may have, in Hz.
pub const MIN_CLOCK: u32 = 1_000_000;
/// Fastest clock that a log may have, in Hz.
pub const MAX_CLOCK: u32 = 4_000_000;
/// Most writes (and most memory blocks) that a log may hold.
pub const MAX_EVENTS: u64 = 16_000_000;
/// Longest log, in ticks: enough for any recording, and small enough that no product of times overflows.
pub const MAX_LENGTH: u64 = 1 << 40;

/// The console's television standard, which fixes the clock and the period tables.
///
/// Source: nesdev wiki, "Cycle reference chart".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Standard {
    /// 2A03, 1.789773 MHz (America, Japan).
    #[default]
    Ntsc,
    /// 2A07, 1.662607 MHz (Europe).
    Pal,
    /// UA6527P, 1.773448 MHz, with the tables of the 2A03.
    Dendy,
}

impl Standard {
    /// The processor's clock in Hz, rounded to an integer as VGM headers give it.
    #[must_use]
    pub const fn clock_hz(self) -> u32 {
        match self {
            Self::Ntsc => 1_789_773,
            Self::Pal => 1_662_607,
            Self::Dendy => 1_773_448,
        }
    }

    /// The console whose clock is nearest to one in Hz.
    #[must_use]
    pub fn nearest(clock_hz: u32) -> Self {
        let standards = [Self::Ntsc, Self::Pal, Self::Dendy];
        standards.into_iter().min_by_key(|standard| standard.clock_hz().abs_diff(clock_hz)).unwrap_or_default()
    }
}

/// One write to one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Write {
    /// When, in ticks of 1/44,100 s.
    pub tick: u64,
    /// Which register: `0x00..=0x17` stands for $4000–$4017.
    pub register: u8,
    /// The byte.
    pub value: u8,
}

/// Bytes that appear in the address space that the sample channel reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemoryBlock {
    /// When, in ticks of 1/44,100 s (0 for all but bank-switched songs).
    pub tick: u64,
    /// Where the first byte lies; the sample channel sees $8000–$FFFF.
    pub address: u16,
    /// The bytes; those that would lie past $FFFF are never read.
    pub bytes: Vec<u8>,
}

/// What is known about a song. Empty where nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tags {
    /// Track name.
    pub title: String,
    /// Track name in its original script.
    pub title_native: String,
    /// Game name.
    pub game: String,
    /// Game name in its original script.
    pub game_native: String,
    /// System name.
    pub system: String,
    /// System name in its original script.
    pub system_native: String,
    /// Composer.
    pub artist: String,
    /// Composer in the original script.
    pub artist_native: String,
    /// Date of release.
    pub date: String,
    /// Who made the file.
    pub creator: String,
    /// Free text.
    pub notes: String,
}

impl Tags {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is known, under the names of the fields.
    pub fn known(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = [
            ("title", &self.title),
            ("title_native", &self.title_native),
            ("game", &self.game),
            ("game_native", &self.game_native),
            ("system", &self.system),
            ("system_native", &self.system_native),
            ("artist", &self.artist),
            ("artist_native", &self.artist_native),
            ("date", &self.date),
            ("creator", &self.creator),
            ("notes", &self.notes),
        ];
        texts.into_iter().map(|(name, text)| (name, text.as_str())).filter(|(_, text)| !text.is_empty())
    }
}

/// How a file corrects the number of loops that a listener asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LoopScale {
    /// Loops that are left out: those that the log itself holds already.
    pub base: i8,
    /// Sixteenths of the number; 0 counts as 16.
    pub modifier: u8,
}

impl LoopScale {
    /// How often the part from the loop point on is played where `loops` are asked for: `loops · modifier / 16 − base`, at
    /// least once. Source: VGM spec, "Loop Base", "Loop Modifier".
    #[must_use]
    pub fn of(self, loops: u32) -> u32 {
        let modifier = if self.modifier == 0 { 16 } else { i64::from(self.modifier) };
        let scaled = i64::from(loops) * modifier / 16 - i64::from(self.base);
        u32::try_from(scaled.max(1)).unwrap_or(u32::MAX)
    }
}

/// Timed register writes, with all that is needed to play them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegisterLog {
    /// The console.
    pub standard: Standard,
    /// The chip's clock in Hz, [`MIN_CLOCK`] to [`MAX_CLOCK`].
    pub clock_hz: u32,
    /// The writes, in the order of their ticks. Those at or after `length` are not heard.
    pub writes: Vec<Write>,
    /// How long the log lasts, in ticks.
    pub length: u64,
    /// The tick from which it goes on when it has ended, below `length`.
    pub loop_start: Option<u64>,
    /// How often it does so for a listener who asks for a number of loops.
    pub loop_scale: LoopScale,
    /// How much louder it is to be played than it is, in steps of 2^(1/32), a fifth of a decibel; below 0, softer. Source:
    /// VGM spec, "Volume Modifier".
    pub volume: i16,
    /// How long the end of a log without a loop point fades to silence, in ticks: of music that was cut off there.
    pub fade_ticks: u64,
    /// Sample memory, in the order of the ticks; a block comes before the writes of its tick.
    pub memory: Vec<MemoryBlock>,
    /// What is known about the song.
    pub tags: Tags,
}

impl Default for RegisterLog {
    fn default() -> Self {
        Self::new(Standard::Ntsc)
    }
}

impl RegisterLog {
    /// A log of no length for a console, at its usual clock.
    #[must_use]
    pub fn new(standard: Standard) -> Self {
        Self {
            standard,
            clock_hz: standard.clock_hz(),
            writes: Vec::new(),
            length: 0,
            loop_start: None,
            loop_scale: LoopScale::default(),
            volume: 0,
            fade_ticks: 0,
            memory: Vec::new(),
            tags: Tags::default(),
        }
    }

    /// The cycle at which `tick` begins: the first one not before it.
    #[must_use]
    pub fn cycle_of(&self, tick: u64) -> u64 {
        // A valid log's product has 62 bits.
        if let Some(exact) = tick.checked_mul(u64::from(self.clock_hz)) {
            return exact.div_ceil(TICK_RATE);
        }
        let exact = u128::from(tick) * u128::from(self.clock_hz);
        u64::try_from(exact.div_ceil(u128::from(TICK_RATE))).unwrap_or(u64::MAX)
    }

    /// Whether it writes to a register of the sample channel, which then has a stem.
    #[must_use]
    pub fn uses_samples(&self) -> bool {
        self.writes.iter().any(|write| matches!(write.register, 0x10..=0x13))
    }

    /// Checks everything that the types do not: clock, limits, registers, order, loop point.
    ///
    /// # Errors
    /// The first thing that is wrong, as the [`ApuError`] that names it.
    pub fn validate(&self) -> Result<(), ApuError> {
        if !(MIN_CLOCK..=MAX_CLOCK).contains(&self.clock_hz) {
            return Err(ApuError::ClockRate { found: self.clock_hz, min: MIN_CLOCK, max: MAX_CLOCK });
        }
        if self.length > MAX_LENGTH {
            return Err(ApuError::TooLong { found: self.length, limit: MAX_LENGTH });
        }
        let events = self.writes.len().max(self.memory.len()) as u64;
        if events > MAX_EVENTS {
            return Err(ApuError::TooManyEvents { found: events, limit: MAX_EVENTS });
        }
        if let Some(found) = self.loop_start.filter(|&start| start >= self.length) {
            return Err(ApuError::LoopPoint { found, length: self.length });
        }
        if let Some((index, write)) = self.writes.iter().enumerate().find(|(_, write)| write.register > 0x17) {
            return Err(ApuError::Register { index, register: write.register });
        }
        in_order("write", self.writes.iter().map(|write| write.tick))?;
        in_order("memory block", self.memory.iter().map(|block| block.tick))
    }
}

fn in_order(what: &'static str, ticks: impl Iterator<Item = u64>) -> Result<(), ApuError> {
    let mut previous = 0;
    for (index, tick) in ticks.enumerate() {
        if tick < previous {
            return Err(ApuError::TickOrder { what, index, tick, previous });
        }
        previous = tick;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(writes: &[(u64, u8)]) -> RegisterLog {
        let writes = writes.iter().map(|&(tick, register)| Write { tick, register, value: 0 }).collect();
        RegisterLog { writes, length: 100, ..RegisterLog::default() }
    }

    #[test]
    fn a_second_of_ticks_is_a_second_of_cycles_even_after_an_hour() {
        let log = RegisterLog::default();
        assert_eq!(log.cycle_of(TICK_RATE), 1_789_773);
        assert_eq!(log.cycle_of(3600 * TICK_RATE), 3600 * 1_789_773);
        assert_eq!(log.cycle_of(1), 41); // 40.584… rounds up: no cycle begins before its tick
    }

    #[test]
    fn a_write_past_4017_is_refused_with_its_position() {
        assert_eq!(log_of(&[(0, 0x17), (1, 0x18)]).validate(), Err(ApuError::Register { index: 1, register: 0x18 }));
    }

    #[test]
    fn a_write_that_goes_back_in_time_is_refused() {
        let error = log_of(&[(5, 0), (4, 0)]).validate().unwrap_err();
        assert_eq!(error.to_string(), "write 1: expected a tick of at least 5, found 4");
    }

    #[test]
    fn a_loop_point_at_the_end_is_refused() {
        let log = RegisterLog { loop_start: Some(100), ..log_of(&[]) };
        assert_eq!(log.validate(), Err(ApuError::LoopPoint { found: 100, length: 100 }));
    }

    #[test]
    fn a_clock_of_zero_is_refused() {
        assert!(matches!(RegisterLog { clock_hz: 0, ..log_of(&[]) }.validate(), Err(ApuError::ClockRate { .. })));
    }
}
