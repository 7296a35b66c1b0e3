//! Short pieces of text, put together in registers: a corpus is spelled some thirty times faster so than through `write!`.

/// Up to 16 bytes of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first in the lowest byte; zeros behind the last.
    bits: u128,
    length: usize,
}

impl Piece {
    pub(crate) const EMPTY: Self = Self { bits: 0, length: 0 };

    /// At most 16 bytes.
    pub(crate) const fn new(text: &[u8]) -> Self {
        let mut piece = Self::EMPTY;
        while piece.length < text.len() {
            piece.bits |= (text[piece.length] as u128) << (8 * piece.length);
            piece.length += 1;
        }
        piece
    }

    /// A decimal number: at most ten digits.
    pub(crate) const fn number(number: u32) -> Self {
        const ROOM: u32 = 100_000_000; // eight digits
        if number >= ROOM {
            let rest = Self { bits: (digits(number % ROOM) | ZEROS) as u128, length: 8 };
            return Self::number(number / ROOM).then(rest);
        }
        let digits = digits(number);
        // The highest byte is the last digit, which stays even if it is 0.
        let leading = (digits | 1 << 56).trailing_zeros() as usize / 8;
        Self { bits: ((digits | ZEROS) >> (8 * leading)) as u128, length: 8 - leading }
    }

    /// This and another behind it: at most 16 bytes together.
    pub(crate) const fn then(self, next: Self) -> Self {
        debug_assert!(self.length + next.length <= 16);
        Self { bits: self.bits | next.bits << (8 * self.length), length: self.length + next.length }
    }

    /// Appends it to a text.
    pub(crate) fn append(self, text: &mut Vec<u8>) {
        let length = text.len() + self.length;
        // Sixteen bytes are one move, where a length that differs each time is a call.
        text.extend_from_slice(&self.bits.to_le_bytes());
        text.truncate(length);
    }
}

/// Eight zeros in ASCII.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight decimal digits of a number below 10⁸, a byte each, the first in the lowest: halved into two numbers of four
/// digits, these into numbers of two, and these into digits, all of a step at once.
const fn digits(number: u32) -> u64 {
    let fours = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (twos - 10 * tens) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(piece: Piece) -> String {
        let mut text = Vec::new();
        piece.append(&mut text);
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn numbers_are_spelled_as_the_library_spells_them() {
        let edges = (0..=9).map(|power| 10_u32.pow(power)).flat_map(|power| [power - 1, power, power + 1, 4 * power]);
        for number in (0..200_000).chain(edges).chain((0..30_000).map(|step| step * 143_165)).chain([u32::MAX]) {
            assert_eq!(spelled(Piece::number(number)), number.to_string());
        }
    }

    #[test]
    fn pieces_stand_one_behind_the_other() {
        let piece = Piece::new(b"NO_VELOCITY_").then(Piece::number(255)).then(Piece::new(b"\n"));
        assert_eq!(spelled(piece), "NO_VELOCITY_255\n");
        assert_eq!(spelled(Piece::EMPTY.then(Piece::EMPTY)), "");
    }
}
