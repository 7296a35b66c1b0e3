//! Any MIDI file as training songs for the four voices, as LakhNES adapts the Lakh MIDI dataset.
//!
//! ```text
//! file          at most 512 KiB, 5 s to 600 s long
//! instruments   that play one note at a time, not wholly outside MIDI notes 21 to 108, each part once
//! examples      at most 16: three instruments at a time on P1, P2 and TR, every choice and order as likely; one drum kit,
//!               each of its keys on a random noise; at most 180 s from the first note
//! velocities    0 to 127 become 1 to 15; 1 on the triangle
//! ```
//! A file without such instruments, as a piano piece, can be arranged instead ([`AdaptOptions::arrange`]); LakhNES leaves it
//! out.
//!
//! Source: Donahue, Mao, Li, Cottrell, McAuley, "LakhNES: Improving Multi-instrumental Music Generation with Cross-domain
//! Pre-training", ISMIR 2019, section 3.2, and the settings of its published script. Here every choice follows from a seed
//! and the bytes of the file alone, so a collection gives the same songs in whatever order and on however many threads.

mod ensemble;
mod likeness;
mod select;
mod source;

use thiserror::Error;

pub use likeness::{Fingerprint, LikenessIndex, MIN_SHARE, MIN_SHARED, groups};

use crate::arrange::{ArrangeOptions, arrange};
use crate::error::TokenizerError;
use crate::limits::TICKS_PER_SECOND;
use crate::random::Random;
use crate::song::Song;
use crate::voice::Voice;

/// The largest file that is adapted, in bytes: 512 KiB. (Of Lakh's 176,581 files, some 25 are larger.)
pub const MAX_FILE_BYTES: usize = 512 << 10;

/// What is kept of a collection. The defaults are LakhNES's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptOptions {
    /// On what all choices depend, together with the bytes of the file.
    pub seed: u64,
    /// The fewest instruments that play one note at a time; 1 or more.
    pub min_instruments: usize,
    /// The shortest and the longest file, in ticks of 1/44,100 s.
    pub lengths: (u64, u64),
    /// How far a note may reach into the next one, in ticks: it is then cut off there. 0 asks for strict monophony.
    pub overlap: u64,
    /// The most songs of one file.
    pub max_examples: usize,
    /// The longest song, in ticks: notes that end later are left out.
    pub max_length: u64,
    /// Whether drums play the noise.
    pub drums: bool,
    /// Whether a file with too few instruments that play one note at a time gives one song, by [`crate::arrange()`], instead
    /// of none.
    pub arrange: bool,
    /// Whether to take [fingerprints](Adapted::fingerprint), by which files are compared.
    pub fingerprints: bool,
}

impl Default for AdaptOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            min_instruments: 1,
            lengths: (5 * TICKS_PER_SECOND, 600 * TICKS_PER_SECOND),
            overlap: 0,
            max_examples: 16,
            max_length: 180 * TICKS_PER_SECOND,
            drums: true,
            arrange: false,
            fingerprints: true,
        }
    }
}

/// Why a file gives no songs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DroppedFile {
    /// It is larger than [`MAX_FILE_BYTES`].
    #[error("larger than 512 KiB")]
    TooLarge,
    /// It is no MIDI file, or a damaged one.
    #[error("unreadable: {0}")]
    Unreadable(TokenizerError),
    /// It is shorter than the options allow.
    #[error("too short")]
    TooShort,
    /// It is longer than the options allow.
    #[error("too long")]
    TooLong,
    /// Too few instruments have pitches that the voices have; drums do not count.
    #[error("too few pitched instruments")]
    FewPitched,
    /// Too few of them play one note at a time.
    #[error("too few monophonic instruments")]
    FewMonophonic,
    /// Too few of these play a part of their own.
    #[error("too few different instruments")]
    FewDifferent,
    /// No choice of instruments has a note that its voices can play.
    #[error("no playable notes")]
    Silent,
}

impl DroppedFile {
    /// The reason in a word or two, by which dropped files are counted.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unreadable(_) => "unreadable".to_owned(),
            other => other.to_string(),
        }
    }
}

/// Why an instrument is in no song.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DroppedInstrument {
    /// All its notes lie outside MIDI notes 21 to 108.
    OutOfRange,
    /// It plays several notes at once.
    Polyphonic,
    /// Another one plays the same.
    Duplicate,
    /// The options leave drums out.
    Drums,
}

impl DroppedInstrument {
    /// As a report shows it.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::OutOfRange => "out of range",
            Self::Polyphonic => "polyphonic",
            Self::Duplicate => "duplicate",
            Self::Drums => "drums",
        }
    }
}

/// An instrument that is in no song.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Its track, from 0.
    pub track: usize,
    /// Its channel, from 0.
    pub channel: u8,
    /// Its General MIDI program, from 0.
    pub program: u8,
    /// Why.
    pub reason: DroppedInstrument,
}

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Adapted {
    /// Its songs, or why there are none.
    pub songs: Result<Vec<Song>, DroppedFile>,
    /// The instruments that are in none of them.
    pub dropped: Vec<Dropped>,
    /// How many notes were cut off where the next one begins.
    pub trimmed: usize,
    /// Whether its song is an arrangement.
    pub arranged: bool,
    /// The melodies of all its instruments; empty where the file could not be read, or none was asked for.
    pub fingerprint: Fingerprint,
    /// A hash of its bytes: of two files with the same one, one is enough.
    pub digest: u64,
}

/// Adapts a MIDI file of format 0 or 1.
#[must_use]
pub fn adapt(bytes: &[u8], options: &AdaptOptions) -> Adapted {
    let digest = digest(bytes);
    let mut adapted = Adapted {
        songs: Ok(Vec::new()),
        dropped: Vec::new(),
        trimmed: 0,
        arranged: false,
        fingerprint: Fingerprint::default(),
        digest,
    };
    adapted.songs = songs_of(bytes, options, &mut adapted);
    adapted
}

fn songs_of(bytes: &[u8], options: &AdaptOptions, adapted: &mut Adapted) -> Result<Vec<Song>, DroppedFile> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(DroppedFile::TooLarge);
    }
    let source = source::read(bytes).map_err(DroppedFile::Unreadable)?;
    let (shortest, longest) = options.lengths;
    if source.length < shortest {
        return Err(DroppedFile::TooShort);
    }
    if source.length > longest {
        return Err(DroppedFile::TooLong);
    }
    if options.fingerprints {
        adapted.fingerprint = likeness::of_instruments(&source.instruments);
    }
    let ensemble = match select::select(source, options, adapted) {
        Err(DroppedFile::FewMonophonic) if options.arrange => return arranged(bytes, options, adapted),
        selected => selected?,
    };
    let mut random = Random::new(Random::new(options.seed).next() ^ adapted.digest);
    let songs = ensemble::songs(&ensemble, options, &mut random);
    if songs.is_empty() { Err(DroppedFile::Silent) } else { Ok(songs) }
}

/// Makes one song of a whole file, from its first note on.
fn arranged(bytes: &[u8], options: &AdaptOptions, adapted: &mut Adapted) -> Result<Vec<Song>, DroppedFile> {
    let (mut song, _) = arrange(bytes, &ArrangeOptions::default()).map_err(DroppedFile::Unreadable)?;
    if !options.drums {
        song = song.with_voices(&Song::default(), &[Voice::No]).map_err(DroppedFile::Unreadable)?;
    }
    let first = song.tracks().iter().filter_map(|track| track.notes.first()).map(|note| note.start.get()).min();
    let first = first.ok_or(DroppedFile::Silent)?;
    let end = song.length().get().min(first.saturating_add(options.max_length));
    let song = song.trimmed(first, end).map_err(DroppedFile::Unreadable)?;
    adapted.arranged = true;
    adapted.dropped.clear();
    adapted.trimmed = 0;
    Ok(vec![song])
}

/// The melodies of a MIDI file of any kind, whatever its length and instruments.
///
/// # Errors
/// [`TokenizerError::Midi`] with the byte offset where the file breaks off or is no MIDI, [`TokenizerError::Limit`] for
/// more than [`crate::limits`] allow.
pub fn fingerprint_of_midi(bytes: &[u8]) -> Result<Fingerprint, TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    Ok(likeness::of_instruments(&source::read(bytes)?.instruments))
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo) over eight bytes at a time, little end first and the last ones filled up with
/// zeros; the number of bytes is mixed in at the end.
fn digest(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    let words = bytes.as_chunks::<8>();
    let step = |hash: u64, word: u64| {
        let hash = (hash ^ word).wrapping_mul(0x100_0000_01B3);
        hash ^ (hash >> 32) // so that the upper bytes of a word reach the lower bits
    };
    let hash = words.0.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &chunk| step(hash, u64::from_le_bytes(chunk)));
    Random::new(step(step(hash, word(words.1)), bytes.len() as u64)).next()
}
