//! Songs without dynamics, as NES music would play them.

use lakhnes_apu::RegisterLog;
use lakhnes_tokenizer::expression::{self, is_flat};
use lakhnes_tokenizer::{Change, ChangeKind, Expression, PerformOptions, Song, Velocity, Voice, perform, tx1, tx2};

/// A frame of 1/60 s, in ticks.
const FRAME: u64 = 735;

/// The song of a TX1 text whose events stand between spaces and whose waits are frames, as in `W20`.
fn song(events: &str) -> Song {
    let event = |event: &str| match event.strip_prefix('W') {
        Some(frames) => format!("WT_{}", frames.parse::<u64>().expect("frames") * FRAME),
        None => event.to_owned(),
    };
    tx1::read(&events.split(' ').map(event).collect::<Vec<_>>().join("\n")).expect("a song")
}

fn natural(song: &Song, downsample: Option<f64>) -> RegisterLog {
    perform(song, &PerformOptions { downsample, expression: Expression::Natural }).expect("a log")
}

fn express(song: &Song) -> Song {
    expression::express(song).expect("a song")
}

/// The level of a voice in each of the first frames of the song, 0 where it is silent.
fn levels(song: &Song, voice: Voice, frames: u64) -> Vec<u8> {
    let track = song.track(voice);
    let at = |tick: u64| {
        let note = track.notes.iter().find(|note| (note.start.get()..note.end.get()).contains(&tick))?;
        let changes = track.changes.iter().filter(|change| change.kind() == ChangeKind::Velocity);
        let last = changes.take_while(|change| change.tick.get() <= tick).last();
        Some(last.filter(|change| change.tick >= note.start).map_or(note.velocity.get(), Change::value))
    };
    (0..frames).map(|frame| at(frame * FRAME).unwrap_or(0)).collect()
}

#[test]
fn a_pulse_decays_to_a_sustain_and_a_longer_note_more_slowly() {
    let quick = express(&song("P1_NOTEON_60 W10 P1_NOTEOFF W10"));
    let slow = express(&song("P1_NOTEON_60 W24 P1_NOTEOFF W10"));
    assert_eq!(levels(&quick, Voice::P1, 11), [9, 8, 8, 8, 7, 7, 6, 6, 6, 6, 0]);
    assert_eq!(levels(&slow, Voice::P1, 11), [10, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7]);
    assert_eq!(levels(&slow, Voice::P1, 24).last(), Some(&5));
}

#[test]
fn a_very_long_note_begins_softly_and_fades_before_a_rest() {
    let levels = levels(&express(&song("P1_NOTEON_60 W90 P1_NOTEOFF W10")), Voice::P1, 90);
    assert_eq!(levels[..4], [8, 9, 10, 9]);
    assert_eq!(levels[81..], [7, 4, 4, 3, 3, 3, 3, 2, 2]);
}

#[test]
fn a_note_that_leads_into_the_next_does_not_fade() {
    let levels = levels(&express(&song("P2_NOTEON_60 W90 P2_NOTEON_62 W90 P2_NOTEOFF W1")), Voice::P2, 180);
    assert_eq!((levels[89], levels[90], levels[179]), (6, 7, 2));
}

#[test]
fn a_note_that_begins_again_at_its_pitch_is_heard_to_begin() {
    let twice = express(&song("P1_NOTEON_60 W10 P1_NOTEON_60 W10 P1_NOTEOFF W1"));
    assert_eq!(levels(&twice, Voice::P1, 11)[9..], [6, 9]);
    let bass = express(&song("TR_NOTEON_40 W10 TR_NOTEON_40 W10 TR_NOTEON_43 W10 TR_NOTEOFF W1"));
    let ends: Vec<_> = bass.track(Voice::Tr).notes.iter().map(|note| note.end.get() / FRAME).collect();
    assert_eq!(ends, [9, 20, 30]);
}

#[test]
fn the_steps_of_an_arpeggio_share_one_envelope() {
    let events = "P1_NOTEON_60 W1 P1_NOTEON_64 W1 P1_NOTEON_67 W1 ".repeat(4);
    let arpeggio = express(&song(&format!("{events}P1_NOTEOFF W1")));
    assert_eq!(arpeggio.track(Voice::P1).notes.len(), 12);
    let chord = express(&song("P1_NOTEON_60 W12 P1_NOTEOFF W1"));
    assert_eq!(levels(&arpeggio, Voice::P1, 13), levels(&chord, Voice::P1, 13));
}

#[test]
fn a_drum_decays_by_its_pitch_and_length() {
    let cymbal = express(&song("NO_NOTEON_15 W6 NO_NOTEOFF W1"));
    let drum = express(&song("NO_NOTEON_4 W6 NO_NOTEOFF W1"));
    assert_eq!(levels(&cymbal, Voice::No, 7), [12, 8, 5, 4, 2, 2, 0]);
    assert_eq!(levels(&drum, Voice::No, 7), [11, 8, 6, 4, 3, 3, 0]);
}

#[test]
fn the_duty_follows_the_voice_and_the_length() {
    let events = "P1_NOTEON_60 P2_NOTEON_55 W30 P1_NOTEON_62 P2_NOTEON_57 W6 P1_NOTEOFF P2_NOTEOFF W1";
    let expressed = express(&song(events));
    let duties = |voice| {
        let changes = expressed.track(voice).changes.iter().filter(|change| change.kind() == ChangeKind::Timbre);
        changes.map(|change| (change.tick.get() / FRAME, change.value())).collect::<Vec<_>>()
    };
    assert_eq!(duties(Voice::P1), [(0, 2), (30, 1)]);
    assert_eq!(duties(Voice::P2), [(0, 1), (30, 0)]);
}

#[test]
fn an_expressed_song_is_a_song_with_its_own_expression() {
    let expressed = express(&song("P1_NOTEON_60 NO_NOTEON_3 W30 NO_NOTEOFF W10 P1_NOTEOFF W5"));
    assert!(!is_flat(&expressed));
    let text = tx2::write(&expressed);
    assert_eq!(tx2::read(&text).map(|song| tx2::write(&song)), Ok(text));
    assert_eq!(express(&expressed), expressed);
}

#[test]
fn a_song_with_its_own_velocities_or_timbres_is_played_as_it_stands() {
    for events in [
        "P1_NOTEON_60 P1_VELOCITY_9 WT_50000 P1_VELOCITY_5 WT_50000 P1_NOTEOFF WT_1",
        "P1_NOTEON_60 P1_VELOCITY_15 P1_TIMBRE_2 WT_50000 P1_NOTEOFF WT_1",
    ] {
        let song = tx2::read(&events.replace(' ', "\n")).expect("a song");
        assert!(!is_flat(&song));
        assert_eq!(Ok(natural(&song, None)), perform(&song, &PerformOptions::default()));
    }
}

#[test]
fn a_text_that_writes_out_one_velocity_throughout_says_nothing() {
    let events = "P1_NOTEON_60 P1_VELOCITY_15 WT_9000 P1_NOTEON_62 P1_VELOCITY_15 WT_9000 P1_NOTEOFF WT_1";
    let written_out = tx2::read(&events.replace(' ', "\n")).expect("a song");
    let short = tx1::read(&tx1::write(&written_out)).expect("a song");
    assert!(!written_out.track(Voice::P1).changes.is_empty());
    assert_eq!(express(&written_out), express(&short));
}

#[test]
fn a_voice_at_one_lower_velocity_stays_softer() {
    let loud = song("P1_NOTEON_60 W10 P1_NOTEOFF W1");
    let mut tracks = loud.tracks().clone();
    tracks[0].notes[0].velocity = Velocity::new(5).expect("a velocity");
    let soft = Song::new(tracks, loud.length()).expect("a song");
    assert!(is_flat(&soft));
    assert_eq!(levels(&express(&soft), Voice::P1, 3), [3, 3, 3]);
}

#[test]
fn a_long_note_sways_without_a_write_to_the_high_timer_byte() {
    let long = song("P1_NOTEON_60 W60 P1_NOTEON_62 W60 P1_NOTEOFF W1");
    let log = natural(&long, None);
    let count = |register| log.writes.iter().filter(|write| write.register == register).count();
    assert!(count(0x02) > 20, "{} writes", count(0x02));
    assert_eq!(count(0x03), 2, "one at the onset and one at the end: both pitches have the same high byte");
    // Both notes begin at their own pitches: timers 0x1AB and 0x17C.
    let low_at = |frame: u64| {
        let until = log.writes.iter().take_while(|write| write.tick <= frame * FRAME);
        until.filter(|write| write.register == 0x02).last().map(|write| write.value)
    };
    assert_eq!([0, 19, 60, 79].map(low_at), [0xAB, 0xAB, 0x7C, 0x7C].map(Some));
    log.validate().expect("a log");
}

#[test]
fn plain_is_the_default_and_natural_moves_no_note() {
    let events = "P1_NOTEON_60 TR_NOTEON_36 W20 P1_NOTEON_64 NO_NOTEON_9 W5 NO_NOTEOFF W9 P1_NOTEOFF TR_NOTEOFF W3";
    let song = song(events);
    assert_eq!(PerformOptions::default().expression, Expression::Plain);
    assert_eq!(tx1::write(&express(&song)), tx1::write(&song));
    assert_eq!(natural(&song, None).length, song.length().get());
}

#[test]
fn a_song_is_reduced_to_frames_before_it_is_expressed() {
    let log = natural(&song("P1_NOTEON_60 W50 P1_NOTEOFF W10"), Some(20.0));
    let steps = log.writes.iter().filter(|write| write.register == 0x00).count();
    assert!(steps > 5, "{steps} levels");
}
