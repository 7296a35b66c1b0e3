//! MIDI files of any kind as training songs.

mod shared;

use std::collections::HashSet;

use lakhnes_tokenizer::adapt::{
    AdaptOptions, Adapted, DroppedFile, DroppedInstrument, Fingerprint, LikenessIndex, MAX_FILE_BYTES,
    fingerprint_of_midi, groups,
};
use lakhnes_tokenizer::{Song, Voice, adapt, tx1};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};
use proptest::prelude::*;

/// A note in beats of half a second: onset, end, pitch, velocity.
type Beats = (f64, f64, u8, u8);

/// A track that plays on a channel.
struct Part {
    channel: u8,
    notes: Vec<Beats>,
}

fn part(channel: u8, notes: &[Beats]) -> Part {
    Part { channel, notes: notes.to_vec() }
}

/// A tune of so many notes, one a beat, that wanders by a rule.
fn tune(seed: u32, count: u32, from: u8) -> Vec<Beats> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut pitch = from;
    let mut step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) % 11
    };
    (0..count)
        .map(|beat| {
            pitch = (i32::from(pitch) + step() as i32 - 5).clamp(48, 84) as u8;
            (f64::from(beat), f64::from(beat + 1), pitch, 90)
        })
        .collect()
}

/// A file of 22,050 ticks a beat, so that at 120 beats a minute a tick is one of 1/44,100 s.
fn file(parts: &[Part]) -> Vec<u8> {
    file_with(parts, &[])
}

fn file_with(parts: &[Part], tempos: &[(u32, u32)]) -> Vec<u8> {
    let mut tracks: Vec<Vec<TrackEvent<'static>>> = parts.iter().map(track).collect();
    // In the last track on purpose: tempos count wherever they stand.
    let mut tempo_track = Vec::new();
    let mut now = 0;
    for &(tick, tempo) in tempos {
        let kind = TrackEventKind::Meta(MetaMessage::Tempo(u24::from(tempo)));
        tempo_track.push(TrackEvent { delta: u28::from(tick - now), kind });
        now = tick;
    }
    tempo_track.push(end());
    tracks.push(tempo_track);
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::from(22_050)));
    let mut bytes = Vec::new();
    midly::write(&header, &tracks, &mut bytes).expect("bytes");
    bytes
}

fn end() -> TrackEvent<'static> {
    TrackEvent { delta: u28::from(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) }
}

fn track(part: &Part) -> Vec<TrackEvent<'static>> {
    let tick = |beat: f64| (beat * 22_050.0).round() as u32;
    let mut messages: Vec<(u32, bool, u8, u8)> = Vec::new();
    for &(start, end, pitch, velocity) in &part.notes {
        messages.push((tick(start), true, pitch, velocity));
        messages.push((tick(end), false, pitch, 0));
    }
    messages.sort_unstable();
    let mut now = 0;
    let mut events: Vec<TrackEvent<'static>> = Vec::new();
    for (at, is_onset, pitch, velocity) in messages {
        let (key, vel) = (u7::from(pitch), u7::from(velocity));
        let message = if is_onset { MidiMessage::NoteOn { key, vel } } else { MidiMessage::NoteOff { key, vel } };
        let kind = TrackEventKind::Midi { channel: u4::from(part.channel), message };
        events.push(TrackEvent { delta: u28::from(at - now), kind });
        now = at;
    }
    events.push(end());
    events
}

fn made(parts: &[Part], options: &AdaptOptions) -> Adapted {
    adapt(&file(parts), options)
}

fn songs(parts: &[Part], options: &AdaptOptions) -> Vec<Song> {
    made(parts, options).songs.expect("songs")
}

fn reasons(adapted: &Adapted) -> Vec<DroppedInstrument> {
    adapted.dropped.iter().map(|dropped| dropped.reason).collect()
}

fn notes(song: &Song, voice: Voice) -> Vec<(u64, u64, u8, u8)> {
    song.track(voice).notes.iter().map(shared::numbers).collect()
}

const BEAT: u64 = 22_050;

#[test]
fn one_instrument_plays_each_pitched_voice_once() {
    let songs = songs(&[part(0, &tune(1, 20, 60))], &AdaptOptions::default());
    let playing = |song: &Song| Voice::ALL.map(|voice| !song.track(voice).notes.is_empty());
    assert_eq!(
        songs.iter().map(playing).collect::<Vec<_>>(),
        [[true, false, false, false], [false, true, false, false], [false, false, true, false]]
    );
    assert_eq!(songs[0].track(Voice::P1).notes.len(), 20);
}

#[test]
fn two_give_six_songs_and_more_give_sixteen_different_ones() {
    for (count, expected) in [(2, 6), (3, 6), (4, 16), (8, 16)] {
        let parts: Vec<Part> = (0..count).map(|index| part(index as u8, &tune(index, 12, 60))).collect();
        let songs = songs(&parts, &AdaptOptions::default());
        assert_eq!(songs.len(), expected);
        let different: HashSet<&Song> = songs.iter().collect();
        assert_eq!(different.len(), expected, "of {count} instruments");
        for song in &songs {
            assert_eq!(shared::made_again(song).as_ref(), Ok(song));
        }
    }
    let parts: Vec<Part> = (0..8).map(|index| part(index as u8, &tune(index, 12, 60))).collect();
    assert_eq!(songs(&parts, &AdaptOptions { max_examples: 5, ..AdaptOptions::default() }).len(), 5);
}

#[test]
fn an_instrument_that_plays_two_notes_at_once_is_dropped_and_told() {
    let chords = [(0.0, 2.0, 60, 90), (1.0, 12.0, 64, 90)];
    let adapted = made(&[part(0, &chords), part(1, &tune(1, 12, 60))], &AdaptOptions::default());
    assert_eq!(adapted.songs.as_ref().map(Vec::len), Ok(3));
    assert_eq!(reasons(&adapted), [DroppedInstrument::Polyphonic]);
    assert_eq!((adapted.dropped[0].track, adapted.dropped[0].channel), (0, 0));
    let alone = made(&[part(0, &chords)], &AdaptOptions::default());
    assert_eq!(alone.songs, Err(DroppedFile::FewMonophonic));
}

#[test]
fn small_overlaps_are_cut_off_where_that_is_asked_for() {
    // 0.06 beats are 30 ms.
    let legato = [(0.0, 4.06, 60, 90), (4.0, 8.06, 64, 90), (8.0, 12.0, 67, 90)];
    let cut = |ticks| made(&[part(0, &legato)], &AdaptOptions { overlap: ticks, ..AdaptOptions::default() });
    assert_eq!(cut(0).songs, Err(DroppedFile::FewMonophonic));
    assert_eq!(cut(1_322).songs, Err(DroppedFile::FewMonophonic));
    let adapted = cut(1_323);
    assert_eq!(adapted.trimmed, 2);
    let songs = adapted.songs.expect("songs");
    let ends: Vec<_> = notes(&songs[0], Voice::P1).iter().map(|note| (note.0 / BEAT, note.1 / BEAT)).collect();
    assert_eq!(ends, [(0, 4), (4, 8), (8, 12)]);
    let chord = [(0.0, 0.05, 60, 90), (0.0, 0.05, 64, 90), (8.0, 12.0, 67, 90)];
    let options = AdaptOptions { overlap: 44_100, ..AdaptOptions::default() };
    assert_eq!(made(&[part(0, &chord)], &options).songs, Err(DroppedFile::FewMonophonic));
}

#[test]
fn a_part_that_is_there_twice_counts_once() {
    let melody = tune(1, 12, 60);
    let mut later = melody.clone();
    for note in &mut later {
        note.0 += 0.01;
    }
    let adapted = made(&[part(0, &melody), part(1, &later)], &AdaptOptions::default());
    assert_eq!(reasons(&adapted), [DroppedInstrument::Duplicate]);
    assert_eq!(adapted.songs.map(|songs| songs.len()), Ok(3));
}

#[test]
fn notes_that_a_voice_cannot_play_are_left_out() {
    let low = [(0.0, 1.0, 30, 90), (1.0, 2.0, 33, 90), (12.0, 13.0, 108, 90), (13.0, 14.0, 110, 90)];
    let songs = songs(&[part(0, &low)], &AdaptOptions::default());
    assert_eq!(notes(&songs[0], Voice::P1).iter().map(|note| note.2).collect::<Vec<_>>(), [33, 108]);
    assert_eq!(notes(&songs[2], Voice::Tr).iter().map(|note| note.2).collect::<Vec<_>>(), [30, 33, 108]);
    let beyond = made(&[part(0, &[(0.0, 12.0, 20, 90)]), part(1, &[(0.0, 12.0, 109, 90)])], &AdaptOptions::default());
    assert_eq!(reasons(&beyond), [DroppedInstrument::OutOfRange; 2]);
    assert_eq!(beyond.songs, Err(DroppedFile::FewPitched));
}

#[test]
fn songs_begin_with_their_first_note_and_end_by_the_limit() {
    let notes_of = [(10.0, 11.0, 60, 90), (300.0, 301.0, 61, 90), (369.0, 371.0, 62, 90), (400.0, 401.0, 63, 90)];
    let song = &songs(&[part(0, &notes_of)], &AdaptOptions::default())[0];
    assert_eq!(song.length().get(), 180 * 44_100);
    let played: Vec<_> = notes(song, Voice::P1).iter().map(|note| (note.0 / BEAT, note.2)).collect();
    assert_eq!(played, [(0, 60), (290, 61)]); // the third reaches beyond 180 s, so it is left out
}

#[test]
fn velocities_shrink_to_the_chips_and_the_triangle_has_none() {
    let velocities = [1, 4, 5, 64, 90, 127];
    let melody: Vec<Beats> = (0..).zip(velocities).map(|(beat, v)| (2.0 * f64::from(beat), 12.0, 60, v)).collect();
    let melody: Vec<Beats> = melody.iter().map(|&(start, _, pitch, v)| (start, start + 2.0, pitch, v)).collect();
    let songs = songs(&[part(0, &melody)], &AdaptOptions::default());
    let levels = |voice, song: &Song| notes(song, voice).iter().map(|note| note.3).collect::<Vec<_>>();
    // 1 + 14 v / 127, rounded
    assert_eq!(levels(Voice::P1, &songs[0]), [1, 1, 2, 8, 11, 15]);
    assert_eq!(levels(Voice::Tr, &songs[2]), [1; 6]);
}

#[test]
fn drums_become_one_noise_a_key_drawn_anew_for_each_song() {
    let hits: Vec<Beats> = (0..40).map(|beat| (f64::from(beat), f64::from(beat) + 0.5, 36 + beat % 4, 90)).collect();
    let songs = songs(&[part(0, &tune(1, 40, 60)), part(9, &hits)], &AdaptOptions::default());
    assert_eq!(songs.len(), 3);
    let mut kits = HashSet::new();
    for song in &songs {
        let played = notes(song, Voice::No);
        assert_eq!(played.len(), 40);
        let kit: Vec<u8> = played.iter().take(4).map(|note| note.2).collect();
        assert!(played.iter().zip(kit.iter().cycle()).all(|(note, pitch)| note.2 == *pitch));
        kits.insert(kit);
    }
    assert_eq!(kits.len(), 3);
    let silent =
        made(&[part(0, &tune(1, 40, 60)), part(9, &hits)], &AdaptOptions { drums: false, ..AdaptOptions::default() });
    assert_eq!(reasons(&silent), [DroppedInstrument::Drums]);
    assert!(silent.songs.expect("songs").iter().all(|song| song.track(Voice::No).notes.is_empty()));
}

#[test]
fn chords_are_arranged_from_their_first_note_on_if_the_options_say_so() {
    let chords: Vec<Beats> =
        (4..40).flat_map(|beat| [48, 64, 76].map(|pitch| (f64::from(beat), f64::from(beat + 1), pitch, 90))).collect();
    let file = [part(0, &chords), part(9, &[(4.0, 4.5, 36, 90)])];
    assert_eq!(made(&file, &AdaptOptions::default()).songs, Err(DroppedFile::FewMonophonic));
    let options = AdaptOptions { arrange: true, max_length: 10 * BEAT, ..AdaptOptions::default() };
    let adapted = made(&file, &options);
    assert!(adapted.arranged && adapted.dropped.is_empty());
    let song = &adapted.songs.expect("a song")[0];
    assert_eq!((notes(song, Voice::P1).len(), notes(song, Voice::P1)[0].0, song.length().get()), (10, 0, 10 * BEAT));
    assert_eq!(notes(song, Voice::No).len(), 1);
    let quiet = made(&file, &AdaptOptions { drums: false, ..options });
    assert!(notes(&quiet.songs.expect("a song")[0], Voice::No).is_empty());
}

#[test]
fn a_drum_that_falls_into_another_is_left_out() {
    let hits = [(0.0, 2.0, 36, 90), (1.0, 3.0, 38, 90), (2.0, 2.5, 40, 90)];
    let songs = songs(&[part(0, &tune(1, 12, 60)), part(9, &hits)], &AdaptOptions::default());
    let onsets: Vec<_> = notes(&songs[0], Voice::No).iter().map(|note| note.0 / BEAT).collect();
    assert_eq!(onsets, [0, 2]);
}

#[test]
fn drums_alone_are_no_song() {
    let hits = [(0.0, 2.0, 36, 90), (10.0, 12.0, 36, 90)];
    assert_eq!(made(&[part(9, &hits)], &AdaptOptions::default()).songs, Err(DroppedFile::FewPitched));
}

#[test]
fn files_too_short_too_long_or_too_large_say_so() {
    let lasting = |beats: f64| made(&[part(0, &[(0.0, beats, 60, 90)])], &AdaptOptions::default()).songs;
    assert_eq!(lasting(9.9), Err(DroppedFile::TooShort));
    assert_eq!(lasting(10.0).map(|songs| songs.len()), Ok(3));
    assert_eq!(lasting(1_200.1), Err(DroppedFile::TooLong));
    let mut large = file(&[part(0, &tune(1, 20, 60))]);
    large.resize(MAX_FILE_BYTES + 1, 0);
    assert_eq!(adapt(&large, &AdaptOptions::default()).songs, Err(DroppedFile::TooLarge));
    let damaged = adapt(b"MThd\0\0", &AdaptOptions::default()).songs.expect_err("no songs");
    assert!(damaged.to_string().starts_with("unreadable: byte 0: expected "), "{damaged}");
    assert_eq!(damaged.reason(), "unreadable");
}

#[test]
fn tempos_count_in_whatever_track_they_stand() {
    let bytes = file_with(&[part(0, &tune(1, 12, 60))], &[(0, 1_000_000), (22_050 * 4, 250_000)]);
    let songs = adapt(&bytes, &AdaptOptions::default()).songs.expect("songs");
    let onsets: Vec<_> = notes(&songs[0], Voice::P1).iter().map(|note| note.0).collect();
    assert_eq!(onsets[..6], [0, 44_100, 88_200, 132_300, 176_400, 176_400 + 11_025]);
}

#[test]
fn a_struck_note_that_is_struck_again_makes_an_instrument_polyphonic_as_in_the_original() {
    // One note-off ends both, as pretty_midi reads it.
    let twice = part(0, &[(0.0, 12.0, 60, 90), (4.0, 12.0, 60, 90)]);
    assert_eq!(made(&[twice], &AdaptOptions::default()).songs, Err(DroppedFile::FewMonophonic));
}

#[test]
fn what_follows_the_last_track_is_passed_over() {
    let mut bytes = file(&[part(0, &tune(1, 12, 60))]);
    bytes.extend(b"junk");
    assert!(adapt(&bytes, &AdaptOptions::default()).songs.is_ok());
}

fn fingerprint(parts: &[Part]) -> Fingerprint {
    fingerprint_of_midi(&file(parts)).expect("a file")
}

#[test]
fn a_song_is_known_again_in_another_key_tempo_and_ensemble_and_no_other_is() {
    let melody = tune(7, 80, 60);
    let held_out: Vec<Fingerprint> = (0..30).map(|seed| fingerprint(&[part(0, &tune(seed, 80, 60))])).collect();
    let index = LikenessIndex::new(&held_out);
    let moved = |semitones: i8, stretch: f64| -> Vec<Beats> {
        let vary = |&(start, end, pitch, velocity): &Beats| {
            (start * stretch, end * stretch, pitch.checked_add_signed(semitones).expect("a pitch"), velocity)
        };
        melody.iter().map(vary).collect()
    };
    for (semitones, stretch) in [(0, 1.0), (5, 1.0), (-7, 0.5), (3, 2.17)] {
        let version = [part(3, &tune(99, 80, 50)), part(4, &moved(semitones, stretch))];
        let (song, share) = index.find(&fingerprint(&version)).expect("a likeness");
        assert_eq!(song, 7);
        assert!(share > 0.9, "{share}");
    }
    assert_eq!(index.find(&fingerprint(&[part(0, &tune(1_000, 300, 60))])), None);
    assert_eq!(index.find(&Fingerprint::default()), None);
    // As a song of NES-MDB's kind, too.
    let song = &songs(&[part(0, &moved(4, 1.3))], &AdaptOptions::default())[0];
    assert_eq!(index.find(&Fingerprint::of_song(song)).map(|(song, _)| song), Some(7));
}

#[test]
fn scales_and_repeated_notes_are_no_likeness() {
    let scale: Vec<Beats> = (0..200).map(|beat| (f64::from(beat), f64::from(beat + 1), 40 + beat % 40, 90)).collect();
    let index = LikenessIndex::new(&[fingerprint(&[part(0, &scale)])]);
    let higher: Vec<Beats> =
        scale.iter().map(|&(start, end, pitch, velocity)| (start, end, pitch + 5, velocity)).collect();
    assert_eq!(index.find(&fingerprint(&[part(0, &higher)])), None);
}

#[test]
fn versions_of_one_song_form_a_group() {
    let file_of = |seeds: &[u32]| {
        let parts: Vec<Part> = seeds.iter().map(|&seed| part(seed as u8 % 9, &tune(seed, 60, 60))).collect();
        fingerprint(&parts)
    };
    // The third has melodies of both the first and the fifth.
    let files = [file_of(&[1]), file_of(&[2]), file_of(&[1, 3]), file_of(&[4]), file_of(&[3])];
    assert_eq!(groups(&files.iter().collect::<Vec<_>>()), [0, 1, 0, 3, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_seed_gives_the_same_songs_and_another_seed_others(seed in any::<u64>()) {
        let parts: Vec<Part> = (0..7).map(|index| part(index as u8, &tune(index, 12, 60))).collect();
        let options = AdaptOptions { seed, ..AdaptOptions::default() };
        prop_assert_eq!(songs(&parts, &options), songs(&parts, &options));
        let other = AdaptOptions { seed: seed ^ 1, ..AdaptOptions::default() };
        prop_assert_ne!(songs(&parts, &options), songs(&parts, &other));
    }

    #[test]
    fn any_notes_give_songs_that_can_be_written_or_a_reason(
        parts in prop::collection::vec(
            (0_u8..16, prop::collection::vec((0_u32..900, 1_u32..20, 0_u8..128, 1_u8..128), 1..40)), 1..6
        ),
        overlap in 0_u64..5_000,
    ) {
        let beats = |&(start, length, pitch, velocity): &(u32, u32, u8, u8)| {
            (f64::from(start) / 8.0, f64::from(start + length) / 8.0, pitch, velocity)
        };
        let parts: Vec<Part> =
            parts.iter().map(|(channel, notes)| part(*channel, &notes.iter().map(beats).collect::<Vec<_>>())).collect();
        let options = AdaptOptions { overlap, ..AdaptOptions::default() };
        if let Ok(songs) = made(&parts, &options).songs {
            prop_assert!(!songs.is_empty() && songs.len() <= 16);
            for song in songs {
                prop_assert!(shared::made_again(&song).is_ok());
                prop_assert!(song.length().get() <= options.max_length);
                prop_assert_eq!(tx1::write(&tx1::read(&tx1::write(&song)).expect("a text")), tx1::write(&song));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>()) {
        let mut file = file(&[part(0, &tune(1, 30, 60)), part(9, &tune(2, 30, 60))]);
        let start = at.index(file.len());
        let end = (start + bytes.len()).min(file.len());
        file.splice(start..end, bytes);
        let _ = adapt(&file, &AdaptOptions::default());
    }
}
