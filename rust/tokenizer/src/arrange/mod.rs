//! Any MIDI file as one song of four voices.
//!
//! ```text
//! p1   the melody: the notes of the leading part, or else the highest (the skyline)
//! p2   the counter-melody: of the other notes the one nearest to what it played last; or the whole chord, as an arpeggio
//! tr   the bass, folded into its octaves; other notes while it rests
//! no   the drums of General MIDI, of simultaneous ones the most important
//! ```
//! Times follow the tempo map to the tick, pitch bends become steps of a semitone, velocities (with volume and expression
//! controllers) scale the envelopes that [`crate::expression`] gives to the notes. A note that no voice can reach moves by
//! octaves; one for which no voice is free is in the [`Report`], so that none gets lost unseen.

mod casting;
mod channel;
mod drums;
mod lines;
mod parts;
mod picture;
mod source;
mod voices;

pub use casting::PartName;
pub use picture::{Bar, source_bars};
pub use source::MAX_MESSAGES;

use crate::error::TokenizerError;
use crate::expression;
use crate::midi::Warnings;
use crate::song::{Song, Track};
use crate::values::Ticks;
use crate::voice::Voice;

/// Notes that begin within this number of ticks (15 ms) begin together.
const TOGETHER: u64 = 660;

/// How to arrange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArrangeOptions {
    /// Whether the notes of a chord that find no voice join the second pulse, which then plays them in turn, each for two
    /// frames of 1/60 s.
    pub arpeggio: bool,
}

/// Why a note is not in the song.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// All voices played something else.
    NoVoice,
    /// Another note of the same pitch began together with it.
    Doubled,
    /// A more important drum was hit together with it.
    Masked,
    /// It ended where it began.
    Empty,
    /// The volume or the expression of its channel was 0 throughout.
    Muted,
}

impl Reason {
    /// As a report shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoVoice => "no free voice",
            Self::Doubled => "doubled",
            Self::Masked => "masked drum",
            Self::Empty => "no length",
            Self::Muted => "muted channel",
        }
    }
}

/// A note of the file that is not in the song.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unplaced {
    /// Its onset.
    pub tick: Ticks,
    /// Its MIDI channel, from 0; 9 is that of the drums.
    pub channel: u8,
    /// Its MIDI note.
    pub pitch: u8,
    /// Why it is missing.
    pub reason: Reason,
}

/// What became of the notes of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The notes and drum hits of the file.
    pub notes: usize,
    /// Those that are in the song: all but `unplaced`.
    pub placed: usize,
    /// Of these, those that moved by octaves.
    pub moved: usize,
    /// Of these, those that end early because their voice had to go on.
    pub shortened: usize,
    /// Of these, those that share an arpeggio with others.
    pub arpeggiated: usize,
    /// The others, by onset.
    pub unplaced: Vec<Unplaced>,
    /// The silence before the first of them, in ticks of 1/44,100 s.
    pub lead_in: u64,
    /// What in the file was not as the standard has it.
    pub warnings: Warnings,
}

impl Report {
    fn lose(&mut self, tick: Ticks, channel: u8, pitch: u8, reason: Reason) {
        self.unplaced.push(Unplaced { tick, channel, pitch, reason });
    }
}

/// Arranges a MIDI file of format 0 or 1.
///
/// # Errors
/// [`TokenizerError::Midi`] with the byte offset where the file breaks off or is no MIDI, or if it has no notes;
/// [`TokenizerError::Limit`] for more than [`MAX_MESSAGES`] messages or [`crate::limits`] allow.
pub fn arrange(bytes: &[u8], options: &ArrangeOptions) -> Result<(Song, Report), TokenizerError> {
    arrange_parts(bytes, options, &[])
}

/// Arranges a MIDI file as [`arrange()`] does, with chosen parts for some voices; the others are found.
///
/// While a part rests, its voice may play another. What is chosen for the noise is played as the drums of General MIDI.
///
/// # Errors
/// Those of [`arrange()`]; [`TokenizerError::Option`] for a part that the file does not have.
pub fn arrange_parts(
    bytes: &[u8],
    options: &ArrangeOptions,
    parts: &[(Voice, PartName)],
) -> Result<(Song, Report), TokenizerError> {
    let mut report = Report::default();
    let mut source = source::read(bytes, parts, &mut report)?;
    let mut tracks: [Track; 4] = Default::default();
    let lines = voices::assign(&std::mem::take(&mut source.notes), options.arpeggio, &mut report);
    for ((voice, line), track) in [Voice::P1, Voice::P2, Voice::Tr].into_iter().zip(lines).zip(&mut tracks) {
        track.notes = lines::play(voice, &line, &source.bends);
    }
    tracks[Voice::No.index()] = drums::play(&source.hits, &mut report);
    let last = tracks.iter().filter_map(|track| track.notes.last()).map(|note| note.end).max();
    let length = source.length.max(last.unwrap_or_default());
    expression::shape_all(&mut tracks);
    let song = Song::new(tracks, length)?;
    report.unplaced.sort_by_key(|note| (note.tick, note.channel, note.pitch));
    report.placed = report.notes - report.unplaced.len();
    Ok((song, report))
}
