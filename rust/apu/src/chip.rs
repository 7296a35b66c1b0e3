//! The five channels and the frame counter, wired together and run from event to event.
//!
//! Between two writes or frame-counter clocks nothing changes but the channels' timers, so each channel can say when
//! its level changes next, and the chip goes from one change to the next. The two pulses share one path to the mixer,
//! triangle, noise and sample channel the other; each path only looks at its own changes.
//!
//! ```text
//! $4015 write  ---D NT21   enable the channels
//! $4015 read   IF-D NT21   interrupt flags of sample channel and frame counter; which channels are still counting
//! ```
//!
//! Source: nesdev wiki, "APU".

use crate::Standard;
use crate::band_limited::Synthesizer;
use crate::dmc::Dmc;
use crate::frame_counter::{Clock, FrameCounter};
use crate::mixer::Mixer;
use crate::noise::{Changes, Noise};
use crate::pulse::Pulse;
use crate::timer::Timer;
use crate::triangle::{Triangle, level_at};

/// Buses of the synthesizer.
const PULSES: usize = 0;
const TND: usize = 1;

/// A triangle whose fundamental lies above this part of the sample rate is heard as its mean only: what the kernel
/// would leave of it is more than 80 dB down.
const INAUDIBLE: (u64, u64) = (55, 100);

/// The sound chip, without its ears.
#[derive(Debug, Clone)]
pub(crate) struct Chip {
    p1: Pulse,
    p2: Pulse,
    triangle: Triangle,
    noise: Noise,
    pub(crate) dmc: Dmc,
    frame: FrameCounter,
    mixer: Mixer,
    /// All cycles before this one have been run.
    now: u64,
    /// The levels of both paths as the synthesizer knows them.
    levels: [i32; 2],
    /// Timer periods of the triangle, in cycles, up to which it is inaudible.
    ultrasonic: u64,
    white_noise: WhiteNoise,
}

/// Periods of the noise, in cycles, up to which there are this many clocks in a sample: what its steps may be made with.
#[derive(Debug, Clone, Copy)]
struct WhiteNoise {
    /// At least 8: the spectrum of the means is within 0.2 dB of flat.
    many: u64,
    /// At least 5 in 8: no clock rate within the range of hearing.
    some: u64,
}

impl Chip {
    /// The chip at power-up (nesdev wiki, "CPU power up state").
    pub(crate) fn new(standard: Standard, mixer: Mixer, clock_hz: u32, sample_rate: u32) -> Self {
        let (part, whole) = INAUDIBLE;
        let mut chip = Self {
            p1: Pulse::new(true),
            p2: Pulse::new(false),
            triangle: Triangle::new(),
            noise: Noise::new(standard),
            dmc: Dmc::new(standard),
            frame: FrameCounter::new(standard),
            mixer,
            now: 0,
            levels: [0; 2],
            white_noise: WhiteNoise {
                many: u64::from(clock_hz) / (8 * u64::from(sample_rate).max(1)),
                some: u64::from(clock_hz) * 8 / (5 * u64::from(sample_rate).max(1)),
            },
            ultrasonic: u64::from(clock_hz) * whole / (32 * part * u64::from(sample_rate).max(1)),
        };
        chip.levels[TND] = chip.mixer.tnd(level_at(chip.triangle.position), 0, 0);
        chip
    }

    /// The level of the mix at power-up, in the mixer's units.
    pub(crate) fn level(&self) -> i32 {
        self.levels[PULSES] + self.levels[TND]
    }

    /// A write on `cycle`, after everything else that happens on it, to register 0 to 0x17 ($4000 to $4017).
    pub(crate) fn write(&mut self, synthesizer: &mut Synthesizer, cycle: u64, register: u8, value: u8) {
        self.run(synthesizer, cycle + 1);
        let place = register & 3;
        match register {
            0x00..=0x03 => self.p1.write(cycle, place, value),
            0x04..=0x07 => self.p2.write(cycle, place, value),
            0x08..=0x0B => self.triangle.write(cycle, place, value),
            0x0C..=0x0F => self.noise.write(cycle, place, value),
            0x10..=0x13 => self.dmc.write(place, value),
            0x15 => {
                self.p1.length.enable(value & 0x01 != 0);
                self.p2.length.enable(value & 0x02 != 0);
                self.triangle.length.enable(value & 0x04 != 0);
                self.noise.length.enable(value & 0x08 != 0);
                self.dmc.enable(value & 0x10 != 0);
            }
            0x17 => {
                let clock = self.frame.write(cycle, value);
                self.clock(cycle, clock);
            }
            _ => {}
        }
    }

    /// A read of $4015 on `cycle`, before anything else that happens on it. Clears the frame counter's flag.
    pub(crate) fn read_status(&mut self, synthesizer: &mut Synthesizer, cycle: u64) -> u8 {
        self.run(synthesizer, cycle);
        let bits = [
            self.p1.length.active(),
            self.p2.length.active(),
            self.triangle.length.active(),
            self.noise.length.active(),
            self.dmc.active(),
            false,
            self.frame.flag,
            self.dmc.flag,
        ];
        self.frame.flag = false;
        bits.iter().rev().fold(0, |status, &bit| status << 1 | u8::from(bit))
    }

    /// Whether the interrupt line is pulled on `cycle`.
    pub(crate) fn irq(&mut self, synthesizer: &mut Synthesizer, cycle: u64) -> bool {
        self.run(synthesizer, cycle);
        self.frame.flag || self.dmc.flag
    }

    /// Runs everything that happens before cycle `to`.
    pub(crate) fn run(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        loop {
            let event = self.frame.next();
            if event >= to {
                return self.run_channels(synthesizer, to);
            }
            self.run_channels(synthesizer, event);
            let clock = self.frame.clock();
            self.clock(event, clock);
        }
    }

    fn clock(&mut self, cycle: u64, clock: Clock) {
        if clock.quarter {
            self.p1.envelope.clock();
            self.p2.envelope.clock();
            self.triangle.clock_quarter();
            self.noise.envelope.clock();
        }
        if clock.half {
            self.p1.clock_half(cycle);
            self.p2.clock_half(cycle);
            self.triangle.length.clock(cycle);
            self.noise.clock_half(cycle);
        }
    }

    /// Runs the channels through cycles `now..to`, in which only their timers act.
    fn run_channels(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        if to <= self.now {
            return;
        }
        self.run_pulses(synthesizer, to);
        self.run_tnd(synthesizer, to);
        self.now = to;
    }

    fn run_pulses(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        let mixer = &self.mixer;
        let mut level = self.levels[PULSES];
        let mut set = |cycle: u64, new: i32| {
            if new != level {
                synthesizer.step(PULSES, cycle, new - level);
                level = new;
            }
        };
        let (mut p1, mut p2) = (self.p1.edges(), self.p2.edges());
        set(self.now, mixer.pulses(p1.level, p2.level));
        loop {
            let cycle = p1.next.min(p2.next);
            if cycle >= to {
                break;
            }
            if p1.next == cycle {
                p1.flip();
            }
            if p2.next == cycle {
                p2.flip();
            }
            set(cycle, mixer.pulses(p1.level, p2.level));
        }
        self.levels[PULSES] = level;
        self.p1.advance(to);
        self.p2.advance(to);
    }

    fn run_tnd(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        let Self { mixer, triangle, noise, dmc, .. } = self;
        let Timer { next, period } = triangle.timer();
        let inaudible = triangle.moves() && period <= self.ultrasonic;
        let level_of = |position: u8, noise: u8, dmc: u8| {
            if inaudible { mixer.tnd_mean(noise, dmc) } else { mixer.tnd(level_at(position), noise, dmc) }
        };
        let mut changes = noise.changes();
        let mut position = triangle.position;
        let mut clock = if triangle.moves() && !inaudible { next } else { u64::MAX };
        let mut level = self.levels[TND];
        let mut cycle = self.now;
        loop {
            let new = level_of(position, changes.level, dmc.level);
            if new != level {
                synthesizer.step(TND, cycle, new - level);
            }
            cycle = clock.min(dmc.next());
            if changes.next < cycle.min(to) {
                let swing = level_of(position, changes.volume(), dmc.level) - level_of(position, 0, dmc.level);
                run_noise(synthesizer, &mut changes, cycle.min(to), swing, self.white_noise);
            }
            level = level_of(position, changes.level, dmc.level);
            if cycle >= to {
                break;
            }
            if clock == cycle {
                position = position.wrapping_add(1);
                clock += period;
            }
            if dmc.next() == cycle {
                dmc.clock();
            }
            if changes.next == cycle {
                changes.pass();
            }
        }
        self.levels[TND] = level;
        triangle.advance(to);
        noise.advance(to);
        dmc.advance(to);
    }
}

/// Runs the noise to cycle `to` while triangle and sample channel stand still; it swings by `swing`.
fn run_noise(synthesizer: &mut Synthesizer, changes: &mut Changes, to: u64, swing: i32, limits: WhiteNoise) {
    if changes.white(limits.many) {
        step_noise(changes, to, swing, |cycle, change| synthesizer.mean_step(cycle, change));
    } else if changes.white(limits.some) {
        step_noise(changes, to, swing, |cycle, change| synthesizer.noise_step(TND, cycle, change));
    } else if swing != 0 {
        step_noise(changes, to, swing, |cycle, change| synthesizer.step(TND, cycle, change));
    } else {
        step_noise(changes, to, swing, |_, _| {});
    }
}

#[inline]
fn step_noise(changes: &mut Changes, to: u64, swing: i32, mut step: impl FnMut(u64, i32)) {
    let mut change = if changes.level == 0 { swing } else { -swing };
    let mut local = *changes;
    while local.next < to {
        step(local.next, change);
        change = -change;
        local.pass();
    }
    *changes = local;
}
