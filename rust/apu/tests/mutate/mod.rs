//! Files made wrong: a seed with some of its bytes changed, left out, put in, or taken from another seed.
//!
//! For the stable compiler and for tests; `fuzz/` is for cargo-fuzz, which knows what the program has not done yet.

/// Numbers that programs stumble over.
const NUMBERS: [u32; 12] = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, u32::MAX];
/// Most bytes of a mutated file, so that a run stays quick.
const LONGEST: usize = 1 << 18;

/// Makes files wrong, the same ones for the same seed.
pub(crate) struct Mutator(pub(crate) u64);

impl Mutator {
    /// A number below `below` (xorshift64*).
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below.max(1)
    }

    /// One of the seeds, with one change, or two with half the probability, and so on.
    pub(crate) fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut file = seeds[self.below(seeds.len())].clone();
        self.change(&mut file, seeds);
        while self.below(2) == 0 {
            self.change(&mut file, seeds);
        }
        file.truncate(LONGEST);
        file
    }

    fn change(&mut self, file: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = self.place(file);
        match self.below(9) {
            0 => file.truncate(place),
            1 => file.insert(place, self.below(256) as u8),
            2 => {
                let end = (place + self.below(64)).min(file.len());
                file.drain(place..end);
            }
            3 => {
                let end = (place + self.below(256)).min(file.len());
                let part = file[place..end].to_vec();
                let place = self.place(file);
                file.splice(place..place, part);
            }
            4 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                file.splice(place.., other[from..].iter().copied());
            }
            5 | 6 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                for (byte, new) in file[place..].iter_mut().zip(number) {
                    *byte = new;
                }
            }
            7 => file[place..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
            _ => file[place..].iter_mut().take(1).for_each(|byte| *byte = self.below(256) as u8),
        }
    }

    /// A place in a file, one time in four in its header.
    fn place(&mut self, file: &[u8]) -> usize {
        let reach = if self.below(4) == 0 { file.len().min(0x100) } else { file.len() };
        self.below(reach + 1)
    }
}
