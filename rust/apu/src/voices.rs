//! The two pulses, the triangle and the noise behind their registers: what the chip makes sound of, and what a
//! transcription ([`Trace`](crate::Trace)) looks at.
//!
//! ```text
//! $4000–$4003 first pulse   $4004–$4007 second pulse   $4008–$400B triangle   $400C–$400F noise
//! $4015  ---D NT21          enable the channels
//! ```
//!
//! Source: nesdev wiki, "APU registers".

use crate::Standard;
use crate::frame_counter::Clock;
use crate::noise::Noise;
use crate::pulse::Pulse;
use crate::triangle::Triangle;

/// What a voice plays at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VoiceState {
    /// Whether it is heard. The triangle has no other volume.
    pub sounds: bool,
    /// The timer of a pulse or the triangle, 0 to 2047; the period of the noise, 0 to 15.
    pub timer: u16,
    /// The volume, 0 to 15; 0 for the triangle.
    pub volume: u8,
    /// The duty of a pulse, 0 to 3; the mode of the noise, 0 or 1.
    pub timbre: u8,
}

/// The four voices. `time` is in cycles on the chip; whatever its unit, the length counters only compare it with the time
/// of their last clock.
#[derive(Debug, Clone)]
pub(crate) struct Voices {
    pub(crate) p1: Pulse,
    pub(crate) p2: Pulse,
    pub(crate) triangle: Triangle,
    pub(crate) noise: Noise,
}

impl Voices {
    pub(crate) fn new(standard: Standard) -> Self {
        Self { p1: Pulse::new(true), p2: Pulse::new(false), triangle: Triangle::new(), noise: Noise::new(standard) }
    }

    /// A write to register 0x00 to 0x0F ($4000 to $400F); others are no voice's.
    pub(crate) fn write(&mut self, time: u64, register: u8, value: u8) {
        let place = register & 3;
        match register {
            0x00..=0x03 => self.p1.write(time, place, value),
            0x04..=0x07 => self.p2.write(time, place, value),
            0x08..=0x0B => self.triangle.write(time, place, value),
            0x0C..=0x0F => self.noise.write(time, place, value),
            _ => {}
        }
    }

    /// Whether the pulses, and whether triangle and noise, go on in another way after such a write.
    pub(crate) fn changed_by_write(&self, time: u64, register: u8, value: u8) -> [bool; 2] {
        let place = register & 3;
        match register {
            // The high timer of a pulse starts its sequence over.
            0x03 | 0x07 => [true, false],
            0x00..=0x02 => [changed(&self.p1, pulse_state, |pulse| pulse.write(time, place, value)), false],
            0x04..=0x06 => [changed(&self.p2, pulse_state, |pulse| pulse.write(time, place, value)), false],
            0x08..=0x0B => {
                [false, changed(&self.triangle, triangle_state, |triangle| triangle.write(time, place, value))]
            }
            0x0C..=0x0F => [false, changed(&self.noise, noise_state, |noise| noise.write(time, place, value))],
            _ => [false; 2],
        }
    }

    /// A write to $4015.
    pub(crate) fn enable(&mut self, status: u8) {
        self.p1.length.enable(status & 0x01 != 0);
        self.p2.length.enable(status & 0x02 != 0);
        self.triangle.length.enable(status & 0x04 != 0);
        self.noise.length.enable(status & 0x08 != 0);
    }

    /// The console's reset: $4015 is cleared, and with it the halt bits of all but the triangle.
    pub(crate) fn reset(&mut self) {
        self.enable(0);
        self.p1.length.halt(false);
        self.p2.length.halt(false);
        self.noise.length.halt(false);
    }

    /// A clock of the frame counter.
    pub(crate) fn clock(&mut self, time: u64, clock: Clock) {
        clock_pulse(&mut self.p1, time, clock);
        clock_pulse(&mut self.p2, time, clock);
        clock_triangle(&mut self.triangle, time, clock);
        clock_noise(&mut self.noise, time, clock);
    }

    /// Whether the pulses, and whether triangle and noise, go on in another way after such a clock.
    pub(crate) fn changed_by_clock(&self, time: u64, clock: Clock) -> [bool; 2] {
        let pulse = |pulse: &Pulse| changed(pulse, pulse_state, |pulse| clock_pulse(pulse, time, clock));
        let triangle = changed(&self.triangle, triangle_state, |triangle| clock_triangle(triangle, time, clock));
        let noise = || changed(&self.noise, noise_state, |noise| clock_noise(noise, time, clock));
        [pulse(&self.p1) || pulse(&self.p2), triangle || noise()]
    }

    /// Which of them are still counting, in the order of the bits of $4015.
    pub(crate) const fn active(&self) -> [bool; 4] {
        [self.p1.length.active(), self.p2.length.active(), self.triangle.length.active(), self.noise.length.active()]
    }

    /// What they play.
    pub(crate) fn states(&self) -> [VoiceState; 4] {
        [pulse_state(&self.p1), pulse_state(&self.p2), triangle_state(&self.triangle), noise_state(&self.noise)]
    }
}

/// Whether what happens to a voice changes its state.
#[inline]
fn changed<T: Clone>(voice: &T, state: impl Fn(&T) -> VoiceState, happens: impl Fn(&mut T)) -> bool {
    let mut after = voice.clone();
    happens(&mut after);
    state(&after) != state(voice)
}

fn clock_pulse(pulse: &mut Pulse, time: u64, clock: Clock) {
    if clock.quarter {
        pulse.envelope.clock();
    }
    if clock.half {
        pulse.clock_half(time);
    }
}

fn clock_triangle(triangle: &mut Triangle, time: u64, clock: Clock) {
    if clock.quarter {
        triangle.clock_quarter();
    }
    if clock.half {
        triangle.length.clock(time);
    }
}

fn clock_noise(noise: &mut Noise, time: u64, clock: Clock) {
    if clock.quarter {
        noise.envelope.clock();
    }
    if clock.half {
        noise.length.clock(time);
    }
}

fn pulse_state(pulse: &Pulse) -> VoiceState {
    VoiceState {
        sounds: pulse.is_heard(),
        timer: pulse.period(),
        volume: pulse.envelope.volume(),
        timbre: pulse.duty(),
    }
}

fn triangle_state(triangle: &Triangle) -> VoiceState {
    VoiceState { sounds: triangle.moves(), timer: triangle.period(), volume: 0, timbre: 0 }
}

fn noise_state(noise: &Noise) -> VoiceState {
    VoiceState {
        sounds: noise.is_heard(),
        timer: noise.period_index().into(),
        volume: noise.envelope.volume(),
        timbre: noise.mode(),
    }
}
