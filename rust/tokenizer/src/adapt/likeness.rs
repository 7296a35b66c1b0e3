//! Which songs are versions of one another: by the melodies that they share, in whatever key, tempo and instrumentation.
//!
//! A melody is the highest note at each onset of a part; its intervals in rows of [`ROW`] are what is compared, so that
//! neither a transposition nor another tempo hides a song. Rows of few different intervals (scales, trills, repeated notes)
//! are found everywhere and tell nothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::source::Instrument;
use crate::song::Song;
use crate::voice::Voice;

/// How many intervals make a row.
const ROW: usize = 10;

/// The fewest different intervals of a row that counts.
const MIN_DIFFERENT: u32 = 4;

/// Notes that begin within this number of ticks (10 ms) are a chord, of which the highest counts.
const TOGETHER: u64 = 441;

/// Songs are alike that share this number of rows or more,
pub const MIN_SHARED: usize = 8;

/// and so great a share of the rows of the one that has fewer.
pub const MIN_SHARE: f64 = 0.2;

/// A row that more songs have than these, and more than one in fifty, tells nothing.
const COMMON: usize = 64;

/// 2⁶⁴ divided by the golden ratio, by which numbers are spread (Knuth, "The Art of Computer Programming" 3, section 6.4).
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The rows of intervals of a song's melodies, hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Sorted, each once.
    rows: Vec<u32>,
}

impl Fingerprint {
    /// The melodies of P1, P2 and TR.
    #[must_use]
    pub fn of_song(song: &Song) -> Self {
        let mut rows = Vec::new();
        for voice in [Voice::P1, Voice::P2, Voice::Tr] {
            add_rows(song.track(voice).notes.iter().map(|note| (note.start.get(), note.pitch.get())), &mut rows);
        }
        Self::new(rows)
    }

    /// Of hashed rows, in any order: those of [`Fingerprint::rows`] give the same again.
    #[must_use]
    pub fn new(mut rows: Vec<u32>) -> Self {
        rows.sort_unstable();
        rows.dedup();
        Self { rows }
    }

    /// The hashed rows, sorted, each once.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How many different rows it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nothing to compare.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

pub(super) fn of_instruments(instruments: &[Instrument]) -> Fingerprint {
    let mut rows = Vec::new();
    for instrument in instruments.iter().filter(|instrument| !instrument.is_drums()) {
        add_rows(instrument.notes.iter().map(|note| (note.start, note.pitch)), &mut rows);
    }
    Fingerprint::new(rows)
}

/// Adds the rows of a part, given its notes by onset.
fn add_rows(notes: impl Iterator<Item = (u64, u8)>, rows: &mut Vec<u32>) {
    let mut melody: Vec<(u64, u8)> = Vec::new();
    for (start, pitch) in notes {
        match melody.last_mut() {
            Some(last) if start <= last.0 + TOGETHER => last.1 = last.1.max(pitch),
            _ => melody.push((start, pitch)),
        }
    }
    let interval = |pair: &[(u64, u8)]| match pair {
        [from, to] => to.1.wrapping_sub(from.1),
        _ => 0,
    };
    let intervals: Vec<u8> = melody.windows(2).map(interval).collect();
    rows.extend(intervals.windows(ROW).filter(|row| tells_something(row)).map(hash));
}

fn tells_something(row: &[u8]) -> bool {
    // Intervals are -127 to 127 modulo 256: a bit each.
    let mut seen = [0_u64; 4];
    for &interval in row {
        if let Some(word) = seen.get_mut(usize::from(interval >> 6)) {
            *word |= 1 << (interval & 63);
        }
    }
    seen.iter().map(|word| word.count_ones()).sum::<u32>() >= MIN_DIFFERENT
}

fn hash(row: &[u8]) -> u32 {
    let hash = row.iter().fold(0_u64, |hash, &interval| (hash.rotate_left(5) ^ u64::from(interval)).wrapping_mul(ODD));
    (hash >> 32) as u32
}

/// Spreads numbers over a table: those of songs are small, and rows are hashes already.
#[derive(Debug, Clone, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(ODD);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type ByNumber<T> = HashMap<u32, T, BuildHasherDefault<Spread>>;

/// Songs, to be found by the rows that they have.
#[derive(Debug, Clone, Default)]
pub struct LikenessIndex {
    /// The songs that have a row, by the row.
    songs: ByNumber<Vec<u32>>,
    /// How many rows each song has that are not common.
    sizes: Vec<u32>,
}

impl LikenessIndex {
    /// An index of some songs.
    #[must_use]
    pub fn new<'a>(fingerprints: impl IntoIterator<Item = &'a Fingerprint>) -> Self {
        let mut index = Self::default();
        for (song, fingerprint) in fingerprints.into_iter().enumerate() {
            for &row in &fingerprint.rows {
                index.songs.entry(row).or_default().push(song as u32);
            }
            index.sizes.push(0);
        }
        let most = COMMON.max(index.sizes.len() / 50);
        index.songs.retain(|_, songs| songs.len() <= most);
        for &song in index.songs.values().flatten() {
            if let Some(size) = index.sizes.get_mut(song as usize) {
                *size += 1;
            }
        }
        index
    }

    /// How many songs it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The song that is most like a given one, and the share of rows in common; `None` where none is alike.
    #[must_use]
    pub fn find(&self, fingerprint: &Fingerprint) -> Option<(usize, f64)> {
        self.alike(fingerprint, u32::MAX).max_by(|(a, x), (b, y)| x.total_cmp(y).then(b.cmp(a)))
    }

    /// The songs before `before` that are like a given one, each with the share of rows in common, in no order.
    fn alike(&self, fingerprint: &Fingerprint, before: u32) -> impl Iterator<Item = (usize, f64)> {
        let mut shared: ByNumber<usize> = HashMap::default();
        for songs in fingerprint.rows.iter().filter_map(|row| self.songs.get(row)) {
            for &song in songs.iter().take_while(|&&song| song < before) {
                *shared.entry(song).or_default() += 1;
            }
        }
        let size = fingerprint.len();
        shared.into_iter().filter_map(move |(song, shared)| {
            let smaller = size.min(*self.sizes.get(song as usize)? as usize).max(shared);
            let share = shared as f64 / smaller as f64;
            (shared >= MIN_SHARED && share >= MIN_SHARE).then_some((song as usize, share))
        })
    }
}

/// Puts songs that are alike, directly or by way of others, into one group: for each song the first of its group.
#[must_use]
pub fn groups(fingerprints: &[&Fingerprint]) -> Vec<usize> {
    let index = LikenessIndex::new(fingerprints.iter().copied());
    let mut leaders: Vec<usize> = (0..fingerprints.len()).collect();
    for (song, fingerprint) in fingerprints.iter().enumerate() {
        for (other, _) in index.alike(fingerprint, song as u32) {
            let (one, two) = (leader(&mut leaders, song), leader(&mut leaders, other));
            if let Some(later) = leaders.get_mut(one.max(two)) {
                *later = one.min(two);
            }
        }
    }
    (0..fingerprints.len()).map(|song| leader(&mut leaders, song)).collect()
}

/// The first of a song's group; shortens the way there.
fn leader(leaders: &mut [usize], mut song: usize) -> usize {
    while let Some(&next) = leaders.get(song)
        && next != song
    {
        let after = leaders.get(next).copied().unwrap_or(next);
        if let Some(entry) = leaders.get_mut(song) {
            *entry = after;
        }
        song = after;
    }
    song
}
