//! Eight bits with a scale a row; their inputs are eight bits with a scale a vector, and sums are exact.

use super::Element;
use crate::bits::whole;
use crate::simd::{Line, Simd};

/// What is added to the inputs, because the instructions multiply unsigned with signed numbers.
const SHIFT: i32 = 128;

#[derive(Clone, Copy)]
pub(crate) struct Int8;

impl Element for Int8 {
    const GROUP: usize = 4;
    const SCALED: bool = true;
    type Inputs = [u8; 4];
    type Sums<S: Simd> = S::I;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::I {
        simd.sums(0)
    }

    #[inline(always)]
    fn accumulate<S: Simd>(simd: S, sums: S::I, line: &Line, inputs: [u8; 4]) -> S::I {
        simd.dot(sums, line, inputs)
    }

    #[inline(always)]
    fn finish<S: Simd>(simd: S, sums: S::I, scale: f32, scales: &[f32; 16], shifts: &[i32; 16]) -> [f32; 16] {
        let sums = simd.store_sums(sums);
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

    // Of a key the numbers are shifted, not the inputs: then the shift of a sum is one for all slots.

    #[inline(always)]
    fn query(numbers: &[f32], inverse: f32) -> [u8; 4] {
        Self::inputs(numbers, inverse).map(|byte| byte ^ SHIFT as u8)
    }

    #[inline(always)]
    fn put_key(line: &mut Line, lane: usize, place: usize, number: f32, inverse: f32) {
        line[4 * lane + place] = whole(number * inverse) as u8 ^ SHIFT as u8;
    }

    #[inline(always)]
    fn start<S: Simd>(simd: S, query: &[[u8; 4]]) -> S::I {
        let sum: i32 = query.as_flattened().iter().map(|&byte| i32::from(byte.cast_signed())).sum();
        simd.sums(-SHIFT * sum)
    }

    #[inline(always)]
    fn accumulate_key<S: Simd>(simd: S, sums: S::I, line: &Line, inputs: [u8; 4]) -> S::I {
        simd.dot_unsigned(sums, line, inputs.map(u8::cast_signed))
    }

    #[inline(always)]
    fn put(line: &mut Line, lane: usize, place: usize, number: f32, inverse: f32) -> i32 {
        let byte = whole(number * inverse) as i8;
        line[4 * lane + place] = byte as u8;
        i32::from(byte)
    }
}
