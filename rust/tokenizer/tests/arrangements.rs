//! Polyphonic MIDI as four-voice songs.

mod shared;

use lakhnes_tokenizer::arrange::{PartName, Reason, Report, arrange_parts, source_bars};
use lakhnes_tokenizer::{ArrangeOptions, ChangeKind, PerformOptions, Song, TokenizerError, Voice, arrange, perform};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, PitchBend, Timing, TrackEvent, TrackEventKind};
use proptest::prelude::*;

/// A MIDI tick lasts 100 ticks: 441 MIDI ticks a second, at 120 beats a minute.
const PACE: u64 = 100;

/// A message at a MIDI tick, in a channel.
type Timed = (u32, u8, MidiMessage);

fn note(channel: u8, start: u32, end: u32, pitch: u8, velocity: u8) -> [Timed; 2] {
    let key = u7::from(pitch);
    [
        (start, channel, MidiMessage::NoteOn { key, vel: u7::from(velocity) }),
        (end, channel, MidiMessage::NoteOff { key, vel: u7::from(0) }),
    ]
}

fn program(channel: u8, program: u8) -> Timed {
    (0, channel, MidiMessage::ProgramChange { program: u7::from(program) })
}

/// A file of a track for each list of messages, and of tempos (MIDI tick, microseconds a beat).
fn file(tempos: &[(u32, u32)], tracks: &[Vec<Timed>]) -> Vec<u8> {
    let metas = tempos.iter().map(|&(tick, tempo)| (tick, TrackEventKind::Meta(MetaMessage::Tempo(u24::from(tempo)))));
    let mut all = vec![metas.collect::<Vec<_>>()];
    for track in tracks {
        let mut track = track.clone();
        track.sort_by_key(|&(tick, _, message)| (tick, matches!(message, MidiMessage::NoteOn { .. })));
        let midi = |(tick, channel, message)| (tick, TrackEventKind::Midi { channel: u4::from(channel), message });
        all.push(track.into_iter().map(midi).collect());
    }
    let tracks: Vec<Vec<TrackEvent<'_>>> = all
        .into_iter()
        .map(|events| {
            let mut now = 0;
            let mut track: Vec<_> = events
                .into_iter()
                .map(|(tick, kind)| TrackEvent { delta: u28::from(tick - std::mem::replace(&mut now, tick)), kind })
                .collect();
            track.push(TrackEvent { delta: u28::from(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
            track
        })
        .collect();
    let mut bytes = Vec::new();
    // 120 beats a minute of 220.5 MIDI ticks: with 441 a beat, beats of a second.
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::from(441)));
    midly::write(&header, &tracks, &mut bytes).expect("a file in memory");
    bytes
}

/// The tempo at which a MIDI tick lasts [`PACE`].
const TEMPO: [(u32, u32); 1] = [(0, 1_000_000)];

fn arranged(tracks: &[Vec<Timed>]) -> (Song, Report) {
    arrange(&file(&TEMPO, tracks), &ArrangeOptions::default()).expect("a song")
}

/// Start, end and pitch of a voice's notes, times in MIDI ticks.
fn line(song: &Song, voice: Voice) -> Vec<(u64, u64, u8)> {
    song.track(voice)
        .notes
        .iter()
        .map(shared::numbers)
        .map(|(start, end, pitch, _)| (start / PACE, end.div_ceil(PACE), pitch))
        .collect()
}

#[test]
fn melody_counter_melody_and_bass_find_their_voices() {
    let chords = [(0, [72, 64, 48]), (100, [74, 65, 43]), (200, [76, 67, 45])];
    let notes = chords.iter().flat_map(|&(start, chord)| chord.map(|pitch| note(0, start, start + 100, pitch, 90)));
    let (song, report) = arranged(&[notes.flatten().collect()]);
    assert_eq!(line(&song, Voice::P1), [(0, 100, 72), (100, 200, 74), (200, 300, 76)]);
    assert_eq!(line(&song, Voice::P2), [(0, 100, 64), (100, 200, 65), (200, 300, 67)]);
    assert_eq!(line(&song, Voice::Tr), [(0, 100, 48), (100, 200, 43), (200, 300, 45)]);
    assert_eq!((report.notes, report.placed, report.unplaced.len()), (9, 9, 0));
}

#[test]
fn a_leading_part_is_the_melody_even_below_its_accompaniment() {
    let lead = vec![program(0, 80), note(0, 0, 150, 62, 90)[0], note(0, 0, 150, 62, 90)[1]];
    let mut lead_track = lead;
    lead_track.extend(note(0, 150, 300, 64, 90));
    let chords = [0, 100, 200]
        .into_iter()
        .flat_map(|start| [note(1, start, start + 90, 79, 60), note(1, start, start + 90, 76, 60)]);
    let (song, _) = arranged(&[lead_track, chords.flatten().collect()]);
    assert_eq!(line(&song, Voice::P1), [(0, 150, 62), (150, 300, 64)]);
    assert_eq!(song.track(Voice::P2).notes.len(), 3);
}

#[test]
fn notes_out_of_reach_move_by_octaves() {
    let tracks = [vec![program(0, 33)], vec![]].map(|mut track: Vec<Timed>| {
        track.extend(if track.is_empty() { note(1, 0, 100, 120, 90) } else { note(0, 0, 100, 23, 90) });
        track
    });
    let (song, report) = arranged(&tracks);
    assert_eq!(line(&song, Voice::Tr), [(0, 100, 35)]);
    assert_eq!(line(&song, Voice::P1), [(0, 100, 108)]);
    assert_eq!((report.moved, report.placed), (2, 2));
}

#[test]
fn a_chord_too_wide_for_the_voices_is_reported_or_becomes_an_arpeggio() {
    let chord = [48, 60, 64, 67, 72].into_iter().flat_map(|pitch| note(0, 0, 100, pitch, 90)).collect();
    let bytes = file(&TEMPO, &[chord]);
    let (song, report) = arrange(&bytes, &ArrangeOptions::default()).expect("a song");
    let lost: Vec<_> = report.unplaced.iter().map(|lost| (lost.tick.get(), lost.pitch, lost.reason)).collect();
    assert_eq!(lost, [(0, 60, Reason::NoVoice), (0, 64, Reason::NoVoice)]);
    assert_eq!((song.track(Voice::P2).notes.len(), report.placed), (1, 3));

    let (song, report) = arrange(&bytes, &ArrangeOptions { arpeggio: true }).expect("a song");
    let pitches: Vec<_> = song.track(Voice::P2).notes.iter().map(|note| note.pitch.get()).take(7).collect();
    assert_eq!(pitches, [60, 64, 67, 60, 64, 67, 60]);
    assert!(song.track(Voice::P2).notes.iter().all(|note| note.length() <= 1_470));
    assert_eq!((report.placed, report.arpeggiated, report.unplaced.len()), (5, 2, 0));
}

#[test]
fn tempo_changes_move_the_notes_that_follow() {
    let notes = [note(0, 441, 882, 70, 90), note(0, 882, 1_323, 72, 90)].into_iter().flatten().collect();
    let bytes = file(&[(0, 1_000_000), (441, 500_000)], &[notes]);
    let (song, _) = arrange(&bytes, &ArrangeOptions::default()).expect("a song");
    let times: Vec<_> = song.track(Voice::P1).notes.iter().map(|note| (note.start.get(), note.end.get())).collect();
    assert_eq!(times, [(44_100, 66_150), (66_150, 88_200)]);
}

#[test]
fn a_pitch_bend_becomes_steps_of_a_semitone() {
    let bend = |tick, bend: i16| (tick, 0, MidiMessage::PitchBend { bend: PitchBend::from_int(bend) });
    let mut track = vec![bend(0, 0), bend(100, 4_096), bend(200, 8_191), bend(300, 0)];
    track.extend(note(0, 0, 400, 69, 90));
    let (song, report) = arranged(&[track]);
    assert_eq!(line(&song, Voice::P1), [(0, 100, 69), (100, 200, 70), (200, 300, 71), (300, 400, 69)]);
    assert_eq!((report.notes, report.placed), (1, 1));
}

fn control(tick: u32, channel: u8, controller: u8, value: u8) -> Timed {
    (tick, channel, MidiMessage::Controller { controller: u7::from(controller), value: u7::from(value) })
}

#[test]
fn the_pedal_holds_notes_until_it_is_lifted_or_their_voice_goes_on() {
    let mut track = vec![control(10, 0, 64, 127), control(500, 0, 64, 0)];
    for (start, end, pitch) in [(0, 50, 72), (100, 150, 74), (600, 650, 72)] {
        track.extend(note(0, start, end, pitch, 90));
    }
    track.extend(note(0, 0, 50, 40, 90)); // the triangle's
    let (song, report) = arranged(&[track]);
    assert_eq!(line(&song, Voice::P1), [(0, 100, 72), (100, 500, 74), (600, 650, 72)]);
    assert_eq!(line(&song, Voice::Tr), [(0, 500, 40)]);
    assert_eq!((report.placed, report.shortened), (4, 0));
}

#[test]
fn a_pedal_that_is_never_lifted_holds_a_note_for_two_seconds() {
    let mut track = vec![control(0, 0, 64, 100)];
    track.extend(note(0, 0, 100, 72, 90));
    track.extend(note(1, 0, 100, 60, 90)); // its channel has a pedal of its own, which is up
    track.extend(note(9, 2_000, 2_010, 36, 90));
    let (song, _) = arranged(&[track]);
    assert_eq!(line(&song, Voice::P1).first(), Some(&(0, 100 + 2 * 441, 72)));
    assert_eq!(line(&song, Voice::P2).first(), Some(&(0, 100, 60)));
}

#[test]
fn a_part_stays_in_its_voice_where_that_is_free() {
    // Two parts in turn, under a lead that holds the first pulse: the second one to begin finds only the triangle.
    let part = |channel, first: u32, pitches: [u8; 3]| {
        let starts = [first, first + 100, first + 200];
        starts
            .into_iter()
            .zip(pitches)
            .flat_map(move |(start, pitch)| note(channel, start, start + 90, pitch, 90))
            .collect()
    };
    let lead = note(0, 0, 1_000, 84, 90).to_vec();
    let (song, report) = arranged(&[lead, part(1, 0, [65, 66, 67]), part(2, 50, [57, 58, 59])]);
    let pitches = |voice| line(&song, voice).into_iter().map(|(.., pitch)| pitch).collect::<Vec<_>>();
    assert_eq!(pitches(Voice::P2), [65, 66, 67]);
    assert_eq!(pitches(Voice::Tr), [57, 58, 59]);
    assert_eq!(report.placed, 7);
}

#[test]
fn all_notes_off_ends_what_keys_and_pedal_hold() {
    let mut track = vec![control(0, 0, 64, 127), control(200, 0, 123, 0)];
    track.extend(note(0, 0, 400, 72, 90));
    track.extend(note(0, 0, 100, 60, 90));
    track.extend(note(0, 600, 700, 72, 90));
    let (song, _) = arranged(&[track]);
    assert_eq!(line(&song, Voice::P1).first(), Some(&(0, 200, 72)));
    assert_eq!(line(&song, Voice::P2).first(), Some(&(0, 200, 60)));
}

#[test]
fn the_range_of_the_pitch_bend_is_as_the_file_sets_it() {
    let control = |controller, value| {
        (0, 0, MidiMessage::Controller { controller: u7::from(controller), value: u7::from(value) })
    };
    let mut track = vec![control(101, 0), control(100, 0), control(6, 12)];
    track.push((100, 0, MidiMessage::PitchBend { bend: PitchBend::from_int(-8_192) }));
    track.extend(note(0, 0, 400, 69, 90));
    let (song, _) = arranged(&[track]);
    assert_eq!(line(&song, Voice::P1), [(0, 100, 69), (100, 400, 57)]);
}

#[test]
fn tuning_and_wide_bends_move_notes() {
    let control = |controller, value| {
        (0, 0, MidiMessage::Controller { controller: u7::from(controller), value: u7::from(value) })
    };
    let bent = (0, 0, MidiMessage::PitchBend { bend: PitchBend::from_int(4_096) });
    for (messages, pitch) in [
        (vec![control(101, 0), control(100, 2), control(6, 64 - 5)], 64), // coarse: five semitones down
        (vec![control(101, 0), control(100, 1), control(6, 127), control(38, 127)], 70), // fine: nearly one up
        (vec![control(101, 0), control(100, 1), control(6, 64)], 69),
        (vec![control(101, 0), control(100, 0), control(6, 24), bent], 81),
        (vec![control(101, 0), control(100, 0), control(6, 48), bent], 93),
        (vec![control(101, 0), control(100, 0), control(6, 0), control(38, 0), bent], 69),
    ] {
        let mut track = messages;
        track.extend(note(0, 0, 400, 69, 90));
        let (song, _) = arranged(&[track]);
        assert_eq!(line(&song, Voice::P1), [(0, 400, pitch)]);
    }
}

#[test]
fn a_silent_lead_in_is_told() {
    let (_, report) = arranged(&[note(0, 4_410, 5_000, 69, 90).to_vec()]);
    assert_eq!(report.lead_in, 4_410 * PACE);
}

#[test]
fn very_many_notes_off_and_changes_of_volume_take_little_time() {
    let mut track: Vec<Timed> = (0..100_000).map(|tick| control(tick, 0, 123, 0)).collect();
    track.extend((0..100_000).map(|tick| control(tick, 0, 7, (tick % 128) as u8)));
    track.extend((0..128).flat_map(|pitch| note(1, 0, 100_000, pitch, 90)));
    track.extend(note(0, 0, 100, 69, 90));
    let started = std::time::Instant::now();
    let (_, report) = arranged(&[track]);
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    assert_eq!(report.notes, 129);
}

#[test]
fn a_softer_note_starts_at_a_lower_level_and_both_decay() {
    let notes = [note(0, 0, 100, 72, 120), note(0, 200, 300, 72, 30)].into_iter().flatten().collect();
    let (song, _) = arranged(&[notes]);
    let track = song.track(Voice::P1);
    let levels: Vec<_> = track.notes.iter().map(|note| note.velocity.get()).collect();
    assert_eq!(levels, [9, 4]);
    let decays = |from: u64, to: u64| {
        track
            .changes
            .iter()
            .any(|change| change.kind() == ChangeKind::Velocity && (from..to).contains(&change.tick.get()))
    };
    assert!(decays(0, 100 * PACE) && decays(200 * PACE, 300 * PACE));
}

#[test]
fn channel_volume_counts_as_velocity_does() {
    let mut quiet = vec![(0, 1, MidiMessage::Controller { controller: u7::from(7), value: u7::from(20) })];
    quiet.extend(note(1, 200, 300, 72, 100));
    let (song, _) = arranged(&[note(0, 0, 100, 72, 100).to_vec(), quiet]);
    // Which pulse plays a part is free.
    let mut notes: Vec<_> = [Voice::P1, Voice::P2].iter().flat_map(|&voice| &song.track(voice).notes).collect();
    notes.sort_by_key(|note| note.start);
    let levels: Vec<_> = notes.iter().map(|note| note.velocity.get()).collect();
    assert!(levels[1] < levels[0] / 2, "{levels:?}");
}

#[test]
fn drums_become_noise_by_what_they_are() {
    let hits = [(0, 36), (100, 38), (200, 42), (300, 49)];
    let track = hits.iter().flat_map(|&(start, key)| note(9, start, start + 10, key, 100)).collect();
    let (song, report) = arranged(&[track]);
    let notes = &song.track(Voice::No).notes;
    let pitches: Vec<_> = notes.iter().map(|note| note.pitch.get()).collect();
    assert_eq!(pitches, [4, 10, 15, 13]);
    assert!(notes[2].length() < notes[3].length());
    assert_eq!((report.notes, report.placed), (4, 4));
}

#[test]
fn doubled_notes_are_reported_as_such() {
    let (_, report) = arranged(&[note(0, 0, 100, 72, 90).to_vec(), note(1, 0, 100, 72, 90).to_vec()]);
    assert_eq!(report.unplaced.iter().map(|lost| lost.reason).collect::<Vec<_>>(), [Reason::Doubled]);
}

#[test]
fn a_file_without_notes_or_of_other_bytes_is_refused() {
    let error = arrange(&file(&TEMPO, &[vec![program(0, 1)]]), &ArrangeOptions::default());
    assert_eq!(error.unwrap_err().to_string(), "byte 0: expected a MIDI file with notes, found none");
    let error = arrange(&file(&TEMPO, &[note(0, 0, 0, 72, 90).to_vec()]), &ArrangeOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("found none but 1 that end where they begin"), "{error}");
    assert!(matches!(arrange(b"RIFF", &ArrangeOptions::default()), Err(TokenizerError::Midi { offset: 0, .. })));
    let whole = file(&TEMPO, &[note(0, 0, 100, 72, 90).to_vec()]);
    for length in 0..whole.len() {
        assert!(arrange(&whole[..length], &ArrangeOptions::default()).is_err(), "{length} bytes");
    }
}

fn any_notes() -> impl Strategy<Value = Vec<Timed>> {
    let one = (0_u8..16, 0_u32..2_000, 0_u32..500, 0_u8..128, 1_u8..128);
    let notes = proptest::collection::vec(one, 1..120);
    notes.prop_map(|notes| {
        notes
            .into_iter()
            .flat_map(|(channel, at, length, pitch, velocity)| note(channel, at, at + length, pitch, velocity))
            .collect()
    })
}

proptest! {
    #[test]
    fn every_note_is_in_the_song_or_in_the_report(messages in any_notes(), arpeggio: bool) {
        let notes = messages.len() / 2;
        let bytes = file(&TEMPO, &[messages]);
        let (song, report) = match arrange(&bytes, &ArrangeOptions { arpeggio }) {
            Ok(arranged) => arranged,
            // Only notes that end where they begin, which is likely where there is one note.
            Err(error) => {
                let lost = format!("found none but {notes} that end where they begin");
                prop_assert!(error.to_string().ends_with(&lost), "{}", error);
                return Ok(());
            }
        };
        prop_assert_eq!(shared::made_again(&song), Ok(song.clone()));
        prop_assert_eq!(report.notes, notes);
        prop_assert_eq!(report.placed + report.unplaced.len(), notes);
        let onsets: usize = song.tracks().iter().map(|track| track.notes.len()).sum();
        prop_assert!(arpeggio || onsets == report.placed, "{} onsets, {} placed", onsets, report.placed);
        perform(&song, &PerformOptions::default()).expect("a performance");
    }

    #[test]
    fn no_bytes_break_the_arranger(mut bytes in any_notes().prop_map(|notes| file(&TEMPO, &[notes])), at: prop::sample::Index, byte: u8) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok((song, _)) = arrange(&bytes, &ArrangeOptions::default()) {
            prop_assert_eq!(shared::made_again(&song), Ok(song.clone()));
        }
    }
}

/// A line of ten notes, one after another.
fn run_of(channel: u8, pitches: [u8; 2]) -> impl Iterator<Item = Timed> {
    (0..10).flat_map(move |beat| note(channel, 100 * beat, 100 * beat + 90, pitches[beat as usize % 2], 90))
}

#[test]
fn a_synth_bass_that_plays_high_leaves_the_triangle_to_what_plays_the_bass() {
    // The real bass is a piano (0) or a bass itself (33); the synth bass (38) is a glitter above all.
    for real in [0, 33] {
        let mut high = vec![program(0, 38)];
        high.extend(run_of(0, [76, 81]));
        let mut low = vec![program(1, real)];
        low.extend(run_of(1, [31, 33]));
        let middle = run_of(2, [60, 64]).collect();
        let (song, _) = arranged(&[high, low, middle]);
        let pitches: Vec<u8> = line(&song, Voice::Tr).iter().map(|&(.., pitch)| pitch % 12).collect();
        assert_eq!(pitches, [7, 9, 7, 9, 7, 9, 7, 9, 7, 9], "program {real}");
    }
}

#[test]
fn a_part_that_is_chosen_for_a_voice_is_played_by_it() {
    let tracks = [run_of(0, [72, 74]).collect(), run_of(1, [60, 62]).collect(), run_of(2, [48, 50]).collect()];
    let bytes = file(&TEMPO, &tracks);
    let chosen = |parts: &[(Voice, &str)]| {
        let parts: Vec<_> = parts.iter().map(|&(voice, part)| (voice, part.parse().expect("a part"))).collect();
        arrange_parts(&bytes, &ArrangeOptions::default(), &parts)
    };
    let highest = |song: &Song, voice| line(song, voice).iter().map(|&(.., pitch)| pitch).max();
    let (song, _) = chosen(&[(Voice::P1, "3"), (Voice::P2, "1"), (Voice::Tr, "2")]).expect("a song");
    assert_eq!([Voice::P1, Voice::P2, Voice::Tr].map(|voice| highest(&song, voice)), [Some(50), Some(74), Some(62)]);
    let (song, report) = chosen(&[(Voice::No, "1")]).expect("a song");
    assert_eq!((song.track(Voice::No).notes.len(), report.notes), (10, 30));
    let error = chosen(&[(Voice::P2, "7")]).expect_err("no such part").to_string();
    assert!(error.contains("part: expected a channel with notes") && error.ends_with("found p2=7"), "{error}");
    for wrong in ["0", "17", " "] {
        assert!(wrong.parse::<PartName>().is_err());
    }
}

/// Notes of a MIDI tick each, a tick apart, in all channels, in turn through `pitches`.
fn crowd(notes: u32, pitches: u32) -> Vec<u8> {
    let messages = (0..notes).flat_map(|number| {
        let pitch = u8::try_from(number * 7 % pitches).expect("a MIDI note");
        note(u8::try_from(number / pitches % 16).expect("a channel"), 2 * number, 2 * number + 1, pitch, 90)
    });
    file(&TEMPO, &[messages.collect()])
}

#[test]
fn a_picture_shows_every_note_where_there_are_few() {
    let bytes = file(&TEMPO, &[note(2, 0, 100, 72, 90).to_vec(), note(9, 50, 60, 36, 90).to_vec()]);
    let bars = source_bars(&bytes, 10).expect("a file");
    let rows: Vec<_> = bars.iter().map(|bar| (bar.start, bar.end, bar.channel, bar.pitch)).collect();
    assert_eq!(rows, [(0, 100 * PACE, 2, 72), (50 * PACE, 50 * PACE + 735, 9, 36)]);
}

#[test]
fn a_picture_of_very_many_notes_has_few_bars_that_cover_them_all() {
    for (notes, pitches) in [(30_000, 3), (30_000, 128), (60_000, 128)] {
        let bytes = crowd(notes, pitches);
        let (all, few) =
            (source_bars(&bytes, usize::MAX).expect("a file"), source_bars(&bytes, 3_000).expect("a file"));
        assert_eq!(all.len(), notes as usize);
        assert!(few.len() <= 3_000, "{} bars", few.len());
        let length = all.iter().map(|bar| bar.end).max().expect("notes");
        assert!(few.iter().map(|bar| bar.end).max().expect("bars") < length + length / 4 + 2);
        for bar in all {
            let mut same = few.iter().filter(|few| (few.channel, few.pitch) == (bar.channel, bar.pitch));
            assert!(same.any(|few| few.start <= bar.start && bar.end <= few.end), "{bar:?}");
        }
    }
}
