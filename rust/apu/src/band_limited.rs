//! Band-limited steps: a level that jumps between samples becomes samples without aliases.
//!
//! A step of the chip's output, seen through an ideal low-pass, is the integral of a windowed sinc. Its difference from
//! the plain step (old level before, new level after) lasts [`TAPS`] samples; those are added to the block, at the
//! exact place between two samples, and the plain level is carried along as an integer. So nothing drifts, and a
//! constant level is exactly constant.
//!
//! Source: Brandt, "Hard Sync Without Aliasing" (ICMC 2001); the kernel is our own. It is built at compile time from
//! additions, multiplications and divisions only, so it is the same on every platform.

use crate::mixer::ONE;

/// Samples that a step touches, half of them before it.
pub(crate) const TAPS: usize = 72;
/// Samples after which a step has no further effect: how far the chip must run ahead of the samples.
pub(crate) const LOOK_AHEAD: u64 = TAPS as u64 / 2;
/// Places between two samples for which the kernel is tabulated; between these it is interpolated.
const PHASES: usize = 64;

/// A row for each phase and one more, to interpolate towards.
type Kernel<const N: usize> = [[f32; N]; PHASES + 1];

/// At 44.1 kHz: 0.2 dB down at 20 kHz, 3 dB at 20.7 kHz, and more than 70 dB from 22.35 kHz on.
static SHARP: Kernel<TAPS> = kernel(0.4755, 7.0);

/// Samples that a step of white noise touches.
const NOISE_TAPS: usize = 16;
/// A short kernel for steps so many and so random that their sum is white: what it takes away below half the rate is
/// what aliases put back, so the noise stays white (0.01 dB) up to there.
static WHITE: Kernel<NOISE_TAPS> = kernel(0.53, 7.5);

const PI: f64 = std::f64::consts::PI;

/// Taylor's series, reduced to [-π, π] first.
const fn sine(x: f64) -> f64 {
    let turns = x / (2.0 * PI);
    let x = x - 2.0 * PI * ((if turns < 0.0 { turns - 0.5 } else { turns + 0.5 }) as i64 as f64);
    let mut term = x;
    let mut sum = x;
    let mut n = 1.0;
    while n < 14.0 {
        term *= -x * x / ((2.0 * n) * (2.0 * n + 1.0));
        sum += term;
        n += 1.0;
    }
    sum
}

/// The modified Bessel function I0 of √(4q), by its series in q.
const fn bessel(q: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut n = 1.0;
    while n < 30.0 {
        term *= q / (n * n);
        sum += term;
        n += 1.0;
    }
    sum
}

/// The windowed sinc of cut-off `cutoff` (in cycles a sample) at `t` samples from its middle, not normalised. The window
/// is Kaiser's, of shape `beta`, and ends at `half`.
const fn impulse(t: f64, cutoff: f64, beta: f64, half: f64) -> f64 {
    let inside = 1.0 - (t / half) * (t / half);
    if inside <= 0.0 {
        return 0.0;
    }
    let angle = 2.0 * PI * cutoff * t;
    let sinc = if t == 0.0 { 1.0 } else { sine(angle) / angle };
    sinc * bessel(beta * beta / 4.0 * inside)
}

/// Integrates the impulse by Simpson's rule, phase by phase, and takes the plain step away.
#[expect(clippy::large_stack_arrays, reason = "it runs at compile time")]
const fn kernel<const N: usize>(cutoff: f64, beta: f64) -> Kernel<N> {
    // step[k] is the integral up to k phases from the kernel's left end.
    let mut step = [0.0; TAPS * PHASES + 1];
    let half = N as f64 / 2.0;
    let width = 1.0 / PHASES as f64;
    let mut left = 0.0;
    let mut k = 0;
    while k < N * PHASES {
        let t = k as f64 * width - half;
        let middle = impulse(t + width / 2.0, cutoff, beta, half);
        let right = impulse(t + width, cutoff, beta, half);
        step[k + 1] = step[k] + (left + 4.0 * middle + right) * width / 6.0;
        left = right;
        k += 1;
    }
    let whole = step[N * PHASES];
    let mut rows = [[0.0; N]; PHASES + 1];
    let mut phase = 0;
    while phase <= PHASES {
        let mut tap = 0;
        while tap < N {
            let plain = if tap >= N / 2 { 1.0 } else { 0.0 };
            // Tap `t` lies t + 1 - N / 2 samples after the one before the step.
            rows[phase][tap] = (step[(tap + 1) * PHASES - phase] / whole - plain) as f32;
            tap += 1;
        }
        phase += 1;
    }
    rows
}

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
        self.insert(&SHARP, bus, cycle, change);
    }

    /// The same for one of many steps whose places are random.
    #[inline]
    pub(crate) fn noise_step(&mut self, bus: usize, cycle: u64, change: i32) {
        self.insert(&WHITE, bus, cycle, change);
    }

    /// The same where there are many such steps in each sample: a sample becomes the mean of the half samples on either
    /// side. Means of white noise are white.
    #[inline]
    pub(crate) fn mean_step(&mut self, cycle: u64, change: i32) {
        let place = u128::from(cycle) * u128::from(self.ratio) + (1 << 63);
        let after = 0x100_0000 - (place as u64 >> 40) as i64;
        let now = ((i64::from(change) * after) >> 24) as i32;
        let first = ((place >> 64) as u64).saturating_sub(self.base) as usize;
        if let Some([a, b]) = self.changes.get_mut(first..).and_then(|rest| rest.first_chunk_mut()) {
            *a += now;
            *b += change - now;
        }
    }

    #[inline]
    fn insert<const N: usize>(&mut self, kernel: &Kernel<N>, bus: usize, cycle: u64, change: i32) {
        let place = u128::from(cycle) * u128::from(self.ratio);
        let (sample, fraction) = ((place >> 64) as u64, place as u64);
        let Some(rows) = kernel.get((fraction >> 58) as usize..).and_then(|rows| rows.first_chunk::<2>()) else {
            return;
        };
        // The kernel begins N / 2 - 1 samples before the step; what lies before `base` has been read already.
        let Some(first) = (sample + 1).checked_sub(self.base + N as u64 / 2) else {
            return self.insert_at_start(rows, bus, sample, fraction, change);
        };
        let first = first as usize;
        let residual = self.residuals[bus].get_mut(first..).and_then(|rest| rest.first_chunk_mut());
        if let (Some(residual), Some(place)) = (residual, self.changes.get_mut(first + N / 2)) {
            add(residual, rows, fraction, change);
            *place += change;
        }
    }

    /// A step so early that the kernel begins before the first sample.
    #[cold]
    fn insert_at_start<const N: usize>(
        &mut self,
        rows: &[[f32; N]; 2],
        bus: usize,
        sample: u64,
        fraction: u64,
        change: i32,
    ) {
        let mut window = [0.0; N];
        add(&mut window, rows, fraction, change);
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
        for change in self.changes.iter_mut().take(count) {
            self.level += *change;
            *change = self.level;
        }
        let [first, second] = &self.residuals;
        let residuals = first.iter().zip(second);
        for ((sample, &level), (a, b)) in samples.iter_mut().zip(&self.changes).zip(residuals).take(count) {
            *sample = level as f32 * (1.0 / ONE as f32) + (a + b);
        }
        self.base += count as u64;
        drop_front(&mut self.changes, count, 0);
        self.residuals.iter_mut().for_each(|residual| drop_front(residual, count, 0.0));
    }
}

/// Adds a step of `change` at `fraction` (of 2^64) between two samples, interpolated between two rows of the kernel.
#[inline]
fn add<const N: usize>(window: &mut [f32; N], [low, high]: &[[f32; N]; 2], fraction: u64, change: i32) {
    let weight = (fraction >> 34 & 0xFF_FFFF) as f32 * (1.0 / 16_777_216.0);
    let change = change as f32 * (1.0 / ONE as f32);
    let right = change * weight;
    let left = change - right;
    for ((place, a), b) in window.iter_mut().zip(low).zip(high) {
        *place += left * a + right * b;
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

    fn check<const N: usize>(kernel: &Kernel<N>) {
        for row in kernel {
            assert!(row[0].abs() < 1e-3 && row[N - 1].abs() < 1e-3);
            assert!(row.iter().all(|value| value.abs() <= 0.6));
        }
        for tap in 0..N - 1 {
            // In the middle between two samples the kernel is odd.
            assert!((kernel[PHASES / 2][tap] + kernel[PHASES / 2][N - 1 - tap]).abs() < 1e-6);
            // The last row is the first of the next sample.
            let plain = if tap == N / 2 - 1 { 1.0 } else { 0.0 };
            assert!((kernel[0][tap] - plain - kernel[PHASES][tap + 1]).abs() < 1e-6, "tap {tap}");
        }
    }

    #[test]
    fn each_row_of_a_kernel_is_a_step_less_a_step() {
        check(&SHARP);
        check(&WHITE);
    }

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
                        synthesizer.noise_step((cycle % 2) as usize, cycle, change);
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
