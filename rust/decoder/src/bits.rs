//! Numbers as bits: IEEE 754 binary16, bfloat16, and the nearest whole number.

/// 2^-112, the ratio of numbers with the same exponent bits in 32 and in 16 bits.
const RATIO: f32 = f32::from_bits((127 - 112) << 23);

/// A number as a 16-bit float, if it is one; else any.
pub(crate) fn to_float16(number: f32) -> u16 {
    let magnitude = (number.abs() * RATIO).to_bits() >> 13;
    u16::from(number.is_sign_negative()) << 15 | magnitude.min(0x7BFF) as u16
}

/// A finite 16-bit float as a number. Subnormal ones are normalised by the product.
#[inline(always)]
pub(crate) fn from_float16(half: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(half & 0x7FFF) << 13) * (1.0 / RATIO);
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
}

/// The upper half of a float, rounded to nearest even.
pub(crate) fn to_bfloat16(number: f32) -> u16 {
    let bits = number.to_bits();
    if number.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    (bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

/// The nearest whole number in the low 16 bits, signed or not; for magnitudes below 2^22.
///
/// Adding 1.5 * 2^23 leaves no bits for a fraction, and the whole number in the low bits. A conversion would have to
/// check the range as well.
#[inline(always)]
pub(crate) fn whole(number: f32) -> u32 {
    (number + 12_582_912.0).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bfloat16_is_rounded_to_nearest_even() {
        for (bits, half) in [
            (0x3F80_0000, 0x3F80),
            (0x3F80_8000, 0x3F80),
            (0x3F81_8000, 0x3F82),
            (0x3F80_8001, 0x3F81),
            (0x3F80_7FFF, 0x3F80),
            (0xFF80_0000, 0xFF80),
            (0x7F80_0001, 0x7FC0),
        ] {
            assert_eq!(to_bfloat16(f32::from_bits(bits)), half, "{bits:08X}");
        }
    }

    #[test]
    fn every_finite_16_bit_float_survives_widening() {
        for half in (0..=u16::MAX).filter(|bits| bits & 0x7C00 != 0x7C00) {
            assert_eq!(to_float16(from_float16(half)), half);
        }
        for (bits, exponent) in [(1, -24), (0x0400, -14), (0x3C00, 0)] {
            assert_eq!(from_float16(bits).to_bits(), 2.0_f32.powi(exponent).to_bits());
        }
    }

    #[test]
    fn whole_numbers_are_the_nearest() {
        for (number, expected) in [(0.4, 0), (0.6, 1), (-1.6, -2), (126.7, 127), (-127.2, -127)] {
            assert_eq!(whole(number) as i8, expected);
        }
        assert_eq!(whole(65_534.6) as u16, 65_535);
    }
}
