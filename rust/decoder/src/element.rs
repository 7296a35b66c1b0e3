//! What a number of a matrix is: a float of 32 or 16 bits, bfloat16, or eight bits with a scale.
//!
//! A matrix is kept in lines of 64 bytes: sixteen outputs beside each other, and of each output the weights of a group of
//! 1, 2 or 4 inputs. A product goes through the groups in order and keeps sixteen sums a line, so that no sum is ever
//! taken across a line, and the order of summation of an output is the same for any batch and any number of threads.

use crate::simd::{Line, Simd};
use crate::vector::{lanes, larger};

mod float32;
mod half;
mod int8;
pub(crate) use float32::Float32;
pub(crate) use half::{Bfloat16, Float16};
pub(crate) use int8::Int8;

/// The largest magnitude of eight bits: -128 is not used.
const LARGEST: f32 = 127.0;

pub(crate) trait Element: Copy + Send + Sync + 'static {
    /// Inputs a line: four bytes of weights an output.
    const GROUP: usize;
    /// Whether numbers are kept as multiples of a scale.
    const SCALED: bool;
    /// The inputs of a group.
    type Inputs: Copy + Send + Sync;
    /// Sixteen sums.
    type Sums<S: Simd>: Copy;

    fn zero<S: Simd>(simd: S) -> Self::Sums<S>;
    fn accumulate<S: Simd>(simd: S, sums: Self::Sums<S>, line: &Line, inputs: Self::Inputs) -> Self::Sums<S>;
    /// The sums as numbers. `scale` is that of the inputs, `scales` and `shifts` are those of the outputs.
    fn finish<S: Simd>(simd: S, sums: Self::Sums<S>, scale: f32, scales: &[f32; 16], shifts: &[i32; 16]) -> [f32; 16];
    /// Makes inputs of up to [`Self::GROUP`] numbers, which are multiplied by `inverse` first.
    fn inputs(numbers: &[f32], inverse: f32) -> Self::Inputs;
    /// Makes inputs of digits from 0 to 255, for sums without a shift; only where numbers are scaled.
    fn digits(digits: [u8; 4]) -> Self::Inputs {
        Self::inputs(&digits.map(f32::from), 1.0)
    }
    /// Writes a number, multiplied by `inverse`; returns what to add to the shift of its output.
    fn put(line: &mut Line, lane: usize, place: usize, number: f32, inverse: f32) -> i32;

    /// Makes inputs of a query, which is multiplied with what [`Self::put_key`] wrote.
    #[inline(always)]
    fn query(numbers: &[f32], inverse: f32) -> Self::Inputs {
        Self::inputs(numbers, inverse)
    }
    /// Writes a number of a key.
    #[inline(always)]
    fn put_key(line: &mut Line, lane: usize, place: usize, number: f32, inverse: f32) {
        Self::put(line, lane, place, number, inverse);
    }
    /// The sums of a query with which [`Self::accumulate_key`] begins.
    #[inline(always)]
    fn start<S: Simd>(simd: S, query: &[Self::Inputs]) -> Self::Sums<S> {
        _ = query;
        Self::zero(simd)
    }
    #[inline(always)]
    fn accumulate_key<S: Simd>(simd: S, sums: Self::Sums<S>, line: &Line, inputs: Self::Inputs) -> Self::Sums<S> {
        Self::accumulate(simd, sums, line, inputs)
    }

    /// The scale of some numbers and its inverse.
    #[inline(always)]
    fn scale(numbers: &[f32]) -> (f32, f32) {
        if !Self::SCALED {
            return (1.0, 1.0);
        }
        let largest = lanes(numbers, 0.0, f32::abs, larger);
        if largest == 0.0 || !largest.is_finite() {
            return (1.0, 1.0);
        }
        (largest / LARGEST, LARGEST / largest)
    }
}
