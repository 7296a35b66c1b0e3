//! The stream packed: frequent waits become one byte, and what has come before is referred to.
//!
//! A reference names at most 255 codes that stand in the stream as such, so that the player need not remember more than
//! one place to return to. The longest match among the latest candidates is taken (Lempel and Ziv 1977, greedy). Between the
//! two bytes of a timer none begins or ends: the player's jump would be heard as a note.

use std::collections::HashMap;

use super::stream::{Code, Stream};
use crate::ApuError;

/// Entries of the table of waits.
const MAX_WAITS: usize = 0x60;
/// The first code of the table.
const FIRST_WAIT: u8 = 0x20;
/// A wait of two bytes: this and the high bits, then the low ones.
const LONG_WAIT: u8 = 0x80;
const PHRASE: u8 = 0x18;
const JUMP: u8 = 0x19;
const SHOW: u8 = 0x1A;
/// Most codes of a reference.
const LONGEST: usize = 255;
/// Codes by which candidates are found, and the fewest that are looked for.
const KEY: usize = 2;
/// Most candidates that are compared.
const CANDIDATES: usize = 48;

/// The waits that have a code of one byte: the most frequent ones, in ticks.
pub(super) fn frequent_waits(codes: &[Code]) -> Vec<u16> {
    let mut counts: HashMap<u16, u32> = HashMap::new();
    for code in codes {
        if let &Code::Wait(ticks) = code {
            *counts.entry(ticks).or_default() += 1;
        }
    }
    let mut waits: Vec<(u32, u16)> = counts.into_iter().map(|(ticks, count)| (count, ticks)).collect();
    waits.sort_unstable_by_key(|&(count, ticks)| (std::cmp::Reverse(count), ticks));
    // An entry takes two bytes and saves one each time.
    waits.into_iter().take(MAX_WAITS).filter(|&(count, _)| count > 2).map(|(_, ticks)| ticks).collect()
}

/// Where the bytes of a stream lie in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The address of the first byte, on page $80.
    pub(super) start: u16,
    /// Whether the stream goes on in banks from $9000 on.
    pub(super) banked: bool,
    /// The number of the bank that holds the first page of sample memory.
    pub(super) first_sample_bank: u8,
    /// Most bytes of the stream.
    pub(super) room: usize,
}

impl Place {
    /// The bytes by which the player finds the place of byte `offset` of the stream.
    pub(super) fn address(self, offset: usize) -> ([u8; 3], usize) {
        let place = usize::from(self.start - 0x8000) + offset;
        if !self.banked {
            let [low, high] = (0x8000 + place as u16).to_le_bytes();
            return ([low, high, 0], 2);
        }
        let (bank, within) = (place >> 12, (place & 0xFFF) as u16);
        let [low, high] = (if bank == 0 { 0x8000 } else { 0x9000 } + within).to_le_bytes();
        // What follows bank 0 is shown beside it.
        ([low, high, bank.max(1) as u8], 3)
    }
}

/// Packs streams one after the other, and says at which byte each begins. What one has can stand in another.
///
/// # Errors
/// [`ApuError::TooLarge`] if they have no room.
pub(super) fn pack(streams: &[Stream], waits: &[u16], place: Place) -> Result<(Vec<u8>, Vec<usize>), ApuError> {
    let codes = (FIRST_WAIT..).zip(waits).map(|(code, &ticks)| (ticks, code)).collect();
    let mut packer =
        Packer { place, waits: codes, bytes: Vec::new(), literals: Vec::new(), known: HashMap::new(), run: 0 };
    let mut starts = Vec::new();
    for stream in streams {
        starts.push(packer.bytes.len());
        packer.stream(stream)?;
    }
    Ok((packer.bytes, starts))
}

/// Whether two codes are the low and the high byte of a timer.
fn is_timer(first: Code, second: Code) -> bool {
    match (first, second) {
        (Code::Write { register: low @ (0x02 | 0x06 | 0x0A), .. }, Code::Write { register, .. }) => register == low + 1,
        _ => false,
    }
}

/// A code that stands in the stream as such.
struct Literal {
    code: Code,
    offset: usize,
    /// Literals of one run stand side by side.
    run: u32,
}

struct Packer {
    place: Place,
    waits: HashMap<u16, u8>,
    bytes: Vec<u8>,
    literals: Vec<Literal>,
    /// Where two codes in a row have stood, as indices of literals.
    known: HashMap<[Code; KEY], Vec<usize>>,
    run: u32,
}

impl Packer {
    fn stream(&mut self, stream: &Stream) -> Result<(), ApuError> {
        let middle = stream.loop_code.unwrap_or(stream.codes.len());
        let (before, after) = stream.codes.split_at_checked(middle).unwrap_or((&stream.codes, &[]));
        self.all(before)?;
        self.run += 1;
        let goal = self.bytes.len();
        if stream.loop_code.is_some() {
            self.all(after)?;
        } else {
            self.literal(Code::Wait(0x7FFF)); // silence has no end
        }
        self.refer(&[JUMP], goal);
        self.check()
    }

    fn all(&mut self, mut codes: &[Code]) -> Result<(), ApuError> {
        let mut before = None;
        while let Some((&code, rest)) = codes.split_first() {
            let torn = before.is_some_and(|before| is_timer(before, code));
            if let Some((at, count)) = self.best_match(codes).filter(|_| !torn) {
                self.refer(&[PHRASE, count as u8], at);
                before = codes.get(count - 1).copied();
                codes = codes.get(count..).unwrap_or_default();
            } else {
                self.literal(code);
                (before, codes) = (Some(code), rest);
            }
            self.check()?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ApuError> {
        let (found, limit) = (self.bytes.len() as u64, self.place.room as u64);
        if found > limit { Err(ApuError::TooLarge { found, limit }) } else { Ok(()) }
    }

    /// The offset and the number of the codes that stand somewhere already, if a reference to them is shorter.
    fn best_match(&self, codes: &[Code]) -> Option<(usize, usize)> {
        let key = codes.first_chunk::<KEY>()?;
        let reference = if self.place.banked { 5 } else { 4 };
        let candidates = self.known.get(key)?.iter().rev().take(CANDIDATES);
        let matches = candidates.filter_map(|&first| {
            let literals = self.literals.get(first..)?;
            let run = literals.first()?.run;
            let same = codes.iter().zip(literals).take(LONGEST);
            let count = same.take_while(|&(&code, literal)| literal.run == run && literal.code == code).count();
            let torn = matches!(codes.get(count - 1..=count), Some(&[last, next]) if is_timer(last, next));
            Some((count - usize::from(torn), literals.first()?.offset))
        });
        let (count, offset) = matches.max_by_key(|&(count, _)| count)?;
        let bytes: usize = codes.iter().take(count).map(|&code| self.size(code)).sum();
        (count > 0 && bytes > reference).then_some((offset, count))
    }

    fn size(&self, code: Code) -> usize {
        match code {
            Code::Wait(ticks) if self.waits.contains_key(&ticks) => 1,
            Code::Wait(_) | Code::Write { .. } => 2,
            Code::Show { .. } => 3,
        }
    }

    fn literal(&mut self, code: Code) {
        self.literals.push(Literal { code, offset: self.bytes.len(), run: self.run });
        match code {
            Code::Write { register, value } => self.bytes.extend([register, value]),
            Code::Wait(ticks) => match self.waits.get(&ticks) {
                Some(&code) => self.bytes.push(code),
                None => self.bytes.extend([LONG_WAIT | (ticks >> 8) as u8, ticks as u8]),
            },
            Code::Show { slot, page } => {
                self.bytes.extend([SHOW, slot, self.place.first_sample_bank.wrapping_add(page)]);
                self.run += 1; // the player counts writes and waits only
                return;
            }
        }
        if let Some([.., first, second]) = self.literals.get(..)
            && first.run == second.run
        {
            self.known.entry([first.code, second.code]).or_default().push(self.literals.len() - KEY);
        }
    }

    /// A code with its operands and a place in the stream.
    fn refer(&mut self, code: &[u8], offset: usize) {
        let (address, size) = self.place.address(offset);
        self.bytes.extend(code);
        self.bytes.extend(address.iter().take(size));
        self.run += 1;
    }
}
