//! Which instruments of a file are fit for a voice that plays one note at a time.

use std::collections::HashSet;

use super::source::{Instrument, Source, SourceNote};
use super::{AdaptOptions, Adapted, Dropped, DroppedFile, DroppedInstrument};
use crate::limits::TICKS_PER_SECOND;

/// An instrument all of whose notes lie below or above these MIDI notes is left out.
const LOWEST: u8 = 21;
const HIGHEST: u8 = 108;

/// Instruments whose pitches and onsets agree to a tenth of a second play the same.
const SAME_ONSET: u64 = TICKS_PER_SECOND / 10;

/// The instruments of which songs are made.
#[derive(Debug)]
pub(super) struct Ensemble {
    pub(super) melodic: Vec<Vec<SourceNote>>,
    /// One hit at a time.
    pub(super) drums: Vec<Vec<SourceNote>>,
}

pub(super) fn select(source: Source, options: &AdaptOptions, adapted: &mut Adapted) -> Result<Ensemble, DroppedFile> {
    let least = options.min_instruments.max(1);
    let (drums, mut melodic): (Vec<_>, Vec<_>) = source.instruments.into_iter().partition(Instrument::is_drums);
    let dropped = &mut adapted.dropped;
    if !options.drums {
        dropped.extend(drums.iter().map(|instrument| drop(instrument, DroppedInstrument::Drums)));
    }
    keep(&mut melodic, dropped, DroppedInstrument::OutOfRange, |instrument| in_range(&instrument.notes));
    if melodic.len() < least {
        return Err(DroppedFile::FewPitched);
    }
    let trimmed = &mut adapted.trimmed;
    keep(&mut melodic, dropped, DroppedInstrument::Polyphonic, |instrument| {
        make_monophonic(&mut instrument.notes, options.overlap).inspect(|cut| *trimmed += cut).is_some()
    });
    if melodic.len() < least {
        return Err(DroppedFile::FewMonophonic);
    }
    let mut parts = HashSet::new();
    keep(&mut melodic, dropped, DroppedInstrument::Duplicate, |instrument| parts.insert(part_of(&instrument.notes)));
    if melodic.len() < least {
        return Err(DroppedFile::FewDifferent);
    }
    let notes = |instruments: Vec<Instrument>| instruments.into_iter().map(|instrument| instrument.notes).collect();
    let mut kits: Vec<Vec<SourceNote>> = if options.drums { notes(drums) } else { Vec::new() };
    kits.iter_mut().for_each(one_at_a_time);
    Ok(Ensemble { melodic: notes(melodic), drums: kits })
}

fn keep(
    instruments: &mut Vec<Instrument>,
    dropped: &mut Vec<Dropped>,
    reason: DroppedInstrument,
    mut fits: impl FnMut(&mut Instrument) -> bool,
) {
    instruments.retain_mut(|instrument| {
        let fits = fits(instrument);
        if !fits {
            dropped.push(drop(instrument, reason));
        }
        fits
    });
}

const fn drop(instrument: &Instrument, reason: DroppedInstrument) -> Dropped {
    Dropped { track: instrument.track, channel: instrument.channel, program: instrument.program, reason }
}

fn in_range(notes: &[SourceNote]) -> bool {
    notes.iter().any(|note| note.pitch >= LOWEST) && notes.iter().any(|note| note.pitch <= HIGHEST)
}

/// Cuts notes off that reach into the next one by at most `overlap` ticks. Gives how many; `None` where one reaches further,
/// or where two begin together.
fn make_monophonic(notes: &mut [SourceNote], overlap: u64) -> Option<usize> {
    let reaches = |pair: &[SourceNote]| match pair {
        [note, next] => note.end.saturating_sub(next.start),
        _ => 0,
    };
    let fits = |pair: &[SourceNote]| {
        let together = pair.first().map(|note| note.start) == pair.last().map(|note| note.start);
        reaches(pair) <= if together { 0 } else { overlap }
    };
    if !notes.windows(2).all(fits) {
        return None;
    }
    let mut cut = 0;
    for index in 1..notes.len() {
        if let Some([note, next]) = notes.get_mut(index - 1..=index)
            && note.end > next.start
        {
            note.end = next.start;
            cut += 1;
        }
    }
    Some(cut)
}

/// The hits of a kit, one at a time: one that falls into another is left out.
fn one_at_a_time(hits: &mut Vec<SourceNote>) {
    let mut busy = 0;
    hits.retain(|hit| {
        let free = busy <= hit.start;
        if free {
            busy = hit.end;
        }
        free
    });
}

/// What an instrument plays, as far as two of them are compared: pitch and onset of each note, in one number, for those are
/// hashed fast.
fn part_of(notes: &[SourceNote]) -> Vec<u64> {
    notes.iter().map(|note| ((note.start + SAME_ONSET / 2) / SAME_ONSET) << 7 | u64::from(note.pitch)).collect()
}
