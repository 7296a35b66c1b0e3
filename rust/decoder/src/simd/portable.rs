//! Any processor: plain code, which the compiler makes the most of.

use super::{Kernel, Line, Simd};
use crate::bits::from_float16;

/// A token that anyone may make, for its code runs everywhere.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type F = [f32; 16];
    type I = [i32; 16];
    const ROWS: usize = 1;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 16] {
        [x; 16]
    }

    #[inline(always)]
    fn floats(self, line: &Line) -> [f32; 16] {
        let (quadruples, _) = line.as_chunks::<4>();
        std::array::from_fn(|lane| f32::from_le_bytes(quadruples[lane]))
    }

    #[inline(always)]
    fn halves(self, line: &Line) -> ([f32; 16], [f32; 16]) {
        let (quadruples, _) = line.as_chunks::<4>();
        let pairs: [u32; 16] = std::array::from_fn(|lane| u32::from_le_bytes(quadruples[lane]));
        (pairs.map(|pair| f32::from_bits(pair << 16)), pairs.map(|pair| f32::from_bits(pair & 0xFFFF_0000)))
    }

    #[inline(always)]
    fn half_floats(self, line: &Line) -> ([f32; 16], [f32; 16]) {
        let (halves, _) = line.as_chunks::<2>();
        let from = |start: usize| std::array::from_fn(|lane| from_float16(u16::from_le_bytes(halves[start + lane])));
        (from(0), from(16))
    }

    #[inline(always)]
    fn fma(self, a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        if cfg!(target_arch = "aarch64") {
            std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane])) // one instruction there
        } else {
            std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
        }
    }

    #[inline(always)]
    fn store(self, x: [f32; 16]) -> [f32; 16] {
        x
    }

    #[inline(always)]
    fn sums(self, sum: i32) -> [i32; 16] {
        [sum; 16]
    }

    #[inline(always)]
    fn dot(self, sums: [i32; 16], line: &Line, inputs: [u8; 4]) -> [i32; 16] {
        let (quadruples, _) = line.as_chunks::<4>();
        std::array::from_fn(|lane| {
            let products = std::iter::zip(quadruples[lane], inputs).map(|(w, x)| i32::from(w as i8) * i32::from(x));
            sums[lane] + products.sum::<i32>()
        })
    }

    #[inline(always)]
    fn dot_unsigned(self, sums: [i32; 16], line: &Line, inputs: [i8; 4]) -> [i32; 16] {
        let (quadruples, _) = line.as_chunks::<4>();
        std::array::from_fn(|lane| {
            let products = std::iter::zip(quadruples[lane], inputs).map(|(w, x)| i32::from(w) * i32::from(x));
            sums[lane] + products.sum::<i32>()
        })
    }

    #[inline(always)]
    fn store_sums(self, sums: [i32; 16]) -> [i32; 16] {
        sums
    }

    #[inline(always)]
    fn prefetch(self, _: &Line, _: usize) {}

    #[inline(always)]
    fn prefetch_near(self, _: &Line, _: usize) {}
}
