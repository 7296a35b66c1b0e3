//! What is done to vectors: sums in one order, the exponential, a bias and the positive part.

use crate::simd::{Kernel, Simd};

const LANES: usize = 16;

/// Folds what is made of numbers in sixteen lanes and then the lanes: one order, which the compiler can make vectors of.
#[inline(always)]
pub(crate) fn lanes(numbers: &[f32], start: f32, made: impl Fn(f32) -> f32, fold: impl Fn(f32, f32) -> f32) -> f32 {
    let mut folded = [start; LANES];
    let (whole, rest) = numbers.as_chunks::<LANES>();
    for numbers in whole {
        for (folded, &number) in folded.iter_mut().zip(numbers) {
            *folded = fold(*folded, made(number));
        }
    }
    for (folded, &number) in folded.iter_mut().zip(rest) {
        *folded = fold(*folded, made(number));
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            folded[lane] = fold(folded[lane], folded[lane + width]);
        }
    }
    folded[0]
}

/// The larger of two numbers; `f32::max`, which also asks whether the first is a number, takes three instructions.
#[inline(always)]
pub(crate) fn larger(number: f32, other: f32) -> f32 {
    if other > number { other } else { number }
}

/// The exponential of a number that is not positive, to a last place or two; far below, 0.
///
/// 2^n times a polynomial on half an octave around 0: the Taylor series of the exponential, long enough for 24 bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LEAST: f32 = -87.0;
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    // ln 2 in two parts, the first with few bits, so that a multiple of it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let bounded = x.max(LEAST);
    let shifted = bounded * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (bounded - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * rest + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000));
    if x < LEAST { 0.0 } else { series * power }
}

#[inline(always)]
pub(crate) fn add(numbers: &mut [f32], others: &[f32]) {
    for (number, other) in numbers.iter_mut().zip(others) {
        *number += other;
    }
}

/// Adds numbers, each times its weight, to others.
#[inline(always)]
pub(crate) fn add_weighed(numbers: &mut [f32], others: &[f32], weights: &[f32]) {
    for ((number, other), weight) in numbers.iter_mut().zip(others).zip(weights) {
        *number += other * weight;
    }
}

/// Adds a bias to each row, and takes what is positive.
pub(crate) struct Rectify<'a> {
    pub(crate) numbers: &'a mut [f32],
    pub(crate) bias: &'a [f32],
}

impl Kernel for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for row in self.numbers.chunks_exact_mut(self.bias.len()) {
            for (number, bias) in row.iter_mut().zip(self.bias) {
                *number = (*number + bias).max(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_library_to_two_last_places() {
        for step in 0..87_000 {
            let x = -f64::from(step) as f32 / 1000.0;
            let error = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(error < 2.5e-7, "{x}: {error}");
        }
        assert_eq!((exp(0.0), exp(-88.0), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
    }
}
