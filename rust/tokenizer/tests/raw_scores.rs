//! Register logs as raw scores and songs, against what the original programs make of them.

mod shared;

use lakhnes_apu::formats::vgm;
use lakhnes_apu::{RegisterLog, Write};
use lakhnes_tokenizer::raw_score::{RawRuns, RawScore};
use lakhnes_tokenizer::score::{ExpressiveScore, ScoreRuns};
use lakhnes_tokenizer::{PerformOptions, midi, perform, transcribe, transcribe_exactly, tx2};
use proptest::prelude::*;
use shared::{SONGS, golden_arrays, golden_bytes, log_writes, vgm_writes};

/// The raw score of 44,100 frames a second.
fn every_frame(runs: &RawRuns) -> RawScore {
    let mut frames = Vec::new();
    let ends = runs.starts.iter().skip(1).copied().chain([runs.nsamps]);
    for (frame, end) in runs.values.iter().zip(ends) {
        frames.resize(end as usize, *frame);
    }
    RawScore { clock_hz: runs.clock_hz, rate: 44_100.0, nsamps: runs.nsamps, frames }
}

fn named(song: &str, ending: &str) -> String {
    format!("lawnmower/{song}.{ending}")
}

/// The songs whose source is there, with its log.
fn each() -> impl Iterator<Item = (&'static str, RegisterLog)> {
    let log = |song| Some((song, vgm::read(&golden_bytes(&named(song, "vgm"))?).expect("a VGM file")));
    SONGS.into_iter().filter_map(log)
}

#[test]
fn logs_have_the_raw_scores_of_the_original() {
    for (song, log) in each() {
        let Some(arrays) = golden_arrays(&named(song, "rawsco.npz")) else {
            continue;
        };
        let runs = RawRuns::from_log(&log).expect("a raw score");
        let theirs = &arrays["rawsco"];
        assert_eq!(theirs.shape, [runs.nsamps as usize, 4, 4], "{song}");
        assert_eq!(arrays["nsamps"].integers(), [runs.nsamps]);
        let ours = every_frame(&runs);
        assert!(ours.to_bytes() == theirs.bytes, "{song}");
        let again = RawScore::from_bytes(arrays["clock"].float() as u32, 44_100.0, runs.nsamps, &theirs.bytes);
        assert!(again.expect("a score").runs() == runs, "{song}");
    }
}

#[test]
fn raw_scores_have_the_expressive_scores_of_the_original() {
    for (song, log) in each() {
        let Some(arrays) = golden_arrays(&named(song, "exprsco44100.npz")) else {
            continue;
        };
        let nsamps = arrays["nsamps"].integers()[0];
        let theirs = ScoreRuns::from_bytes(nsamps, arrays["starts"].integers(), &arrays["values"].bytes);
        let ours = RawRuns::from_log(&log).expect("a raw score").to_expressive();
        assert!(theirs == Ok(ours), "{song}");
    }
}

#[test]
fn logs_become_the_midi_of_the_original() {
    for (song, log) in each() {
        let ours = midi::write(&transcribe(&log).expect("a song")).expect("bytes");
        assert!(golden_bytes(&named(song, "mid")).is_none_or(|theirs| ours == theirs), "{song}");
    }
}

#[test]
fn raw_scores_are_played_by_the_writes_of_the_original() {
    for (song, log) in each() {
        let Some(theirs) = golden_bytes(&named(song, "rawsco.vgm.gz")) else {
            continue;
        };
        let ours = RawRuns::from_log(&log).expect("a raw score").to_log();
        let (ours, theirs) = (log_writes(&ours), vgm_writes(&theirs));
        let place = ours.0.iter().zip(&theirs.0).position(|(ours, theirs)| ours != theirs);
        assert_eq!(place.map(|place| (place, ours.0[place], theirs.0[place])), None, "{song}");
        assert_eq!((ours.0.len(), ours.1), (theirs.0.len(), theirs.1), "{song}");
    }
}

#[test]
fn expressive_scores_have_the_raw_scores_of_the_original() {
    for song in SONGS {
        let (Some(score), Some(raw)) =
            (golden_arrays(&named(song, "exprsco24.npz")), golden_arrays(&named(song, "exprsco24_rawsco.npz")))
        else {
            continue;
        };
        let nsamps = score["nsamps"].integers()[0];
        let score = ExpressiveScore::from_bytes(24.0, nsamps, &score["exprsco"].bytes).expect("a score");
        let ours = RawScore::from_expressive(&score);
        assert!(ours.to_bytes() == raw["rawsco"].bytes, "{song}");
        assert!(ours.to_expressive() == Ok(score), "{song}");
        assert_eq!(f64::from(ours.clock_hz).to_bits(), raw["clock"].float().to_bits());
    }
}

#[test]
fn slower_scores_are_played_by_the_writes_of_the_original() {
    for song in SONGS {
        for rate in [24, 100] {
            let (Some(score), Some(theirs)) = (
                golden_arrays(&named(song, &format!("exprsco{rate}.npz"))),
                golden_bytes(&named(song, &format!("exprsco{rate}.vgm"))),
            ) else {
                continue;
            };
            let nsamps = score["nsamps"].integers()[0];
            let score = ExpressiveScore::from_bytes(rate.into(), nsamps, &score["exprsco"].bytes).expect("a score");
            let ours = RawScore::from_expressive(&score).runs().to_log();
            assert!(log_writes(&ours) == vgm_writes(&theirs), "{song} at {rate} Hz");
        }
    }
}

fn log_of(writes: &[(u64, u8, u8)], length: u64) -> RegisterLog {
    let writes = writes.iter().map(|&(tick, register, value)| Write { tick, register, value }).collect();
    RegisterLog { writes, length, ..RegisterLog::default() }
}

#[test]
fn a_log_becomes_a_song() {
    // A4 on the second pulse from 9 to 50, the triangle from its first quarter frame on, two periods of noise.
    let log = log_of(
        &[
            (9, 0x15, 0x0E),
            (9, 0x04, 0xB7),
            (9, 0x06, 253),
            (9, 0x07, 0),
            (10, 0x08, 0xFF),
            (10, 0x0A, 253),
            (10, 0x0B, 0),
            (20, 0x0C, 0x3A),
            (20, 0x0E, 0x83),
            (20, 0x0F, 0),
            (30, 0x0E, 0x05),
            (50, 0x04, 0xB0),
        ],
        300,
    );
    let text = tx2::write(&transcribe(&log).expect("a song"));
    let expected = "WT_9 P2_NOTEON_69 P2_VELOCITY_7 P2_TIMBRE_2 WT_11 NO_NOTEON_13 NO_VELOCITY_10 NO_TIMBRE_1 WT_10 \
                    NO_NOTEON_11 NO_VELOCITY_10 NO_TIMBRE_0 WT_20 P2_NOTEOFF WT_134 TR_NOTEON_57 WT_116 TR_NOTEOFF NO_NOTEOFF";
    assert_eq!(text.replace('\n', " "), expected);
}

#[test]
fn a_pulse_too_high_to_be_a_note_rests() {
    let log = log_of(&[(0, 0x15, 1), (0, 0, 0x3F), (0, 2, 12), (0, 3, 0)], 10);
    let raw = RawRuns::from_log(&log).expect("a raw score");
    assert_eq!(raw.values, [[[0, 12, 15, 0], [0; 4], [0; 4], [0; 4]]]);
    assert_eq!(raw.to_expressive().values, [[[0; 3]; 4]]);
}

#[test]
fn the_clock_of_the_log_gives_the_pitch() {
    let mut log = log_of(&[(0, 0x15, 1), (0, 0, 0x3F), (0, 2, 235), (0, 3, 0)], 10);
    let pitch = |log: &RegisterLog| transcribe(log).expect("a song").tracks()[0].notes[0].pitch.get();
    assert_eq!(pitch(&log), 70);
    log.clock_hz = 1_662_607;
    assert_eq!(pitch(&log), 69);
    let again = RawRuns::from_log(&log).expect("a raw score").to_log();
    assert_eq!((again.clock_hz, pitch(&again)), (1_662_607, 69));
    log.clock_hz = 0;
    assert!(transcribe(&log).is_err_and(|error| error.to_string().starts_with("clock: expected")));
}

#[test]
fn an_exact_transcription_differs_by_the_frame_counter_alone() {
    // A length of 2 half frames from the start of the frame counter.
    let writes = [(0, 0x15, 1), (0, 0, 0x1F), (0, 2, 100), (44_000, 3, 0x18), (44_000, 0x17, 0)];
    let log = log_of(&writes, 88_200);
    let note = |song: lakhnes_tokenizer::Song| shared::numbers(&song.tracks()[0].notes[0]);
    let theirs = note(transcribe(&log).expect("a song"));
    let ours = note(transcribe_exactly(&log).expect("a song"));
    assert_eq!((theirs.0, theirs.1), (44_000, 44_736));
    assert_eq!((ours.0, ours.2), (theirs.0, theirs.2));
    assert!((44_734..=44_738).contains(&ours.1), "{}", ours.1);
}

#[test]
fn raw_frames_that_no_voice_has_are_refused() {
    let score = |frame: [u8; 4]| {
        let bytes = [frame, [0; 4], [0; 4], [0; 4]].concat();
        RawScore::from_bytes(1_789_773, 24.0, 3_675, &bytes).map_err(|error| error.to_string())
    };
    assert!(score([7, 255, 15, 3]).is_ok());
    assert_eq!(score([8, 0, 0, 0]), Err("score: expected a timer that p1 has, found 2048 in frame 0".into()));
    assert_eq!(score([0, 0, 16, 0]), Err("score: expected a volume that p1 has, found 16 in frame 0".into()));
    assert_eq!(score([0, 0, 0, 4]), Err("score: expected a timbre that p1 has, found 4 in frame 0".into()));
    assert!(RawScore::from_bytes(1_789_773, 24.0, 3_675, &[0; 15]).is_err());
    assert!(RawScore::from_bytes(1_789_773, 0.0, 3_675, &[]).is_err());
    assert!(RawScore::from_bytes(5, 24.0, 3_675, &[]).is_err());
}

/// Songs of what the chip can say: notes not too low for the timers, and triangles that begin with a quarter frame.
fn any_text() -> impl Strategy<Value = String> {
    let event = (0..3_usize, 45_u8..100, 1_u8..=15, 1_u32..2_000);
    prop::collection::vec(event, 1..30).prop_map(|events| {
        let line = |(voice, pitch, velocity, wait): (usize, u8, u8, u32)| {
            let (voice, pitch) = [("P1", pitch), ("P2", pitch), ("NO", pitch % 16 + 1)][voice];
            format!("{voice}_NOTEON_{pitch}\n{voice}_VELOCITY_{velocity}\n{voice}_TIMBRE_{}\nWT_{wait}", velocity % 2)
        };
        events.into_iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_performed_is_transcribed_again(text in any_text()) {
        let song = tx2::read(&text).expect("a song");
        let log = perform(&song, &PerformOptions::default()).expect("a log");
        let score = ScoreRuns::from_song(&song);
        prop_assert_eq!(RawRuns::from_log(&log).expect("a raw score").to_expressive(), score.clone());
        prop_assert_eq!(&RawRuns::from_expressive(&score).to_log(), &log);
    }

    #[test]
    fn any_log_has_a_raw_score_and_that_score_a_log(
        writes in prop::collection::vec((0_u64..3_000, 0_u8..0x18, any::<u8>()), 0..80), length in 0_u64..4_000
    ) {
        let mut writes = writes;
        writes.sort_by_key(|&(tick, ..)| tick);
        let runs = RawRuns::from_log(&log_of(&writes, length)).expect("a raw score");
        prop_assert!(runs.starts.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(runs.starts.is_empty(), length == 0);
        let score = every_frame(&runs);
        let again = RawScore::from_bytes(score.clock_hz, score.rate, score.nsamps, &score.to_bytes());
        prop_assert_eq!(again.as_ref().map(RawScore::runs), Ok(runs.clone()));
        prop_assert!(runs.to_log().validate().is_ok());
        prop_assert!(transcribe(&runs.to_log()).is_ok());
        prop_assert!(transcribe_exactly(&log_of(&writes, length)).is_ok());
    }
}
