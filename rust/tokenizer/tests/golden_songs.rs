//! Three songs in every form, against what the original programs make of them.

mod shared;

use lakhnes_tokenizer::score::{ExpressiveScore, ScoreRuns};
use lakhnes_tokenizer::{PerformOptions, Song, midi, perform, tx1, tx2};
use shared::{SONGS, golden_arrays, golden_bytes, golden_text, log_writes, vgm_writes};

fn named(song: &str, ending: &str) -> String {
    format!("lawnmower/{song}.{ending}")
}

/// The songs whose file of that ending is there, with its bytes.
fn each(ending: &str) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    SONGS.into_iter().filter_map(move |song| Some((song, golden_bytes(&named(song, ending))?)))
}

fn golden_runs(song: &str, ending: &str) -> Option<ScoreRuns> {
    let arrays = golden_arrays(&named(song, ending))?;
    let nsamps = arrays["nsamps"].integers()[0];
    let runs = ScoreRuns::from_bytes(nsamps, arrays["starts"].integers(), &arrays["values"].bytes);
    Some(runs.expect("a score"))
}

fn read(bytes: &[u8]) -> Song {
    midi::read(bytes).expect("a song")
}

#[test]
fn midi_becomes_the_texts_of_the_original() {
    for (song, bytes) in each("mid") {
        let music = read(&bytes);
        assert_eq!(golden_text(&named(song, "tx1.txt")), Some(tx1::write(&music)), "{song}");
        assert_eq!(golden_text(&named(song, "tx2.txt")), Some(tx2::write(&music)), "{song}");
    }
}

#[test]
fn midi_is_written_as_it_was_read() {
    for ending in ["mid", "tx1.mid", "tx2.mid"] {
        for (song, bytes) in each(ending) {
            assert!(midi::write(&read(&bytes)) == Ok(bytes), "{song}.{ending}");
        }
    }
}

#[test]
fn texts_become_the_midi_of_the_original() {
    for song in SONGS {
        if let Some(text) = golden_text(&named(song, "tx1.txt")) {
            let ours = midi::write(&tx1::read(&text).expect("a song")).expect("bytes");
            assert!(golden_bytes(&named(song, "tx1.mid")) == Some(ours), "{song}");
        }
        if let Some(text) = golden_text(&named(song, "tx2.txt")) {
            let ours = midi::write(&tx2::read(&text).expect("a song")).expect("bytes");
            assert!(golden_bytes(&named(song, "tx2.mid")) == Some(ours), "{song}");
        }
    }
}

#[test]
fn songs_have_the_scores_of_the_original_and_scores_its_songs() {
    for (midi_ending, score_ending) in
        [("mid", "exprsco44100.npz"), ("tx1.mid", "tx1_exprsco44100.npz"), ("tx2.mid", "tx2_exprsco44100.npz")]
    {
        for (song, bytes) in each(midi_ending) {
            let runs = ScoreRuns::from_song(&read(&bytes));
            assert_eq!(golden_runs(song, score_ending), Some(runs), "{song}.{score_ending}");
        }
    }
    for (song, bytes) in each("mid") {
        let music = golden_runs(song, "exprsco44100.npz").expect("a score").to_song();
        assert!(midi::write(&music.expect("a song")) == Ok(bytes), "{song}");
    }
}

#[test]
fn slower_scores_are_those_of_the_original() {
    for rate in [24, 100] {
        for (song, bytes) in each("mid") {
            let Some(arrays) = golden_arrays(&named(song, &format!("exprsco{rate}.npz"))) else {
                continue;
            };
            let (nsamps, frames) = (arrays["nsamps"].integers()[0], &arrays["exprsco"]);
            assert_eq!(frames.shape[1..], [4, 3]);
            let theirs = ExpressiveScore::from_bytes(arrays["rate"].float(), nsamps, &frames.bytes);
            let ours = ExpressiveScore::from_song(&read(&bytes), f64::from(rate));
            assert!(ours == theirs, "{song} at {rate} Hz");
        }
    }
}

#[test]
fn performances_are_write_for_write_those_of_the_original() {
    for (midi_ending, vgm_ending, downsample) in [
        ("mid", "midi_full.vgm.gz", None),
        ("mid", "midi24.vgm", Some(24.0)),
        ("mid", "midi100.vgm", Some(100.0)),
        ("tx1.mid", "tx1_full.vgm.gz", None),
        ("tx2.mid", "tx2_full.vgm.gz", None),
    ] {
        for (song, bytes) in each(midi_ending) {
            let log =
                perform(&read(&bytes), &PerformOptions { downsample, ..PerformOptions::default() }).expect("a log");
            let vgm = golden_bytes(&named(song, vgm_ending)).expect("a VGM file");
            let (ours, theirs) = (log_writes(&log), vgm_writes(&vgm));
            let place = ours.0.iter().zip(&theirs.0).position(|(ours, theirs)| ours != theirs);
            assert_eq!(
                place.map(|place| (ours.0[place], theirs.0[place], &theirs.0[place.saturating_sub(6)..place + 4])),
                None,
                "{song}.{vgm_ending}"
            );
            assert_eq!((ours.0.len(), ours.1), (theirs.0.len(), theirs.1), "{song}.{vgm_ending}");
        }
    }
}
