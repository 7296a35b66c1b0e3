//! Learns the codebook of TX3 (`src/tx3/instruments.txt`) from a folder of NES-MDB's MIDI files, and prints it.
//!
//! ```text
//! cargo run --release -p lakhnes-tokenizer --example learn_instruments -- nesmdb_midi/train 48 24 24 40 > instruments.txt
//! ```
//! The numbers are those of the pulse and noise instruments and of the melodic and drum figures. Instruments are chosen
//! one by one, each the course of the corpus that brings the others nearest (greedy facility location), and then exchanged
//! for better ones while that helps; figures by the tokens that they save. A song counts by the square root of its notes,
//! so that long ones do not outweigh the rest. Nothing is random: the same files give the same codebook.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lakhnes_tokenizer::tx3::{ATTACK, Sound, unlikeness};
use lakhnes_tokenizer::{Song, Voice, midi, tx3};

/// The frames by which courses are compared, and that an instrument has at most.
const HORIZON: usize = 32;
/// How many different courses, the most common ones, are compared.
const COURSES: usize = 12_000;
/// How many of them may become instruments.
const CANDIDATES: usize = 1_500;
/// The most steps of a figure.
const STEPS: usize = 16;

type Counts<K> = BTreeMap<K, f64>;
/// How often figures occur, and in which games.
type Figures = BTreeMap<tx3::Steps, (f64, BTreeSet<String>)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("expected a folder of MIDI files")?;
    let sizes: Vec<usize> = arguments.map(|number| number.parse()).collect::<Result<_, _>>()?;
    let [pulse, noise, melodic, drum] = sizes[..] else { return Err("expected four sizes".into()) };

    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    let mut corpus = Corpus::default();
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        corpus.add(&midi::read(&std::fs::read(path)?)?, &name[..name.len().min(3)])?;
    }
    println!(
        "# The instruments and figures of TX3, learned by examples/learn_instruments.rs on {} songs.",
        paths.len()
    );
    println!("# pulse, noise: timbre:volume of each frame (xN: N equal ones); melodic, drum: semitones@frame.");
    for (kind, counts, size) in [("pulse", &corpus.courses[0], pulse), ("noise", &corpus.courses[1], noise)] {
        for instrument in instruments(counts, size) {
            println!("{kind} {}", spelled(&instrument));
        }
    }
    for (kind, counts, size) in [("melodic", &corpus.figures[0], melodic), ("drum", &corpus.figures[1], drum)] {
        for figure in figures(counts, size) {
            let steps: Vec<String> = figure.iter().map(|(semitones, frame)| format!("{semitones}@{frame}")).collect();
            println!("{kind} {}", steps.join(" "));
        }
    }
    Ok(())
}

/// What the songs play: courses of pulses and noise, figures of melodies and drums with the games that have them.
#[derive(Default)]
struct Corpus {
    courses: [Counts<Vec<(u8, u8)>>; 2],
    figures: [Figures; 2],
}

impl Corpus {
    fn add(&mut self, song: &Song, game: &str) -> Result<(), Box<dyn std::error::Error>> {
        let mut own: [BTreeMap<Vec<(u8, u8)>, u32>; 2] = Default::default();
        for course in tx3::courses(song)? {
            let sounds = course.sounds.iter().take(HORIZON).map(|sound| (sound.level, sound.timbre)).collect();
            *own[usize::from(course.voice == Voice::No)].entry(sounds).or_default() += 1;
        }
        for (counts, own) in self.courses.iter_mut().zip(own) {
            for (course, count) in own {
                *counts.entry(course).or_default() += f64::from(count).sqrt();
            }
        }
        let mut own: [BTreeMap<Vec<(i8, u8)>, u32>; 2] = Default::default();
        for (voice, steps) in tx3::figures(song)? {
            if steps.len() <= STEPS {
                *own[usize::from(voice == Voice::No)].entry(steps).or_default() += 1;
            }
        }
        for (counts, own) in self.figures.iter_mut().zip(own) {
            for (steps, count) in own {
                let (sum, games) = counts.entry(steps).or_default();
                *sum += f64::from(count).sqrt();
                games.insert(game.to_owned());
            }
        }
        Ok(())
    }
}

/// The figures that save most tokens: a row and a frame or a note-on each step. They must be in two games at least.
fn figures(counts: &Figures, size: usize) -> Vec<tx3::Steps> {
    let known = counts.iter().filter(|(_, (_, games))| games.len() > 1);
    let mut rated: Vec<(f64, &Vec<(i8, u8)>)> =
        known.map(|(steps, (sum, _))| (sum * (2 * steps.len() - 1) as f64, steps)).collect();
    rated.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    rated.into_iter().take(size).map(|(_, steps)| steps.clone()).collect()
}

/// The instruments that lie nearest to the courses.
fn instruments(counts: &Counts<Vec<(u8, u8)>>, size: usize) -> Vec<Vec<Sound>> {
    let mut courses: Vec<(f64, Vec<Sound>)> = counts
        .iter()
        .map(|(course, &count)| (count, course.iter().map(|&(level, timbre)| Sound { level, timbre }).collect()))
        .collect();
    courses.sort_by(|a, b| b.0.total_cmp(&a.0));
    courses.truncate(COURSES);
    let mut candidates: Vec<Vec<Sound>> = Vec::new();
    for (_, course) in &courses {
        let shape = at_full_loudness(course);
        if candidates.len() < CANDIDATES && !candidates.contains(&shape) {
            candidates.push(shape);
        }
    }
    let flat = vec![Sound { level: 15, timbre: 0 }];
    candidates.retain(|shape| *shape != flat);
    candidates.insert(0, flat); // always there: it can be as loud as any
    let distances: Vec<Vec<u32>> =
        candidates.iter().map(|shape| courses.iter().map(|(_, course)| distance(course, shape)).collect()).collect();
    eprintln!("{} courses, {} candidates", courses.len(), candidates.len());
    let weights: Vec<f64> = courses.iter().map(|(weight, _)| *weight).collect();
    let mut chosen = vec![0];
    while chosen.len() < size {
        let nearest = nearest(&chosen, &distances, None);
        let best = best_addition(&nearest, &distances, &weights);
        chosen.push(best.1);
    }
    // Exchanges: each one out, the best one in.
    for _ in 0..3 {
        for place in 1..chosen.len() {
            let others = nearest(&chosen, &distances, Some(place));
            chosen[place] = best_addition(&others, &distances, &weights).1;
        }
    }
    let all = nearest(&chosen, &distances, None);
    let total: f64 = all.iter().zip(&weights).map(|(&distance, weight)| f64::from(distance) * weight).sum();
    eprintln!("{size} instruments: {:.1} a course", total / weights.iter().sum::<f64>());
    // The most common first.
    let mut use_of: Vec<(f64, usize)> = chosen.iter().map(|&index| (0.0, index)).collect();
    for (course, weight) in weights.iter().enumerate() {
        if let Some(used) = use_of.iter_mut().min_by_key(|(_, index)| distances[*index][course]) {
            used.0 += weight;
        }
    }
    use_of.sort_by(|a, b| b.0.total_cmp(&a.0));
    use_of.into_iter().map(|(_, index)| candidates[index].clone()).collect()
}

/// How far each course is from the nearest of some candidates, one of them left out.
fn nearest(chosen: &[usize], distances: &[Vec<u32>], without: Option<usize>) -> Vec<u32> {
    let rows: Vec<&Vec<u32>> =
        (0..chosen.len()).filter(|&place| Some(place) != without).map(|place| &distances[chosen[place]]).collect();
    (0..distances[0].len()).map(|course| rows.iter().map(|row| row[course]).min().unwrap_or(u32::MAX)).collect()
}

/// The candidate that brings the courses nearest.
fn best_addition(nearest: &[u32], distances: &[Vec<u32>], weights: &[f64]) -> (f64, usize) {
    let gain = |row: &Vec<u32>| -> f64 {
        row.iter()
            .zip(nearest)
            .zip(weights)
            .map(|((&distance, &now), weight)| f64::from(now.saturating_sub(distance)) * weight)
            .sum()
    };
    let gains = distances.iter().map(gain).zip(0..);
    gains.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).unwrap_or((0.0, 0))
}

/// A course whose peak is the loudest level, and whose volume rises by at most a level after the attack.
fn at_full_loudness(course: &[Sound]) -> Vec<Sound> {
    let peak = u32::from(course.iter().map(|sound| sound.level).max().unwrap_or(1).max(1));
    let mut shape: Vec<Sound> = Vec::new();
    for (frame, &Sound { level, timbre }) in course.iter().enumerate() {
        let mut level = ((15 * u32::from(level) + peak / 2) / peak).max(1) as u8;
        if frame as u64 >= ATTACK {
            level = level.min(shape[frame - 1].level + 1);
        }
        shape.push(Sound { level, timbre });
    }
    while shape.len() > 1 && shape[shape.len() - 1] == shape[shape.len() - 2] {
        shape.pop();
    }
    shape
}

/// How far a course is from a shape at the loudness that suits it best; a long course counts no more than a note does.
fn distance(course: &[Sound], shape: &[Sound]) -> u32 {
    let peak = course.iter().map(|sound| sound.level).max().unwrap_or(1);
    let at = |loudness: u8| -> u32 {
        let heard = |frame: usize| {
            let Sound { level, timbre } = shape[frame.min(shape.len() - 1)];
            Sound { level: ((u32::from(level) * u32::from(loudness) + 7) / 15).max(1) as u8, timbre }
        };
        course.iter().enumerate().map(|(frame, &sound)| unlikeness(sound, heard(frame))).sum()
    };
    (peak..=peak.saturating_add(3).min(15)).map(at).min().unwrap_or(u32::MAX)
}

fn spelled(instrument: &[Sound]) -> String {
    let runs = instrument.chunk_by(|a, b| a == b);
    let words = runs.map(|run| match (run[0], run.len()) {
        (Sound { level, timbre }, 1) => format!("{timbre}:{level}"),
        (Sound { level, timbre }, length) => format!("{timbre}:{level}x{length}"),
    });
    words.collect::<Vec<_>>().join(" ")
}
