//! The filters between the mixer and the listener.
//!
//! Source: nesdev wiki, "APU Mixer": the NES passes 90 Hz and 440 Hz high-pass and 14 kHz low-pass filters of first
//! order, the Famicom one high-pass of 37 Hz. Discretised by the bilinear transform, each corner at its exact place.

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

impl FilterMode {
    /// All of them, with their names.
    pub const NAMED: [(&'static str, Self); 3] = [("nes", Self::Nes), ("famicom", Self::Famicom), ("none", Self::None)];
}

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

/// Samples that go at once.
const LANES: usize = 4;

/// One pole of a chain: `s[n] = a s[n-1] + x[n-1]`, which counts `weight` times.
///
/// It is computed four samples ahead of itself, in two steps that do not wait for each other:
/// `u[n] = x[n-1] + a x[n-2]` and `s[n] = a⁴ s[n-4] + (u[n] + a² u[n-2])`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pole {
    /// `a`, `a²` and `a⁴`.
    powers: [f32; 3],
    weight: f32,
    /// `u[n-2]` and `u[n-1]`.
    pairs: [f32; 2],
    /// `s[n-4]` to `s[n-1]`.
    state: [f32; LANES],
}

impl Pole {
    fn new(a: f64, weight: f64) -> Self {
        let powers = [a, a * a, a * a * a * a].map(|power| power as f32);
        Self { powers, weight: weight as f32, ..Self::default() }
    }

    /// What it adds to four outputs; `last` are the inputs before each, `older` those before these.
    #[inline]
    fn step(&mut self, last: [f32; LANES], older: [f32; LANES]) -> [f32; LANES] {
        let [a, square, fourth] = self.powers;
        let pairs: [f32; LANES] = std::array::from_fn(|n| last[n] + a * older[n]);
        let before = [self.pairs[0], self.pairs[1], pairs[0], pairs[1]];
        self.state = std::array::from_fn(|n| fourth * self.state[n] + (pairs[n] + square * before[n]));
        self.pairs = [pairs[2], pairs[3]];
        self.state.map(|state| self.weight * state)
    }

    /// The same for one output.
    fn step_once(&mut self, last: f32, older: f32) -> f32 {
        let [a, square, fourth] = self.powers;
        let pair = last + a * older;
        let state = fourth * self.state[0] + (pair + square * self.pairs[0]);
        self.pairs = [self.pairs[1], pair];
        self.state = [self.state[1], self.state[2], self.state[3], state];
        self.weight * state
    }
}

/// A chain of sections, in parallel form: `y[n] = direct x[n] + sum of weight s[n]`.
///
/// The poles wait for none but themselves. Every sample is the same sum in the same order, wherever a block ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<const N: usize> {
    direct: f32,
    poles: [Pole; N],
    /// `x[n-2]` and `x[n-1]`.
    inputs: [f32; 2],
}

impl<const N: usize> Chain<N> {
    /// The partial fractions of the sections' product; no two sections may have the same pole.
    fn new(sections: [Section; N]) -> Self {
        let poles = sections.map(|section| {
            let others = sections.iter().filter(|&&other| other != section);
            let weight = others.fold(section.b0 * section.a + section.b1, |weight, other| {
                weight * (other.b0 * section.a + other.b1) / (section.a - other.a)
            });
            Pole::new(section.a, weight)
        });
        Self { direct: sections.iter().map(|section| section.b0).product::<f64>() as f32, poles, inputs: [0.0; 2] }
    }

    fn settle(&mut self, level: f32) {
        self.inputs = [level; 2];
        for pole in &mut self.poles {
            let [a, square, fourth] = pole.powers;
            pole.pairs = [level + a * level; 2];
            let input = pole.pairs[0] + square * pole.pairs[0];
            pole.state = [input / (1.0 - fourth); LANES];
        }
    }

    fn run(&mut self, samples: &mut [f32]) {
        let mut chain = *self;
        let (blocks, last) = samples.as_chunks_mut::<LANES>();
        for block in blocks {
            let [a, b, c, d] = *block;
            let [older, newer] = chain.inputs;
            let mut outputs = block.map(|sample| chain.direct * sample);
            for pole in &mut chain.poles {
                let part = pole.step([newer, a, b, c], [older, newer, a, b]);
                outputs = std::array::from_fn(|n| outputs[n] + part[n]);
            }
            chain.inputs = [c, d];
            *block = outputs;
        }
        for sample in last {
            let [older, newer] = chain.inputs;
            let mut output = chain.direct * *sample;
            for pole in &mut chain.poles {
                output += pole.step_once(newer, older);
            }
            chain.inputs = [newer, *sample];
            *sample = output;
        }
        *self = chain;
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
            Self::One(chain) => chain.settle(level),
            Self::Two(chain) => chain.settle(level),
            Self::Three(chain) => chain.settle(level),
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
        assert!(samples.iter().all(|sample| sample.abs() < 2e-6));
    }

    #[test]
    fn the_tangent_is_right_to_12_digits() {
        for n in 1..150 {
            let x = f64::from(n) / 100.0;
            assert!((tangent(x) / x.tan() - 1.0).abs() < 1e-12, "{x}");
        }
    }
}
