//! What a song may be, and what it cannot be.

mod shared;

use lakhnes_tokenizer::{Change, Note, Pitch, Song, Ticks, Timbre, Track, Velocity, Voice};
use shared::note;

/// A song of 100 ticks in which one voice plays something.
fn with(voice: Voice, notes: Vec<Note>, changes: Vec<Change>) -> Result<Song, String> {
    let mut tracks: [Track; 4] = Default::default();
    tracks[voice.index()] = Track { notes, changes };
    Song::new(tracks, Ticks::saturating(100)).map_err(|error| error.to_string())
}

fn fault_of_notes(voice: Voice, notes: &[Note]) -> String {
    with(voice, notes.to_vec(), Vec::new()).expect_err("no song")
}

fn fault_of_changes(voice: Voice, changes: &[Change]) -> String {
    with(voice, Vec::new(), changes.to_vec()).expect_err("no song")
}

fn velocity(tick: u64, value: u8) -> Change {
    Change::of_velocity(Ticks::saturating(tick), Velocity::saturating(value))
}

fn timbre(tick: u64, value: u8) -> Change {
    Change::of_timbre(Ticks::saturating(tick), Timbre::saturating(value))
}

#[test]
fn numbers_out_of_range_cannot_be_made() {
    assert_eq!((Pitch::new(128), Velocity::new(16), Timbre::new(4)), (None, None, None));
    assert_eq!(Ticks::new(Ticks::MAX.get() + 1), None);
    assert_eq!((Pitch::saturating(200), Velocity::saturating(16)), (Pitch::MAX, Velocity::MAX));
    assert_eq!(Pitch::saturating(3).transposed(-4), None);
}

#[test]
fn a_note_of_another_voice_is_refused_with_its_place() {
    let high = fault_of_notes(Voice::No, &[note(3, 9, 17, 5)]);
    assert_eq!(high, "no at tick 3: expected a pitch of 1 to 16, found 17");
    let loud = fault_of_notes(Voice::Tr, &[note(3, 9, 40, 5)]);
    assert_eq!(loud, "tr at tick 3: expected a velocity of 1 to 1, found 5");
    let silent = fault_of_notes(Voice::P1, &[note(3, 9, 40, 0)]);
    assert_eq!(silent, "p1 at tick 3: expected a velocity of 1 to 15, found 0");
}

#[test]
fn a_note_has_a_length_within_the_song_and_sounds_alone() {
    let end = "expected a note that ends after its onset and by the end of the song (100), found an end at";
    assert_eq!(fault_of_notes(Voice::P1, &[note(3, 3, 40, 5)]), format!("p1 at tick 3: {end} 3"));
    assert_eq!(fault_of_notes(Voice::P1, &[note(3, 101, 40, 5)]), format!("p1 at tick 3: {end} 101"));
    let overlap = fault_of_notes(Voice::P2, &[note(3, 9, 40, 5), note(8, 10, 41, 5)]);
    assert_eq!(overlap, "p2 at tick 8: expected one note at a time, so an onset from 9 on, found 8");
}

#[test]
fn changes_are_those_that_the_voice_has_by_tick() {
    let of = |voice, changes: &[Change]| fault_of_changes(voice, changes);
    assert!(of(Voice::Tr, &[velocity(5, 1)]).starts_with("tr at tick 5: expected no change"));
    assert_eq!(of(Voice::No, &[timbre(5, 2)]), "no at tick 5: expected a timbre of 0 to 1, found 2");
    assert!(of(Voice::P1, &[velocity(101, 2)]).starts_with("p1 at tick 101: expected nothing after the end"));
    for twice in [[velocity(5, 2), velocity(5, 3)], [timbre(5, 2), velocity(5, 3)], [velocity(6, 2), velocity(5, 3)]] {
        let fault = of(Voice::P1, &twice);
        assert_eq!(
            fault,
            "p1 at tick 5: expected changes by tick, one of a kind at a tick, found a change out of order"
        );
    }
    assert!(with(Voice::P1, vec![], vec![velocity(5, 0), timbre(5, 3), velocity(100, 15)]).is_ok());
}

#[test]
fn voices_of_another_song_come_with_its_length() {
    let one = with(Voice::P1, vec![note(3, 9, 40, 5)], vec![]).expect("a song");
    let other = with(Voice::P1, vec![note(4, 8, 50, 5)], vec![]).expect("a song");
    let longer = Song::new(other.tracks().clone(), Ticks::saturating(200)).expect("a song");
    let both = one.with_voices(&longer, &[Voice::P1]).expect("a song");
    assert_eq!((both.length().get(), &both.track(Voice::P1).notes), (200, &vec![note(4, 8, 50, 5)]));
    assert_eq!(one.with_voices(&longer, &[]).expect("a song").track(Voice::P1), one.track(Voice::P1));
}
