//! Numbers in 16 bits: those of a line are widened before they are multiplied; inputs and sums are 32-bit floats.

use super::Element;
use crate::bits::{from_float16, to_bfloat16, to_float16};
use crate::simd::{Line, Simd};

/// A 16-bit format. A line holds two inputs of each of its sixteen outputs.
pub(crate) trait Half: Copy + Send + Sync + 'static {
    /// The weights of the first input, and those of the second.
    fn both<S: Simd>(simd: S, line: &Line) -> (S::F, S::F);
    fn put(line: &mut Line, lane: usize, place: usize, number: f32);
}

impl<H: Half> Element for H {
    const GROUP: usize = 2;
    const SCALED: bool = false;
    type Inputs = [f32; 2];
    type Sums<S: Simd> = S::F;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F {
        simd.splat(0.0)
    }

    /// The first input, then the second: the order of summation is that of 32 bits.
    #[inline(always)]
    fn accumulate<S: Simd>(simd: S, sums: S::F, line: &Line, inputs: [f32; 2]) -> S::F {
        let (first, second) = H::both(simd, line);
        simd.fma(second, simd.splat(inputs[1]), simd.fma(first, simd.splat(inputs[0]), sums))
    }

    #[inline(always)]
    fn finish<S: Simd>(simd: S, sums: S::F, _: f32, _: &[f32; 16], _: &[i32; 16]) -> [f32; 16] {
        simd.store(sums)
    }

    #[inline(always)]
    fn inputs(numbers: &[f32], _: f32) -> [f32; 2] {
        [numbers[0], numbers.get(1).copied().unwrap_or(0.0)]
    }

    #[inline(always)]
    fn put(line: &mut Line, lane: usize, place: usize, number: f32, _: f32) -> i32 {
        H::put(line, lane, place, number);
        0
    }
}

/// 16-bit floats (IEEE 754 binary16), for numbers that are such.
#[derive(Clone, Copy)]
pub(crate) struct Float16;

impl Float16 {
    /// Whether a number is a 16-bit float.
    pub(crate) fn holds(number: f32) -> bool {
        from_float16(to_float16(number)).to_bits() == number.to_bits()
    }
}

impl Half for Float16 {
    #[inline(always)]
    fn both<S: Simd>(simd: S, line: &Line) -> (S::F, S::F) {
        simd.half_floats(line)
    }

    /// The first inputs lie in one half of the line, and the second in the other, as the instructions widen them.
    #[inline(always)]
    fn put(line: &mut Line, lane: usize, place: usize, number: f32) {
        line.as_chunks_mut::<2>().0[16 * place + lane] = to_float16(number).to_le_bytes();
    }
}

/// The upper halves of 32-bit floats.
#[derive(Clone, Copy)]
pub(crate) struct Bfloat16;

impl Half for Bfloat16 {
    #[inline(always)]
    fn both<S: Simd>(simd: S, line: &Line) -> (S::F, S::F) {
        simd.halves(line)
    }

    #[inline(always)]
    fn put(line: &mut Line, lane: usize, place: usize, number: f32) {
        line.as_chunks_mut::<2>().0[2 * lane + place] = to_bfloat16(number).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_in_16_bits_only_where_nothing_is_lost() {
        for half in (0..=u16::MAX).filter(|bits| bits & 0x7C00 != 0x7C00) {
            assert!(Float16::holds(from_float16(half)));
        }
        let smallest = 2.0_f32.powi(-24);
        for other in [65520.0, 1.0 + f32::EPSILON, smallest / 2.0, 1.5 * smallest, 1e-40, f32::INFINITY, f32::NAN] {
            assert!(!Float16::holds(other), "{other}");
        }
    }
}
