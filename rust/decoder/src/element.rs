//! What a number of a matrix is: a float of 32 or 16 bits, bfloat16, or eight bits with a scale.
//!
//! A matrix is kept in lines of 64 bytes: sixteen outputs beside each other, and of each output the weights of a group of
//! 1, 2 or 4 inputs. A product goes through the groups in order and keeps sixteen sums a line, so that no sum is ever
//! taken across a line, and the order of summation of an output is the same for any batch and any number of threads.

use crate::half::Float16;
use crate::simd::{Line, Simd};
use crate::vector::lanes;

/// The largest magnitude of eight bits: -128 is not used.
const LARGEST: f32 = 127.0;

/// What is added to inputs of eight bits, for the instructions multiply unsigned with signed numbers.
const SHIFT: i32 = 128;

pub(crate) trait Element: Copy + Send + Sync + 'static {
    /// Inputs a line: four bytes of weights an output.
    const GROUP: usize;
    /// Whether numbers are kept as multiples of a scale.
    const SCALED: bool;
    /// The inputs of a group.
    type Inputs: Copy + Send + Sync;
    /// Sixteen sums.
    type Sums<S: Simd>: Copy;

    fn zero<S: Simd>() -> Self::Sums<S>;
    fn accumulate<S: Simd>(sums: Self::Sums<S>, line: &Line, inputs: Self::Inputs) -> Self::Sums<S>;
    /// The sums as numbers. `scale` is that of the inputs, `scales` and `shifts` are those of the outputs.
    fn finish<S: Simd>(sums: Self::Sums<S>, scale: f32, scales: &[f32; 16], shifts: &[i32; 16]) -> [f32; 16];
    /// Makes inputs of up to [`Self::GROUP`] numbers, which are multiplied by `inverse` first.
    fn inputs(numbers: &[f32], inverse: f32) -> Self::Inputs;
    /// Makes inputs of digits from 0 to 255, for sums without a shift; only where numbers are scaled.
    fn digits(digits: [u8; 4]) -> Self::Inputs {
        Self::inputs(&digits.map(f32::from), 1.0)
    }
    /// Writes a number, multiplied by `inverse`; returns what to add to the shift of its output.
    fn put(line: &mut Line, lane: usize, place: usize, number: f32, inverse: f32) -> i32;

    /// The scale of some numbers and its inverse.
    #[inline(always)]
    fn scale(numbers: &[f32]) -> (f32, f32) {
        if !Self::SCALED {
            return (1.0, 1.0);
        }
        let largest = lanes(numbers, 0.0, f32::abs, f32::max);
        if largest == 0.0 || !largest.is_finite() {
            return (1.0, 1.0);
        }
        (largest / LARGEST, LARGEST / largest)
    }
}

/// How the weights of a network are kept, and how keys, values and distances.
pub(crate) trait Form: 'static {
    type Weight: Element;
    type Memory: Element;
}

impl<E: Element> Form for E {
    type Weight = E;
    type Memory = E;
}

/// 32-bit floats whose weights happen to be 16-bit floats: half of them to read, and every result the same to the bit.
pub(crate) struct Float32InHalf;

impl Form for Float32InHalf {
    type Weight = Float16;
    type Memory = Float32;
}

/// 32-bit floats.
#[derive(Clone, Copy)]
pub(crate) struct Float32;

impl Element for Float32 {
    const GROUP: usize = 1;
    const SCALED: bool = false;
    type Inputs = f32;
    type Sums<S: Simd> = S::F;

    #[inline(always)]
    fn zero<S: Simd>() -> S::F {
        S::splat(0.0)
    }

    #[inline(always)]
    fn accumulate<S: Simd>(sums: S::F, line: &Line, input: f32) -> S::F {
        S::fma(S::floats(line), S::splat(input), sums)
    }

    #[inline(always)]
    fn finish<S: Simd>(sums: S::F, _: f32, _: &[f32; 16], _: &[i32; 16]) -> [f32; 16] {
        S::store(sums)
    }

    #[inline(always)]
    fn inputs(numbers: &[f32], _: f32) -> f32 {
        numbers[0]
    }

    #[inline(always)]
    fn put(line: &mut Line, lane: usize, _: usize, number: f32, _: f32) -> i32 {
        line.0.as_chunks_mut::<4>().0[lane] = number.to_le_bytes();
        0
    }
}

/// Eight bits.
#[derive(Clone, Copy)]
pub(crate) struct Int8;

impl Element for Int8 {
    const GROUP: usize = 4;
    const SCALED: bool = true;
    type Inputs = [u8; 4];
    type Sums<S: Simd> = S::I;

    #[inline(always)]
    fn zero<S: Simd>() -> S::I {
        S::zero()
    }

    #[inline(always)]
    fn accumulate<S: Simd>(sums: S::I, line: &Line, inputs: [u8; 4]) -> S::I {
        S::dot(sums, line, inputs)
    }

    #[inline(always)]
    fn finish<S: Simd>(sums: S::I, scale: f32, scales: &[f32; 16], shifts: &[i32; 16]) -> [f32; 16] {
        let sums = S::store_sums(sums);
        let mut numbers = [0.0; 16];
        for lane in 0..16 {
            numbers[lane] = (sums[lane] - SHIFT * shifts[lane]) as f32 * (scale * scales[lane]);
        }
        numbers
    }

    #[inline(always)]
    fn inputs(numbers: &[f32], inverse: f32) -> [u8; 4] {
        let byte = |number: f32| whole(number * inverse) as u8 ^ SHIFT as u8;
        if let &[a, b, c, d] = numbers {
            return [byte(a), byte(b), byte(c), byte(d)];
        }
        let mut bytes = [SHIFT as u8; 4];
        for (target, &number) in bytes.iter_mut().zip(numbers) {
            *target = byte(number);
        }
        bytes
    }

    #[inline(always)]
    fn digits(digits: [u8; 4]) -> [u8; 4] {
        digits
    }

    #[inline(always)]
    fn put(line: &mut Line, lane: usize, place: usize, number: f32, inverse: f32) -> i32 {
        let byte = whole(number * inverse) as i8;
        line.0[4 * lane + place] = byte as u8;
        i32::from(byte)
    }
}

/// The nearest whole number, of which the low 16 bits hold, signed or not; for magnitudes below 2^22.
///
/// Adding 1.5 * 2^23 leaves no place for a fraction, and the whole number in the low bits: no conversion, which would
/// have to look for what does not fit.
#[inline(always)]
pub(crate) fn whole(number: f32) -> u32 {
    (number + 12_582_912.0).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_the_nearest() {
        for (number, expected) in [(0.4, 0), (0.6, 1), (-1.6, -2), (126.7, 127), (-127.2, -127)] {
            assert_eq!(whole(number) as i8, expected);
        }
        assert_eq!(whole(65_534.6) as u16, 65_535);
    }
}
