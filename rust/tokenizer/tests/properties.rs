//! What holds of every song, every text and every byte.

mod shared;

use lakhnes_tokenizer::augment::{AugmentOptions, augment, augment_with, events_from_text, quantize_events};
use lakhnes_tokenizer::score::{ExpressiveScore, ScoreRuns};
use lakhnes_tokenizer::{
    Change, ChangeKind, Dialect, Event, PerformOptions, Song, Ticks, Timbre, Track, Velocity, Vocabulary, Voice, midi,
    perform, tx1, tx2,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

/// Waits as songs have them: mostly short, now and then long, often none.
fn waits() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0_u64), 1..200_u64, 1..50_000_u64, 1..3_000_000_u64]
}

fn tracks(voice: Voice) -> impl Strategy<Value = Track> {
    let notes = vec((waits(), waits(), voice.pitches(), 1..=voice.default_velocity().get()), 0..24);
    let changes = vec((waits(), any::<bool>(), any::<u8>()), 0..24);
    (notes, changes).prop_map(move |(notes, changes)| {
        let mut track = Track::default();
        let mut now = 0;
        for (gap, length, pitch, velocity) in notes {
            let start = now + gap;
            now = start + length + 1;
            track.notes.push(shared::note(start, now, pitch, velocity));
        }
        let mut now = 0;
        for (gap, is_velocity, value) in changes {
            let legal = if is_velocity { voice.velocities() } else { voice.timbres() };
            now += gap + 1;
            if let Some(legal) = legal {
                let value = legal.start() + value % (legal.end() - legal.start() + 1);
                let tick = Ticks::saturating(now);
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
    (voices, waits()).prop_map(|((p1, p2, tr, no), tail)| {
        let tracks = [p1, p2, tr, no];
        let last = |track: &Track| {
            let note = track.notes.last().map_or(0, |note| note.end.get());
            note.max(track.changes.last().map_or(0, |change| change.tick.get()))
        };
        let length = tracks.iter().map(last).max().unwrap_or_default() + tail;
        Song::new(tracks, Ticks::saturating(length)).expect("a song")
    })
}

fn symbols(dialect: Dialect) -> impl Strategy<Value = String> {
    let vocabulary = Vocabulary::new(dialect);
    let any_symbol = (1..vocabulary.len() as u16).prop_map(move |id| vocabulary.symbol(id).expect("a symbol"));
    prop_oneof![4 => any_symbol, 1 => (1..2_000_000_u32).prop_map(|wait| format!("WT_{wait}"))]
}

fn texts(dialect: Dialect) -> impl Strategy<Value = String> {
    vec(symbols(dialect), 1..80).prop_map(|symbols| symbols.join("\n"))
}

fn options() -> impl Strategy<Value = AugmentOptions> {
    (-6..=6_i8, 0.95..=1.05, any::<bool>(), any::<[bool; 4]>()).prop_map(|(transpose, stretch, switch_pulses, keep)| {
        AugmentOptions { transpose, stretch, switch_pulses, keep, ..AugmentOptions::default() }
    })
}

/// Of each voice its notes with the steps of their velocities, and its timbres.
type Audible = Vec<(Vec<(u64, u64, u8, Vec<(u64, u8)>)>, Vec<(u64, u8)>)>;

fn audible(song: &Song) -> Audible {
    let of_kind = |track: &Track, kind: ChangeKind| -> Vec<(u64, u8)> {
        let changes = track.changes.iter().filter(|change| change.kind() == kind);
        changes.map(|change| (change.tick.get(), change.value())).collect()
    };
    let heard = |track: &Track| {
        let velocities = of_kind(track, ChangeKind::Velocity);
        let notes = track.notes.iter().map(|note| {
            let (start, end, pitch, velocity) = shared::numbers(note);
            let within = velocities.iter().filter(|&&(tick, _)| (start..end).contains(&tick));
            let mut steps = vec![(start, velocity)];
            for &(tick, value) in within {
                steps.retain(|&(before, _)| before < tick);
                steps.push((tick, value));
            }
            (start, end, pitch, steps)
        });
        (notes.collect(), of_kind(track, ChangeKind::Timbre))
    };
    song.tracks().iter().map(heard).collect()
}

/// How many note-offs of a text end nothing.
fn orphans(ids: &[i32], vocabulary: &Vocabulary) -> usize {
    let mut held = [false; 4];
    let mut orphans = 0;
    for event in ids.iter().filter(|&&id| id > 0).filter_map(|&id| vocabulary.event(id as u16)) {
        match event {
            Event::NoteOn(voice, _) => held[voice.index()] = true,
            Event::NoteOff(voice) => orphans += usize::from(!std::mem::take(&mut held[voice.index()])),
            _ => {}
        }
    }
    orphans
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_song_survives_midi(song in songs()) {
        prop_assert_eq!(midi::read(&midi::write(&song)?)?, song);
    }

    #[test]
    fn every_song_survives_general_midi_but_for_what_nobody_hears(song in songs()) {
        let again = midi::read(&midi::write_general(&song)?)?;
        prop_assert_eq!(audible(&again), audible(&song));
        prop_assert_eq!(again.length(), song.length());
        prop_assert_eq!(&midi::read(&midi::write_general(&again)?)?, &again);
    }

    #[test]
    fn a_text_once_written_stays_as_it_is(song in songs()) {
        prop_assume!(song.length() > Ticks::ZERO);
        let (first, second) = (tx1::write(&song), tx2::write(&song));
        prop_assert_eq!(&tx1::write(&tx1::read(&first)?), &first);
        prop_assert_eq!(&tx2::write(&tx2::read(&second)?), &second);
        prop_assert_eq!(tx1::write(&tx2::read(&second)?), first);
        prop_assert_eq!(tx2::write(&midi::read(&midi::write(&tx2::read(&second)?)?)?), second);
    }

    #[test]
    fn every_legal_text_is_a_song_without_note_offs_of_nothing(text in texts(Dialect::Tx2)) {
        let song = tx2::read(&text)?;
        prop_assert_eq!(shared::made_again(&song), Ok(song.clone()));
        let written = tx2::write(&song);
        if !written.is_empty() {
            let vocabulary = Vocabulary::tx2();
            prop_assert_eq!(orphans(&events_from_text(&written, &vocabulary)?, &vocabulary), 0);
            prop_assert_eq!(tx2::write(&tx2::read(&written)?), written);
        }
    }

    #[test]
    fn every_song_has_a_score_and_every_score_its_song(song in songs()) {
        let runs = ScoreRuns::from_song(&song);
        prop_assert_eq!(ScoreRuns::from_song(&runs.to_song()?), runs);
    }

    #[test]
    fn every_slow_score_has_a_song_that_plays_the_same(song in songs(), rate in 1.0..30.0_f64) {
        let score = ExpressiveScore::from_song(&song, rate)?;
        prop_assert_eq!(ExpressiveScore::from_bytes(score.rate, score.nsamps, &score.to_bytes())?, score.clone());
        let played = perform(&score.to_song()?, &PerformOptions::default())?;
        prop_assert_eq!(played, perform(&song, &PerformOptions { downsample: Some(rate), ..PerformOptions::default() })?);
    }

    #[test]
    fn every_performance_is_in_order_and_ends_with_the_song(song in songs()) {
        let log = perform(&song, &PerformOptions::default())?;
        prop_assert_eq!(log.length, song.length().get());
        prop_assert!(log.writes.is_sorted_by_key(|write| write.tick));
        prop_assert!(log.writes.iter().all(|write| write.register < 0x18));
        let twice = |pair: &[lakhnes_apu::Write]| (pair[0].tick, pair[0].register) == (pair[1].tick, pair[1].register);
        let (opening, rest) = log.writes.split_at(7);
        prop_assert!(opening.iter().all(|write| write.tick == 0));
        prop_assert!(!rest.windows(2).any(twice));
    }

    #[test]
    fn a_variation_leaves_no_note_off_alone(song in songs(), options in options()) {
        prop_assume!(song.length() > Ticks::ZERO);
        for vocabulary in [Vocabulary::tx1(), Vocabulary::tx2()] {
            let text = if vocabulary.dialect() == Dialect::Tx1 { tx1::write(&song) } else { tx2::write(&song) };
            let events = events_from_text(&text, &vocabulary)?;
            let varied = augment_with(&events, &options, &vocabulary)?;
            prop_assert_eq!(orphans(&events, &vocabulary), 0);
            prop_assert_eq!(orphans(&varied, &vocabulary), 0);
            prop_assert!(!varied.windows(2).any(|pair| pair[0] < 0 && pair[1] < 0), "waits merge");
        }
    }

    #[test]
    fn no_variation_changes_nothing_but_waits_side_by_side(text in texts(Dialect::Tx1)) {
        let vocabulary = Vocabulary::tx1();
        let events = events_from_text(&text, &vocabulary)?;
        let same = augment(&events, &AugmentOptions::default());
        let sounding = |events: &[i32]| events.iter().copied().filter(|&event| event > 0).collect::<Vec<_>>();
        let length = |events: &[i32]| events.iter().filter(|&&event| event < 0).map(|&event| -i64::from(event)).sum::<i64>();
        prop_assert_eq!(sounding(&same), sounding(&events));
        prop_assert_eq!(length(&same), length(&events));
    }

    #[test]
    fn any_variation_of_any_numbers_is_one(events in vec(any::<i32>(), 0..60), options in options()) {
        let varied = augment(&events, &options);
        prop_assert!(quantize_events(&varied, true).len() <= varied.len() + 2);
    }

    #[test]
    fn ids_and_their_text_are_the_same_thing(ids in vec(0..686_u16, 0..80)) {
        let vocabulary = Vocabulary::tx2();
        prop_assert_eq!(vocabulary.encode(&vocabulary.decode(&ids)?)?, ids);
    }

    #[test]
    fn the_ids_of_a_song_are_those_of_its_text_and_make_a_song(song in songs()) {
        prop_assume!(song.length() > Ticks::ZERO);
        for vocabulary in [Vocabulary::tx1(), Vocabulary::tx2()] {
            let text = if vocabulary.dialect() == Dialect::Tx1 { tx1::write(&song) } else { tx2::write(&song) };
            let ids = vocabulary.encode_song(&song)?;
            prop_assert_eq!(&vocabulary.encode(&text)?, &ids);
            let quantized = vocabulary.decode_song(&ids)?;
            prop_assert_eq!(vocabulary.encode_song(&quantized)?, ids);
        }
    }

    #[test]
    fn a_text_has_the_same_ids_by_either_way(text in texts(Dialect::Tx2)) {
        let vocabulary = Vocabulary::tx2();
        prop_assert_eq!(quantize_events(&events_from_text(&text, &vocabulary)?, false), vocabulary.encode(&text)?);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..400)) {
        let with_header = [b"MThd\0\0\0\x06\0\x01\0\x02\x56\x22MTrk\0\0\0\x20".as_slice(), &bytes].concat();
        let text = String::from_utf8_lossy(&bytes);
        let errors = [
            midi::read(&bytes).err(),
            midi::read(&with_header).err(),
            ExpressiveScore::read_pickle(&bytes).err(),
            tx1::read(&text).err(),
            tx2::read(&text).err(),
            Vocabulary::tx1().encode(&text).err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
        }
    }

    #[test]
    fn no_damage_to_a_midi_file_makes_its_reader_panic(
        song in songs(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = midi::write(&song)?;
        let whole = bytes.clone();
        bytes.truncate(cut.index(bytes.len()));
        if midi::read(&bytes).is_ok() {
            prop_assert!(whole[bytes.len()..].starts_with(b"MTrk"), "cut between two tracks");
        }
        let mut bytes = whole;
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(read) = midi::read(&bytes) {
            prop_assert_eq!(shared::made_again(&read), Ok(read.clone()));
        }
    }
}
