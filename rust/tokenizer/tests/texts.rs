//! What TX1 and TX2 texts mean, line by line.

mod shared;

use lakhnes_tokenizer::{ChangeKind, Song, TokenizerError, Vocabulary, Voice, midi, tx1, tx2};

fn lines(events: &str) -> String {
    events.split(' ').collect::<Vec<_>>().join("\n")
}

/// Reads a text whose events stand between spaces and writes it again.
fn again_tx1(events: &str) -> String {
    tx1::write(&tx1::read(&lines(events)).expect("a song")).replace('\n', " ")
}

fn again_tx2(events: &str) -> String {
    tx2::write(&tx2::read(&lines(events)).expect("a song")).replace('\n', " ")
}

fn message(song: Result<Song, TokenizerError>) -> String {
    song.expect_err("no song").to_string()
}

#[test]
fn notes_velocities_and_timbres_stand_where_the_text_has_them() {
    let text = "P1_TIMBRE_2 WT_10 P1_NOTEON_60 P1_VELOCITY_7 WT_5 P1_VELOCITY_3 WT_5 P1_NOTEOFF WT_1";
    let song = tx2::read(&lines(text)).expect("a song");
    assert_eq!(song.length().get(), 21);
    assert_eq!(song.track(Voice::P1).notes, [shared::note(10, 20, 60, 15)]);
    let changes = song.track(Voice::P1).changes.iter();
    assert_eq!(
        changes.map(|change| (change.tick.get(), change.kind(), change.value())).collect::<Vec<_>>(),
        [(0, ChangeKind::Timbre, 2), (10, ChangeKind::Velocity, 7), (15, ChangeKind::Velocity, 3)]
    );
    assert_eq!(again_tx2(text), text);
}

#[test]
fn voices_of_one_tick_are_written_in_order() {
    assert_eq!(
        again_tx1("NO_NOTEON_9 TR_NOTEON_36 P2_NOTEON_64 P1_NOTEON_60 WT_5 NO_NOTEOFF P1_NOTEOFF"),
        "P1_NOTEON_60 P2_NOTEON_64 TR_NOTEON_36 NO_NOTEON_9 WT_5 P1_NOTEOFF P2_NOTEOFF TR_NOTEOFF NO_NOTEOFF"
    );
}

#[test]
fn a_note_off_right_before_a_note_is_left_out() {
    assert_eq!(
        again_tx1("P1_NOTEON_60 WT_9 P1_NOTEOFF P1_NOTEON_60 WT_9 P1_NOTEOFF WT_1"),
        "P1_NOTEON_60 WT_9 P1_NOTEON_60 WT_9 P1_NOTEOFF WT_1"
    );
}

#[test]
fn a_note_off_of_nothing_is_passed_over() {
    assert_eq!(
        again_tx1("P1_NOTEOFF WT_5 P1_NOTEON_60 WT_5 P1_NOTEOFF WT_5 P1_NOTEOFF WT_5"),
        "WT_5 P1_NOTEON_60 WT_5 P1_NOTEOFF WT_10"
    );
}

#[test]
fn a_note_without_length_is_left_out() {
    assert_eq!(again_tx1("P1_NOTEON_60 P1_NOTEON_62 WT_5 P1_NOTEOFF"), "P1_NOTEON_62 WT_5 P1_NOTEOFF");
    assert_eq!(again_tx1("P1_NOTEON_60 P1_NOTEOFF WT_5"), "WT_5");
}

#[test]
fn a_note_held_at_the_end_ends_there() {
    assert_eq!(again_tx1("P1_NOTEON_60 WT_5"), "P1_NOTEON_60 WT_5 P1_NOTEOFF");
}

#[test]
fn of_two_changes_at_one_tick_the_later_stands() {
    assert_eq!(
        again_tx2("P1_NOTEON_60 P1_TIMBRE_3 P1_VELOCITY_2 P1_TIMBRE_1 P1_VELOCITY_9 WT_5 P1_NOTEOFF"),
        "P1_NOTEON_60 P1_VELOCITY_9 P1_TIMBRE_1 WT_5 P1_NOTEOFF"
    );
}

#[test]
fn a_note_of_which_no_velocity_is_said_plays_at_the_loudest() {
    assert_eq!(again_tx2("NO_NOTEON_9 WT_5 NO_NOTEOFF"), "NO_NOTEON_9 NO_VELOCITY_15 WT_5 NO_NOTEOFF");
    assert_eq!(again_tx2("TR_NOTEON_60 WT_5 TR_NOTEOFF"), "TR_NOTEON_60 WT_5 TR_NOTEOFF");
}

#[test]
fn changes_of_a_voice_without_notes_are_not_written_but_midi_keeps_them() {
    let song = tx2::read("P2_TIMBRE_1\nP1_NOTEON_60\nWT_5").expect("a song");
    assert_eq!(tx2::write(&song).replace('\n', " "), "P1_NOTEON_60 P1_VELOCITY_15 WT_5 P1_NOTEOFF");
    assert_eq!(midi::read(&midi::write(&song).expect("bytes")), Ok(song));
}

#[test]
fn what_is_no_event_is_named_with_its_line() {
    assert_eq!(message(tx1::read("")), "expected TX1 events, one a line, found an empty text");
    assert_eq!(message(tx2::read(" \r\n\n")), "expected TX2 events, one a line, found an empty text");
    assert_eq!(
        message(tx1::read("WT_5\n\nP1_NOTEON_200\n")),
        "line 3: expected P1_NOTEON_33 to 108, found \"P1_NOTEON_200\""
    );
    let expected = "line 1: expected a TX1 event (WT_n, or P1, P2, TR, NO with _NOTEON_n or _NOTEOFF), found ";
    assert_eq!(message(tx1::read("P1_VELOCITY_7")), format!("{expected}\"P1_VELOCITY_7\""));
    assert_eq!(message(tx1::read("MThd\u{0}\u{6}")), format!("{expected}\"MThd\\0\\u{{6}}\""));
    assert!(message(tx2::read("TR_VELOCITY_1")).contains("expected a TX2 event"));
    assert_eq!(message(tx2::read("P1_TIMBRE_4")), "line 1: expected P1_TIMBRE_0 to 3, found \"P1_TIMBRE_4\"");
    let long = "x".repeat(1_000);
    assert!(message(tx1::read(&long)).len() < 200);
}

#[test]
fn a_song_of_more_than_twelve_hours_is_refused() {
    assert_eq!(
        message(tx1::read("WT_1905120000\nWT_1")),
        "line 2: length in ticks of 1/44,100 s: expected at most 1905120000, found 1905120001"
    );
}

#[test]
fn a_text_as_windows_saves_it_is_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/text-utf8-bom.tx1.txt");
    match std::fs::read_to_string(&path) {
        Ok(text) => assert_eq!(tx1::read(&text).expect("a song").track(Voice::P1).notes.len(), 1),
        Err(_) => eprintln!("skipped: there is no case at {}", path.display()),
    }
    let text = "\u{FEFF}P1_NOTEON_60\r\nWT_9\r\n";
    assert_eq!(tx1::write(&tx1::read(text).expect("a song")), "P1_NOTEON_60\nWT_9\nP1_NOTEOFF");
    assert_eq!(Vocabulary::tx1().encode(text), Ok(vec![399, 9]));
    let twice = message(tx1::read(&format!("\u{FEFF}{text}")));
    assert!(twice.starts_with("line 1: expected a TX1 event"), "{twice}");
}
