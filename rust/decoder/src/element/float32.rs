//! 32-bit floats.

use super::Element;
use crate::simd::{Line, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Float32;

impl Element for Float32 {
    const GROUP: usize = 1;
    const SCALED: bool = false;
    type Inputs = f32;
    type Sums<S: Simd> = S::F;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F {
        simd.splat(0.0)
    }

    #[inline(always)]
    fn accumulate<S: Simd>(simd: S, sums: S::F, line: &Line, input: f32) -> S::F {
        simd.fma(simd.floats(line), simd.splat(input), sums)
    }

    #[inline(always)]
    fn finish<S: Simd>(simd: S, sums: S::F, _: f32, _: &[f32; 16], _: &[i32; 16]) -> [f32; 16] {
        simd.store(sums)
    }

    #[inline(always)]
    fn inputs(numbers: &[f32], _: f32) -> f32 {
        numbers[0]
    }

    #[inline(always)]
    fn put(line: &mut Line, lane: usize, _: usize, number: f32, _: f32) -> i32 {
        line.as_chunks_mut::<4>().0[lane] = number.to_le_bytes();
        0
    }
}
