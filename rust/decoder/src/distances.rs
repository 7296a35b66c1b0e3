//! The distances between positions: their sinusoids, projected for every head (Dai et al. 2019, section 3.3).
//!
//! The sinusoids are those of Vaswani et al. (2017, section 3.5), all sines before all cosines.

use crate::element::Element;
use crate::error::DecoderError;
use crate::form::Form;
use crate::matrix::Matrix;
use crate::network::Network;
use crate::projection::Project;
use crate::shape::{Shape, in_range};
use crate::simd::{Kernel, Simd};

/// The most positions that a step can attend to: the sum of this many products of 8 bits fits into 32 bits.
pub const MAX_WINDOW: usize = 65_536;

/// Distances that are projected at once, an even number: their sinusoids stay in the cache.
const BLOCK: usize = 96;

/// The projected distances of a model, from `window` - 1 down to 0: by layer and head, a matrix whose outputs they are.
pub(crate) struct Distances<E: Element> {
    pub(crate) window: usize,
    pub(crate) heads: Vec<Vec<Matrix<E>>>,
}

impl<E: Element> Distances<E> {
    pub(crate) fn new<S: Simd, F: Form<Memory = E>>(
        simd: S,
        network: &Network<F>,
        window: usize,
    ) -> Result<Self, DecoderError> {
        in_range("window", window, MAX_WINDOW)?;
        let Shape { n_head, d_model, d_head, clamp_len, .. } = network.shape;
        let width = network.shape.heads_width();
        let empty = |_| (0..n_head).map(|_| Matrix::zeros(window, d_head)).collect();
        let heads: Result<Vec<Vec<_>>, _> = network.layers.iter().map(empty).collect();
        let what = || format!("the projected distances of {window} positions");
        let mut heads = heads.map_err(|_| DecoderError::OutOfMemory { what: what() })?;

        let frequencies = frequencies(d_model);
        let mut table = vec![0.0; BLOCK * d_model];
        let mut projected = vec![0.0; BLOCK * width];
        for start in (0..window).step_by(BLOCK) {
            let count = BLOCK.min(window - start);
            let rows = &mut table[..count.next_multiple_of(2) * d_model];
            let out = &mut projected[..count.next_multiple_of(2) * width];
            let (largest, frequencies) = (window - 1 - start, &frequencies);
            simd.vectorize(Sinusoids { largest, clamp_len, frequencies, table: &mut rows[..count * d_model] });
            for (layer, heads) in network.layers.iter().zip(&mut heads) {
                simd.vectorize(Project { projection: &layer.distance, rows, out });
                for (place, row) in out.chunks_exact(width).take(count).enumerate() {
                    for (head, numbers) in heads.iter_mut().zip(row.chunks_exact(d_head)) {
                        head.put(start + place, numbers);
                    }
                }
            }
        }
        Ok(Self { window, heads })
    }
}

/// 1 / 10000^(2i / `d_model`), each step rounded to 32 bits as in the original: at a distance of thousands, a frequency that
/// is off by the last place changes logits by 1e-4.
fn frequencies(d_model: usize) -> Vec<f32> {
    let frequency = |index| 1.0 / 10_000_f64.powf(f64::from(index as f32 / d_model as f32)) as f32;
    (0..d_model).step_by(2).map(frequency).collect()
}

/// The sinusoids of distances from `largest` down, a row each.
struct Sinusoids<'a> {
    largest: usize,
    clamp_len: usize,
    frequencies: &'a [f32],
    table: &'a mut [f32],
}

impl Kernel for Sinusoids<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { largest, clamp_len, frequencies, table } = self;
        for (place, row) in table.chunks_exact_mut(2 * frequencies.len()).enumerate() {
            let distance = largest - place;
            let distance = if clamp_len > 0 { distance.min(clamp_len) } else { distance };
            let (sines, cosines) = row.split_at_mut(frequencies.len());
            for ((sine, cosine), frequency) in sines.iter_mut().zip(cosines).zip(frequencies) {
                (*sine, *cosine) = sin_cos(distance as f32 * frequency);
            }
        }
    }
}

/// Sine and cosine of an angle from 0 to [`MAX_WINDOW`], the same on every processor: their Taylor series in 64 bits on
/// half a right angle around 0, with an error of 1e-11 before the result is rounded.
#[inline(always)]
fn sin_cos(angle: f32) -> (f32, f32) {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52: leaves no bits for a fraction
    const SINE: [f64; 6] = [-1.0 / 39_916_800.0, 1.0 / 362_880.0, -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0];
    const COSINE: [f64; 7] =
        [1.0 / 479_001_600.0, -1.0 / 3_628_800.0, 1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0];
    let angle = f64::from(angle);
    let shifted = angle * std::f64::consts::FRAC_2_PI + ROUND;
    let quadrant = shifted.to_bits();
    let rest = angle - (shifted - ROUND) * std::f64::consts::FRAC_PI_2;
    let square = rest * rest;
    let sine = rest * SINE.into_iter().fold(0.0, |sum, coefficient| sum * square + coefficient);
    let cosine = COSINE.into_iter().fold(0.0, |sum, coefficient| sum * square + coefficient);
    let (sine, cosine) = if quadrant & 1 == 0 { (sine, cosine) } else { (cosine, sine) };
    let sine = if quadrant & 2 == 0 { sine } else { -sine };
    let cosine = if (quadrant + 1) & 2 == 0 { cosine } else { -cosine };
    (sine as f32, cosine as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_and_cosines_are_rounded_from_their_exact_values() {
        for step in 0..200_000 {
            let angle = step as f32 * 0.327_68;
            let (sine, cosine) = sin_cos(angle);
            for (found, exact) in [(sine, f64::from(angle).sin()), (cosine, f64::from(angle).cos())] {
                assert!((f64::from(found) - exact).abs() < 3e-8, "{angle}: {found}, {exact}");
            }
        }
    }
}
