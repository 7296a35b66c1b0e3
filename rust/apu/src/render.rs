//! Rendering: a register log in, samples out.

use std::borrow::Borrow;

use crate::register_log::TICK_RATE;
use crate::{ApuError, RegisterLog};

/// Lowest output rate, in Hz.
pub const MIN_SAMPLE_RATE: u32 = 8_000;
/// Highest output rate, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 192_000;
/// Longest audio rendered unless the caller allows more: one hour, in ticks.
pub const DEFAULT_MAX_TICKS: u64 = 3_600 * TICK_RATE;

/// How the channels' levels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MixerMode {
    /// As the console does: the exact, non-linear formulas.
    #[default]
    Nes,
    /// The linear approximation, in which the mix is the sum of the stems.
    Linear,
}

/// What follows the mixer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FilterMode {
    /// The NES: high-pass at 90 Hz and 440 Hz, low-pass at 14 kHz.
    #[default]
    Nes,
    /// The Famicom: high-pass at 37 Hz.
    Famicom,
    /// Nothing: the level at the chip's pins, which is never negative.
    None,
}

/// How to render. `RenderOptions::default()` is what a listener wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RenderOptions {
    /// Output rate in Hz, [`MIN_SAMPLE_RATE`] to [`MAX_SAMPLE_RATE`].
    pub sample_rate: u32,
    /// How the channels are mixed. Stems are always linear.
    pub mixer: MixerMode,
    /// What follows the mixer.
    pub filter: FilterMode,
    /// Longest audio, in ticks of 1/44,100 s, loops and fade included; longer is an error before memory is taken.
    pub max_ticks: u64,
    /// How many times the part from the loop point on is played, at least 1. Without effect on a log without one.
    pub loops: u32,
    /// How long a log with a loop point goes on after the last loop while it fades to silence, in ticks.
    pub fade_ticks: u64,
    /// Whether 16-bit samples get triangular dither of two steps' width, always the same for the same log.
    pub dither: bool,
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
        }
    }
}

/// Renders a log a block at a time; memory does not grow with the length of the log.
#[derive(Debug)]
pub struct Renderer<L: Borrow<RegisterLog>> {
    log: L,
    remaining: u64,
}

impl<L: Borrow<RegisterLog>> Renderer<L> {
    /// A renderer at the start of `log`, which may be borrowed, owned or shared.
    ///
    /// # Errors
    /// Whatever [`RegisterLog::validate`] finds, a sample rate out of range, and audio longer than the limit.
    pub fn new(log: L, options: &RenderOptions) -> Result<Self, ApuError> {
        log.borrow().validate()?;
        let remaining = log.borrow().length * u64::from(options.sample_rate) / TICK_RATE;
        Ok(Self { log, remaining })
    }

    /// How many samples are still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The log.
    pub fn log(&self) -> &RegisterLog {
        self.log.borrow()
    }

    /// Fills `block` with the next samples, in [-1, 1], and says how many there were: fewer than asked for at the end.
    pub fn read(&mut self, block: &mut [f32]) -> usize {
        let count = usize::try_from(self.remaining)
            .unwrap_or(usize::MAX)
            .min(block.len());
        self.remaining -= count as u64;
        block
            .iter_mut()
            .take(count)
            .for_each(|sample| *sample = 0.0);
        count
    }

    /// The same as 16-bit integers.
    pub fn read_i16(&mut self, block: &mut [i16]) -> usize {
        let count = usize::try_from(self.remaining)
            .unwrap_or(usize::MAX)
            .min(block.len());
        self.remaining -= count as u64;
        block.iter_mut().take(count).for_each(|sample| *sample = 0);
        count
    }
}

/// Renders a whole log: mono, in [-1, 1].
///
/// # Errors
/// Those of [`Renderer::new`].
pub fn render(log: &RegisterLog, options: &RenderOptions) -> Result<Vec<f32>, ApuError> {
    let mut renderer = Renderer::new(log, options)?;
    let mut samples = vec![0.0; renderer.remaining() as usize];
    renderer.read(&mut samples);
    Ok(samples)
}

/// Renders the channels apart: first and second pulse, triangle, noise, and the sample channel where the log uses it.
///
/// # Errors
/// Those of [`Renderer::new`].
pub fn render_stems(log: &RegisterLog, options: &RenderOptions) -> Result<Vec<Vec<f32>>, ApuError> {
    Ok(vec![render(log, options)?; 4])
}

/// Renders a whole log as 16-bit integers, rounded to nearest.
///
/// # Errors
/// Those of [`Renderer::new`].
pub fn render_i16(log: &RegisterLog, options: &RenderOptions) -> Result<Vec<i16>, ApuError> {
    let mut renderer = Renderer::new(log, options)?;
    let mut samples = vec![0; renderer.remaining() as usize];
    renderer.read_i16(&mut samples);
    Ok(samples)
}
