//! Instruments: the few courses by which all notes of a song can be played.
//!
//! A facility location: of all courses that notes run through, one after the other is taken that brings most notes nearest
//! to what they are, each played at the volume that suits it, until little is left to gain. A course serves every note
//! that is a beginning of it.

use std::collections::HashMap;

use super::module::{Instrument, MAX_INSTRUMENTS};
use super::notes::{Group, Note, Step};
use super::play::Mixing;

/// The most courses of a group that are thought of, and the most pairs of a course and another.
const CANDIDATES: usize = 320;
const PAIRS: usize = 1 << 20;
/// Instruments that a song has unless much is lost.
const FEW: usize = 24;
/// Instruments that it has at most, with room for that of the samples.
const MANY: usize = 48;
const _: () = assert!(MANY < MAX_INSTRUMENTS);
/// Mean loss a frame below which no instrument is added, and below which none is beyond [`FEW`].
const GOOD: f64 = 0.002;
const FAIR: f64 = 0.015;
/// Frames of a note that are compared.
const COMPARED: usize = 96;

/// How a note is played: which instrument, at which volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) instrument: usize,
    pub(super) volume: u8,
}

/// A course with the notes that run through it.
struct Client<'a> {
    group: Group,
    course: &'a [Step],
    period: u16,
    count: f64,
}

/// Finds instruments, and one for each note of each voice.
pub(super) fn find(voices: &[Vec<Note>], mixing: Mixing) -> (Vec<Instrument>, Vec<Vec<Choice>>) {
    let (clients, index) = clients(voices);
    let candidates = candidates(&clients);
    let losses: Vec<Vec<(f64, u8)>> = candidates
        .iter()
        .map(|&candidate| clients.iter().map(|client| loss(client, &clients[candidate], mixing)).collect())
        .collect();
    let (chosen, choices) = choose(&clients, &losses);
    let one = |(index, &column): (usize, &usize)| {
        let Client { group, course, .. } = &clients[candidates[column]];
        instrument(format!("{} {:02}", group.name(), index + 1), course)
    };
    let instruments = chosen.iter().enumerate().map(one).collect();
    let per_voice = index.iter().map(|notes| notes.iter().map(|&client| choices[client]).collect()).collect();
    (instruments, per_voice)
}

/// The different courses, and which of them each note runs through.
fn clients<'a>(voices: &'a [Vec<Note>]) -> (Vec<Client<'a>>, Vec<Vec<usize>>) {
    let mut clients: Vec<Client<'a>> = Vec::new();
    let mut known: HashMap<(Group, &[Step]), usize> = HashMap::new();
    let mut index = Vec::new();
    for (voice, notes) in voices.iter().enumerate() {
        let group = Group::of(voice);
        let one = |note: &'a Note| {
            let Note { course, period, .. } = note;
            let client = *known.entry((group, course.as_slice())).or_insert(clients.len());
            if client == clients.len() {
                clients.push(Client { group, course, period: *period, count: 0.0 });
            }
            clients[client].count += 1.0;
            client
        };
        index.push(notes.iter().map(one).collect());
    }
    (clients, index)
}

/// The courses that are no beginning of another, those first that most frames run through.
fn candidates(clients: &[Client<'_>]) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..clients.len()).collect();
    sorted.sort_by_key(|&client| (clients[client].group as u8, clients[client].course));
    let is_beginning = |pair: &[usize]| {
        let [one, next] = [&clients[pair[0]], &clients[pair[1]]];
        one.group == next.group && next.course.starts_with(one.course)
    };
    let mut whole: Vec<usize> = sorted.windows(2).filter(|pair| !is_beginning(pair)).map(|pair| pair[0]).collect();
    whole.extend(sorted.last());
    let weight = |&client: &usize| (clients[client].count * clients[client].course.len() as f64) as u64;
    whole.sort_by_key(|client| (std::cmp::Reverse(weight(client)), *client));
    let most = CANDIDATES.min(PAIRS / clients.len().max(1)).max(1);
    let mut taken = [0; 3];
    whole.retain(|&client| {
        taken[clients[client].group as usize] += 1;
        taken[clients[client].group as usize] <= most
    });
    whole
}

/// What is lost where a course is played by another, and the volume at which least is.
fn loss(client: &Client<'_>, candidate: &Client<'_>, mixing: Mixing) -> (f64, u8) {
    if client.group != candidate.group {
        return (f64::INFINITY, 15);
    }
    let loudest =
        |course: &[Step]| course.iter().take(COMPARED).map(|step| step.volume).max().unwrap_or_default().max(1);
    let near = u16::from(loudest(client.course)) * 15 / u16::from(loudest(candidate.course));
    let volumes = if client.group == Group::Triangle { 15..=15 } else { near.max(2) - 1..=near.max(1) + 1 };
    let mut best = (f64::INFINITY, 15);
    for volume in volumes.chain([15]).filter(|volume| *volume <= 15) {
        let lost = loss_at(client, candidate.course, volume as u8, mixing, best.0);
        if lost < best.0 {
            best = (lost, volume as u8);
        }
    }
    best
}

fn loss_at(client: &Client<'_>, course: &[Step], volume: u8, mixing: Mixing, enough: f64) -> f64 {
    let mut lost = 0.0;
    let last = course.last().copied().unwrap_or_default();
    for (age, step) in client.course.iter().take(COMPARED).enumerate() {
        let other = course.get(age).copied().unwrap_or(last);
        lost += step_loss(*step, other, mixing.volume(other.volume, volume), client.period);
        if lost >= enough {
            return f64::INFINITY;
        }
    }
    lost
}

/// What is lost in a frame: squared differences of the logarithms of the volumes, as a spectrogram has them; another
/// timbre or pitch counts about as much as silence for sound.
fn step_loss(step: Step, other: Step, volume: u8, period: u16) -> f64 {
    let lost = level_loss(step.volume, volume);
    if step.volume == 0 || volume == 0 {
        return lost;
    }
    let semitones = 17.3 * f64::from(step.bend - other.bend) / f64::from(period.max(1));
    let timbre = if step.timbre == other.timbre { 0.0 } else { 0.5 };
    let pitch = if step.arpeggio == other.arpeggio { (4.0 * semitones * semitones).min(2.0) } else { 2.5 };
    lost + timbre + pitch
}

/// What is lost by one volume in place of another.
pub(super) fn level_loss(volume: u8, other: u8) -> f64 {
    let level = |volume: u8| (f64::from(volume) + 0.25).ln();
    let difference = level(volume) - level(other);
    difference * difference
}

/// Takes courses greedily. Gives the columns taken and each client's choice among them.
fn choose(clients: &[Client<'_>], losses: &[Vec<(f64, u8)>]) -> (Vec<usize>, Vec<Choice>) {
    const NONE: f64 = 1e6;
    let frames: f64 = clients.iter().map(|client| client.count * client.course.len().min(COMPARED) as f64).sum();
    let mut best: Vec<(f64, Choice)> = clients.iter().map(|_| (NONE, Choice { instrument: 0, volume: 15 })).collect();
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < MANY {
        let gain = |column: &[(f64, u8)]| -> f64 {
            let rows = column.iter().zip(&best).zip(clients);
            rows.map(|((loss, best), client)| client.count * (best.0 - loss.0).max(0.0)).sum()
        };
        let gains = losses.iter().map(|column| gain(column));
        let Some((column, gain)) = gains.enumerate().max_by(|one, other| one.1.total_cmp(&other.1)) else { break };
        let left = best.iter().zip(clients).map(|(best, client)| client.count * best.0).sum::<f64>() / frames.max(1.0);
        if gain <= 0.0 || left < GOOD || (left < FAIR && chosen.len() >= FEW) {
            break;
        }
        for (best, &(loss, volume)) in best.iter_mut().zip(&losses[column]) {
            if loss < best.0 {
                *best = (loss, Choice { instrument: chosen.len(), volume });
            }
        }
        chosen.push(column);
    }
    (chosen, best.into_iter().map(|(_, choice)| choice).collect())
}

/// A course as an instrument. What is held to the end is said once, what is as without an instrument not at all.
fn instrument(name: String, course: &[Step]) -> Instrument {
    fn envelope<T: Copy + PartialEq>(values: impl Iterator<Item = T>, rest: T) -> Vec<T> {
        let mut values: Vec<T> = values.collect();
        let held = values.iter().rev().take_while(|value| Some(**value) == values.last().copied()).count();
        values.truncate((values.len() + 1).saturating_sub(held));
        if values.iter().all(|&value| value == rest) { Vec::new() } else { values }
    }
    Instrument {
        name,
        volume: envelope(course.iter().map(|step| step.volume), 15),
        arpeggio: envelope(course.iter().map(|step| step.arpeggio), 0),
        pitch: envelope(course.iter().map(|step| step.bend), 0),
        timbre: envelope(course.iter().map(|step| step.timbre), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(volumes: &[u8]) -> Note {
        let course = volumes.iter().map(|&volume| Step { volume, ..Step::default() }).collect();
        Note { start: 0, end: volumes.len(), cut: true, pitch: 45, fine: 0, period: 253, course }
    }

    #[test]
    fn a_course_serves_its_beginnings_and_softer_notes_of_its_shape() {
        let voices = [vec![note(&[14, 12, 10, 8, 6, 4]), note(&[14, 12, 10]), note(&[7, 6, 5, 4])]];
        let (instruments, choices) = find(&voices, Mixing::Down);
        assert_eq!(instruments.len(), 1);
        assert_eq!(instruments[0].volume, [14, 12, 10, 8, 6, 4]);
        assert_eq!(choices[0].iter().map(|choice| choice.volume).collect::<Vec<_>>(), [15, 15, 8]);
    }

    #[test]
    fn notes_of_other_shapes_have_instruments_of_their_own() {
        let voices = [vec![note(&[15; 9]), note(&[15, 9, 4, 2, 1, 0])], Vec::new(), vec![note(&[15; 4])]];
        let (instruments, choices) = find(&voices, Mixing::Nearest);
        assert_eq!(instruments.len(), 3);
        assert!(choices[0][0].instrument != choices[0][1].instrument && choices[2].len() == 1);
    }
}
