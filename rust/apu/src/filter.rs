//! The filters between the mixer and the listener.
//!
//! Source: nesdev wiki, "APU Mixer": the NES passes 90 Hz and 440 Hz high-pass and 14 kHz low-pass filters of first
//! order, the Famicom one high-pass of 37 Hz. Discretised by the bilinear transform, each corner at its exact place.

use crate::render::FilterMode;

const PI: f64 = std::f64::consts::PI;

/// A filter of first order: `y[n] = b0 x[n] + b1 x[n-1] + a y[n-1]`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Section {
    b0: f64,
    b1: f64,
    a: f64,
    /// `b1 x[n-1] + a y[n-1]`.
    state: f64,
}

impl Section {
    fn high_pass(corner: f64, sample_rate: f64) -> Self {
        let k = tangent(PI * corner / sample_rate);
        let b0 = 1.0 / (1.0 + k);
        Self { b0, b1: -b0, a: (1.0 - k) / (1.0 + k), state: 0.0 }
    }

    fn low_pass(corner: f64, sample_rate: f64) -> Self {
        let k = tangent(PI * corner / sample_rate);
        let b0 = k / (1.0 + k);
        Self { b0, b1: b0, a: (1.0 - k) / (1.0 + k), state: 0.0 }
    }

    /// Puts the section into the state that a constant input of `level` leads to, and gives the output.
    fn settle(&mut self, level: f64) -> f64 {
        let output = level * (self.b0 + self.b1) / (1.0 - self.a);
        self.state = self.b1 * level + self.a * output;
        output
    }

    #[inline]
    fn pass(&mut self, input: f64) -> f64 {
        let output = self.b0 * input + self.state;
        self.state = self.b1 * input + self.a * output;
        output
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

/// The chain of filters of a console.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    sections: Sections,
}

#[derive(Debug, Clone)]
enum Sections {
    None,
    One([Section; 1]),
    Two([Section; 2]),
    Three([Section; 3]),
}

impl Filter {
    pub(crate) fn new(mode: FilterMode, sample_rate: u32) -> Self {
        let rate = f64::from(sample_rate);
        let sections = match mode {
            FilterMode::None => Sections::None,
            FilterMode::Famicom => Sections::One([Section::high_pass(37.0, rate)]),
            FilterMode::Nes => {
                let high = [Section::high_pass(90.0, rate), Section::high_pass(440.0, rate)];
                // A corner at or above half the rate has nothing left to take away.
                if sample_rate > 28_000 {
                    Sections::Three([high[0], high[1], Section::low_pass(14_000.0, rate)])
                } else {
                    Sections::Two(high)
                }
            }
        };
        Self { sections }
    }

    /// Begins as if the input had been `level` for ever: no click at the start.
    pub(crate) fn settle(&mut self, level: f32) {
        let sections: &mut [Section] = match &mut self.sections {
            Sections::None => &mut [],
            Sections::One(sections) => sections,
            Sections::Two(sections) => sections,
            Sections::Three(sections) => sections,
        };
        sections.iter_mut().fold(f64::from(level), |level, section| section.settle(level));
    }

    /// Filters a block in place.
    pub(crate) fn run(&mut self, samples: &mut [f32]) {
        match &mut self.sections {
            Sections::None => {}
            Sections::One(sections) => run(sections, samples),
            Sections::Two(sections) => run(sections, samples),
            Sections::Three(sections) => run(sections, samples),
        }
    }
}

/// The sections one after the other on each sample, their states kept in registers.
fn run<const N: usize>(sections: &mut [Section; N], samples: &mut [f32]) {
    let mut local = *sections;
    for sample in samples {
        let mut value = f64::from(*sample);
        for section in &mut local {
            value = section.pass(value);
        }
        *sample = value as f32;
    }
    *sections = local;
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
