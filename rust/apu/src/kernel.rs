//! The kernels of band-limited steps: windowed sincs, integrated, at 64 places between two samples.
//!
//! They are built at compile time from additions, multiplications and divisions only, so they are the same on every
//! platform. Source of the window: Kaiser, "Nonrecursive digital filter design using the I0-sinh window function" (1974).

/// The most samples that a step touches, half of them before it.
pub(crate) const TAPS: usize = 72;
/// Places between two samples for which a kernel is tabulated.
pub(crate) const PHASES: usize = 64;

/// A row for each phase and one more, so that each has a next.
pub(crate) type Kernel<const N: usize> = [[f32; N]; PHASES + 1];

/// For any step. At 44.1 kHz: 0.2 dB down at 20 kHz, 3 dB at 20.7 kHz, and more than 72 dB from 22.35 kHz on.
pub(crate) static SHARP: Kernel<TAPS> = kernel(0.4755, 7.0);

/// For steps of which the harmonics that would come back as aliases are weak by themselves. At 44.1 kHz: 0.4 dB down at
/// 18 kHz, 3 dB at 19.1 kHz, and more than 53 dB from 22.05 kHz on.
pub(crate) static SOFT: Kernel<32> = kernel(0.445, 5.0);

/// For steps that are dense and random, so that their sum is white: what the kernel takes away below half the rate is what aliases
/// put back, so the noise stays white (0.01 dB) up to there.
pub(crate) static WHITE: Kernel<16> = kernel(0.53, 7.5);

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
        check(&SOFT);
        check(&WHITE);
    }
}
