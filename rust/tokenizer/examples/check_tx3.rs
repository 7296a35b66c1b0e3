//! Checks TX3 on a folder of NES-MDB's MIDI files: every song a fixed point, every token one that the grammar admits, and
//! how far onsets are moved; prints tokens a second of music, by kind.
//!
//! ```text
//! cargo run --release -p lakhnes-tokenizer --example check_tx3 -- nesmdb_midi/train
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lakhnes_tokenizer::{Song, Vocabulary, midi, tx3};

/// The shortest note that counts, in ticks: three quarters of a frame.
const SHORTEST: u64 = 550;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder of MIDI files")?;
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    paths.sort();
    let mut totals = Totals::default();
    for path in &paths {
        totals.add(path)?;
    }
    totals.print();
    if totals.faults > 0 { Err("expected no faults".into()) } else { Ok(()) }
}

#[derive(Default)]
struct Totals {
    songs: usize,
    faults: usize,
    seconds: f64,
    tokens: usize,
    tx1_tokens: usize,
    /// Notes of at least [`SHORTEST`], and those whose onset moved by half a frame or is gone.
    notes: usize,
    moved: usize,
    changing: usize,
    on_rows: Vec<f64>,
    encoding: Duration,
    kinds: BTreeMap<String, usize>,
}

impl Totals {
    fn add(&mut self, path: &Path) -> Result<(), Box<dyn Error>> {
        let song = midi::read(&std::fs::read(path)?)?;
        let begin = Instant::now();
        let ids = tx3::encode_song(&song)?;
        self.encoding += begin.elapsed();
        let back = tx3::decode_song(&ids)?;
        if tx3::encode_song(&back)? != ids {
            self.faults += 1;
            println!("{}: no fixed point", path.display());
        }
        if let Some(place) = first_refusal(&ids) {
            self.faults += 1;
            println!("{}: token {place} is refused", path.display());
        }
        let facts = tx3::facts(&song)?;
        self.changing += usize::from(facts.tempo_changes > 0);
        self.on_rows.push(facts.on_rows);
        self.compare(&song, &back, facts.period);
        self.songs += 1;
        self.seconds += song.duration();
        self.tokens += ids.len();
        self.tx1_tokens += Vocabulary::tx1().encode_song(&song)?.len();
        for symbol in ids.iter().filter_map(|&id| tx3::symbol(id)) {
            let kind = symbol.trim_end_matches(|digit: char| digit.is_ascii_digit());
            *self.kinds.entry(kind.to_owned()).or_default() += 1;
        }
        Ok(())
    }

    /// Counts the notes of a song that have no onset within half a frame, at their pitch, in the one that was read back.
    fn compare(&mut self, song: &Song, back: &Song, period: f64) {
        for (track, other) in song.tracks().iter().zip(back.tracks()) {
            for note in track.notes.iter().filter(|note| note.length() >= SHORTEST) {
                let onset = note.start.get() as f64;
                let near = other.notes.partition_point(|other| other.start.get() as f64 + period / 2.0 <= onset);
                let found = other.notes[near..]
                    .iter()
                    .take_while(|other| (other.start.get() as f64) < onset + period / 2.0)
                    .any(|other| other.pitch == note.pitch);
                self.notes += 1;
                self.moved += usize::from(!found);
            }
        }
    }

    fn print(&self) {
        let mut on_rows = self.on_rows.clone();
        on_rows.sort_by(f64::total_cmp);
        let share = |of: f64| on_rows.get((of * on_rows.len() as f64) as usize).copied().unwrap_or(0.0);
        println!("{} songs, {} faults, {} ids", self.songs, self.faults, tx3::size());
        println!(
            "{:.2} tokens a second of music, TX1 {:.2}",
            self.tokens as f64 / self.seconds,
            self.tx1_tokens as f64 / self.seconds
        );
        println!("{:.4} of the onsets within half a frame", 1.0 - self.moved as f64 / self.notes.max(1) as f64);
        println!("onsets on rows: {:.3} (median song), {:.3} (a tenth has less)", share(0.5), share(0.1));
        println!("{} songs change their tempo", self.changing);
        println!("{:.0} songs a second", self.songs as f64 / self.encoding.as_secs_f64());
        for (kind, count) in &self.kinds {
            println!("{kind:12} {:.3} a second", *count as f64 / self.seconds);
        }
    }
}

/// The first token that the grammar does not admit.
fn first_refusal(ids: &[u16]) -> Option<usize> {
    let mut grammar = tx3::Grammar::new();
    let mut tokens = ids.iter().chain(&[0]).filter_map(|&id| tx3::token(id));
    tokens.position(|token| {
        let admitted = grammar.admits(token);
        grammar.advance(token);
        !admitted
    })
}
