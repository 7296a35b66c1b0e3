//! Sixteen numbers at once: the instructions that the kernels are made of, for AVX-512, AVX2, and any processor.
//!
//! The kernels are generic over [`Simd`] and always inlined into `vectorize`; there the compiler may use the processor's
//! instructions for the plain code around them, too.

use std::sync::OnceLock;

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;
pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// 64 bytes of a matrix: 16 floats, 16 pairs of bfloat16 or 16 quadruples of 8 bits. Where there are many
/// ([`Lines`](crate::lines::Lines)), each is a line of the cache.
pub(crate) type Line = [u8; 64];

/// Bytes between what is read in order and what is fetched meanwhile: the memory's latency times its bandwidth, and more.
pub(crate) const AHEAD: usize = 4096;

/// Which instructions to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstructionSet {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable,
}

/// The variable of the environment that names the best instructions that may be used, to compare them.
const VARIABLE: &str = "LAKHNES_SIMD";

/// The names of the instruction sets, the best first.
const NAMES: [&str; 3] = ["avx512", "avx2", "portable"];

impl InstructionSet {
    /// All that this processor has, the best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let detected = [Avx512::detect().map(Self::Avx512), Avx2::detect().map(Self::Avx2)];
        #[cfg(not(target_arch = "x86_64"))]
        let detected = [];
        detected.into_iter().flatten().chain([Self::Portable])
    }

    /// The best that this processor has and the environment allows; asked once.
    pub(crate) fn detect() -> Self {
        static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
        *CHOSEN.get_or_init(|| Self::at_most(std::env::var(VARIABLE).ok().as_deref()))
    }

    /// The best that this processor has, and none better than the one named; a name that is not known counts for nothing.
    fn at_most(name: Option<&str>) -> Self {
        let first = NAMES.iter().position(|&known| name == Some(known)).unwrap_or(0);
        Self::available().find(|set| NAMES[first..].contains(&set.name())).unwrap_or(Self::Portable)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => NAMES[0],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => NAMES[1],
            Self::Portable => NAMES[2],
        }
    }

    /// Runs a kernel with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.vectorize(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.vectorize(kernel),
            Self::Portable => Portable.vectorize(kernel),
        }
    }
}

/// What is compiled for each instruction set. Not a closure, since those have no `#[inline(always)]`.
pub(crate) trait Kernel {
    type Output;

    /// The work: `#[inline(always)]`, and so is all that it calls with `simd`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set, and proof that this processor has it: each operation needs a value, which detection alone makes.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Sixteen 32-bit floats.
    type F: Copy;
    /// Sixteen sums of 32 bits.
    type I: Copy;
    /// Rows that are multiplied with a matrix at once, 1 to 12: as many as there are registers for.
    const ROWS: usize;

    /// Runs a kernel with these instructions.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;
    fn splat(self, x: f32) -> Self::F;
    /// The sixteen floats of a line.
    fn floats(self, line: &Line) -> Self::F;
    /// The sixteen pairs of bfloat16 of a line: the first of each, and the second.
    fn halves(self, line: &Line) -> (Self::F, Self::F);
    /// Thirty-two 16-bit floats: the sixteen of the first half of a line, and those of the second.
    fn half_floats(self, line: &Line) -> (Self::F, Self::F);
    /// `a * b + c`.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    fn store(self, x: Self::F) -> [f32; 16];
    /// Sixteen equal sums.
    fn sums(self, sum: i32) -> Self::I;
    /// Adds to each sum the four products of a quadruple of signed weights with the four unsigned inputs.
    fn dot(self, sums: Self::I, line: &Line, inputs: [u8; 4]) -> Self::I;
    /// The same of unsigned weights with signed inputs.
    fn dot_unsigned(self, sums: Self::I, line: &Line, inputs: [i8; 4]) -> Self::I;
    fn store_sums(self, sums: Self::I) -> [i32; 16];
    /// Prefetches the line `ahead` bytes after this one.
    fn prefetch(self, line: &Line, ahead: usize);
    /// The same, into the first cache, for what is read more than once.
    fn prefetch_near(self, line: &Line, ahead: usize);
}

#[cfg(test)]
mod tests {
    use super::{InstructionSet, NAMES};

    #[test]
    fn the_best_instructions_are_chosen_up_to_the_one_that_is_named() {
        let best = InstructionSet::available().next().unwrap_or(InstructionSet::Portable);
        assert_eq!(InstructionSet::at_most(None), best);
        assert_eq!(InstructionSet::at_most(Some("nonsense")), best);
        assert_eq!(InstructionSet::at_most(Some("portable")), InstructionSet::Portable);
        for set in InstructionSet::available() {
            assert_eq!(InstructionSet::at_most(Some(set.name())), set);
        }
        assert!(NAMES[1..].contains(&InstructionSet::at_most(Some("avx2")).name()));
    }
}
