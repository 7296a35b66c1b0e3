//! A hash of a console's state.

/// A hash of 64 bits, eight bytes a step: quick, and good enough to tell the states of one song from each other.
#[derive(Default)]
pub(super) struct Hash(u64);

impl Hash {
    /// An odd number without a pattern: the golden ratio, 2^64 / phi.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

    pub(super) fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(Self::FACTOR);
        self.0 = mixed ^ mixed >> 32;
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        // Four lanes, so that a multiplication need not wait for the one before.
        let mut lanes = [self.0, 1, 2, 3];
        let (quads, words) = words.as_chunks::<4>();
        for quad in quads {
            for (lane, word) in lanes.iter_mut().zip(quad) {
                let mixed = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(Self::FACTOR);
                *lane = mixed ^ mixed >> 32;
            }
        }
        self.0 = 0;
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        for number in lanes.into_iter().chain(words).chain(rest.iter().map(|&byte| byte.into())) {
            self.number(number);
        }
    }

    pub(super) fn finish(mut self) -> u64 {
        self.number(Self::FACTOR);
        self.0
    }
}

/// A hash of a memory that is kept up to date byte by byte: the sum of its bytes, each times an odd number of its place.
#[derive(Default)]
pub(super) struct MemoryHash(u64);

impl MemoryHash {
    /// A byte changes.
    #[inline]
    pub(super) fn change(&mut self, place: usize, old: u8, new: u8) {
        let mixed = (place as u64 + 1).wrapping_mul(Hash::FACTOR);
        let factor = (mixed ^ mixed >> 29).wrapping_mul(Hash::FACTOR) | 1;
        self.0 = self.0.wrapping_add(factor.wrapping_mul(u64::from(new)).wrapping_sub(factor.wrapping_mul(old.into())));
    }

    pub(super) const fn number(&self) -> u64 {
        self.0
    }
}
