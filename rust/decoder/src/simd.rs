//! Sixteen numbers at once: the instructions that the kernels are made of, for AVX-512, AVX2, and any processor.
//!
//! The only file with `unsafe`, for two reasons. A function compiled for instructions that this processor may not have
//! may only be called where it has them: a kernel runs inside `vectorize`, which [`Kind::detect`] alone leads to. And the
//! intrinsics load through pointers: each here is made of a reference to as many bytes as are read.
//!
//! The kernels are generic over [`Simd`] and always inlined into `vectorize`; there the compiler may use the processor's
//! instructions for the plain code around them, too.
#![allow(unsafe_code)]

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
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
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

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
#[allow(clippy::wildcard_imports, reason = "the names of the instructions")]
#[expect(clippy::cast_ptr_alignment, reason = "a line is aligned to 64 bytes")]
mod x86 {
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

    /// AVX-512 with VNNI.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    impl Simd for Avx512 {
        type F = __m512;
        type I = __m512i;
        // Times two lines: 24 sums of the 32 registers.
        const ROWS: usize = 12;

        #[inline(always)]
        fn vectorize<K: Kernel>(kernel: K) -> K::Output {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
            fn run<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Avx512>()
            }
            // SAFETY: only `Kind::Avx512` leads here, which `Kind::detect` gives where the processor has all of these.
            unsafe { run(kernel) }
        }

        #[inline(always)]
        fn splat(x: f32) -> __m512 {
            // SAFETY: inside `vectorize`, as all below.
            unsafe { _mm512_set1_ps(x) }
        }

        #[inline(always)]
        fn floats(line: &Line) -> __m512 {
            // SAFETY: a line is 64 bytes, aligned to 64.
            unsafe { _mm512_load_ps(line.0.as_ptr().cast()) }
        }

        #[inline(always)]
        fn halves(line: &Line) -> (__m512, __m512) {
            // SAFETY: a line is 64 bytes, aligned to 64.
            unsafe {
                let pairs = _mm512_load_si512(line.0.as_ptr().cast());
                let second = _mm512_and_si512(pairs, _mm512_set1_epi32(0xFFFF_0000_u32.cast_signed()));
                (_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)), _mm512_castsi512_ps(second))
            }
        }

        #[inline(always)]
        fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: inside `vectorize`.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        fn store(x: __m512) -> [f32; 16] {
            let mut floats = [0.0; 16];
            // SAFETY: the array is 64 bytes; the store asks for no alignment.
            unsafe { _mm512_storeu_ps(floats.as_mut_ptr(), x) };
            floats
        }

        #[inline(always)]
        fn zero() -> __m512i {
            // SAFETY: inside `vectorize`.
            unsafe { _mm512_setzero_si512() }
        }

        #[inline(always)]
        fn dot(sums: __m512i, line: &Line, inputs: [u8; 4]) -> __m512i {
            // SAFETY: a line is 64 bytes, aligned to 64.
            unsafe {
                let weights = _mm512_load_si512(line.0.as_ptr().cast());
                _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(i32::from_le_bytes(inputs)), weights)
            }
        }

        #[inline(always)]
        fn store_sums(sums: __m512i) -> [i32; 16] {
            let mut stored = [0; 16];
            // SAFETY: the array is 64 bytes; the store asks for no alignment.
            unsafe { _mm512_storeu_si512(stored.as_mut_ptr().cast(), sums) };
            stored
        }

        #[inline(always)]
        fn prefetch(line: &Line, ahead: usize) {
            prefetch(line, ahead);
        }

        #[inline(always)]
        fn prefetch_near(line: &Line, ahead: usize) {
            prefetch_near(line, ahead);
        }
    }

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    impl Simd for Avx2 {
        type F = [__m256; 2];
        /// The products of the first two and of the last two of each quadruple lie side by side: 32 sums of pairs.
        type I = [__m256i; 4];
        const ROWS: usize = 1;

        #[inline(always)]
        fn vectorize<K: Kernel>(kernel: K) -> K::Output {
            #[target_feature(enable = "avx2,fma")]
            fn run<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Avx2>()
            }
            // SAFETY: only `Kind::Avx2` leads here, which `Kind::detect` gives where the processor has both.
            unsafe { run(kernel) }
        }

        #[inline(always)]
        fn splat(x: f32) -> [__m256; 2] {
            // SAFETY: inside `vectorize`, as all below.
            [unsafe { _mm256_set1_ps(x) }; 2]
        }

        #[inline(always)]
        fn floats(line: &Line) -> [__m256; 2] {
            let start = line.0.as_ptr().cast::<f32>();
            // SAFETY: a line is 64 bytes, aligned to 64.
            unsafe { [_mm256_load_ps(start), _mm256_load_ps(start.add(8))] }
        }

        #[inline(always)]
        fn halves(line: &Line) -> ([__m256; 2], [__m256; 2]) {
            // SAFETY: inside `vectorize`.
            let split = |x: __m256| unsafe {
                let pairs = _mm256_castps_si256(x);
                let second = _mm256_and_si256(pairs, _mm256_set1_epi32(0xFFFF_0000_u32.cast_signed()));
                (_mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs)), _mm256_castsi256_ps(second))
            };
            let [low, high] = Self::floats(line).map(split);
            ([low.0, high.0], [low.1, high.1])
        }

        #[inline(always)]
        fn fma(a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
            // SAFETY: inside `vectorize`.
            unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
        }

        #[inline(always)]
        fn store(x: [__m256; 2]) -> [f32; 16] {
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
        fn zero() -> [__m256i; 4] {
            // SAFETY: inside `vectorize`.
            [unsafe { _mm256_setzero_si256() }; 4]
        }

        #[inline(always)]
        fn dot(mut sums: [__m256i; 4], line: &Line, inputs: [u8; 4]) -> [__m256i; 4] {
            let start = line.0.as_ptr();
            // SAFETY: four times 16 of the 64 bytes of a line, aligned to 16.
            unsafe {
                // Sixteen bits each: of eight the products would saturate.
                let inputs = _mm256_cvtepu8_epi16(_mm_set1_epi32(i32::from_le_bytes(inputs)));
                for (place, sum) in sums.iter_mut().enumerate() {
                    let weights = _mm256_cvtepi8_epi16(_mm_load_si128(start.add(16 * place).cast()));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights, inputs));
                }
            }
            sums
        }

        #[inline(always)]
        fn store_sums(sums: [__m256i; 4]) -> [i32; 16] {
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
        fn prefetch(line: &Line, ahead: usize) {
            prefetch(line, ahead);
        }

        #[inline(always)]
        fn prefetch_near(line: &Line, ahead: usize) {
            prefetch_near(line, ahead);
        }
    }
}
