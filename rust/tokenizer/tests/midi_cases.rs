//! MIDI files of other programs that are read as players read them: those of the folder `cases` beside the reference
//! results, and small ones that say the same.

mod shared;

use lakhnes_tokenizer::adapt::{AdaptOptions, adapt};
use lakhnes_tokenizer::arrange::{Reason, Report};
use lakhnes_tokenizer::midi::Warnings;
use lakhnes_tokenizer::{ArrangeOptions, Song, Voice, arrange, midi};

/// A file of the folder `cases`, or a line that says why the test is skipped.
fn case(name: &str) -> Option<Vec<u8>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases").join(name);
    if path.is_file() {
        return Some(std::fs::read(path).expect("a readable file"));
    }
    eprintln!("skipped: there is no case at {}", path.display());
    None
}

/// A file of 480 ticks a beat, of which the tracks' data are given without their ends.
fn file(tracks: &[&[u8]]) -> Vec<u8> {
    let mut file = [b"MThd\0\0\0\x06\0\x01\0".as_slice(), &[tracks.len() as u8], &480_u16.to_be_bytes()].concat();
    for track in tracks {
        file.extend(b"MTrk");
        file.extend((track.len() as u32 + 4).to_be_bytes());
        file.extend(*track);
        file.extend([0, 0xFF, 0x2F, 0]);
    }
    file
}

/// A note of 96 MIDI ticks (0.1 s) of a channel.
fn note(channel: u8, pitch: u8) -> [u8; 8] {
    [0, 0x90 | channel, pitch, 100, 96, 0x80 | channel, pitch, 0]
}

fn arranged(bytes: &[u8]) -> (Song, Report) {
    arrange(bytes, &ArrangeOptions::default()).expect("a song")
}

/// The pitches of all pitched voices, by onset.
fn pitches(bytes: &[u8]) -> Vec<u8> {
    let (song, _) = arranged(bytes);
    let mut notes: Vec<_> = song.tracks().iter().take(3).flat_map(|track| &track.notes).map(shared::numbers).collect();
    notes.sort_unstable();
    notes.iter().map(|&(_, _, pitch, _)| pitch).collect()
}

/// The number of notes and the length in tenths of a second.
fn extent(bytes: &[u8]) -> (usize, u64) {
    let (song, report) = arranged(bytes);
    (report.notes, (10.0 * song.duration()).round() as u64)
}

fn warnings(bytes: &[u8]) -> String {
    arranged(bytes).1.warnings.to_string()
}

#[test]
fn a_message_may_lean_on_the_status_from_before_a_meta_event() {
    let leaning = [&note(0, 60)[..4], &[96, 60, 0, 0, 0xFF, 1, 2, b'h', b'i', 0, 62, 100, 96, 62, 0]].concat();
    for bytes in [case("midi-running-status-after-text-event.mid"), Some(file(&[&leaning]))].into_iter().flatten() {
        assert_eq!((pitches(&bytes), extent(&bytes)), (vec![60, 62], (2, 2)));
        assert_eq!(warnings(&bytes), "");
        let options = AdaptOptions { lengths: (0, 1 << 30), ..AdaptOptions::default() };
        assert!(adapt(&bytes, &options).songs.is_ok_and(|songs| !songs.is_empty()));
    }
    let named = file(&[&[b"\0\xFF\x03\x02p1".as_slice(), &leaning].concat()]);
    let song = midi::read(&named).expect("a song");
    let notes: Vec<_> = song.track(Voice::P1).notes.iter().map(|note| note.pitch.get()).collect();
    assert_eq!(notes, [60, 62]);
}

#[test]
fn what_follows_the_last_track_is_left_out_with_a_warning() {
    if let Some(bytes) = case("midi-crlf-after-last-track.mid") {
        assert_eq!((extent(&bytes), warnings(&bytes)), ((8, 20), "2 bytes after the last track left out".to_owned()));
    }
    for (tail, warning) in [
        (&b"\r\n"[..], "2 bytes after the last track left out"),
        (b"\0", "1 byte after the last track left out"),
        (b"Copyright 1999 by nobody", "24 bytes after the last track left out"),
        (b"XTRA\0\0\0\x02ok", ""),
        (&[0; 700], "700 bytes after the last track left out"),
    ] {
        let bytes = [file(&[&note(0, 60)]).as_slice(), tail].concat();
        assert_eq!((extent(&bytes), warnings(&bytes)), ((1, 1), warning.to_owned()));
    }
    // A track that breaks off is none of that, and neither is what comes before the announced number of tracks.
    let mut cut = [file(&[&note(0, 60)]).as_slice(), b"MTrk\0\0\0\x09".as_slice()].concat();
    assert!(arrange(&cut, &ArrangeOptions::default()).is_err());
    cut.truncate(cut.len() - 8);
    cut[11] = 2;
    assert!(arrange(&[cut.as_slice(), b"\r\n"].concat(), &ArrangeOptions::default()).is_err());
}

#[test]
fn system_real_time_messages_are_passed_over() {
    if let Some(bytes) = case("midi-timing-clock-f8-in-track.mid") {
        assert_eq!(extent(&bytes), (16, 40));
    }
    // The clock's own wait counts, and the running status lasts.
    let bytes = file(&[&[&note(0, 60)[..], &[96, 0xF8, 0, 0xFE, 0, 62, 0, 0, 0x90, 64, 9, 96, 64, 0]].concat()]);
    assert_eq!((pitches(&bytes), extent(&bytes)), (vec![60, 64], (2, 3)));
    // System common messages have data bytes.
    let common = [96, 0xF1, 5, 0, 0xF2, 1, 2, 0, 0xF3, 9, 0, 0xF6, 0, 62, 0, 0, 0x90, 64, 9, 96, 64, 0];
    let bytes = file(&[&[&note(0, 60)[..], &common].concat()]);
    assert_eq!((pitches(&bytes), extent(&bytes), warnings(&bytes)), (vec![60, 64], (2, 3), String::new()));
    for damaged in [0xF4, 0xF5] {
        let bytes = file(&[&[&note(0, 60)[..], &[0, damaged, 0]].concat()]);
        let error = arrange(&bytes, &ArrangeOptions::default()).expect_err("damage").to_string();
        assert!(error.starts_with("byte 30: expected a MIDI event"), "{error}");
    }
}

#[test]
fn a_midi_file_in_a_riff_wrapper_is_read() {
    if let Some(bytes) = case("midi-inside-riff-rmid.mid") {
        assert_eq!((extent(&bytes), warnings(&bytes)), ((8, 20), String::new()));
    }
    let inner = file(&[&note(0, 60)]);
    let wrap = |inner: &[u8]| {
        let chunks = [b"RMIDLIST\x03\0\0\0abc\0data".as_slice(), &(inner.len() as u32).to_le_bytes(), inner].concat();
        [b"RIFF".as_slice(), &(chunks.len() as u32).to_le_bytes(), &chunks, b"LIST\0\0\0\0"].concat()
    };
    assert_eq!((extent(&wrap(&inner)), warnings(&wrap(&inner))), ((1, 1), String::new()));
    // Places are those of the file that is given.
    let error = arrange(&wrap(b"MThx"), &ArrangeOptions::default()).expect_err("no MIDI").to_string();
    assert!(error.starts_with("byte 32: expected a MIDI file"), "{error}");
    let error = arrange(b"RIFF\x04\0\0\0RMID", &ArrangeOptions::default()).expect_err("nothing").to_string();
    assert!(error.starts_with("byte 12: expected a data chunk"), "{error}");
}

#[test]
fn a_controller_value_above_127_counts_as_127_with_a_warning() {
    if let Some(bytes) = case("midi-controller-value-168.mid") {
        assert_eq!(extent(&bytes), (16, 40));
        assert_eq!(warnings(&bytes), "1 controller value above 127 taken for 127");
    }
    let events = [&note(0, 60)[..], &[0, 0xB0, 7, 0xA8, 0, 7, 0xFF], &note(0, 62)].concat();
    let bytes = [file(&[&events]).as_slice(), b"\n"].concat();
    assert_eq!(pitches(&bytes), [60, 62]);
    let expected = "2 controller values above 127 taken for 127; 1 byte after the last track left out";
    assert_eq!(warnings(&bytes), expected);
    let named = [b"\0\xFF\x03\x02p1\0\xB0\x0B\x90".as_slice(), &note(0, 60)].concat();
    let (song, warnings) = midi::read_and_warn(&file(&[&named])).expect("a song");
    assert_eq!(warnings, Warnings { controllers: 1, ..Warnings::default() });
    assert_eq!(song.track(Voice::P1).changes[0].value(), 15);
}

#[test]
fn any_data_byte_above_127_counts_as_127_with_a_warning() {
    for (odd, notes, messages) in [
        (&[0, 0x90, 62, 200, 96, 62, 0][..], 3, "1 other message"),
        (&[0, 0xC0, 0xC8], 2, "1 other message"),
        (&[0, 0xD0, 0xFF], 2, "1 other message"),
        (&[0, 0xA0, 60, 0x80], 2, "1 other message"),
        (&[0, 0xE0, 0xFF, 0x80], 2, "1 other message"),
        (&[0, 0x90, 0x82, 100, 96, 0x80, 0x82, 0], 3, "2 other messages"),
    ] {
        let bytes = file(&[&[&note(0, 60)[..], odd, &note(0, 64)].concat()]);
        assert_eq!(warnings(&bytes), format!("{messages} with a value above 127, taken for 127"), "{odd:02X?}");
        assert_eq!(extent(&bytes).0, notes, "{odd:02X?}");
    }
}

#[test]
fn a_meta_event_with_too_few_data_is_passed_over() {
    for kind in [0x51, 0x54, 0x58, 0x59] {
        let bytes = file(&[&[&[0, 0xFF, kind, 0, 0, 0xFF, kind, 1, 7][..], &note(0, 60)].concat()]);
        assert_eq!((pitches(&bytes), warnings(&bytes)), (vec![60], String::new()), "{kind:02X}");
    }
}

#[test]
fn a_file_of_format_2_is_read_if_it_has_one_track() {
    let mut bytes = file(&[&note(0, 60)]);
    bytes[9] = 2;
    assert_eq!(pitches(&bytes), [60]);
    let mut bytes = file(&[&note(0, 60), &note(0, 62)]);
    bytes[9] = 2;
    let error = arrange(&bytes, &ArrangeOptions::default()).expect_err("two songs").to_string();
    assert!(error.contains("found format 2 with 2 tracks, each a song of its own"), "{error}");
    let mut third = file(&[&note(0, 60)]);
    third[9] = 3;
    let error = arrange(&third, &ArrangeOptions::default()).expect_err("no such format").to_string();
    assert_eq!(error, "byte 8: expected MIDI format 0 or 1, found format 3");
}

#[test]
fn track_names_may_end_in_nul() {
    let nul = file(&[
        &[b"\0\xFF\x03\x03p1\0".as_slice(), &note(0, 60)].concat(),
        &[b"\0\xFF\x03\x04Tr \0".as_slice(), &note(2, 40)].concat(),
    ]);
    for bytes in [case("midi-track-names-end-in-nul.mid"), Some(nul)].into_iter().flatten() {
        let song = midi::read(&bytes).expect("a song");
        let playing = Voice::ALL.map(|voice| !song.track(voice).notes.is_empty());
        assert_eq!(playing, [true, false, true, false]);
    }
}

#[test]
fn reset_all_controllers_resets_the_bend_and_leaves_the_volume() {
    if let Some(bytes) = case("midi-cc121-resets-pitch-bend.mid") {
        assert_eq!(pitches(&bytes)[..4], [60, 62, 64, 65]);
    }
    let bent = [0, 0xE0, 0x7F, 0x7F];
    let events = [&bent[..], &note(0, 60), &[0, 0xB0, 121, 0], &note(0, 60), &bent, &note(0, 60)].concat();
    assert_eq!(pitches(&file(&[&events])), [62, 60, 62]);
    let muted = [&[0, 0xB0, 7, 0, 0, 0xB0, 121, 0][..], &note(0, 60), &note(1, 64)].concat();
    assert_eq!(pitches(&file(&[&muted])), [64]);
}

#[test]
fn data_entry_for_a_parameter_that_is_not_registered_is_no_bend_range() {
    if let Some(bytes) = case("midi-data-entry-of-nrpn.mid") {
        assert_eq!(pitches(&bytes)[..3], [62, 64, 66]);
    }
    let range_12 = [0, 0xB0, 101, 0, 0, 100, 0, 0, 6, 12];
    let nrpn_64 = [0, 0xB0, 99, 1, 0, 98, 8, 0, 6, 64];
    let bent = [0, 0xE0, 0x7F, 0x7F];
    assert_eq!(pitches(&file(&[&[&range_12[..], &nrpn_64, &bent, &note(0, 60)].concat()])), [72]);
    assert_eq!(pitches(&file(&[&[&nrpn_64[..], &range_12, &bent, &note(0, 60)].concat()])), [72]);
}

#[test]
fn a_muted_channel_is_not_heard_and_the_report_says_so() {
    if let Some(bytes) = case("midi-bass-muted-by-cc7.mid") {
        let (song, report) = arranged(&bytes);
        let muted = report.unplaced.iter().filter(|lost| (lost.channel, lost.reason) == (1, Reason::Muted));
        assert_eq!((muted.count(), report.placed), (8, 8));
        assert!(song.track(Voice::Tr).notes.iter().all(|note| note.pitch.get() >= 60));
    }
    for controller in [7, 11] {
        let mute = [0, 0xB9, controller, 0, 0, 0xB1, controller, 0];
        let events = [&mute[..], &note(1, 40), &note(9, 36), &note(0, 72)].concat();
        let (song, report) = arranged(&file(&[&events]));
        let lost: Vec<_> = report.unplaced.iter().map(|lost| (lost.channel, lost.pitch, lost.reason)).collect();
        assert_eq!(lost, [(1, 40, Reason::Muted), (9, 36, Reason::Muted)]);
        assert!(song.track(Voice::No).notes.is_empty() && Reason::Muted.name() == "muted channel");
        let error = arrange(&file(&[&[&mute[..], &note(1, 40)].concat()]), &ArrangeOptions::default());
        assert!(error.expect_err("silence").to_string().ends_with("found none but 1 of muted channels"));
    }
}

#[test]
fn a_note_that_fades_in_from_nothing_is_heard() {
    let fading = [0, 0xB0, 7, 0, 0, 0x90, 60, 100, 48, 0xB0, 7, 50, 48, 7, 100, 48, 0x80, 60, 0];
    let (song, report) = arranged(&file(&[&[&fading[..], &note(0, 62)].concat()]));
    assert_eq!(report.unplaced, []);
    assert_eq!(song.tracks().iter().map(|track| track.notes.len()).sum::<usize>(), 2);
}
