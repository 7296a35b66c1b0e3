//! The filters between the mixer and the listener.
//!
//! Source: nesdev wiki, "APU Mixer": the NES passes 90 Hz and 440 Hz high-pass and 14 kHz low-pass filters of first
//! order, the Famicom one high-pass of 37 Hz. Discretised by the bilinear transform, each corner at its exact place.

use crate::render::FilterMode;

const PI: f64 = std::f64::consts::PI;

/// A filter of first order: `y[n] = b0 x[n] + b1 x[n-1] + a y[n-1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Section {
    b0: f64,
    b1: f64,
    a: f64,
}

impl Section {
    fn high_pass(corner: f64, sample_rate: f64) -> Self {
        let k = tangent(PI * corner / sample_rate);
        let b0 = 1.0 / (1.0 + k);
        Self { b0, b1: -b0, a: (1.0 - k) / (1.0 + k) }
    }

    fn low_pass(corner: f64, sample_rate: f64) -> Self {
        let k = tangent(PI * corner / sample_rate);
        let b0 = k / (1.0 + k);
        Self { b0, b1: b0, a: (1.0 - k) / (1.0 + k) }
    }
}

/// tan x for 0 ≤ x < π/2, by Taylor's series of sine and cosine: the same bits on every platform.
fn tangent(x: f64) -> f64 {
    let (mut sine, mut cosine) = (x, 1.0);
    let (mut odd, mut even) = (x, 1.0);
    for n in 1..14 {
        let n = 2.0 * f64::from(n);
        even *= -x * x / ((n - 1.0) * n);
        odd *= -x * x / (n * (n + 1.0));
        cosine += even;
        sine += odd;
    }
    sine / cosine
}

/// One pole of a chain: `s[n] = a s[n-1] + x[n-1]`, which counts `weight` times.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pole {
    a: f64,
    weight: f64,
    /// `s[n-2]` and `s[n-1]`.
    state: [f64; 2],
}

/// A chain of sections, in parallel form: `y[n] = direct x[n] + sum of weight s[n]`.
///
/// The poles wait for none but themselves, and each is computed two samples ahead, so two samples go at once:
/// `s[n] = a² s[n-2] + (x[n-1] + a x[n-2])`. Every sample is the same sum in the same order, wherever a block ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<const N: usize> {
    direct: f64,
    poles: [Pole; N],
    /// `x[n-2]` and `x[n-1]`.
    inputs: [f64; 2],
}

impl<const N: usize> Chain<N> {
    /// The partial fractions of the sections' product; no two sections may have the same pole.
    fn new(sections: [Section; N]) -> Self {
        let poles = sections.map(|section| {
            let others = sections.iter().filter(|&&other| other != section);
            let weight = others.fold(section.b0 * section.a + section.b1, |weight, other| {
                weight * (other.b0 * section.a + other.b1) / (section.a - other.a)
            });
            Pole { a: section.a, weight, state: [0.0; 2] }
        });
        Self { direct: sections.iter().map(|section| section.b0).product(), poles, inputs: [0.0; 2] }
    }

    fn settle(&mut self, level: f64) {
        self.inputs = [level; 2];
        for pole in &mut self.poles {
            pole.state = [level / (1.0 - pole.a); 2];
        }
    }

    fn run(&mut self, samples: &mut [f32]) {
        let Self { direct, mut poles, mut inputs } = *self;
        let (pairs, last) = samples.as_chunks_mut::<2>();
        for pair in pairs {
            let [x0, x1] = pair.map(f64::from);
            let [older, newer] = inputs;
            let mut outputs = [direct * x0, direct * x1];
            for Pole { a, weight, state } in &mut poles {
                let square = *a * *a;
                state[0] = square * state[0] + (newer + *a * older);
                state[1] = square * state[1] + (x0 + *a * newer);
                outputs[0] += *weight * state[0];
                outputs[1] += *weight * state[1];
            }
            inputs = [x0, x1];
            *pair = outputs.map(|output| output as f32);
        }
        for sample in last {
            let x = f64::from(*sample);
            let [older, newer] = inputs;
            let mut output = direct * x;
            for Pole { a, weight, state } in &mut poles {
                let square = *a * *a;
                let next = square * state[0] + (newer + *a * older);
                *state = [state[1], next];
                output += *weight * next;
            }
            inputs = [newer, x];
            *sample = output as f32;
        }
        *self = Self { direct, poles, inputs };
    }
}

/// The filters of a console.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    None,
    One(Chain<1>),
    Two(Chain<2>),
    Three(Chain<3>),
}

impl Filter {
    pub(crate) fn new(mode: FilterMode, sample_rate: u32) -> Self {
        let rate = f64::from(sample_rate);
        match mode {
            FilterMode::None => Self::None,
            FilterMode::Famicom => Self::One(Chain::new([Section::high_pass(37.0, rate)])),
            FilterMode::Nes => {
                let [first, second] = [90.0, 440.0].map(|corner| Section::high_pass(corner, rate));
                // A corner at or above half the rate has nothing left to take away.
                if sample_rate > 28_000 {
                    Self::Three(Chain::new([first, second, Section::low_pass(14_000.0, rate)]))
                } else {
                    Self::Two(Chain::new([first, second]))
                }
            }
        }
    }

    /// Begins as if the input had been `level` for ever: no click at the start.
    pub(crate) fn settle(&mut self, level: f32) {
        match self {
            Self::None => {}
            Self::One(chain) => chain.settle(level.into()),
            Self::Two(chain) => chain.settle(level.into()),
            Self::Three(chain) => chain.settle(level.into()),
        }
    }

    /// Filters a block in place.
    pub(crate) fn run(&mut self, samples: &mut [f32]) {
        match self {
            Self::None => {}
            Self::One(chain) => chain.run(samples),
            Self::Two(chain) => chain.run(samples),
            Self::Three(chain) => chain.run(samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gain at a frequency, measured on a second of sine.
    fn gain(mode: FilterMode, frequency: f64, rate: u32) -> f64 {
        let mut filter = Filter::new(mode, rate);
        let sine = |n: u32| (2.0 * PI * frequency * f64::from(n) / f64::from(rate)).sin() as f32;
        let mut samples: Vec<f32> = (0..2 * rate).map(sine).collect();
        filter.run(&mut samples);
        let power: f64 = samples[rate as usize..].iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (2.0 * power / f64::from(rate)).sqrt()
    }

    #[test]
    fn the_famicom_is_3_db_down_at_37_hz() {
        assert!((gain(FilterMode::Famicom, 37.0, 44_100) - 0.5_f64.sqrt()).abs() < 1e-3);
        assert!((gain(FilterMode::Famicom, 5_000.0, 44_100) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn the_nes_is_the_product_of_its_three_filters_at_any_rate() {
        for rate in [32_000, 44_100, 96_000] {
            for frequency in [90.0_f64, 440.0, 3_000.0, 14_000.0] {
                let high = |corner: f64| 1.0 / (1.0 + (corner / frequency).powi(2)).sqrt();
                let warp = |f: f64| (PI * f / f64::from(rate)).tan();
                let low = 1.0 / (1.0 + (warp(frequency) / warp(14_000.0)).powi(2)).sqrt();
                let found = gain(FilterMode::Nes, frequency, rate);
                assert!((found - high(90.0) * high(440.0) * low).abs() < 0.01, "{frequency} Hz at {rate}: {found}");
            }
        }
    }

    #[test]
    fn a_settled_filter_is_silent_on_its_level() {
        let mut filter = Filter::new(FilterMode::Nes, 44_100);
        filter.settle(0.25);
        let mut samples = [0.25; 1_000];
        filter.run(&mut samples);
        assert!(samples.iter().all(|sample| sample.abs() < 1e-9));
    }

    #[test]
    fn the_tangent_is_right_to_12_digits() {
        for n in 1..150 {
            let x = f64::from(n) / 100.0;
            assert!((tangent(x) / x.tan() - 1.0).abs() < 1e-12, "{x}");
        }
    }
}
