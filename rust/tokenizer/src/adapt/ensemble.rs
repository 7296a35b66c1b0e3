//! Instruments on voices: which three, in which order, and which drum is which noise.

use std::collections::HashSet;

use super::AdaptOptions;
use super::select::Ensemble;
use super::source::SourceNote;
use crate::random::Random;
use crate::song::{Note, Song, Track, Voice};

/// Of more instruments than these, a random choice of so many takes part.
const MAX_INSTRUMENTS: usize = 32;

/// The voices that pitched instruments play.
const PITCHED: [Voice; 3] = [Voice::P1, Voice::P2, Voice::Tr];

/// Who plays P1, P2 and TR.
type Players = [Option<usize>; 3];

pub(super) fn songs(ensemble: &Ensemble, options: &AdaptOptions, random: &mut Random) -> Vec<Song> {
    let choices = choices(ensemble.melodic.len(), options.max_examples, random);
    choices.iter().filter_map(|players| song(ensemble, players, options, random)).collect()
}

/// At most `most` different choices of players, each as likely as any other.
fn choices(instruments: usize, most: usize, random: &mut Random) -> Vec<Players> {
    let pool = if instruments > MAX_INSTRUMENTS {
        sample(instruments, MAX_INSTRUMENTS, random)
    } else {
        (0..instruments).collect()
    };
    let all = permutations(&pool);
    if all.len() <= most {
        return all;
    }
    sample(all.len(), most, random).into_iter().filter_map(|index| all.get(index).copied()).collect()
}

/// Every way to give three voices a player each; with fewer than three players, every way to give each player a voice.
fn permutations(pool: &[usize]) -> Vec<Players> {
    let mut seats: Vec<Option<usize>> = pool.iter().copied().map(Some).collect();
    let resting = PITCHED.len().saturating_sub(pool.len());
    seats.resize(pool.len() + resting, None);
    let mut all = Vec::new();
    for (first, &p1) in seats.iter().enumerate() {
        for (second, &p2) in seats.iter().enumerate() {
            for (third, &tr) in seats.iter().enumerate() {
                let players = [p1, p2, tr];
                let distinct = first != second && second != third && third != first;
                // Two resting voices are the same either way round.
                if distinct && (resting < 2 || !all.contains(&players)) {
                    all.push(players);
                }
            }
        }
    }
    all
}

/// So many different numbers below `bound`. (R. W. Floyd's algorithm: Bentley, "Programming pearls: a sample of
/// brilliance", CACM 30, 1987.)
fn sample(bound: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let (mut chosen, mut seen) = (Vec::with_capacity(count), HashSet::new());
    for last in bound.saturating_sub(count)..bound {
        let drawn = random.below(last as u64 + 1) as usize;
        let new = if seen.insert(drawn) { drawn } else { last };
        seen.insert(new);
        chosen.push(new);
    }
    chosen
}

/// The song of some players, from its first note on; `None` if they have no note that their voices can play.
fn song(ensemble: &Ensemble, players: &Players, options: &AdaptOptions, random: &mut Random) -> Option<Song> {
    let mut parts: [Vec<SourceNote>; 4] = Default::default();
    for ((voice, part), &player) in PITCHED.into_iter().zip(&mut parts).zip(players) {
        let notes = player.and_then(|player| ensemble.melodic.get(player)).map(Vec::as_slice).unwrap_or_default();
        part.extend(notes.iter().filter(|note| voice.pitches().contains(&note.pitch)));
    }
    if !ensemble.drums.is_empty() {
        let kit = random.below(ensemble.drums.len() as u64) as usize;
        let noises: Vec<u8> = (0..128).map(|_| 1 + random.below(16) as u8).collect();
        let notes = ensemble.drums.get(kit).map(Vec::as_slice).unwrap_or_default();
        parts[Voice::No.index()] = drum_part(notes, &noises);
    }
    let start = parts.iter().filter_map(|part| part.first()).map(|note| note.start).min()?;
    let end = parts.iter().flatten().map(|note| note.end).max()?.min(start + options.max_length);
    let mut song = Song { length: end - start, ..Song::default() };
    for (voice, part) in Voice::ALL.into_iter().zip(parts) {
        let played = part.into_iter().filter(|note| note.end <= end).map(|note| Note {
            start: note.start - start,
            end: note.end - start,
            pitch: note.pitch,
            velocity: level(note.velocity).min(voice.default_velocity()),
        });
        song.tracks[voice.index()] = Track { notes: played.collect(), changes: Vec::new() };
    }
    song.tracks.iter().any(|track| !track.notes.is_empty()).then_some(song)
}

/// The hits of a kit, one at a time: one that falls into another is left out.
fn drum_part(notes: &[SourceNote], noises: &[u8]) -> Vec<SourceNote> {
    let mut part: Vec<SourceNote> = Vec::with_capacity(notes.len());
    for note in notes {
        if part.last().is_none_or(|last| last.end <= note.start)
            && let Some(&pitch) = noises.get(usize::from(note.pitch))
        {
            part.push(SourceNote { pitch, ..*note });
        }
    }
    part
}

/// A MIDI velocity as one of 1 to 15: 1 + 14 v / 127, rounded.
const fn level(velocity: u8) -> u8 {
    ((28 * velocity as u16 + 127) / 254) as u8 + 1
}
