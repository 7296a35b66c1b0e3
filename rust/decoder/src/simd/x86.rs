//! The instructions of x86-64: AVX-512 and AVX2.
//!
//! All `unsafe` of this project stands here, for two reasons. The intrinsics may only be called where the processor has
//! them: `Avx512` and `Avx2` are tokens with a private field, made by `detect` alone, and every operation takes one. And
//! the intrinsics load and store through pointers: each here is made of a reference to as many bytes as it covers.
#![allow(unsafe_code)]
#![allow(clippy::wildcard_imports, reason = "the names of the instructions")]
#![expect(clippy::cast_ptr_alignment, reason = "loads and stores here ask for no alignment")]

use std::arch::x86_64::*;

use super::{Kernel, Line, Simd};

#[inline(always)]
fn prefetch(line: &Line, ahead: usize) {
    let line = std::ptr::from_ref(line).cast::<i8>().wrapping_add(ahead);
    // SAFETY: a hint; no address makes it fault.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(line) }
}

#[inline(always)]
fn prefetch_near(line: &Line, ahead: usize) {
    let line = std::ptr::from_ref(line).cast::<i8>().wrapping_add(ahead);
    // SAFETY: a hint; no address makes it fault.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line) }
}

/// Proof that this processor has AVX-512 with VNNI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        has_all.then_some(Self(()))
    }
}

impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    // Times two lines: 24 sums of the 32 registers.
    const ROWS: usize = 12;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
        fn run<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: the token says that the processor has all of these.
        unsafe { run(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: the token says that the processor has the instruction, as for all below.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn floats(self, line: &Line) -> __m512 {
        // SAFETY: a line is 64 bytes; the load asks for no alignment.
        unsafe { _mm512_loadu_ps(line.as_ptr().cast()) }
    }

    #[inline(always)]
    fn halves(self, line: &Line) -> (__m512, __m512) {
        // SAFETY: a line is 64 bytes; the loads ask for no alignment.
        unsafe {
            let pairs = _mm512_loadu_si512(line.as_ptr().cast());
            let second = _mm512_and_si512(pairs, _mm512_set1_epi32(0xFFFF_0000_u32.cast_signed()));
            (_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)), _mm512_castsi512_ps(second))
        }
    }

    #[inline(always)]
    fn half_floats(self, line: &Line) -> (__m512, __m512) {
        let start = line.as_ptr().cast::<__m256i>();
        // SAFETY: twice 32 of the 64 bytes of a line; the loads ask for no alignment.
        unsafe { (_mm512_cvtph_ps(_mm256_loadu_si256(start)), _mm512_cvtph_ps(_mm256_loadu_si256(start.add(1)))) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token, as above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn store(self, x: __m512) -> [f32; 16] {
        let mut floats = [0.0; 16];
        // SAFETY: the array is 64 bytes; the store asks for no alignment.
        unsafe { _mm512_storeu_ps(floats.as_mut_ptr(), x) };
        floats
    }

    #[inline(always)]
    fn sums(self, sum: i32) -> __m512i {
        // SAFETY: the token, as above.
        unsafe { _mm512_set1_epi32(sum) }
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, line: &Line, inputs: [u8; 4]) -> __m512i {
        // SAFETY: a line is 64 bytes; the loads ask for no alignment.
        unsafe {
            let weights = _mm512_loadu_si512(line.as_ptr().cast());
            _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(i32::from_le_bytes(inputs)), weights)
        }
    }

    #[inline(always)]
    fn dot_unsigned(self, sums: __m512i, line: &Line, inputs: [i8; 4]) -> __m512i {
        // SAFETY: a line is 64 bytes; the loads ask for no alignment.
        unsafe {
            let weights = _mm512_loadu_si512(line.as_ptr().cast());
            let inputs = i32::from_le_bytes(inputs.map(i8::cast_unsigned));
            _mm512_dpbusd_epi32(sums, weights, _mm512_set1_epi32(inputs))
        }
    }

    #[inline(always)]
    fn store_sums(self, sums: __m512i) -> [i32; 16] {
        let mut stored = [0; 16];
        // SAFETY: the array is 64 bytes; the store asks for no alignment.
        unsafe { _mm512_storeu_si512(stored.as_mut_ptr().cast(), sums) };
        stored
    }

    #[inline(always)]
    fn prefetch(self, line: &Line, ahead: usize) {
        prefetch(line, ahead);
    }

    #[inline(always)]
    fn prefetch_near(self, line: &Line, ahead: usize) {
        prefetch_near(line, ahead);
    }
}

/// Proof that this processor has AVX2 with FMA and 16-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        let has_all =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        has_all.then_some(Self(()))
    }
}

impl Simd for Avx2 {
    type F = [__m256; 2];
    /// The products of the first two and of the last two of each quadruple lie side by side: 32 sums of pairs.
    type I = [__m256i; 4];
    const ROWS: usize = 1;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn run<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: the token says that the processor has all of these.
        unsafe { run(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [__m256; 2] {
        // SAFETY: the token says that the processor has the instruction, as for all below.
        [unsafe { _mm256_set1_ps(x) }; 2]
    }

    #[inline(always)]
    fn floats(self, line: &Line) -> [__m256; 2] {
        let start = line.as_ptr().cast::<f32>();
        // SAFETY: a line is 64 bytes; the loads ask for no alignment.
        unsafe { [_mm256_loadu_ps(start), _mm256_loadu_ps(start.add(8))] }
    }

    #[inline(always)]
    fn halves(self, line: &Line) -> ([__m256; 2], [__m256; 2]) {
        // SAFETY: the token, as above.
        let split = |x: __m256| unsafe {
            let pairs = _mm256_castps_si256(x);
            let second = _mm256_and_si256(pairs, _mm256_set1_epi32(0xFFFF_0000_u32.cast_signed()));
            (_mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs)), _mm256_castsi256_ps(second))
        };
        let [low, high] = self.floats(line).map(split);
        ([low.0, high.0], [low.1, high.1])
    }

    #[inline(always)]
    fn half_floats(self, line: &Line) -> ([__m256; 2], [__m256; 2]) {
        let start = line.as_ptr().cast::<__m128i>();
        // SAFETY: one of four times 16 of the 64 bytes of a line; the loads ask for no alignment.
        let eight = |place| unsafe { _mm256_cvtph_ps(_mm_loadu_si128(start.add(place))) };
        ([eight(0), eight(1)], [eight(2), eight(3)])
    }

    #[inline(always)]
    fn fma(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the token, as above.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn store(self, x: [__m256; 2]) -> [f32; 16] {
        let mut floats = [0.0; 16];
        let start = floats.as_mut_ptr();
        // SAFETY: the array is 64 bytes; the stores ask for no alignment.
        unsafe {
            _mm256_storeu_ps(start, x[0]);
            _mm256_storeu_ps(start.add(8), x[1]);
        }
        floats
    }

    #[inline(always)]
    fn sums(self, sum: i32) -> [__m256i; 4] {
        // SAFETY: the token, as above. The second of each pair of sums is 0.
        [unsafe { _mm256_set1_epi64x(i64::from(sum.cast_unsigned())) }; 4]
    }

    #[inline(always)]
    fn dot(self, mut sums: [__m256i; 4], line: &Line, inputs: [u8; 4]) -> [__m256i; 4] {
        let start = line.as_ptr();
        // SAFETY: four times 16 of the 64 bytes of a line; the loads ask for no alignment.
        unsafe {
            // Sixteen bits each: of eight the products would saturate.
            let inputs = _mm256_cvtepu8_epi16(_mm_set1_epi32(i32::from_le_bytes(inputs)));
            for (place, sum) in sums.iter_mut().enumerate() {
                let weights = _mm256_cvtepi8_epi16(_mm_loadu_si128(start.add(16 * place).cast()));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights, inputs));
            }
        }
        sums
    }

    #[inline(always)]
    fn dot_unsigned(self, mut sums: [__m256i; 4], line: &Line, inputs: [i8; 4]) -> [__m256i; 4] {
        let start = line.as_ptr();
        // SAFETY: four times 16 of the 64 bytes of a line; the loads ask for no alignment.
        unsafe {
            let inputs = i32::from_le_bytes(inputs.map(i8::cast_unsigned));
            let inputs = _mm256_cvtepi8_epi16(_mm_set1_epi32(inputs));
            for (place, sum) in sums.iter_mut().enumerate() {
                let weights = _mm256_cvtepu8_epi16(_mm_loadu_si128(start.add(16 * place).cast()));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights, inputs));
            }
        }
        sums
    }

    #[inline(always)]
    fn store_sums(self, sums: [__m256i; 4]) -> [i32; 16] {
        let mut stored = [0; 16];
        for (place, sum) in sums.into_iter().enumerate() {
            let mut pairs = [0_i32; 8];
            // SAFETY: the array is 32 bytes; the store asks for no alignment.
            unsafe { _mm256_storeu_si256(pairs.as_mut_ptr().cast(), sum) };
            for lane in 0..4 {
                stored[4 * place + lane] = pairs[2 * lane] + pairs[2 * lane + 1];
            }
        }
        stored
    }

    #[inline(always)]
    fn prefetch(self, line: &Line, ahead: usize) {
        prefetch(line, ahead);
    }

    #[inline(always)]
    fn prefetch_near(self, line: &Line, ahead: usize) {
        prefetch_near(line, ahead);
    }
}
