//! The five channels and the frame counter, wired together and run from event to event.
//!
//! Between two writes or frame-counter clocks nothing changes but the channels' timers, so each channel can say when
//! its level changes next, and the chip goes from one change to the next. The two pulses share one path to the mixer,
//! triangle, noise and sample channel the other; each path only looks at its own changes, and a write or a clock that
//! leaves its voices as they are does not stop it.
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
use crate::frame_counter::FrameCounter;
use crate::mixer::Mixer;
use crate::noise::{Changes, Highs, Noise};
use crate::timer::Timer;
use crate::triangle::level_at;
use crate::voices::Voices;

/// Buses of the synthesizer.
const PULSES: usize = 0;
const TND: usize = 1;

/// A triangle whose fundamental lies above this part of the sample rate is heard as its mean only: what the kernel
/// would leave of it is more than 80 dB down.
const INAUDIBLE: (u64, u64) = (55, 100);

/// The sound chip, without its ears.
#[derive(Debug, Clone)]
pub(crate) struct Chip {
    voices: Voices,
    pub(crate) dmc: Dmc,
    frame: FrameCounter,
    mixer: Mixer,
    /// The frame counter has run up to here, ...
    now: u64,
    /// ... and each path up to here: it lags behind as long as it goes on as it did.
    reached: [u64; 2],
    /// The levels of both paths as the synthesizer knows them.
    levels: [i32; 2],
    limits: Limits,
}

/// Timer periods, in cycles, that say what a channel's steps may be made with.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Up to this one the triangle is inaudible.
    ultrasonic: u64,
    /// From this one on the triangle's harmonics are so far down where they would come back as aliases, by 27 dB and
    /// more, that a soft step keeps them 80 dB below the fundamental.
    low_triangle: u64,
    /// Up to this one there are at least 8 clocks of the noise in a sample: the spectrum of their means is within 0.2 dB
    /// of flat.
    rushing_noise: u64,
    /// Up to this one there are at least 5 clocks of the noise in 8 samples: no clock rate within the range of hearing.
    white_noise: u64,
}

impl Limits {
    fn new(clock_hz: u32, sample_rate: u32) -> Self {
        let (clock, rate) = (u64::from(clock_hz), u64::from(sample_rate.max(1)));
        let (part, whole) = INAUDIBLE;
        Self {
            ultrasonic: clock * whole / (32 * part * rate),
            // A tenth of the rate, of 32 steps.
            low_triangle: clock * 10 / (32 * rate),
            rushing_noise: clock / (8 * rate),
            white_noise: clock * 8 / (5 * rate),
        }
    }
}

impl Chip {
    /// The chip at power-up (nesdev wiki, "CPU power up state").
    pub(crate) fn new(standard: Standard, mixer: Mixer, clock_hz: u32, sample_rate: u32) -> Self {
        let mut chip = Self {
            voices: Voices::new(standard),
            dmc: Dmc::new(standard),
            frame: FrameCounter::new(standard),
            mixer,
            now: 0,
            reached: [0; 2],
            levels: [0; 2],
            limits: Limits::new(clock_hz, sample_rate),
        };
        chip.levels[TND] = chip.mixer.tnd(level_at(chip.voices.triangle.position), 0, 0);
        chip
    }

    /// The level of the mix at power-up, in the mixer's units.
    pub(crate) fn level(&self) -> i32 {
        self.levels[PULSES] + self.levels[TND]
    }

    /// A write on `cycle`, after everything else that happens on it, to register 0 to 0x17 ($4000 to $4017).
    pub(crate) fn write(&mut self, synthesizer: &mut Synthesizer, cycle: u64, register: u8, value: u8) {
        let to = cycle + 1;
        self.clock_frames(synthesizer, to);
        match register {
            0x00..=0x0F => {
                let changed = self.voices.changed_by_write(cycle, register, value);
                self.run_changed(synthesizer, to, changed);
                self.voices.write(cycle, register, value);
            }
            0x10..=0x13 => {
                self.run(synthesizer, to);
                self.dmc.write(register & 3, value);
            }
            0x15 => {
                self.run(synthesizer, to);
                self.voices.enable(value);
                self.dmc.enable(cycle, value & 0x10 != 0);
            }
            0x17 => {
                self.run(synthesizer, to);
                let clock = self.frame.write(cycle, value);
                self.voices.clock(cycle, clock);
            }
            _ => {}
        }
    }

    /// A read of $4015 on `cycle`, before anything else that happens on it. Clears the frame counter's flag.
    pub(crate) fn read_status(&mut self, synthesizer: &mut Synthesizer, cycle: u64) -> u8 {
        self.run(synthesizer, cycle);
        let status = self.status(cycle);
        self.frame.acknowledge(cycle);
        status
    }

    /// What a read of $4015 on `cycle` would see, all before which has been run.
    pub(crate) fn status(&self, cycle: u64) -> u8 {
        let [p1, p2, triangle, noise] = self.voices.active();
        let bits = [p1, p2, triangle, noise, self.dmc.active(), false, self.frame.seen(cycle), self.dmc.flag];
        bits.iter().rev().fold(0, |status, &bit| status << 1 | u8::from(bit))
    }

    /// Whether the interrupt line is pulled on `cycle`.
    pub(crate) fn irq(&mut self, synthesizer: &mut Synthesizer, cycle: u64) -> bool {
        self.run(synthesizer, cycle);
        self.frame.flag || self.dmc.flag
    }

    /// The cycle of the first fetch of the sample channel that is not before `cycle`, if nothing is written until then.
    pub(crate) fn next_fetch(&mut self, synthesizer: &mut Synthesizer, cycle: u64) -> Option<u64> {
        self.run(synthesizer, cycle);
        self.dmc.next_fetch(cycle)
    }

    /// The console's reset, before the instruction whose first cycle is `cycle` (nesdev wiki, "CPU power up state"; Blargg's
    /// `apu_reset`): $4015 is cleared and $4017 written again, as it was. The levels of the sample channel but its lowest
    /// bit, and the halt bits of pulses and noise are lost; all else stays, the triangle's phase too.
    pub(crate) fn reset(&mut self, synthesizer: &mut Synthesizer, cycle: u64) {
        self.run(synthesizer, cycle);
        self.voices.reset();
        self.dmc.reset(cycle);
        let clock = self.frame.reset(cycle);
        self.voices.clock(cycle, clock);
    }

    /// Puts bytes where the sample channel reads them from now on.
    pub(crate) fn set_memory(&mut self, synthesizer: &mut Synthesizer, address: u16, bytes: &[u8]) {
        self.run(synthesizer, self.now);
        self.dmc.memory.set(address, bytes);
    }

    /// Runs everything that happens before cycle `to`.
    pub(crate) fn run(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        self.clock_frames(synthesizer, to);
        self.run_pulses(synthesizer, to);
        self.run_tnd(synthesizer, to);
    }

    /// Runs the frame counter to cycle `to`.
    fn clock_frames(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        self.now = self.now.max(to);
        loop {
            let event = self.frame.next();
            if event >= to {
                return;
            }
            let clock = self.frame.clock();
            if clock.quarter || clock.half {
                let changed = self.voices.changed_by_clock(event, clock);
                self.run_changed(synthesizer, event, changed);
                self.voices.clock(event, clock);
            }
        }
    }

    /// Runs the paths that go on in another way from cycle `to` on, each up to there.
    fn run_changed(&mut self, synthesizer: &mut Synthesizer, to: u64, [pulses, tnd]: [bool; 2]) {
        if pulses {
            self.run_pulses(synthesizer, to);
        }
        if tnd {
            self.run_tnd(synthesizer, to);
        }
    }

    /// Runs the pulses to cycle `to`, before which only their timers act.
    fn run_pulses(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        if to <= self.reached[PULSES] {
            return;
        }
        let mixer = &self.mixer;
        let mut level = self.levels[PULSES];
        let (mut p1, mut p2) = (self.voices.p1.edges(), self.voices.p2.edges());
        let mut set = |cycle: u64, new: i32| {
            if new != level {
                synthesizer.step(PULSES, cycle, new - level);
                level = new;
            }
        };
        set(self.reached[PULSES], mixer.pulses(p1.level, p2.level));
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
        self.voices.p1.advance(to);
        self.voices.p2.advance(to);
        self.reached[PULSES] = to;
    }

    /// Runs triangle, noise and sample channel to cycle `to`, before which only their timers act.
    fn run_tnd(&mut self, synthesizer: &mut Synthesizer, to: u64) {
        if to <= self.reached[TND] {
            return;
        }
        let Self { mixer, voices: Voices { triangle, noise, .. }, dmc, limits, .. } = self;
        let Timer { next, period } = triangle.timer();
        let inaudible = triangle.moves() && period <= limits.ultrasonic;
        let level_of = |position: u8, noise: u8, dmc: u8| {
            if inaudible { mixer.tnd_mean(noise, dmc) } else { mixer.tnd(level_at(position), noise, dmc) }
        };
        let soft = period >= limits.low_triangle;
        let mut sound = Sound::new(noise, self.reached[TND], *limits);
        let mut position = triangle.position;
        let mut clock = if triangle.moves() && !inaudible { next } else { u64::MAX };
        let mut level = self.levels[TND];
        let mut now = self.reached[TND];
        let mut jumped = true;
        loop {
            let new = level_of(position, sound.level(), dmc.level);
            if new != level {
                if soft && !jumped {
                    synthesizer.soft_step(TND, now, new - level);
                } else {
                    synthesizer.step(TND, now, new - level);
                }
            }
            if soft && !sound.changes_before(to) && dmc.next() >= to {
                // The triangle is alone.
                let levels = mixer.triangle(sound.level(), dmc.level);
                level = new;
                while clock < to {
                    position = position.wrapping_add(1);
                    let new = levels[usize::from(level_at(position))];
                    if new != level {
                        synthesizer.soft_step(TND, clock, new - level);
                        level = new;
                    }
                    clock += period;
                }
                break;
            }
            let cycle = clock.min(dmc.next());
            let end = cycle.min(to);
            if sound.changes_before(end) {
                let swing = level_of(position, sound.volume(), dmc.level) - level_of(position, 0, dmc.level);
                sound.run(synthesizer, now, end, swing);
            }
            level = level_of(position, sound.level(), dmc.level);
            if cycle >= to {
                break;
            }
            if clock == cycle {
                position = position.wrapping_add(1);
                clock += period;
            }
            jumped = dmc.next() == cycle;
            if jumped {
                dmc.clock();
            }
            sound.pass(cycle);
            now = cycle;
        }
        self.levels[TND] = level;
        triangle.advance(to);
        noise.advance(to);
        dmc.advance(to);
        self.reached[TND] = to;
    }
}

/// How the noise is turned to sound as long as nothing but its timer runs.
enum Sound {
    /// By its means.
    Rush { volume: u8, highs: Highs },
    /// Change by change; whether the sum of dense changes is white.
    Changes { changes: Changes, white: bool },
}

impl Sound {
    fn new(noise: &mut Noise, now: u64, limits: Limits) -> Self {
        if let Some(volume) = noise.rush(limits.rushing_noise) {
            return Self::Rush { volume, highs: noise.highs(now) };
        }
        let changes = noise.changes();
        Self::Changes { changes, white: changes.white(limits.white_noise) }
    }

    /// The level that the mixer sees; without what is made of means.
    fn level(&self) -> u8 {
        match self {
            Self::Rush { .. } => 0,
            Self::Changes { changes, .. } => changes.level,
        }
    }

    /// The level while it is high.
    fn volume(&self) -> u8 {
        match self {
            Self::Rush { volume, .. } => *volume,
            Self::Changes { changes, .. } => changes.volume(),
        }
    }

    fn changes_before(&self, cycle: u64) -> bool {
        match self {
            Self::Rush { .. } => true,
            Self::Changes { changes, .. } => changes.next < cycle,
        }
    }

    /// Passes a change that falls on `cycle`.
    fn pass(&mut self, cycle: u64) {
        if let Self::Changes { changes, .. } = self
            && changes.next == cycle
        {
            changes.pass();
        }
    }

    /// Runs the noise from cycle `from` to `to` while triangle and sample channel stand still; it swings by `swing`.
    fn run(&mut self, synthesizer: &mut Synthesizer, from: u64, to: u64, swing: i32) {
        match self {
            Self::Rush { highs, .. } => synthesizer.mean(from, to, swing, |time| highs.pass(time)),
            Self::Changes { changes, .. } if swing == 0 => step_noise(changes, to, swing, |_, _| {}),
            Self::Changes { changes, white: true } => {
                step_noise(changes, to, swing, |cycle, change| synthesizer.white_step(TND, cycle, change));
            }
            Self::Changes { changes, white: false } => {
                step_noise(changes, to, swing, |cycle, change| synthesizer.step(TND, cycle, change));
            }
        }
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
