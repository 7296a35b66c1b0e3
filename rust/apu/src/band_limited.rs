//! Band-limited steps: a level that jumps between samples becomes samples without aliases.
//!
//! A step of the chip's output, seen through an ideal low-pass, is the integral of a windowed sinc. Its difference from
//! the plain step (old level before, new level after) lasts [`TAPS`] samples; those are added to the block, at the
//! exact place between two samples, and the plain level is carried along as an integer. So nothing drifts, and a
//! constant level is exactly constant.
//!
//! Source: Brandt, "Hard Sync Without Aliasing" (ICMC 2001); the kernels are our own.

use crate::kernel::{Kernel, SHARP, SOFT, TAPS, WHITE};
use crate::mixer::ONE;
use crate::noise::PARTS;
use crate::window::Window;

/// Samples after which a step has no further effect: how far the chip must run ahead of the samples.
pub(crate) const LOOK_AHEAD: u64 = TAPS as u64 / 2;

/// Collects steps and gives samples.
///
/// Steps come on buses. On each they must be in the order of time; how the buses' calls interleave and where blocks end
/// has no effect on the samples, not even on their last bits.
#[derive(Debug, Clone)]
pub(crate) struct Synthesizer {
    /// Samples a cycle, in units of 2^-64.
    ratio: u64,
    /// The number of the sample that is next to be read.
    base: u64,
    /// By bus: what is to be added to the plain level from sample `base` on.
    residuals: [Vec<f32>; BUSES],
    /// By how much the plain level changes from the sample before, from sample `base` on.
    changes: Vec<i32>,
    /// The plain level before sample `base`.
    level: i32,
    /// Where means are being taken.
    window: Window,
}

/// Number of buses.
pub(crate) const BUSES: usize = 2;

impl Synthesizer {
    /// `sample_rate` must be below `clock_hz`.
    pub(crate) fn new(sample_rate: u32, clock_hz: u32) -> Self {
        let ratio = (u128::from(sample_rate) << 64) / u128::from(clock_hz.max(1));
        Self {
            ratio: u64::try_from(ratio).unwrap_or(u64::MAX),
            base: 0,
            residuals: std::array::from_fn(|_| vec![0.0; TAPS]),
            changes: vec![0; TAPS],
            level: 0,
            window: Window::new(sample_rate, clock_hz),
        }
    }

    /// The level before the first step.
    pub(crate) fn set_initial_level(&mut self, level: i32) {
        self.level = level;
    }

    /// The first cycle that lies at or after sample `sample`.
    pub(crate) fn cycle_of(&self, sample: u64) -> u64 {
        let exact = (u128::from(sample) << 64).div_ceil(u128::from(self.ratio.max(1)));
        u64::try_from(exact).unwrap_or(u64::MAX)
    }

    /// The number of samples that can be read once all steps before cycle `cycle` are in.
    pub(crate) fn ready(&self, cycle: u64) -> usize {
        let reached = ((u128::from(cycle) * u128::from(self.ratio)) >> 64) as u64;
        reached.saturating_sub(self.base + LOOK_AHEAD).try_into().unwrap_or(usize::MAX)
    }

    /// Makes room for steps before cycle `cycle`.
    pub(crate) fn reserve(&mut self, cycle: u64) {
        let room = self.ready(cycle) + 3 * TAPS;
        if self.changes.len() < room {
            self.changes.resize(room, 0);
            self.residuals.iter_mut().for_each(|residual| residual.resize(room, 0.0));
        }
    }

    /// The level of a bus changes by `change` on `cycle`, for which there must be room.
    #[inline]
    pub(crate) fn step(&mut self, bus: usize, cycle: u64, change: i32) {
        self.insert::<TAPS, true>(&SHARP, bus, cycle, change);
    }

    /// The same for a step of a wave whose aliases are weak by themselves.
    #[inline]
    pub(crate) fn soft_step(&mut self, bus: usize, cycle: u64, change: i32) {
        self.insert::<32, true>(&SOFT, bus, cycle, change);
    }

    /// The same for one of many steps of noise whose sum is white: the nearest place in the kernel is good enough for it.
    #[inline]
    pub(crate) fn white_step(&mut self, bus: usize, cycle: u64, change: i32) {
        self.insert::<16, false>(&WHITE, bus, cycle, change);
    }

    /// For cycles `from` to `to`, the level is higher by `swing` for the part of the time that `high` tells for each
    /// stretch of it (in [`PARTS`] of a cycle), and a sample gets the mean of the half samples on either side. Means of
    /// white noise are white.
    #[inline]
    pub(crate) fn mean(&mut self, from: u64, to: u64, swing: i32, mut high: impl FnMut(u64) -> u64) {
        let (mut time, to) = (from * PARTS, to * PARTS);
        if time >= self.window.end() {
            self.close_window();
            self.window.seek(time, self.sample_near(from));
        }
        while time < to {
            let end = self.window.end();
            let stop = end.min(to);
            self.window.sum += i64::from(swing) * high(stop - time) as i64;
            time = stop;
            if stop == end {
                self.close_window();
                self.window.next();
            }
        }
    }

    /// The sample next to a cycle.
    fn sample_near(&self, cycle: u64) -> u64 {
        ((u128::from(cycle) * u128::from(self.ratio) + (1 << 63)) >> 64) as u64
    }

    /// Adds the mean of a window that is complete to its sample.
    #[inline]
    fn close_window(&mut self) {
        let mean = self.window.take();
        let first = self.window.sample.checked_sub(self.base).filter(|_| mean != 0);
        let rest = first.and_then(|first| self.changes.get_mut(first as usize..));
        if let Some([this, next]) = rest.and_then(|rest| rest.first_chunk_mut()) {
            *this += mean;
            *next -= mean;
        }
    }

    #[inline]
    fn insert<const N: usize, const BETWEEN: bool>(&mut self, kernel: &Kernel<N>, bus: usize, cycle: u64, change: i32) {
        let place = u128::from(cycle) * u128::from(self.ratio);
        let (sample, fraction) = ((place >> 64) as u64, place as u64);
        let Some(step) = Step::<N, BETWEEN>::new(kernel, fraction, change) else { return };
        // The kernel begins N / 2 - 1 samples before the step; what lies before `base` has been read already.
        let Some(first) = (sample + 1).checked_sub(self.base + N as u64 / 2) else {
            return self.insert_at_start(&step, bus, sample, change);
        };
        let first = first as usize;
        let residual = self.residuals[bus].get_mut(first..).and_then(|rest| rest.first_chunk_mut());
        if let (Some(residual), Some(place)) = (residual, self.changes.get_mut(first + N / 2)) {
            step.add(residual);
            *place += change;
        }
    }

    /// A step so early that the kernel begins before the first sample.
    #[cold]
    fn insert_at_start<const N: usize, const BETWEEN: bool>(
        &mut self,
        step: &Step<N, BETWEEN>,
        bus: usize,
        sample: u64,
        change: i32,
    ) {
        let mut window = [0.0; N];
        step.add(&mut window);
        let hidden = (self.base + N as u64 / 2).saturating_sub(sample + 1) as usize;
        let residual = self.residuals[bus].iter_mut();
        residual.zip(window.get(hidden..).unwrap_or_default()).for_each(|(place, value)| *place += value);
        match (N / 2).checked_sub(hidden).and_then(|index| self.changes.get_mut(index)) {
            Some(place) => *place += change,
            None => self.level += change,
        }
    }

    /// Takes the next samples, of which [`Self::ready`] must have promised as many.
    pub(crate) fn read(&mut self, samples: &mut [f32]) {
        let count = samples.len().min(self.changes.len().saturating_sub(TAPS));
        if self.window.sample < self.base + count as u64 {
            self.close_window();
        }
        let [first, second] = &self.residuals;
        let (Some(changes), Some(first), Some(second), Some(samples)) =
            (self.changes.get_mut(..count), first.get(..count), second.get(..count), samples.get_mut(..count))
        else {
            return;
        };
        let mut level = self.level;
        for change in changes.iter_mut() {
            level += *change;
            *change = level;
        }
        self.level = level;
        for (((sample, level), a), b) in samples.iter_mut().zip(changes).zip(first).zip(second) {
            *sample = *level as f32 * (1.0 / ONE as f32) + (a + b);
        }
        self.base += count as u64;
        drop_front(&mut self.changes, count, 0);
        self.residuals.iter_mut().for_each(|residual| drop_front(residual, count, 0.0));
    }
}

/// A step somewhere between two samples: the nearest row of a kernel, or two rows to interpolate `BETWEEN`.
struct Step<'a, const N: usize, const BETWEEN: bool> {
    rows: &'a [[f32; N]; 2],
    /// How much of each row.
    weights: [f32; 2],
}

impl<'a, const N: usize, const BETWEEN: bool> Step<'a, N, BETWEEN> {
    /// A step of `change` at `fraction` (of 2^64).
    #[inline]
    fn new(kernel: &'a Kernel<N>, fraction: u64, change: i32) -> Option<Self> {
        let change = change as f32 * (1.0 / ONE as f32);
        let rows = kernel.get((fraction >> 58) as usize..)?.first_chunk::<2>()?;
        let weights = if BETWEEN {
            let right = change * ((fraction >> 34 & 0xFF_FFFF) as f32 * (1.0 / 16_777_216.0));
            [change - right, right]
        } else {
            [change, change]
        };
        Some(Self { rows, weights })
    }

    #[inline]
    fn add(&self, window: &mut [f32; N]) {
        let ([low, high], [left, right]) = (self.rows, self.weights);
        for ((place, a), b) in window.iter_mut().zip(low).zip(high) {
            *place += if BETWEEN { left * a + right * b } else { left * a };
        }
    }
}

/// Moves what follows the first `count` entries to the front and clears what is left behind.
fn drop_front<T: Copy>(entries: &mut [T], count: usize, zero: T) {
    entries.copy_within(count.., 0);
    let kept = entries.len() - count;
    entries.iter_mut().skip(kept).for_each(|entry| *entry = zero);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_settles_exactly_on_its_level() {
        let mut synthesizer = Synthesizer::new(44_100, 1_789_773);
        synthesizer.reserve(20_000);
        synthesizer.step(0, 9_000, ONE / 2);
        let mut samples = vec![0.0; synthesizer.ready(20_000)];
        synthesizer.read(&mut samples);
        // Cycle 9,000 is sample 221.8.
        assert!(samples[..222 - TAPS / 2].iter().all(|&sample| sample == 0.0));
        assert!(samples[222 + TAPS / 2..].iter().all(|&sample| (sample - 0.5).abs() < f32::EPSILON));
        assert!(samples.iter().all(|sample| (-0.06..0.56).contains(sample)));
    }

    #[test]
    fn a_step_on_cycle_0_is_heard_from_sample_0() {
        let mut synthesizer = Synthesizer::new(44_100, 1_789_773);
        synthesizer.reserve(20_000);
        synthesizer.step(0, 0, ONE);
        let mut samples = vec![0.0; synthesizer.ready(20_000)];
        synthesizer.read(&mut samples);
        assert!((samples[0] - 0.5).abs() < 1e-6);
        assert!(samples[TAPS..].iter().all(|&sample| (sample - 1.0).abs() < f32::EPSILON));
    }

    #[test]
    fn samples_do_not_depend_on_where_blocks_end() {
        let steps: Vec<(u64, i32)> =
            (1..400_u64).map(|k| (k * k * 3, if k % 2 == 0 { -9_999 } else { 12_345 })).collect();
        let render = |block: u64| {
            let mut synthesizer = Synthesizer::new(48_000, 1_662_607);
            let mut samples = Vec::new();
            let mut steps = steps.iter().copied().peekable();
            for end in (0..).map(|n| n * block).take_while(|end| *end < 480_000 + block) {
                synthesizer.reserve(end);
                while let Some((cycle, change)) = steps.next_if(|step| step.0 < end) {
                    if cycle % 3 == 0 {
                        synthesizer.white_step((cycle % 2) as usize, cycle, change);
                    } else {
                        synthesizer.step((cycle % 2) as usize, cycle, change);
                    }
                }
                let mut part = vec![0.0; synthesizer.ready(end)];
                synthesizer.read(&mut part);
                samples.extend(part.iter().map(|sample: &f32| sample.to_bits()));
            }
            samples
        };
        let (small, large) = (render(100), render(100_000));
        let common = small.len().min(large.len());
        assert!(common > 10_000);
        assert_eq!(small[..common], large[..common]);
    }
}
