//! Sixteen numbers at once: the instructions that the kernels are made of, for AVX-512, AVX2, and any processor.
//!
//! Only here and in `simd/x86.rs` is there `unsafe`, for two reasons. A function compiled for instructions that this
//! processor may not have may only be called where it has them: a kernel runs inside `vectorize`, which [`Kind::detect`]
//! alone leads to. And the intrinsics load through pointers: each here is made of a reference to as many bytes as are read.
//!
//! The kernels are generic over [`Simd`] and always inlined into `vectorize`; there the compiler may use the processor's
//! instructions for the plain code around them, too.
#![allow(unsafe_code)]

use crate::half::wide;

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// 64 bytes of a matrix, a line of the cache: 16 floats, 16 pairs of bfloat16 or 16 quadruples of 8 bits.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; 64]);
}

/// Bytes between what is read in order and what is fetched meanwhile: the memory's latency times its bandwidth, and more.
pub(crate) const AHEAD: usize = 4096;

/// Which instructions to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Kind {
    /// The best that this processor has.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            if avx512 {
                return Self::Avx512;
            }
            let avx2 =
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// All that this processor has, the best first.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut kinds = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if Self::detect() != Self::Portable {
            kinds.insert(0, Self::Avx2);
            if Self::detect() == Self::Avx512 {
                kinds.insert(0, Self::Avx512);
            }
        }
        kinds
    }
}

/// What is to be compiled for an instruction set. A closure would do, could it be told to be inlined always.
pub(crate) trait Kernel {
    type Output;

    /// The work: `#[inline(always)]`, and so is all that it calls with `S`.
    fn run<S: Simd>(self) -> Self::Output;
}

/// An instruction set.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Sixteen 32-bit floats.
    type F: Copy;
    /// Sixteen sums of 32 bits.
    type I: Copy;
    /// Rows that are multiplied with a matrix at once, 1 to 12: as many as there are registers for.
    const ROWS: usize;

    /// Runs a kernel with these instructions.
    fn vectorize<K: Kernel>(kernel: K) -> K::Output;
    fn splat(x: f32) -> Self::F;
    /// The sixteen floats of a line.
    fn floats(line: &Line) -> Self::F;
    /// The sixteen pairs of bfloat16 of a line: the first of each, and the second.
    fn halves(line: &Line) -> (Self::F, Self::F);
    /// Thirty-two 16-bit floats: the sixteen of the first half of a line, and those of the second.
    fn half_floats(line: &Line) -> (Self::F, Self::F);
    /// `a * b + c`.
    fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    fn store(x: Self::F) -> [f32; 16];
    fn zero() -> Self::I;
    /// Adds to each sum the four products of a quadruple of signed weights with the four unsigned inputs.
    fn dot(sums: Self::I, line: &Line, inputs: [u8; 4]) -> Self::I;
    fn store_sums(sums: Self::I) -> [i32; 16];
    /// Tells the processor that the line so many bytes after this one will be needed.
    fn prefetch(line: &Line, ahead: usize);
    /// The same, into the first cache, for what is read more than once.
    fn prefetch_near(line: &Line, ahead: usize);
}

/// Any processor: plain code, which the compiler makes the most of.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type F = [f32; 16];
    type I = [i32; 16];
    const ROWS: usize = 1;

    #[inline(always)]
    fn vectorize<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Self>()
    }

    #[inline(always)]
    fn splat(x: f32) -> [f32; 16] {
        [x; 16]
    }

    #[inline(always)]
    fn floats(line: &Line) -> [f32; 16] {
        let (quadruples, _) = line.0.as_chunks::<4>();
        std::array::from_fn(|lane| f32::from_le_bytes(quadruples[lane]))
    }

    #[inline(always)]
    fn halves(line: &Line) -> ([f32; 16], [f32; 16]) {
        let (quadruples, _) = line.0.as_chunks::<4>();
        let pairs: [u32; 16] = std::array::from_fn(|lane| u32::from_le_bytes(quadruples[lane]));
        (pairs.map(|pair| f32::from_bits(pair << 16)), pairs.map(|pair| f32::from_bits(pair & 0xFFFF_0000)))
    }

    #[inline(always)]
    fn half_floats(line: &Line) -> ([f32; 16], [f32; 16]) {
        let (halves, _) = line.0.as_chunks::<2>();
        let from = |start: usize| std::array::from_fn(|lane| wide(u16::from_le_bytes(halves[start + lane])));
        (from(0), from(16))
    }

    #[inline(always)]
    fn fma(a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        if cfg!(target_arch = "aarch64") {
            std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane])) // one instruction there
        } else {
            std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
        }
    }

    #[inline(always)]
    fn store(x: [f32; 16]) -> [f32; 16] {
        x
    }

    #[inline(always)]
    fn zero() -> [i32; 16] {
        [0; 16]
    }

    #[inline(always)]
    fn dot(sums: [i32; 16], line: &Line, inputs: [u8; 4]) -> [i32; 16] {
        let (quadruples, _) = line.0.as_chunks::<4>();
        std::array::from_fn(|lane| {
            let products = std::iter::zip(quadruples[lane], inputs).map(|(w, x)| i32::from(w as i8) * i32::from(x));
            sums[lane] + products.sum::<i32>()
        })
    }

    #[inline(always)]
    fn store_sums(sums: [i32; 16]) -> [i32; 16] {
        sums
    }

    #[inline(always)]
    fn prefetch(_: &Line, _: usize) {}

    #[inline(always)]
    fn prefetch_near(_: &Line, _: usize) {}
}
