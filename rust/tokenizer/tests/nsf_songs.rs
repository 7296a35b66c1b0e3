//! Songs through NSF files: what the program in the file sends is what the song asked for, write for write.

use std::path::{Path, PathBuf};

use lakhnes_apu::formats::nsf::{self, RunOptions, Timing};
use lakhnes_apu::{RegisterLog, Write};
use lakhnes_tokenizer::{PerformOptions, Song, midi, perform, transcribe, tx1, tx2};

/// Ticks of a call of PLAY.
const FRAME: u64 = 735;

/// How a song came through, over all its writes.
#[derive(Default)]
struct Result {
    writes: usize,
    /// The largest displacement, in ticks, and the sum of all.
    most: u64,
    sum: u64,
    /// Events of TX1 that are later or earlier by more than a frame, or others than before.
    moved_events: usize,
    events: usize,
}

/// The writes that a file is to send.
fn sound(log: &RegisterLog) -> impl Iterator<Item = &Write> {
    log.writes.iter().filter(|write| write.tick < log.length && !matches!(write.register, 0x14 | 0x16))
}

fn through(song: &Song, timing: Timing, transcribed: bool) -> std::result::Result<Result, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let log = perform(song, &PerformOptions::default()).map_err(|error| text(&error))?;
    let file = nsf::write(&log, timing).map_err(|error| text(&error))?;
    let file = nsf::read(&file).map_err(|error| text(&error))?;
    let options = RunOptions {
        max_ticks: log.length + 3 * FRAME,
        find_loop: false,
        find_silence: false,
        ..RunOptions::default()
    };
    let played = file.run(0, &options).map_err(|error| text(&error))?;
    // Before the song come the console's writes and those of INIT, the last of them that of $4017, which songs leave alone.
    let opening = played.log.writes.iter().rposition(|write| write.register == 0x17).map_or(0, |last| last + 1);
    let sent = played.log.writes.get(opening..).unwrap_or_default();
    let mut result = Result::default();
    if sent.len() != sound(&log).count() + 1 {
        return Err(format!("{} writes of {}", sent.len(), sound(&log).count() + 1));
    }
    let last = sent.last().map(|write| (write.register, write.value));
    if last != Some((0x15, 0)) {
        return Err(format!("{last:?} at the end"));
    }
    for (index, (sent, write)) in sent.iter().zip(sound(&log)).enumerate() {
        if (sent.register, sent.value) != (write.register, write.value) {
            return Err(format!("write {index}: {sent:?} for {write:?}"));
        }
        result.writes += 1;
        let displaced = sent.tick.abs_diff(write.tick);
        result.most = result.most.max(displaced);
        result.sum += displaced;
    }
    if !transcribed {
        return Ok(result);
    }
    let gathered = file.run(0, &RunOptions { gather: 2, ..options }).map_err(|error| text(&error))?;
    let mut cut = RegisterLog { length: log.length, ..gathered.log };
    cut.writes.retain(|write| write.tick < log.length);
    let events =
        |log: &RegisterLog| transcribe(log).map(|song| events(&tx1::write(&song))).map_err(|error| text(&error));
    let (before, after) = (events(&log)?, events(&cut)?);
    result.events = before.iter().map(Vec::len).sum();
    for (before, after) in before.iter().zip(&after) {
        result.moved_events += before.len().max(after.len()) - matched(before, after);
    }
    Ok(result)
}

/// How many events have a partner of their own within a frame.
fn matched(before: &[(u64, String)], after: &[(u64, String)]) -> usize {
    let mut taken = vec![false; after.len()];
    let mut count = 0;
    for (tick, event) in before {
        let from = after.partition_point(|(other, _)| other + FRAME < *tick);
        let partner = (from..after.len())
            .take_while(|&index| after[index].0 <= tick + FRAME)
            .find(|&index| !taken[index] && after[index].1 == *event);
        if let Some(index) = partner {
            taken[index] = true;
            count += 1;
        }
    }
    count
}

/// The events of each voice of a TX1 text, with their ticks.
fn events(text: &str) -> [Vec<(u64, String)>; 4] {
    let mut voices: [Vec<(u64, String)>; 4] = Default::default();
    let mut tick = 0;
    for word in text.split_whitespace() {
        let wait = word.strip_prefix("WT_").and_then(|ticks| ticks.parse::<u64>().ok());
        let voice = ["P1", "P2", "TR", "NO"].iter().position(|name| word.starts_with(name));
        match (wait, voice) {
            (Some(ticks), _) => tick += ticks,
            (_, Some(voice)) => voices[voice].push((tick, word.to_owned())),
            _ => {}
        }
    }
    voices
}

/// A song made here: scales in four voices with changes of velocity and timbre, none of it on frames.
fn scales() -> Song {
    let step = |step: u32| {
        let (high, low) = (60 + step % 13, 40 + step % 7);
        let mut events = vec![format!("P1_NOTEON_{high} P1_VELOCITY_{}", 3 + step % 12)];
        if step.is_multiple_of(3) {
            events.push(format!("P2_NOTEON_{} P2_VELOCITY_9 P2_TIMBRE_{}", high + 4, step % 4));
        }
        if step.is_multiple_of(2) {
            events.push(format!("TR_NOTEON_{low}"));
        }
        events.push(format!("NO_NOTEON_{} NO_VELOCITY_8 WT_{} NO_NOTEOFF", 1 + step % 16, 900 + step));
        events.push(format!("WT_{}", 2_000 + 37 * step));
        if step % 5 == 4 {
            events.push("P1_NOTEOFF P2_NOTEOFF TR_NOTEOFF WT_1500".to_owned());
        }
        events.join(" ")
    };
    let text = (0..120).map(step).collect::<Vec<_>>().join(" ").replace(' ', "\n");
    tx2::read(&text).expect("a song")
}

#[test]
fn a_song_comes_back_from_its_nsf_file_write_for_write() {
    for (timing, most) in [(Timing::Exact, 88), (Timing::Frame, 420)] {
        let result = through(&scales(), timing, true).expect("the same writes");
        assert!(result.writes > 500 && result.most <= most, "{timing:?}: {} ticks", result.most);
        // The two bytes of a timer come one after the other: now and then a note of a tick stands between two others.
        assert!(25 * result.moved_events <= result.events, "{timing:?}: {} of {}", result.moved_events, result.events);
    }
}

/// MIDI files below a folder.
fn songs_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "mid") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// `LAKHNES_NESMDB_MIDI` names a folder of MIDI files (all of NES-MDB, say). Every 25th is transcribed, too.
#[test]
fn all_songs_of_a_folder_come_back_from_their_nsf_files() {
    let Some(folder) = std::env::var_os("LAKHNES_NESMDB_MIDI") else { return };
    for timing in [Timing::Exact, Timing::Frame] {
        let (mut songs, mut faults) = (0, Vec::new());
        let mut total = Result::default();
        let mut moved_songs = 0;
        for path in songs_in(Path::new(&folder)) {
            songs += 1;
            let song = midi::read(&std::fs::read(&path).expect("a file")).expect("a song");
            match through(&song, timing, songs % 25 == 0) {
                Ok(result) => {
                    total.writes += result.writes;
                    total.sum += result.sum;
                    total.most = total.most.max(result.most);
                    total.events += result.events;
                    total.moved_events += result.moved_events;
                    moved_songs += usize::from(result.moved_events > 0);
                    if result.moved_events > 0 && moved_songs < 20 {
                        println!("{}: {} of {} events moved", path.display(), result.moved_events, result.events);
                    }
                }
                Err(fault) => faults.push(format!("{}: {fault}", path.display())),
            }
        }
        println!(
            "{timing:?}: {songs} songs, {} writes, displaced by {:.2} ticks, at most {}; {} of {} events moved, in {moved_songs} songs",
            total.writes,
            total.sum as f64 / total.writes.max(1) as f64,
            total.most,
            total.moved_events,
            total.events,
        );
        assert!(faults.is_empty(), "{} of {songs}: {:#?}", faults.len(), faults.get(..20.min(faults.len())));
    }
}
