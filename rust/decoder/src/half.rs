//! Numbers in 16 bits: the halves of a line are widened before they are multiplied; inputs and sums are 32-bit floats.

use crate::element::Element;
use crate::simd::{Line, Simd};

/// A form of 16 bits. A line holds two inputs of each of its sixteen outputs.
pub(crate) trait Half: Copy + Send + Sync + 'static {
    /// The weights of the first input, and those of the second.
    fn both<S: Simd>(line: &Line) -> (S::F, S::F);
    fn put(line: &mut Line, lane: usize, place: usize, number: f32);
}

impl<H: Half> Element for H {
    const GROUP: usize = 2;
    const SCALED: bool = false;
    type Inputs = [f32; 2];
    type Sums<S: Simd> = S::F;

    #[inline(always)]
    fn zero<S: Simd>() -> S::F {
        S::splat(0.0)
    }

    /// The first input, then the second: the order of summation is that of 32 bits.
    #[inline(always)]
    fn accumulate<S: Simd>(sums: S::F, line: &Line, inputs: [f32; 2]) -> S::F {
        let (first, second) = H::both::<S>(line);
        S::fma(second, S::splat(inputs[1]), S::fma(first, S::splat(inputs[0]), sums))
    }

    #[inline(always)]
    fn finish<S: Simd>(sums: S::F, _: f32, _: &[f32; 16], _: &[i32; 16]) -> [f32; 16] {
        S::store(sums)
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
    /// Whether a number can be kept so.
    pub(crate) fn holds(number: f32) -> bool {
        wide(half(number)).to_bits() == number.to_bits()
    }
}

impl Half for Float16 {
    #[inline(always)]
    fn both<S: Simd>(line: &Line) -> (S::F, S::F) {
        S::half_floats(line)
    }

    /// The first inputs lie in one half of the line, and the second in the other: so the instructions widen them.
    #[inline(always)]
    fn put(line: &mut Line, lane: usize, place: usize, number: f32) {
        line.0.as_chunks_mut::<2>().0[16 * place + lane] = half(number).to_le_bytes();
    }
}

/// 2^-112, the ratio of numbers with the same bits of the exponent in 32 and in 16 bits.
const FEWER: f32 = f32::from_bits((127 - 112) << 23);

/// A number as a 16-bit float, if it is one; else any.
fn half(number: f32) -> u16 {
    let magnitude = (number.abs() * FEWER).to_bits() >> 13;
    u16::from(number.is_sign_negative()) << 15 | magnitude.min(0x7BFF) as u16
}

/// A finite 16-bit float as a number. Below the normal ones the product moves the digits.
#[inline(always)]
pub(crate) fn wide(half: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(half & 0x7FFF) << 13) * (1.0 / FEWER);
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
}

/// The upper halves of 32-bit floats.
#[derive(Clone, Copy)]
pub(crate) struct Bfloat16;

impl Half for Bfloat16 {
    #[inline(always)]
    fn both<S: Simd>(line: &Line) -> (S::F, S::F) {
        S::halves(line)
    }

    #[inline(always)]
    fn put(line: &mut Line, lane: usize, place: usize, number: f32) {
        line.0.as_chunks_mut::<2>().0[2 * lane + place] = upper_half(number).to_le_bytes();
    }
}

/// The upper half of a float, rounded to nearest even.
fn upper_half(number: f32) -> u16 {
    let bits = number.to_bits();
    if number.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    (bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_half_is_rounded_to_nearest_even() {
        for (bits, half) in [
            (0x3F80_0000, 0x3F80),
            (0x3F80_8000, 0x3F80),
            (0x3F81_8000, 0x3F82),
            (0x3F80_8001, 0x3F81),
            (0x3F80_7FFF, 0x3F80),
            (0xFF80_0000, 0xFF80),
            (0x7F80_0001, 0x7FC0),
        ] {
            assert_eq!(upper_half(f32::from_bits(bits)), half, "{bits:08X}");
        }
    }

    #[test]
    fn a_number_is_kept_in_16_bits_only_where_nothing_is_lost() {
        for half_bits in (0..=u16::MAX).filter(|bits| bits & 0x7C00 != 0x7C00) {
            assert_eq!(half(wide(half_bits)), half_bits);
            assert!(Float16::holds(wide(half_bits)));
        }
        let smallest = 2.0_f32.powi(-24);
        for (bits, number) in [(1, smallest), (0x0400, 2.0_f32.powi(-14)), (0x3C00, 1.0), (0xFBFF, -65504.0)] {
            assert_eq!(wide(bits).to_bits(), number.to_bits());
        }
        for other in [65520.0, 1.0 + f32::EPSILON, smallest / 2.0, 1.5 * smallest, 1e-40, f32::INFINITY, f32::NAN] {
            assert!(!Float16::holds(other), "{other}");
        }
    }
}
