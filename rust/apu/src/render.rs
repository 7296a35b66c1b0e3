//! Rendering: a register log in, samples out.

use std::borrow::Borrow;

use crate::apu::{Apu, ApuOptions};
use crate::filter::FilterMode;
use crate::mixer::{Channels, MixerMode};
use crate::register_log::{MAX_EVENTS, MAX_LENGTH, TICK_RATE};
use crate::{ApuError, RegisterLog};

/// Longest audio rendered unless the caller allows more: one hour, in ticks.
pub const DEFAULT_MAX_TICKS: u64 = 3_600 * TICK_RATE;

/// Most writes that are played, those of loops each time: a tick that is looped for seconds repeats its own by the
/// hundred thousand. 64 bytes of sample memory count as a write.
pub const MAX_PLAYED: u64 = 4 * MAX_EVENTS;

/// How to render. `RenderOptions::default()` is what a listener wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RenderOptions {
    /// Output rate in Hz, [`MIN_SAMPLE_RATE`](crate::MIN_SAMPLE_RATE) to [`MAX_SAMPLE_RATE`](crate::MAX_SAMPLE_RATE).
    pub sample_rate: u32,
    /// How the channels are mixed. Stems are always linear.
    pub mixer: MixerMode,
    /// What follows the mixer.
    pub filter: FilterMode,
    /// Longest audio, in ticks of 1/44,100 s, loops and fade included; longer is an error before memory is taken. More
    /// than [`MAX_LENGTH`] is never rendered.
    pub max_ticks: u64,
    /// How many times the part from the loop point on is played, at least 1, before [`RegisterLog::loop_scale`] corrects it.
    /// Without effect on a log without one.
    pub loops: u32,
    /// How long a log with a loop point goes on after the last loop while it fades to silence, in ticks.
    pub fade_ticks: u64,
    /// Whether 16-bit samples get triangular dither of two steps' width, always the same for the same log.
    pub dither: bool,
    /// Which channels are heard.
    pub channels: Channels,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            sample_rate: 44_100,
            mixer: MixerMode::Nes,
            filter: FilterMode::Nes,
            max_ticks: DEFAULT_MAX_TICKS,
            loops: 1,
            fade_ticks: 0,
            dither: false,
            channels: Channels::ALL,
        }
    }
}

/// Samples that are rendered at once.
const BLOCK: usize = 1_024;
/// Cycles between two writes of the same tick, as if each came from a `STA` instruction.
const WRITE_CYCLES: u64 = 4;

/// Renders a log a block at a time; memory does not grow with the length of the log.
///
/// ```
/// use lakhnes_apu::{RegisterLog, RenderOptions, Renderer};
///
/// let log = RegisterLog { length: 100_000, ..RegisterLog::default() };
/// let mut renderer = Renderer::new(&log, &RenderOptions::default())?;
/// let mut block = [0.0; 4_096];
/// let mut total = 0;
/// while let count @ 1.. = renderer.read(&mut block) {
///     total += count;
/// }
/// assert_eq!(total, 100_000);
/// # Ok::<(), lakhnes_apu::ApuError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Renderer<L: Borrow<RegisterLog>> {
    apu: Apu,
    player: Player<L>,
    /// Samples already read, and samples in all.
    position: u64,
    length: u64,
    /// The sample at which the fade begins.
    fade: u64,
    /// What every sample is multiplied by.
    gain: f32,
    dither: Option<Dither>,
}

impl<L: Borrow<RegisterLog>> Renderer<L> {
    /// A renderer at the start of `log`, which may be borrowed, owned or shared.
    ///
    /// # Errors
    /// Whatever [`RegisterLog::validate`] finds, a sample rate out of range, audio longer than the limit, and more than
    /// [`MAX_PLAYED`] writes.
    pub fn new(log: L, options: &RenderOptions) -> Result<Self, ApuError> {
        let RegisterLog { standard, clock_hz, length, loop_start, loop_scale, volume, fade_ticks, .. } = *log.borrow();
        log.borrow().validate()?;
        let ticks = options.ticks(length, loop_start, loop_scale.of(options.loops));
        let limit = options.max_ticks.min(MAX_LENGTH);
        if ticks > limit {
            return Err(ApuError::TooLong { found: ticks, limit });
        }
        let played = played(log.borrow(), ticks);
        if played > MAX_PLAYED {
            return Err(ApuError::TooManyWrites { found: played, limit: MAX_PLAYED });
        }
        let apu = Apu::new(&ApuOptions {
            standard,
            clock_hz,
            sample_rate: options.sample_rate,
            mixer: options.mixer,
            filter: options.filter,
            channels: options.channels,
        })?;
        let samples = |ticks: u64| {
            let exact = u128::from(ticks) * u128::from(options.sample_rate) / u128::from(TICK_RATE);
            u64::try_from(exact).unwrap_or(u64::MAX)
        };
        let fade = ticks.saturating_sub(if loop_start.is_some() { options.fade_ticks } else { fade_ticks });
        Ok(Self {
            apu,
            player: Player::new(log),
            position: 0,
            length: samples(ticks),
            fade: samples(fade),
            gain: volume_factor(volume),
            dither: options.dither.then(Dither::default),
        })
    }

    /// Makes what is still to come louder, or softer, by a factor; what then goes beyond full scale is cut off.
    pub fn set_gain(&mut self, gain: f32) {
        self.gain = gain * volume_factor(self.log().volume);
    }

    /// How many samples are still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.length - self.position
    }

    /// The log.
    pub fn log(&self) -> &RegisterLog {
        self.player.log.borrow()
    }

    /// Fills `block` with the next samples, in [-1, 1], and says how many there were: fewer than asked for at the end.
    pub fn read(&mut self, block: &mut [f32]) -> usize {
        let count = usize::try_from(self.remaining()).unwrap_or(usize::MAX).min(block.len());
        for part in block.get_mut(..count).unwrap_or_default().chunks_mut(BLOCK) {
            let end = self.position + part.len() as u64;
            let cycle = self.apu.cycle_of_sample(end);
            self.apu.reserve(cycle);
            self.player.play(&mut self.apu, cycle);
            self.apu.run(cycle, part);
            self.fade(part);
            if self.gain.to_bits() != 1.0_f32.to_bits() {
                for sample in part.iter_mut() {
                    *sample = (*sample * self.gain).clamp(-1.0, 1.0);
                }
            }
            self.position = end;
        }
        count
    }

    /// The same as 16-bit integers, rounded to nearest.
    pub fn read_i16(&mut self, block: &mut [i16]) -> usize {
        let mut samples = [0.0; BLOCK];
        let mut total = 0;
        for part in block.chunks_mut(BLOCK) {
            let count = self.read(samples.get_mut(..part.len()).unwrap_or_default());
            let pairs = part.iter_mut().zip(&samples).take(count);
            match &mut self.dither {
                None => pairs.for_each(|(integer, &sample)| *integer = to_i16(sample * FULL_SCALE)),
                Some(dither) => pairs.for_each(|(integer, &sample)| {
                    let dithered = sample * FULL_SCALE + dither.next();
                    *integer = to_i16(dithered.clamp(-FULL_SCALE, FULL_SCALE));
                }),
            }
            total += count;
        }
        total
    }

    /// Turns the samples from `self.position` on down, evenly to nothing at the end.
    fn fade(&self, samples: &mut [f32]) {
        if self.position + samples.len() as u64 <= self.fade {
            return;
        }
        let whole = (self.length - self.fade).max(1) as f32;
        for (sample, position) in samples.iter_mut().zip(self.position..) {
            *sample *= (self.length - position.max(self.fade)) as f32 / whole;
        }
    }
}

impl RenderOptions {
    /// The same with no more loops, and no longer a fade, than fit into the longest audio. A log that is too long by
    /// itself stays so.
    #[must_use]
    pub fn fitting(mut self, log: &RegisterLog) -> Self {
        let Some(turn) = log.loop_start.map(|start| log.length.saturating_sub(start).max(1)) else { return self };
        let room = self.max_ticks.saturating_sub(log.length);
        let fits = |loops: u32| u64::from(log.loop_scale.of(loops) - 1).saturating_mul(turn) <= room;
        let (mut fewest, mut most) = (1, self.loops.max(1));
        while fewest < most {
            let middle = most - (most - fewest) / 2;
            (fewest, most) = if fits(middle) { (middle, most) } else { (fewest, middle - 1) };
        }
        self.loops = fewest;
        let repeats = u64::from(log.loop_scale.of(self.loops) - 1).saturating_mul(turn);
        self.fade_ticks = self.fade_ticks.min(room.saturating_sub(repeats));
        self
    }

    /// Ticks in all, loops and fade included.
    fn ticks(&self, length: u64, loop_start: Option<u64>, loops: u32) -> u64 {
        let Some(start) = loop_start else { return length };
        let repeats = u64::from(loops.saturating_sub(1));
        (length.saturating_sub(start)).saturating_mul(repeats).saturating_add(length).saturating_add(self.fade_ticks)
    }
}

/// How many writes are played in this time.
fn played(log: &RegisterLog, ticks: u64) -> u64 {
    let from = |start: u64| {
        let heard = start..log.length;
        let blocks = log.memory.iter().filter(|block| heard.contains(&block.tick));
        let bytes: u64 = blocks.map(|block| 64 + block.bytes.len() as u64).sum();
        log.writes.iter().filter(|write| heard.contains(&write.tick)).count() as u64 + bytes / 64
    };
    let again = log.loop_start.map_or(0, |start| {
        let times = ticks.saturating_sub(log.length).div_ceil((log.length - start).max(1));
        from(start).saturating_mul(times)
    });
    from(0).saturating_add(again)
}

/// What the samples of a log of this volume are multiplied by: exactly 1 for 0.
fn volume_factor(volume: i16) -> f32 {
    2.0_f32.powf(f32::from(volume) / 32.0)
}

/// Sends the log's writes to the chip, and begins again at the loop point for as long as it is asked to.
#[derive(Debug, Clone)]
struct Player<L> {
    log: L,
    /// The next write and the next memory block.
    write: usize,
    block: usize,
    /// Ticks that the loops have added so far.
    offset: u64,
    /// The cycle after which the next write may come.
    free: u64,
}

impl<L: Borrow<RegisterLog>> Player<L> {
    fn new(log: L) -> Self {
        Self { log, write: 0, block: 0, offset: 0, free: 0 }
    }

    /// Plays everything that comes before cycle `end`.
    fn play(&mut self, apu: &mut Apu, end: u64) {
        let log = self.log.borrow();
        loop {
            let write = log.writes.get(self.write).filter(|write| write.tick < log.length);
            let block = log.memory.get(self.block).filter(|block| block.tick < log.length);
            let block = block.filter(|block| write.is_none_or(|write| block.tick <= write.tick));
            if let Some(block) = block {
                if log.cycle_of(block.tick + self.offset) >= end {
                    return;
                }
                apu.load_memory(log.cycle_of(block.tick + self.offset).max(self.free), block);
                self.block += 1;
            } else if let Some(write) = write {
                // Never later than the last cycle of its tick, however many there are.
                let tick = write.tick + self.offset;
                let cycle = log.cycle_of(tick).max(self.free.min(log.cycle_of(tick + 1).saturating_sub(1)));
                if cycle >= end {
                    return;
                }
                apu.write_register(cycle, write.register, write.value);
                self.free = cycle + WRITE_CYCLES;
                self.write += 1;
            } else if let Some(start) = log.loop_start.filter(|_| log.cycle_of(log.length + self.offset) < end) {
                self.offset += log.length - start;
                self.write = log.writes.partition_point(|write| write.tick < start);
                self.block = log.memory.partition_point(|block| block.tick < start);
            } else {
                return;
            }
        }
    }
}

/// The largest 16-bit sample.
const FULL_SCALE: f32 = 32_767.0;

/// Rounds to nearest, ties to even: adding 1.5 * 2^23 leaves the integer in the low bits. (`f32::round_ties_even` calls
/// a function where the processor has no such instruction.)
#[inline]
fn to_i16(scaled: f32) -> i16 {
    const SHIFT: f32 = 12_582_912.0;
    (scaled + SHIFT).to_bits() as i16
}

/// Triangular dither, two steps wide: the sum of two uniform numbers from a xorshift generator of 32 bits.
#[derive(Debug, Clone)]
struct Dither {
    state: u32,
}

impl Default for Dither {
    fn default() -> Self {
        Self { state: 0x2A03_2A03 }
    }
}

impl Dither {
    fn uniform(&mut self) -> f32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        (self.state >> 8) as f32 * (1.0 / 16_777_216.0) - 0.5
    }

    fn next(&mut self) -> f32 {
        self.uniform() + self.uniform()
    }
}

/// All samples that are to come, if there is room for as many.
fn collect<T: Copy + Default>(remaining: u64, mut read: impl FnMut(&mut [T]) -> usize) -> Result<Vec<T>, ApuError> {
    let mut samples = Vec::new();
    let count = usize::try_from(remaining).unwrap_or(usize::MAX);
    let bytes = remaining.saturating_mul(size_of::<T>() as u64);
    samples.try_reserve_exact(count).map_err(|_| ApuError::TooLarge { found: bytes, limit: isize::MAX as u64 })?;
    let mut block = [T::default(); BLOCK];
    while let count @ 1.. = read(&mut block) {
        samples.extend_from_slice(block.get(..count).unwrap_or_default());
    }
    Ok(samples)
}

/// Renders a whole log: mono, in [-1, 1]; `length * sample_rate / 44,100` samples, rounded down.
///
/// # Errors
/// Those of [`Renderer::new`].
pub fn render(log: &RegisterLog, options: &RenderOptions) -> Result<Vec<f32>, ApuError> {
    let mut renderer = Renderer::new(log, options)?;
    collect(renderer.remaining(), |block| renderer.read(block))
}

/// Renders the channels apart: first and second pulse, triangle, noise, and the sample channel where the log uses it.
///
/// They are mixed linearly, whatever the options say, so that their sum is the linear mix.
///
/// # Errors
/// Those of [`Renderer::new`].
pub fn render_stems(log: &RegisterLog, options: &RenderOptions) -> Result<Vec<Vec<f32>>, ApuError> {
    (0..if log.uses_samples() { 5 } else { 4 })
        .map(|index| {
            render(log, &RenderOptions { mixer: MixerMode::Linear, channels: Channels::only(index), ..*options })
        })
        .collect()
}

/// Renders a whole log as 16-bit integers, rounded to nearest.
///
/// # Errors
/// Those of [`Renderer::new`].
pub fn render_i16(log: &RegisterLog, options: &RenderOptions) -> Result<Vec<i16>, ApuError> {
    let mut renderer = Renderer::new(log, options)?;
    collect(renderer.remaining(), |block| renderer.read_i16(block))
}
