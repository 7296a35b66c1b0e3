//! The 370 wait tokens and the rounding of any wait to one of them.
//!
//! The tokens are 1 to 100 in steps of 1, to 1,000 in steps of 10, to 10,000 in steps of 100 and to 100,000 in steps of
//! 1,000 samples. A wait goes to the nearest token, a longer one than 100,000 to the last. A wait that lies exactly
//! between two tokens goes down, but for the 52 places of [`TIES_ROUNDED_UP`]: the original's evaluation looked the
//! nearest token up in a hash map, whose order decided its ties; perplexities compare only if they are decided alike.

/// How many wait tokens there are.
pub const WAIT_TOKENS: u16 = 370;

/// The longest wait token, in samples of 1/44,100 s.
pub const LONGEST_WAIT: u32 = 100_000;

/// The tokens from which a wait halfway to the next token goes up.
#[rustfmt::skip]
pub const TIES_ROUNDED_UP: [u32; 52] = [
    2_000, 2_100, 4_000, 4_100, 6_100, 6_200, 8_100, 8_200,
    10_000, 12_000, 14_000, 16_000, 18_000, 20_000, 22_000, 24_000, 26_000, 28_000, 30_000, 32_000, 34_000, 36_000,
    39_000, 41_000, 43_000, 45_000, 47_000, 49_000, 51_000, 53_000, 55_000, 57_000, 59_000, 61_000, 63_000, 65_000,
    67_000, 69_000, 71_000, 73_000, 75_000, 77_000, 79_000, 81_000, 83_000,
    86_000, 88_000, 90_000, 92_000, 94_000, 96_000, 98_000,
];

/// The wait token, in samples, that stands for a wait of `ticks` samples. A wait of 0 counts as 1.
#[must_use]
pub fn quantize(ticks: u32) -> u32 {
    if ticks <= 100 {
        return ticks.max(1);
    }
    if ticks >= LONGEST_WAIT {
        return LONGEST_WAIT;
    }
    let step = step_above(ticks);
    let (below, rest) = (ticks - ticks % step, ticks % step);
    let up = 2 * rest > step || (2 * rest == step && TIES_ROUNDED_UP.binary_search(&below).is_ok());
    if up { below + step } else { below }
}

/// The id, 1 to 370, of the token that stands for a wait of `ticks` samples, in both vocabularies.
#[must_use]
pub fn wait_id(ticks: u32) -> u16 {
    let token = quantize(ticks);
    let id = match step_above(token - 1) {
        1 => token,
        10 => 100 + (token - 100) / 10,
        100 => 190 + (token - 1_000) / 100,
        _ => 280 + (token - 10_000) / 1_000,
    };
    id as u16 // at most 370
}

/// The wait of an id of 1 to 370, in samples; `None` for any other.
#[must_use]
pub fn wait_of(id: u16) -> Option<u32> {
    let id = u32::from(id);
    match id {
        1..=100 => Some(id),
        101..=190 => Some(100 + (id - 100) * 10),
        191..=280 => Some(1_000 + (id - 190) * 100),
        281..=370 => Some(10_000 + (id - 280) * 1_000),
        _ => None,
    }
}

/// The distance between the tokens around a wait, seen from just above it.
const fn step_above(ticks: u32) -> u32 {
    match ticks {
        0..100 => 1,
        100..1_000 => 10,
        1_000..10_000 => 100,
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_stands_for_itself() {
        for id in 1..=WAIT_TOKENS {
            let wait = wait_of(id).expect("an id of a wait");
            assert_eq!((quantize(wait), wait_id(wait)), (wait, id));
        }
        assert_eq!((wait_of(0), wait_of(WAIT_TOKENS + 1)), (None, None));
    }

    #[test]
    fn the_nearest_token_is_taken() {
        let tokens: Vec<u32> = (1..=WAIT_TOKENS).filter_map(wait_of).collect();
        for wait in 1..=110_000 {
            let distance = tokens.iter().map(|token| token.abs_diff(wait)).min();
            assert_eq!(Some(quantize(wait).abs_diff(wait)), distance, "wait {wait}");
        }
    }

    #[test]
    fn ties_go_down_save_where_the_original_went_up() {
        assert_eq!([105, 1_050, 1_950, 11_500].map(quantize), [100, 1_000, 1_900, 11_000]);
        assert_eq!([2_050, 4_150, 10_500, 98_500].map(quantize), [2_100, 4_200, 11_000, 99_000]);
        assert!(TIES_ROUNDED_UP.is_sorted());
    }

    #[test]
    fn long_waits_saturate() {
        assert_eq!([100_001, 200_000, u32::MAX].map(quantize), [LONGEST_WAIT; 3]);
        assert_eq!(wait_id(u32::MAX), WAIT_TOKENS);
    }
}
