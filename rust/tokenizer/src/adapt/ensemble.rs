//! Instruments on voices: which three, in which order, and which drum is which noise.

use std::collections::HashSet;

use super::AdaptOptions;
use super::select::Ensemble;
use super::source::SourceNote;
use crate::random::Random;
use crate::song::{Note, Song, Track};
use crate::values::{Pitch, Ticks, Velocity};
use crate::voice::Voice;

/// Of more instruments than these, a random choice of this number takes part.
const MAX_INSTRUMENTS: usize = 32;

/// How many voices pitched instruments play: P1, P2 and TR.
const PITCHED: usize = 3;

/// Who plays P1, P2 and TR.
type Players = [Option<usize>; PITCHED];

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
    let count = permutations(pool.len());
    let numbers = if count <= most { (0..count).collect() } else { sample(count, most, random) };
    numbers.into_iter().map(|number| permutation(&pool, number)).collect()
}

/// How many ways there are to give three voices a player each; with fewer than three players, to give each player a voice.
const fn permutations(players: usize) -> usize {
    match players {
        0 => 1,
        1 => 3,
        2 => 6,
        _ => players * (players - 1) * (players - 2),
    }
}

/// One of these ways; all of them in the order of the players, those who rest last.
fn permutation(pool: &[usize], number: usize) -> Players {
    // Two who rest are the same either way round, so that of the six ways of a single player three are left.
    let number = if pool.len() == 1 { [0, 2, 3][number % 3] } else { number };
    let seats = pool.len().max(PITCHED);
    let (first, rest) = (number / ((seats - 1) * (seats - 2)), number % ((seats - 1) * (seats - 2)));
    let second = rest / (seats - 2);
    let second = second + usize::from(second >= first);
    let mut third = rest % (seats - 2);
    for taken in [first.min(second), first.max(second)] {
        third += usize::from(third >= taken);
    }
    [first, second, third].map(|seat| pool.get(seat).copied())
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
    let part = |player: Option<usize>| player.and_then(|player| ensemble.melodic.get(player)).map(Vec::as_slice);
    let mut parts: [&[SourceNote]; 4] = Default::default();
    for (notes, player) in parts.iter_mut().zip(players) {
        *notes = part(*player).unwrap_or_default();
    }
    let mut noises = [0; 128];
    if !ensemble.drums.is_empty() {
        let kit = random.below(ensemble.drums.len() as u64) as usize;
        parts[Voice::No.index()] = ensemble.drums.get(kit).map(Vec::as_slice).unwrap_or_default();
        noises = noises.map(|_: u8| 1 + random.below(16) as u8);
    }
    let pitch_in = |voice: Voice, pitch: u8| match voice {
        Voice::No => noises.get(usize::from(pitch)).copied(),
        _ => voice.pitches().contains(&pitch).then_some(pitch),
    };
    // One note at a time: the first that a voice can play begins first, and the last ends last.
    let playable = || {
        Voice::ALL
            .into_iter()
            .zip(parts)
            .map(|(voice, notes)| notes.iter().filter(move |note| pitch_in(voice, note.pitch).is_some()))
    };
    let start = playable().filter_map(|mut notes| notes.next()).map(|note| note.start).min()?;
    let last = playable().filter_map(|mut notes| notes.next_back()).map(|note| note.end).max()?;
    let end = last.min(start + options.max_length);
    let mut tracks: [Track; 4] = Default::default();
    for ((voice, notes), track) in Voice::ALL.into_iter().zip(parts).zip(&mut tracks) {
        let within = notes.partition_point(|note| note.end <= end);
        track.notes.reserve(within);
        track.notes.extend(notes.iter().take(within).filter_map(|note| {
            // First of all: what no voice can play may begin before the song does.
            let pitch = pitch_in(voice, note.pitch)?;
            let [start, end] = [note.start - start, note.end - start].map(Ticks::saturating);
            let velocity = Velocity::saturating(level(note.velocity)).min(voice.default_velocity());
            Some(Note { start, end, pitch: Pitch::saturating(pitch), velocity })
        }));
    }
    if tracks.iter().all(|track| track.notes.is_empty()) {
        return None;
    }
    Song::new(tracks, Ticks::saturating(end - start)).ok()
}

/// A MIDI velocity as one of 1 to 15: 1 + 14 v / 127, rounded.
const fn level(velocity: u8) -> u8 {
    ((28 * velocity as u16 + 127) / 254) as u8 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_give_voices_players_comes_once() {
        for players in 1..6 {
            let pool: Vec<usize> = (0..players).map(|player| 10 * player).collect();
            let all: Vec<Players> = (0..permutations(players)).map(|number| permutation(&pool, number)).collect();
            let different: HashSet<&Players> = all.iter().collect();
            assert_eq!(different.len(), all.len(), "{players}: {all:?}");
            for choice in &all {
                let playing: HashSet<usize> = choice.iter().flatten().copied().collect();
                assert_eq!(playing.len(), players.min(3), "{choice:?}");
                assert!(playing.iter().all(|player| pool.contains(player)));
            }
        }
        assert_eq!([1, 2, 3, 5].map(permutations), [3, 6, 6, 60]);
        assert_eq!(
            [0, 1, 2].map(|number| permutation(&[7], number)),
            [[Some(7), None, None], [None, Some(7), None], [None, None, Some(7)]]
        );
    }
}
