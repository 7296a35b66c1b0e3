//! The noise on the drums of General MIDI, and back.
//!
//! Each of the sixteen pitches has a key of its own, so that what is written can be read again: the dark ones are kicks and
//! toms, the middle ones snares, the bright ones cymbals, as the console's games use them.

/// The key of each pitch, from 1 (the darkest) to 16.
const KEYS: [u8; 16] = [35, 41, 43, 36, 45, 47, 48, 50, 40, 38, 39, 54, 49, 46, 44, 42];

/// The key of a pitch of the noise, 1 to 16.
pub(super) fn key_of(pitch: u8) -> u8 {
    let index = usize::from(pitch.clamp(1, 16)) - 1;
    KEYS.get(index).copied().unwrap_or(KEYS[0])
}

/// The pitch of a key; `None` for those that stand for none.
pub(super) fn pitch_of(key: u8) -> Option<u8> {
    KEYS.iter().position(|&known| known == key).map(|index| index as u8 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pitch_is_a_drum_of_its_own_and_comes_back() {
        for pitch in 1..=16 {
            assert!((35..=81).contains(&key_of(pitch)));
            assert_eq!(pitch_of(key_of(pitch)), Some(pitch));
        }
        assert_eq!(pitch_of(81), None);
    }
}
