//! MIDI files from elsewhere, and files that are none.

mod shared;

use lakhnes_tokenizer::{Change, Song, Ticks, Track, Velocity, Voice, midi};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

fn event(delta: u32, kind: TrackEventKind<'_>) -> TrackEvent<'_> {
    TrackEvent { delta: u28::from(delta), kind }
}

fn note(delta: u32, pitch: u8, velocity: u8) -> TrackEvent<'static> {
    let message = MidiMessage::NoteOn { key: u7::from(pitch), vel: u7::from(velocity) };
    event(delta, TrackEventKind::Midi { channel: u4::from(0), message })
}

fn control(delta: u32, controller: u8, value: u8) -> TrackEvent<'static> {
    let message = MidiMessage::Controller { controller: u7::from(controller), value: u7::from(value) };
    event(delta, TrackEventKind::Midi { channel: u4::from(0), message })
}

fn meta(delta: u32, message: MetaMessage<'_>) -> TrackEvent<'_> {
    event(delta, TrackEventKind::Meta(message))
}

/// A file of one track that has a name.
fn file<'a>(division: u16, name: &'a str, events: &[TrackEvent<'a>]) -> Vec<u8> {
    let mut track = vec![meta(0, MetaMessage::TrackName(name.as_bytes()))];
    track.extend_from_slice(events);
    track.push(meta(0, MetaMessage::EndOfTrack));
    let header = Header::new(Format::SingleTrack, Timing::Metrical(u15::from(division)));
    let mut bytes = Vec::new();
    midly::write(&header, [&track], &mut bytes).expect("bytes");
    bytes
}

fn notes(bytes: &[u8], voice: Voice) -> Vec<(u64, u64, u8, u8)> {
    let song = midi::read(bytes).expect("a song");
    let notes = song.track(voice).notes.iter();
    notes.map(shared::numbers).collect()
}

fn error(bytes: &[u8]) -> String {
    midi::read(bytes).expect_err("no song").to_string()
}

fn small_song() -> Vec<u8> {
    let change = Change::of_velocity(Ticks::saturating(400), Velocity::saturating(3));
    let p1 = Track { notes: vec![shared::note(0, 900, 60, 9)], changes: vec![change] };
    let song = Song::new([p1, Track::default(), Track::default(), Track::default()], Ticks::saturating(1_000));
    midi::write(&song.expect("a song")).expect("bytes")
}

#[test]
fn beats_and_tempos_become_ticks() {
    let tempo = |beats_per_minute: u32| meta(0, MetaMessage::Tempo(u24::from(60_000_000 / beats_per_minute)));
    let events = [tempo(60), note(96, 60, 5), note(96, 60, 0), tempo(240), note(96, 62, 5), note(48, 62, 0)];
    assert_eq!(
        notes(&file(96, "p1", &events), Voice::P1),
        [(44_100, 88_200, 60, 5), (88_200 + 11_025, 88_200 + 11_025 + 5_512, 62, 5)]
            .map(|(start, end, pitch, velocity)| (start, end + u64::from(pitch == 62), pitch, velocity))
    );
}

#[test]
fn a_track_is_known_by_its_name_in_any_case() {
    let events = [note(0, 50, 1), note(10, 50, 0)];
    assert_eq!(notes(&file(22_050, " TR ", &events), Voice::Tr), [(0, 10, 50, 1)]);
    assert_eq!(
        error(&file(22_050, "Piano", &events)),
        "not NES-MDB's MIDI (tracks: \"Piano\"); --arrange makes four voices of any MIDI file"
    );
}

#[test]
fn of_many_tracks_that_are_no_voice_the_first_are_named_in_a_short_line() {
    let names: Vec<String> = (0..20).map(|track| format!("{track}{}", "\u{7}".repeat(100))).collect();
    let tracks = names.iter().map(|name| vec![meta(0, MetaMessage::TrackName(name.as_bytes()))]);
    let tracks: Vec<_> = tracks.map(|track| [track, vec![meta(0, MetaMessage::EndOfTrack)]].concat()).collect();
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::from(96)));
    let mut bytes = Vec::new();
    midly::write(&header, &tracks, &mut bytes).expect("bytes");
    let message = error(&bytes);
    assert!(message.contains("… and 14 more); --arrange"), "{message}");
    assert!(message.chars().count() < 400, "{message}");
}

#[test]
fn a_voice_plays_one_note_at_a_time() {
    let overlap = [note(0, 60, 9), note(10, 64, 9), note(10, 60, 0), note(10, 64, 0)];
    assert_eq!(notes(&file(22_050, "p1", &overlap), Voice::P1), [(0, 10, 60, 9), (10, 30, 64, 9)]);
    let chord = [note(0, 60, 9), note(0, 67, 9), note(0, 64, 9), note(10, 60, 0), note(0, 64, 0), note(0, 67, 0)];
    assert_eq!(notes(&file(22_050, "p1", &chord), Voice::P1), [(0, 10, 67, 9)]);
}

#[test]
fn a_note_begun_twice_ends_and_one_never_ended_is_dropped() {
    let events = [note(0, 60, 9), note(10, 60, 7), note(10, 60, 0), note(5, 62, 9), note(5, 64, 9), note(5, 64, 0)];
    assert_eq!(notes(&file(22_050, "p2", &events), Voice::P2), [(0, 10, 60, 9), (10, 20, 60, 7), (30, 35, 64, 9)]);
}

#[test]
fn loud_notes_play_at_the_loudest() {
    let events = [note(0, 60, 127), control(5, 11, 100), note(5, 60, 0)];
    let bytes = file(22_050, "p1", &events);
    assert_eq!(notes(&bytes, Voice::P1), [(0, 10, 60, 15)]);
    let song = midi::read(&bytes).expect("a song");
    assert_eq!(song.track(Voice::P1).changes, [Change::of_velocity(Ticks::saturating(5), Velocity::MAX)]);
}

#[test]
fn the_end_is_a_time_signature_of_one_or_else_the_last_event() {
    let whole = meta(90, MetaMessage::TimeSignature(1, 0, 24, 8));
    let length = |events: &[TrackEvent<'_>]| midi::read(&file(22_050, "p1", events)).expect("a song").length().get();
    assert_eq!(length(&[note(0, 60, 1), note(10, 60, 0), whole, meta(7, MetaMessage::Text(b"x"))]), 100);
    assert_eq!(length(&[note(0, 60, 1), note(10, 60, 0), meta(7, MetaMessage::Text(b"x"))]), 17);
}

#[test]
fn pitches_and_timbres_out_of_range_are_named_with_voice_and_tick() {
    let low = file(22_050, "p1", &[note(7, 20, 9), note(10, 20, 0)]);
    assert_eq!(error(&low), "p1 at tick 7: expected a pitch of 33 to 108, found 20");
    let timbre = file(22_050, "no", &[control(3, 12, 2)]);
    assert_eq!(error(&timbre), "no at tick 3: expected a timbre of 0 to 1, found 2");
}

#[test]
fn a_file_cut_short_says_where_and_what_is_missing() {
    let whole = small_song();
    for length in 0..whole.len() {
        // Cut between two tracks, it is a shorter but sound file, of which the first alone is no voice.
        let between = length > 14 && whole[length..].starts_with(b"MTrk");
        assert!(between || error(&whole[..length]).starts_with("byte "), "{length}");
    }
    let cut = &whole[..whole.len() - 3];
    let start = whole.len() - 13;
    assert_eq!(error(cut), format!("byte {start}: expected 13 bytes of a chunk, found the end of the file after 10"));
}

#[test]
fn what_is_no_midi_is_called_so() {
    assert_eq!(error(b"P1_NOTEON_60\nWT_5"), "byte 0: expected a MIDI file (it begins with MThd), found \"P1_NOTEO\"");
    assert_eq!(error(b""), "byte 0: expected a MIDI file (it begins with MThd), found \"\"");
    let mut sequential = small_song();
    sequential[9] = 2;
    let message = "byte 8: expected MIDI format 0 or 1, found format 2 with 5 tracks, each a song of its own";
    assert_eq!(error(&sequential), message);
    let mut impossible = sequential;
    impossible[12] = 0x80;
    let message = "byte 12: expected ticks a beat, or 24, 25, 29 or 30 frames a second, found 128 frames a second";
    assert_eq!(error(&impossible), message);
}

#[test]
fn an_event_that_is_none_is_named_with_its_place() {
    let mut bytes = small_song();
    let place = bytes.windows(3).position(|window| window == [0x90, 60, 9]).expect("the note");
    bytes[place] = 0xF4;
    let message = error(&bytes);
    assert!(message.starts_with(&format!("byte {}: expected a MIDI event, found", place - 1)), "{message}");
}

#[test]
fn a_pause_of_hours_survives() {
    let notes = vec![shared::note(Ticks::MAX.get() - 5, Ticks::MAX.get(), 16, 2)];
    let noise = Track { notes, ..Track::default() };
    let song = Song::new([Track::default(), Track::default(), Track::default(), noise], Ticks::MAX).expect("a song");
    assert_eq!(midi::read(&midi::write(&song).expect("bytes")), Ok(song));
    assert_eq!(Ticks::new(Ticks::MAX.get() + 1), None);
}
