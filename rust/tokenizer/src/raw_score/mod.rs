//! Raw scores: the state of the chip's voices at every instant, between register writes and notes.
//!
//! ```text
//! frame   [p1, p2, tr, no] × [timer high, timer low, volume, timbre]   16 bytes; timer 0 is silence
//! ```
//! The noise has no timer: its second byte is 16 − period, 1 to 16, as in an expressive score. The triangle has neither
//! volume nor timbre (both 0). A voice that rests keeps its timbre.
//!
//! Source: Donahue, Mao, `McAuley`, "The NES Music Database", ISMIR 2018, and its programs' results; timers: nesdev wiki,
//! "APU Pulse", "APU Triangle".

use lakhnes_apu::{MAX_CLOCK, MIN_CLOCK, RegisterLog, Standard, Trace, VoiceState};

use crate::error::{TokenizerError, check_limit};
use crate::limits::MAX_SCORE_BYTES;
use crate::score::{ExpressiveScore, Frame, ScoreRuns, check_rate, check_starts, frame_starts, push_run};
use crate::score_fault::{Cell, ScoreFault};
use crate::voice::Voice;

mod perform;
mod timer;

pub(crate) use perform::Performer;

/// The timer of a pulse for a MIDI note; 0 for none.
pub(crate) fn pulse_timer(note: u8) -> u16 {
    timer::of_note(Voice::P1, note)
}

/// What the four voices do at an instant: timer high, timer low, volume and timbre of each.
pub type RawFrame = [[u8; 4]; 4];

/// Bytes of a frame.
const FRAME_BYTES: usize = 16;

/// A raw score at a constant frame rate.
#[derive(Debug, Clone, PartialEq)]
pub struct RawScore {
    /// The clock of the chip in Hz, to which the timers belong.
    pub clock_hz: u32,
    /// Frames a second, greater than 0 and at most 44,100.
    pub rate: f64,
    /// The length of the song, in samples of 1/44,100 s.
    pub nsamps: u64,
    /// The frames; the last lasts until the end of the song.
    pub frames: Vec<RawFrame>,
}

/// A raw score at 44,100 frames a second, run-length coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRuns {
    /// The clock of the chip in Hz, to which the timers belong.
    pub clock_hz: u32,
    /// The length of the song, in samples of 1/44,100 s.
    pub nsamps: u64,
    /// Where each run begins, in samples: ascending, the first at 0.
    pub starts: Vec<u64>,
    /// The frame that holds throughout each run; unlike its neighbours.
    pub values: Vec<RawFrame>,
}

impl RawScore {
    /// Builds a score from the parts of a `.npz` file: the frames as bytes of shape (N, 4, 4), C order.
    ///
    /// # Errors
    /// [`TokenizerError::Score`] for a length that is no multiple of 16 or values that no voice has;
    /// [`TokenizerError::Option`] for a rate out of range; [`TokenizerError::Limit`].
    pub fn from_bytes(clock_hz: u32, rate: f64, nsamps: u64, bytes: &[u8]) -> Result<Self, TokenizerError> {
        check_clock(clock_hz)?;
        check_rate(rate)?;
        TokenizerError::check_ticks(nsamps)?;
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, bytes.len() as u64)?;
        let frames = frames_of(bytes)?;
        Ok(Self { clock_hz, rate, nsamps, frames })
    }

    /// The frames as bytes of shape (N, 4, 4), C order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.frames.iter().flatten().flatten().copied().collect()
    }

    /// The timers of an expressive score's notes.
    #[must_use]
    pub fn from_expressive(score: &ExpressiveScore) -> Self {
        let frames = score.frames.iter().map(raw).collect();
        Self { clock_hz: Standard::Ntsc.clock_hz(), rate: score.rate, nsamps: score.nsamps, frames }
    }

    /// The notes of its timers.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`].
    pub fn to_expressive(&self) -> Result<ExpressiveScore, TokenizerError> {
        let frames = self.frames.iter().map(|frame| expressive(self.clock_hz, frame)).collect();
        ExpressiveScore::from_frames(self.rate, self.nsamps, frames)
    }

    /// Where its frames change, in samples, as [`ExpressiveScore::runs`].
    #[must_use]
    pub fn runs(&self) -> RawRuns {
        let mut runs = RawRuns::new(self.clock_hz, self.nsamps);
        for (start, frame) in frame_starts(self.rate).zip(&self.frames) {
            runs.push(start, frame);
        }
        runs
    }
}

impl RawRuns {
    /// Builds runs from the parts of a `.npz` file: where they begin and their frames as bytes of shape (N, 4, 4).
    ///
    /// # Errors
    /// [`TokenizerError::Score`] if the parts do not fit each other or hold values that no voice has;
    /// [`TokenizerError::Option`] for a clock out of range; [`TokenizerError::Limit`].
    pub fn from_bytes(clock_hz: u32, nsamps: u64, starts: Vec<u64>, bytes: &[u8]) -> Result<Self, TokenizerError> {
        check_clock(clock_hz)?;
        TokenizerError::check_ticks(nsamps)?;
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, bytes.len() as u64)?;
        let values = frames_of(bytes)?;
        check_starts(&starts, values.len(), nsamps)?;
        Ok(Self { clock_hz, nsamps, starts, values })
    }

    const fn new(clock_hz: u32, nsamps: u64) -> Self {
        Self { clock_hz, nsamps, starts: Vec::new(), values: Vec::new() }
    }

    /// The raw score of a log: what its counters, sweeps and envelopes make of the writes. See
    /// [`Trace`] for the rules.
    ///
    /// # Errors
    /// [`TokenizerError::Option`] for a clock out of range; [`TokenizerError::Limit`] for a log of more than [`crate::limits::MAX_TICKS`] or of too many changes.
    pub fn from_log(log: &RegisterLog) -> Result<Self, TokenizerError> {
        Self::from_trace(log, Trace::new)
    }

    /// The raw score of a log as [`Self::from_log`], but true to the chip: see [`Trace::exact`].
    ///
    /// # Errors
    /// As [`Self::from_log`].
    pub fn from_log_exactly(log: &RegisterLog) -> Result<Self, TokenizerError> {
        Self::from_trace(log, Trace::exact)
    }

    fn from_trace<'a>(log: &'a RegisterLog, trace: fn(&'a RegisterLog) -> Trace<'a>) -> Result<Self, TokenizerError> {
        TokenizerError::check_ticks(log.length)?;
        check_clock(log.clock_hz)?;
        let mut runs = Self::new(log.clock_hz, log.length);
        for (tick, states) in trace(log) {
            runs.push(tick, &frame_of_states(&states));
            TokenizerError::check_events(runs.starts.len())?;
        }
        Ok(runs)
    }

    /// The register writes that play it.
    #[must_use]
    pub fn to_log(&self) -> RegisterLog {
        perform::perform(self)
    }

    /// The timers of an expressive score's notes.
    #[must_use]
    pub fn from_expressive(runs: &ScoreRuns) -> Self {
        let mut raw_runs = Self::new(Standard::Ntsc.clock_hz(), runs.nsamps);
        for (&start, frame) in runs.starts.iter().zip(&runs.values) {
            raw_runs.push(start, &raw(frame));
        }
        raw_runs
    }

    /// The notes of its timers: of equal temperament with A4 = 440 Hz, the nearest. What lies outside 21 to 108 is not heard.
    #[must_use]
    pub fn to_expressive(&self) -> ScoreRuns {
        let mut runs = ScoreRuns { nsamps: self.nsamps, ..ScoreRuns::default() };
        for (&start, frame) in self.starts.iter().zip(&self.values) {
            runs.push(start, &expressive(self.clock_hz, frame));
        }
        runs
    }

    /// The raw score of its notes at a lower frame rate: that of [`ScoreRuns::downsample`], at the usual clock.
    ///
    /// # Errors
    /// [`TokenizerError::Option`] for a rate out of range; [`TokenizerError::Limit`].
    pub fn downsample(&self, rate: f64) -> Result<RawScore, TokenizerError> {
        Ok(RawScore::from_expressive(&self.to_expressive().downsample(rate)?))
    }

    /// Puts a frame at the end, unless it lies past the end of the song; see [`push_run`].
    fn push(&mut self, start: u64, frame: &RawFrame) {
        if start < self.nsamps {
            push_run(&mut self.starts, &mut self.values, start, frame);
        }
    }
}

/// Splits bytes into frames, and refuses values that no voice has.
fn frames_of(bytes: &[u8]) -> Result<Vec<RawFrame>, TokenizerError> {
    let (chunks, rest) = bytes.as_chunks::<FRAME_BYTES>();
    if !rest.is_empty() {
        return Err(TokenizerError::Score(ScoreFault::FrameSize { form: "4 × 4", found: bytes.len() }));
    }
    let frames: Vec<RawFrame> = chunks.iter().map(frame_of).collect();
    for (index, frame) in frames.iter().enumerate() {
        check_frame(index, frame)?;
    }
    Ok(frames)
}

fn frame_of(bytes: &[u8; FRAME_BYTES]) -> RawFrame {
    let mut frame = RawFrame::default();
    for (place, &byte) in frame.iter_mut().flatten().zip(bytes) {
        *place = byte;
    }
    frame
}

fn frame_of_states(states: &[VoiceState; 4]) -> RawFrame {
    let mut frame = RawFrame::default();
    for ((voice, state), place) in Voice::ALL.into_iter().zip(states).zip(&mut frame) {
        if !state.sounds {
            *place = [0, 0, 0, state.timbre];
            continue;
        }
        let [high, low] = match voice {
            Voice::No => [0, 16 - (state.timer as u8 & 15)],
            _ => state.timer.to_be_bytes(),
        };
        *place = [high, low, state.volume, state.timbre];
    }
    frame
}

fn check_clock(clock_hz: u32) -> Result<(), TokenizerError> {
    if (MIN_CLOCK..=MAX_CLOCK).contains(&clock_hz) {
        return Ok(());
    }
    Err(TokenizerError::Option { name: "clock", expected: "1,000,000 to 4,000,000 Hz", found: clock_hz.to_string() })
}

/// Refuses values that no voice has.
fn check_frame(index: usize, frame: &RawFrame) -> Result<(), TokenizerError> {
    for (voice, &[high, low, volume, timbre]) in Voice::ALL.into_iter().zip(frame) {
        let fault = |cell, found| Err(TokenizerError::Score(ScoreFault::Value { cell, voice, found, frame: index }));
        let timer = u16::from_be_bytes([high, low]);
        let highest = if voice == Voice::No { 16 } else { 0x7FF };
        if timer > highest {
            return fault(Cell::Timer, timer);
        }
        if volume > voice.velocities().map_or(0, |range| *range.end()) {
            return fault(Cell::Volume, volume.into());
        }
        if timbre > voice.timbres().map_or(0, |range| *range.end()) {
            return fault(Cell::Timbre, timbre.into());
        }
    }
    Ok(())
}

/// The timers of a frame's notes.
pub(crate) fn raw(frame: &Frame) -> RawFrame {
    let mut raw = RawFrame::default();
    for ((voice, &[note, velocity, timbre]), place) in Voice::ALL.into_iter().zip(frame).zip(&mut raw) {
        let [high, low] = match voice {
            Voice::No => [0, note],
            _ => timer::of_note(voice, note).to_be_bytes(),
        };
        *place = [high, low, velocity, timbre];
    }
    raw
}

/// The notes of a frame's timers.
fn expressive(clock_hz: u32, raw: &RawFrame) -> Frame {
    let mut frame = Frame::default();
    for ((voice, &[high, low, volume, timbre]), place) in Voice::ALL.into_iter().zip(raw).zip(&mut frame) {
        let note = match voice {
            Voice::No => low,
            _ => timer::note(voice, clock_hz, u16::from_be_bytes([high, low])),
        };
        // A voice whose note is none rests: its volume is not heard.
        *place = if note == 0 { [0, 0, timbre] } else { [note, volume, timbre] };
    }
    frame
}
