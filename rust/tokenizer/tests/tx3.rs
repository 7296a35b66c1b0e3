//! TX3: every song is a fixed point, every event is on its frame, every text is read or refused in one line.

mod shared;

use lakhnes_tokenizer::{Change, Song, Ticks, Timbre, Track, Velocity, Vocabulary, Voice, midi, tx1, tx2, tx3};
use proptest::collection::vec;
use proptest::prelude::*;
use shared::{made_again, note};

/// A frame of an NTSC console, in ticks.
const FRAME: f64 = 733.791_52;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

/// Lengths as songs have them: artefacts, frames, rows, long notes.
fn lengths() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0_u64), 1..400_u64, 500..3_000_u64, Just(4_403_u64), 1..60_000_u64]
}

fn tracks(voice: Voice) -> impl Strategy<Value = Track> {
    let notes = vec((lengths(), lengths(), voice.pitches(), 1..=voice.default_velocity().get()), 0..40);
    let changes = vec((lengths(), any::<bool>(), any::<u8>()), 0..60);
    (notes, changes).prop_map(move |(notes, changes)| {
        let mut track = Track::default();
        let mut now = 0;
        for (gap, length, pitch, velocity) in notes {
            let start = now + gap;
            now = start + length + 1;
            track.notes.push(note(start, now, pitch, velocity));
        }
        let mut now = 0;
        for (gap, is_velocity, value) in changes {
            let legal = if is_velocity { voice.velocities() } else { voice.timbres() };
            now += gap + 1;
            if let Some(legal) = legal {
                let (tick, value) = (Ticks::saturating(now), value % (legal.end() + 1));
                track.changes.push(if is_velocity {
                    Change::of_velocity(tick, Velocity::saturating(value))
                } else {
                    Change::of_timbre(tick, Timbre::saturating(value))
                });
            }
        }
        track
    })
}

fn songs() -> impl Strategy<Value = Song> {
    let voices = (tracks(Voice::P1), tracks(Voice::P2), tracks(Voice::Tr), tracks(Voice::No));
    (voices, lengths()).prop_map(|((p1, p2, tr, no), tail)| {
        let tracks = [p1, p2, tr, no];
        let last = |track: &Track| {
            let note = track.notes.last().map_or(0, |note| note.end.get());
            note.max(track.changes.last().map_or(0, |change| change.tick.get()))
        };
        let length = tracks.iter().map(last).max().unwrap_or_default() + tail;
        Song::new(tracks, Ticks::saturating(length)).expect("a legal song")
    })
}

fn texts() -> impl Strategy<Value = String> {
    let symbol = (0..tx3::size() as u16).prop_map(|id| tx3::symbol(id).expect("a symbol"));
    vec(symbol, 0..200).prop_map(|symbols| symbols.join("\n"))
}

/// The onsets, ends and pitches of a song.
fn notes(song: &Song) -> Vec<(u8, u64, u64, u8)> {
    let tracks = (0..).zip(song.tracks());
    tracks
        .flat_map(|(voice, track)| {
            track.notes.iter().map(move |note| (voice, note.start.get(), note.end.get(), note.pitch.get()))
        })
        .collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_song_that_was_written_is_written_again_the_same(song in songs()) {
        let text = tx3::write(&song)?;
        let back = tx3::read(&text)?;
        prop_assert_eq!(made_again(&back)?, back.clone());
        prop_assert_eq!(tx3::write(&back)?, text);
    }

    #[test]
    fn notes_are_where_the_frames_of_the_song_have_them(song in songs()) {
        let back = tx3::read(&tx3::write(&song)?)?;
        let framed = tx3::on_frames(&song)?;
        prop_assert_eq!(notes(&back), notes(&framed));
        prop_assert_eq!(back.length(), framed.length());
    }

    #[test]
    fn the_song_survives_midi_as_well(song in songs()) {
        let text = tx3::write(&song)?;
        let back = midi::read(&midi::write(&tx3::read(&text)?)?)?;
        prop_assert_eq!(tx3::write(&back)?, text);
    }

    #[test]
    fn the_grammar_admits_what_is_written(song in songs()) {
        let mut grammar = tx3::Grammar::new();
        let ids = tx3::encode_song(&song)?;
        for &id in ids.iter().chain((song.length().get() > 0).then_some(&0)) {
            let token = tx3::token(id).expect("a token");
            prop_assert!(grammar.admits(token), "{:?} in {}", token, tx3::decode(&ids)?);
            grammar.advance(token);
        }
    }

    #[test]
    fn any_text_of_tokens_is_a_song(text in texts()) {
        let song = tx3::read(&text)?;
        prop_assert_eq!(made_again(&song)?.with_loop(song.loop_start()), song.clone());
        let again = tx3::write(&song)?;
        prop_assert_eq!(tx3::write(&tx3::read(&again)?)?, again);
    }

    #[test]
    fn what_the_grammar_admits_is_a_song_whose_time_goes_on(choices in vec(any::<u32>(), 1..400)) {
        let mut grammar = tx3::Grammar::new();
        let mut ids = Vec::new();
        let mut frame = 0;
        for choice in choices {
            let allowed: Vec<u16> =
                (0..).zip(grammar.allowed()).filter(|&(id, allowed)| allowed && id > 0).map(|(id, _)| id).collect();
            prop_assert!(!allowed.is_empty());
            let id = allowed[choice as usize % allowed.len()];
            grammar.advance(tx3::token(id).expect("a token"));
            prop_assert!(grammar.frame() >= frame);
            frame = grammar.frame();
            ids.push(id);
        }
        prop_assert_eq!(tx3::decode_song(&ids)?.length().get(), grammar.tick());
    }

    #[test]
    fn lines_that_are_no_tokens_are_named(text in "[A-Z0-9_#]{1,24}") {
        if let Err(error) = tx3::encode(&format!("BAR\n\n{text}")) {
            let message = error.to_string();
            prop_assert!(message.starts_with("line 3: expected ") && !message.contains('\n'), "{}", message);
        }
    }
}

#[test]
fn the_vocabulary_is_compact_and_begins_with_the_boundary() {
    assert!(tx3::size() < 1_024, "{}", tx3::size());
    assert_eq!((tx3::symbol(0), tx3::symbol(1)), (Some("<S>"), Some("BAR")));
    for id in 0..tx3::size() as u16 {
        assert_eq!(tx3::token(id).and_then(tx3::id), Some(id));
        assert_eq!(Vocabulary::tx3().id(tx3::symbol(id).expect("a symbol")), Some(id));
    }
    assert_eq!(tx3::symbol(tx3::size() as u16), None);
}

/// A song of one row in each line: a note of a pulse and the noise, rows of six frames.
fn steady(rows: u64) -> String {
    let tick = |frame: u64| (frame as f64 * FRAME).round() as u64;
    let lines = (0..rows).map(|row| {
        let (now, next) = (tick(6 * row), tick(6 * row + 6));
        format!("P1_NOTEON_{}\nP1_VELOCITY_15\nP1_TIMBRE_2\nWT_{}", 60 + row % 5, next - now)
    });
    lines.collect::<Vec<_>>().join("\n") + "\nP1_NOTEOFF"
}

#[test]
fn a_steady_beat_is_a_row_a_note() {
    let text = tx3::write(&tx2::read(&steady(64)).expect("a song")).expect("a text");
    let begin = "TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_60\n";
    assert!(text.starts_with(begin), "{text}");
    assert!(!text.contains("FRAME"), "{text}");
    assert_eq!(text.matches("BAR").count(), 5, "{text}"); // four bars, and the end
}

#[test]
fn frames_of_other_consoles_are_found() {
    let song = |frame: f64| {
        let tick = |row: f64| (row * 6.0 * frame).round() as u64;
        let notes = (0..200).map(|row| {
            let row = f64::from(row);
            format!("P1_NOTEON_{}\nWT_{}", 60 + row as u64 % 7, tick(row + 1.0) - tick(row))
        });
        tx1::read(&notes.collect::<Vec<_>>().join("\n")).expect("a song")
    };
    for (frame, name) in [(882.0, "PERIOD_882"), (735.0, "PERIOD_735"), (881.88, "PERIOD_881"), (FRAME, "TEMPO_6")] {
        let text = tx3::write(&song(frame)).expect("a text");
        assert!(text.starts_with(name), "{text}");
        assert!(text.contains("TEMPO_6\nMETER_16"), "{text}");
    }
}

#[test]
fn a_tempo_between_whole_numbers_of_frames_is_told_in_parts() {
    let tick = |row: u64| ((row as f64 * 6.5).round() * FRAME).round() as u64;
    let notes = (0..128).map(|row| format!("TR_NOTEON_{}\nWT_{}", 40 + row % 5, tick(row + 1) - tick(row)));
    let song = tx1::read(&notes.collect::<Vec<_>>().join("\n")).expect("a song");
    let facts = tx3::facts(&song).expect("facts");
    assert!((facts.frames_a_row - 6.5).abs() < 0.05 && facts.on_rows > 0.95, "{facts:?}");
}

#[test]
fn a_course_is_an_instrument_that_is_named_once() {
    // Eight notes of eight frames whose volume falls by one a frame.
    let tick = |frame: u64| (frame as f64 * FRAME).round() as u64;
    let mut lines = vec!["P1_TIMBRE_2".to_owned()];
    for frame in 0..64 {
        if frame % 8 == 0 {
            lines.push(format!("P1_NOTEON_{}", 60 + frame / 8));
        }
        lines.push(format!("P1_VELOCITY_{}\nWT_{}", 15 - frame % 8, tick(frame + 1) - tick(frame)));
    }
    let song = tx2::read(&lines.join("\n")).expect("a song");
    let text = tx3::write(&song).expect("a text");
    assert_eq!(text.matches("P1_INST").count(), 1, "{text}");
    assert_eq!(text.matches("P1_VOL").count(), 0, "{text}");
    assert_eq!(notes(&tx3::read(&text).expect("a song")), notes(&song));
}

#[test]
fn a_loop_is_told_and_found() {
    let song = tx2::read(&steady(64)).expect("a song");
    let start = song.tracks()[0].notes[16].start.get();
    let options = tx3::WriteOptions { controls: true, loop_start: Some(start) };
    let ids = tx3::encode_song_with(&song, &options).expect("ids");
    let text = tx3::decode(&ids).expect("a text");
    assert!(text.contains("ENDS_LOOP") && text.contains("BAR\nLOOP\nP1_NOTEON"), "{text}");
    assert!(text.contains("DENSITY_P2_NONE"), "{text}");
    let (back, found) = tx3::decode_song_and_loop(&ids).expect("a song");
    assert_eq!((notes(&back), found), (notes(&song), Some(start)));
}

#[test]
fn a_text_too_long_is_refused_before_it_is_built() {
    // Bars of 32 rows of 24 frames: the twelve hours are over after some 3,400 of them.
    let text = format!("TEMPO_24\nMETER_32\n{}", "BAR\n".repeat(4_000));
    let message = tx3::read(&text).expect_err("too long").to_string();
    assert_eq!(message, "length in ticks of 1/44,100 s: expected at most 1905120000, found 1905368931");
    let long = " ".repeat(lakhnes_tokenizer::limits::MAX_INPUT_BYTES + 1);
    assert!(tx3::read(&long).expect_err("too long").to_string().starts_with("input in bytes: expected at most"));
}

#[test]
fn an_unknown_token_is_named_with_what_could_stand_there() {
    let message = |text: &str| tx3::read(text).expect_err("an unknown token").to_string();
    assert_eq!(message("BAR\nP1_NOTEON_200"), "line 2: expected P1_NOTEON_33 to 108, found \"P1_NOTEON_200\"");
    assert_eq!(message("ROW_99"), "line 1: expected ROW_1 to 31, found \"ROW_99\"");
    assert!(message("WT_100").starts_with("line 1: expected a TX3 token (BAR, ROW_n"));
    assert!(tx3::decode(&[0, u16::MAX]).is_err());
}

#[test]
fn a_note_that_has_sounded_for_long_becomes_more_likely_to_end() {
    let id = |symbol: &str| usize::from(tx3::encode(symbol).expect("a token")[0]);
    let raised = |bars: usize| {
        let mut grammar = tx3::Grammar::new();
        let text = format!("TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_69\nTR_NOTEON_45{}\nTR_NOTEOFF", "\nBAR".repeat(bars));
        for id in tx3::encode(&text).expect("TX3") {
            grammar.advance(tx3::token(id).expect("a token"));
        }
        let mut logits = vec![0.0f32; tx3::size()];
        grammar.release(&mut logits);
        let [off, on, bar] = ["P1_NOTEOFF", "P1_NOTEON_72", "BAR"].map(|symbol| logits[id(symbol)]);
        assert_eq!((off, bar, logits[id("TR_NOTEOFF")]), (on, 0.0, 0.0));
        off
    };
    // A bar has 96 frames: after one a note is not long yet.
    let found = [0, 1, 2, 3, 20].map(raised);
    assert_eq!(found[..2], [0.0, 0.0]);
    assert!((found[2] - 2.0 * 72.0 / 60.0).abs() < 1e-6 && found[3] > found[2], "{found:?}");
    assert!((found[4] - 6.0).abs() < 1e-6, "at the most: {found:?}");
}

#[test]
fn notes_in_unison_a_semitone_apart_or_repeated_are_less_likely_for_the_benefit_of_others_of_their_voice() {
    let id = |symbol: &str| usize::from(tx3::encode(symbol).expect("a token")[0]);
    let mut grammar = tx3::Grammar::new();
    for id in tx3::encode("TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4").expect("TX3") {
        grammar.advance(tx3::token(id).expect("a token"));
    }
    let mut logits = vec![0.0f32; tx3::size()];
    let allowed = grammar.allowed();
    grammar.part(&mut logits, &allowed);
    let all_of = |voice: &str, range: std::ops::RangeInclusive<u8>| {
        range.map(|pitch| f64::from(logits[id(&format!("{voice}_NOTEON_{pitch}"))]).exp()).sum::<f64>()
    };
    // P1's A4 sounds before P2 speaks; the triangle's A2 may be left in this frame.
    let free = logits[id("P2_NOTEON_67")];
    let lowered = |symbol: &str| free - logits[id(symbol)];
    let expected =
        [("69", 1.0), ("70", 0.7 + 0.35), ("68", 0.7), ("57", 0.0), ("45", 0.0), ("44", 0.35 + 0.7), ("46", 0.35)];
    for (pitch, nats) in expected {
        assert!((lowered(&format!("P2_NOTEON_{pitch}")) - nats).abs() < 1e-5, "{pitch}");
    }
    let repeated = logits[id("P1_NOTEON_72")] - logits[id("P1_NOTEON_69")];
    assert!((repeated - 0.35).abs() < 1e-5, "{repeated}");
    let repeated = logits[id("TR_NOTEON_43")] - logits[id("TR_NOTEON_45")];
    assert!(repeated.abs() < 1e-5, "a bass repeats its pitch: {repeated}");
    assert!((all_of("P2", 33..=108) - 76.0).abs() < 1e-3, "a note of P2 is as likely as before");
    assert_eq!((logits[id("BAR")], logits[id("P1_NOTEOFF")], logits[id("NO_NOTEON_5")]), (0.0, 0.0, 0.0));
    assert!(free > 0.0);
}

#[test]
fn a_voice_holds_the_pitch_that_it_would_strike_once_more() {
    let id = |symbol: &str| usize::from(tx3::encode(symbol).expect("a token")[0]);
    let after = |text: &str| {
        let mut grammar = tx3::Grammar::new();
        for id in tx3::encode(text).expect("TX3") {
            grammar.advance(tx3::token(id).expect("a token"));
        }
        grammar
    };
    let chances = |grammar: &tx3::Grammar| {
        let mut logits = vec![0.0f32; tx3::size()];
        logits[id("P1_NOTEON_69")] = 5.0;
        let mut allowed = grammar.allowed();
        grammar.hold(&mut logits, &mut allowed);
        let sum: f64 =
            logits.iter().zip(&allowed).filter(|(_, allowed)| **allowed).map(|(l, _)| f64::from(*l).exp()).sum();
        move |symbol: &str| {
            let id = id(symbol);
            if allowed[id] { f64::from(logits[id]).exp() / sum } else { 0.0 }
        }
    };
    let header = "TEMPO_6\nMETER_16\nBAR\n";
    let silent = chances(&after(&format!("{header}P1_NOTEON_60\nROW_4")));
    // The pitch that sounds, and one whose gate is over in this very frame.
    for played in ["P1_NOTEON_69\nROW_4", "P1_NOTEON_69\nP1_LEN_24\nROW_4"] {
        let held = chances(&after(&format!("{header}{played}")));
        assert!(silent("P1_NOTEON_69") > 0.1);
        assert!(held("P1_NOTEON_69") < 1e-9, "{played}");
        assert!(held("BAR") > 1.1 * silent("BAR"), "the others have its probability");
        assert!((held("P1_NOTEON_70") / silent("P1_NOTEON_70") - 1.0).abs() < 0.02, "but other notes do not");
    }
}
