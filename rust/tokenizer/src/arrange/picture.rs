//! The notes of a MIDI file as a picture shows them, before they are arranged.
//!
//! A file has up to [`MAX_MESSAGES`](super::MAX_MESSAGES) notes, a picture some thousand columns: where there are more notes
//! than it can show, those of a channel and pitch that touch each other in a column are one bar.

use super::source::{self, Source};
use super::{Report, drums};
use crate::error::TokenizerError;

/// The columns of a picture of more notes than are drawn one by one.
const COLUMNS: u64 = 4_096;

/// Channels times pitches: of each a single column has at most one bar.
const ROWS: usize = 16 << 7;

/// A bar of a piano roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bar {
    /// Where it begins, in ticks of 1/44,100 s.
    pub start: u64,
    /// Where it ends; that of a drum hit ends after a frame of 1/60 s.
    pub end: u64,
    /// The MIDI channel of its notes, from 0; 9 is that of the drums.
    pub channel: u8,
    /// Their MIDI note, unbent.
    pub pitch: u8,
}

/// The notes and drum hits of a MIDI file of format 0 or 1, by onset; those of no length are left out.
///
/// Of more than `most`, bars that show the same in as many columns as give no more bars than that. At least 2,048, a bar for
/// each pitch of each channel, are given in any case.
///
/// # Errors
/// As [`arrange`](super::arrange()).
pub fn source_bars(bytes: &[u8], most: usize) -> Result<Vec<Bar>, TokenizerError> {
    let source = source::read(bytes, &[], &mut Report::default())?;
    let most = most.max(ROWS);
    let mut bars = if source.notes.len() + source.hits.len() <= most {
        notes(&source).collect()
    } else {
        let last = notes(&source).map(|note| note.end).max().unwrap_or_default();
        let mut columns = COLUMNS;
        loop {
            if let Some(bars) = merged(&source, last / columns + 1, most) {
                break bars;
            }
            columns /= 2; // in one column they are at most ROWS
        }
    };
    bars.sort_by_key(|bar| (bar.start, bar.channel, bar.pitch));
    Ok(bars)
}

/// The notes by onset, then the drum hits by onset.
fn notes(source: &Source) -> impl Iterator<Item = Bar> {
    let pitched = source.notes.iter().map(|note| {
        let source::Played { start, end, channel, pitch, .. } = *note;
        Bar { start: start.get(), end: end.get(), channel, pitch }
    });
    let hits = source.hits.iter().map(|hit| {
        let (start, end) = (hit.start.get(), hit.start.get() + drums::FRAME);
        Bar { start, end, channel: source::DRUMS, pitch: hit.key }
    });
    pitched.chain(hits)
}

/// The notes in columns of a width in ticks, those that touch each other as one; `None` if that leaves more than `most`.
fn merged(source: &Source, width: u64, most: usize) -> Option<Vec<Bar>> {
    let mut open: Vec<Option<Bar>> = vec![None; ROWS];
    let mut bars = Vec::new();
    for note in notes(source) {
        let bar = Bar { start: note.start / width * width, end: note.end.div_ceil(width) * width, ..note };
        let row = open.get_mut((usize::from(note.channel) << 7) | usize::from(note.pitch))?;
        match row {
            Some(before) if bar.start <= before.end => before.end = before.end.max(bar.end),
            _ => bars.extend(row.replace(bar)),
        }
        if bars.len() > most {
            return None;
        }
    }
    bars.extend(open.into_iter().flatten());
    (bars.len() <= most).then_some(bars)
}
