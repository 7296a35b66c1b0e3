//! A song as the register writes that play it on the chip.
//!
//! Every note holds its level by constant volume, and every change is one or two writes at its very tick:
//!
//! ```text
//! $4015  ---- NT21   which voices sound
//! $4000  DD11 VVVV   timbre and velocity of a pulse ($4004 of the second, $400C of the noise without DD)
//! $4002  LLLL LLLL   its timer, low, and ($4003) high: clock / (16 · frequency) − 1, rounded
//! $4008  1111 1111   the triangle's linear counter, halted once at its highest
//! $400A  LLLL LLLL   the triangle's timer: clock / (32 · frequency) − 1
//! $400E  M--- PPPP   timbre and 16 − note of the noise
//! ```
//! These are the writes, in this order, of nesmdb 0.1.8 (expressive score → raw score → functional disassembly → VGM); the
//! timers are those of equal temperament with A4 = 440 Hz (nesdev wiki, "APU Pulse", "APU Triangle").

use lakhnes_apu::{RegisterLog, Standard, Write};

use crate::error::TokenizerError;
use crate::expression::{Expression, perform_natural};
use crate::score::{ExpressiveScore, Frame, ScoreRuns};
use crate::song::{Song, Voice};

/// How a song is performed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PerformOptions {
    /// The frame rate, in Hz, to which the song is first reduced, as the original programs did to render faster; `None`
    /// plays it to the sample. Greater than 0 and at most 44,100.
    pub downsample: Option<f64>,
    /// Whether a song without dynamics gets some.
    pub expression: Expression,
}

/// Performs a song.
///
/// A note that begins again at its own pitch plays on, for the chip's voices have no attack; a note longer than the song is
/// cut off by its end.
///
/// # Errors
/// [`TokenizerError::Option`] for a rate out of range; [`TokenizerError::Limit`] for more than [`crate::limits`] allow; what
/// [`Song::check`] finds.
pub fn perform(song: &Song, options: &PerformOptions) -> Result<RegisterLog, TokenizerError> {
    let runs = ScoreRuns::from_song(song)?;
    let reduced = options.downsample.map(|rate| runs.downsample(rate)).transpose()?;
    match (options.expression, reduced) {
        (Expression::Plain, None) => Ok(perform_runs(&runs)),
        (Expression::Plain, Some(score)) => Ok(perform_score(&score)),
        (Expression::Natural, None) => perform_natural(song),
        (Expression::Natural, Some(score)) => perform_natural(&score.to_song()?),
    }
}

/// Performs an expressive score.
#[must_use]
pub fn perform_score(score: &ExpressiveScore) -> RegisterLog {
    perform_runs(&score.runs())
}

/// Performs an expressive score that is exact to the sample.
#[must_use]
pub fn perform_runs(runs: &ScoreRuns) -> RegisterLog {
    let mut log = RegisterLog::new(Standard::Ntsc);
    log.length = runs.nsamps;
    let mut performer = Performer::default();
    if runs.starts.is_empty() {
        performer.play(0, &Frame::default(), &mut log.writes);
    }
    for (&tick, frame) in runs.starts.iter().zip(&runs.values) {
        performer.play(tick, frame, &mut log.writes);
    }
    log
}

/// What is written before the first note: every voice silent, at constant volume, without sweep.
const OPENING: [(u8, u8); 6] = [(0x00, 0x30), (0x01, 0x07), (0x04, 0x30), (0x05, 0x07), (0x08, 0xFF), (0x0C, 0x30)];

#[derive(Default)]
struct Performer {
    opened: bool,
    /// The voices that sound, as $4015 has them.
    status: u8,
    before: Frame,
    /// The last velocity of each pulse that was written.
    volumes: [u8; 4],
    /// The period of the noise that was last written.
    period: u8,
}

impl Performer {
    fn play(&mut self, tick: u64, frame: &Frame, writes: &mut Vec<Write>) {
        let mut write = |(register, value)| writes.push(Write { tick, register, value });
        let status = Voice::ALL.into_iter().filter(|&voice| frame[voice.index()][0] != 0);
        let status = status.fold(0, |status, voice| status | 1 << voice.index());
        if !self.opened {
            write((0x15, status));
            OPENING.into_iter().for_each(&mut write);
            (self.opened, self.status) = (true, status);
        }
        for voice in Voice::ALL {
            // $4015 is written once, with the first voice that begins or ends.
            if (status ^ self.status) >> voice.index() & 1 != 0 {
                write((0x15, status));
                self.status = status;
            }
            let (now, before) = (frame[voice.index()], self.before[voice.index()]);
            match voice {
                Voice::P1 => self.pulse(voice, 0x00, now, before, &mut write),
                Voice::P2 => self.pulse(voice, 0x04, now, before, &mut write),
                Voice::Tr => triangle(now, before, &mut write),
                Voice::No => self.noise(now, before, &mut write),
            }
        }
        self.before = *frame;
    }

    fn pulse(&mut self, voice: Voice, base: u8, now: [u8; 3], before: [u8; 3], write: &mut impl FnMut((u8, u8))) {
        let ([note, velocity, timbre], [last, _, last_timbre]) = (now, before);
        let volume = &mut self.volumes[voice.index()];
        let louder_or_softer = is_new_velocity(now, before);
        if louder_or_softer {
            *volume = velocity;
        }
        let onset = note != 0 && last == 0;
        if louder_or_softer || timbre != last_timbre {
            write((base, timbre << 6 | 0x30 | *volume));
        }
        let ([low, high], [last_low, last_high]) = (pulse_timer(note).to_le_bytes(), pulse_timer(last).to_le_bytes());
        if low != last_low {
            write((base + 2, low));
        }
        if onset || high != last_high {
            write((base + 3, high)); // also restarts the length counter, without which the onset would be silent
        }
    }

    fn noise(&mut self, now: [u8; 3], before: [u8; 3], write: &mut impl FnMut((u8, u8))) {
        let ([note, velocity, timbre], [last, _, last_timbre]) = (now, before);
        if is_new_velocity(now, before) {
            write((0x0C, 0x30 | velocity));
        }
        let begins = note != 0 && note != last;
        if begins {
            self.period = 16_u8.saturating_sub(note);
        }
        if begins || timbre != last_timbre {
            write((0x0E, timbre << 7 | self.period));
        }
        if begins {
            write((0x0F, 0x00)); // also restarts the length counter
        }
    }
}

fn triangle([note, ..]: [u8; 3], [last, ..]: [u8; 3], write: &mut impl FnMut((u8, u8))) {
    if note != last {
        let [low, high] = triangle_timer(note).to_le_bytes();
        write((0x0A, low));
        write((0x0B, high));
    }
}

/// Whether the velocity is to be written: not the 0 of a rest, in which the voice keeps its volume unheard.
const fn is_new_velocity([note, velocity, _]: [u8; 3], [_, last_velocity, _]: [u8; 3]) -> bool {
    velocity != last_velocity && (note != 0 || velocity != 0)
}

/// The timer of a pulse for a MIDI note; 0 for none.
pub(crate) fn pulse_timer(note: u8) -> u16 {
    timer(note, 16.0)
}

/// The timer of the triangle, whose waveform is twice as long.
fn triangle_timer(note: u8) -> u16 {
    timer(note, 32.0)
}

fn timer(note: u8, steps: f64) -> u16 {
    if note == 0 {
        return 0;
    }
    let frequency = 440.0 * ((f64::from(note) - 69.0) / 12.0).exp2();
    let timer = f64::from(Standard::Ntsc.clock_hz()) / (steps * frequency) - 1.0;
    timer.round().clamp(0.0, 2_047.0) as u16
}
