//! What can be wrong with a log, an option, a call or a file, said in one line.

use thiserror::Error;

/// Every failure of this crate. Each names what was expected, what was found and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApuError {
    /// The output sample rate lies outside the supported range.
    #[error("sample rate: expected {min} to {max} Hz, found {found}")]
    SampleRate {
        /// The rate asked for, in Hz.
        found: u32,
        /// [`crate::MIN_SAMPLE_RATE`].
        min: u32,
        /// [`crate::MAX_SAMPLE_RATE`].
        max: u32,
    },
    /// The chip's clock lies outside the supported range.
    #[error("chip clock: expected {min} to {max} Hz, found {found}")]
    ClockRate {
        /// The clock of the log, in Hz.
        found: u32,
        /// [`crate::MIN_CLOCK`].
        min: u32,
        /// [`crate::MAX_CLOCK`].
        max: u32,
    },
    /// A write names a register that the sound chip does not have.
    #[error("write {index}: expected a register from $4000 to $4017, found ${:04X}", 0x4000 + u32::from(*.register))]
    Register {
        /// Position in the list of writes.
        index: usize,
        /// The register, less $4000.
        register: u8,
    },
    /// Writes or memory blocks are not in the order of their ticks.
    #[error("{what} {index}: expected a tick of at least {previous}, found {tick}")]
    TickOrder {
        /// `"write"` or `"memory block"`.
        what: &'static str,
        /// Position in the list.
        index: usize,
        /// The tick that goes back.
        tick: u64,
        /// The tick before it.
        previous: u64,
    },
    /// The loop point does not lie inside the log.
    #[error("loop point: expected a tick below the length {length}, found {found}")]
    LoopPoint {
        /// The loop point, in ticks.
        found: u64,
        /// The length of the log, in ticks.
        length: u64,
    },
    /// The audio would be longer than the limit.
    #[error("length: expected at most {limit} ticks of 1/44,100 s, found {found}; raise the maximal duration to go on")]
    TooLong {
        /// Ticks asked for.
        found: u64,
        /// [`crate::RenderOptions::max_ticks`].
        limit: u64,
    },
    /// More events than the limit.
    #[error("events: expected at most {limit}, found {found}")]
    TooManyEvents {
        /// Events found (or the first number past the limit).
        found: u64,
        /// [`crate::MAX_EVENTS`].
        limit: u64,
    },
    /// More writes than the limit, those of loops counted each time that they are played.
    #[error("writes of all loops: expected at most {limit}, found {found}; fewer loops or a shorter fade have fewer")]
    TooManyWrites {
        /// Writes asked for; 64 bytes of sample memory count as one.
        found: u64,
        /// [`crate::MAX_PLAYED`].
        limit: u64,
    },
    /// More bytes than the limit.
    #[error("size: expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// Bytes found (or the first number past the limit).
        found: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A call went back in time.
    #[error("cycle: expected at least {now}, found {found}")]
    CycleOrder {
        /// The cycle of the call.
        found: u64,
        /// The cycle that the chip has reached.
        now: u64,
    },
    /// A call would take the chip further at once than one frame may.
    #[error("cycle: expected at most {limit} cycles after {now}, found {found}")]
    FrameTooLong {
        /// The cycle of the call.
        found: u64,
        /// The cycle at which the frame began.
        now: u64,
        /// [`crate::MAX_FRAME_CYCLES`].
        limit: u64,
    },
    /// An address that is not one of the chip's.
    #[error("address: expected $4000 to $4017, found ${found:04X}")]
    Address {
        /// The address.
        found: u16,
    },
    /// Bytes that are not what the format says.
    #[error("byte {offset}: expected {expected}, found {found}")]
    Format {
        /// Offset in the (unpacked) file.
        offset: usize,
        /// What the format asks for.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A line of a text that is not what the format says. Lines count from 1.
    #[error("line {line}: expected {expected}, found {found}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What the format asks for.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A line of a text with which there is more than a limit allows. Lines count from 1.
    #[error("line {line}: {what}: expected at most {limit}, found {found}")]
    LineLimit {
        /// The line, from 1.
        line: usize,
        /// What is too much, with its unit.
        what: &'static str,
        /// What the text asks for (at least).
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A file with which there is more than a limit allows.
    #[error("byte {offset}: {what}: expected at most {limit}, found {found}")]
    ByteLimit {
        /// Offset in the (unpacked) file, behind what oversteps the limit.
        offset: usize,
        /// What is too much, with its unit.
        what: &'static str,
        /// What the file asks for (at least).
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Well-formed, but for another chip or a feature that this crate leaves out.
    #[error("byte {offset}: {what} is not supported")]
    Unsupported {
        /// Offset in the (unpacked) file.
        offset: usize,
        /// The feature.
        what: &'static str,
    },
    /// A file of several tracks that has not the one asked for.
    #[error("track: expected 1 to {tracks}, found {found}")]
    Track {
        /// The track, from 1.
        found: u64,
        /// How many there are.
        tracks: u64,
    },
    /// A log that a format has no way to hold.
    #[error("{format} cannot hold {what}")]
    NotWritable {
        /// The format.
        format: &'static str,
        /// What stands in the way.
        what: &'static str,
    },
}
