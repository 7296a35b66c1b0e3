//! Songs as General MIDI: what other programs play as it is meant, and what is read again to the tick.
//!
//! A synthesizer's amplitude goes with the square of velocity and of expression (General MIDI Level 2, "Default Controller
//! Response": 40 log10(value / 127) dB), the chip's with the level. So the loudest level of the song is a velocity of 127, half
//! of it one of 90. A note has the velocity of its loudest moment, and CC 11 says what share of it sounds.

use midly::num::{u4, u7, u15, u24};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

use super::drum_map::{key_of, pitch_of};
use super::write::{Message, Timed, finish, midi_message};
use super::{EXPRESSION, LOOP_MARKER, TIMBRE_CONTROLLER};
use crate::error::TokenizerError;
use crate::limits::TICKS_PER_SECOND;
use crate::song::{Change, ChangeKind, Note, Song, Track};
use crate::tx3;
use crate::voice::Voice;

/// The text by which a file of this form is known, and which says the level that a velocity of 127 stands for.
macro_rules! mark {
    ($level:literal) => {
        concat!("lakhnes: General MIDI, a tick is 1/44,100 s, 127 is level ", $level)
    };
}

/// The texts, by level from 1.
const MARKS: [&str; 15] = [
    mark!(1),
    mark!(2),
    mark!(3),
    mark!(4),
    mark!(5),
    mark!(6),
    mark!(7),
    mark!(8),
    mark!(9),
    mark!(10),
    mark!(11),
    mark!(12),
    mark!(13),
    mark!(14),
    mark!(15),
];

/// The level that a velocity of 127 stands for in a file with this text, if the text is a mark.
pub(super) fn marked(text: &[u8]) -> Option<u8> {
    MARKS.iter().position(|mark| mark.as_bytes() == text).map(|index| index as u8 + 1)
}

/// The most MIDI ticks of a beat.
const LONGEST_BEAT: f64 = 32_767.0;

/// The controller of the channel volume.
const VOLUME: u8 = 7;

/// The General MIDI program, the channel (from 0) and the volume of a voice: bright leads, a synth bass, the standard drums.
///
/// The volumes are more than the default of 100, for four voices are few, and even out what a General MIDI set gives to these
/// programs: the sawtooth is some 8 dB louder than the square and the bass.
const fn instrument(voice: Voice) -> (u8, u8, u8) {
    match voice {
        Voice::P1 => (81, 0, 110),
        Voice::P2 => (81, 1, 110),
        Voice::Tr => (39, 2, 127),
        Voice::No => (0, 9, 110),
    }
}

/// A level as a share of a loudest one, as MIDI says it.
fn share(level: u8, loudest: u8) -> u8 {
    (127.0 * (f64::from(level) / f64::from(loudest.max(1))).sqrt()).round().clamp(0.0, 127.0) as u8
}

/// The level of which a MIDI value is the share.
pub(super) fn level(value: u8, loudest: u8) -> u8 {
    (f64::from(loudest) * (f64::from(value) / 127.0).powi(2)).round().clamp(0.0, f64::from(loudest)) as u8
}

/// The level of a note of which this is the velocity.
pub(super) fn peak(velocity: u8, loudest: u8) -> u8 {
    level(velocity, loudest).max(1)
}

/// The pitch of a key of the drum map; of one that is not in it that of the snare.
pub(super) fn noise_pitch(key: u8) -> u8 {
    pitch_of(key).unwrap_or(10)
}

/// Writes a song for programs that know General MIDI: audible velocities, the drum map, the tempo and the bars that the notes
/// suggest. Read again it is the song, but for changes of velocity that nothing sounds to hear.
///
/// # Errors
/// [`TokenizerError::Limit`] for more than a MIDI file can hold.
pub fn write_general(song: &Song) -> Result<Vec<u8>, TokenizerError> {
    let (grid, top) = (Grid::of(song), loudest_of(song));
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::from(grid.beat)));
    let mut tracks = vec![conductor(song, &grid, top)];
    tracks.extend(song.voices().map(|(voice, track)| voice_track(voice, track, top)));
    finish(header, &tracks)
}

/// The highest level of a song, of the voices that have levels.
fn loudest_of(song: &Song) -> u8 {
    let levels = song.voices().filter(|(voice, _)| voice.velocities().is_some()).flat_map(|(_, track)| {
        let changes = track.changes.iter().filter(|change| change.kind() == ChangeKind::Velocity);
        track.notes.iter().map(|note| note.velocity.get()).chain(changes.map(Change::value))
    });
    levels.max().unwrap_or(15).max(1)
}

/// The beat and the bars of a song.
struct Grid {
    /// Ticks of 1/44,100 s a beat.
    beat: u16,
    /// The time signature: the number of notes of a fourth (2) or an eighth (3).
    signature: (u8, u8),
}

impl Grid {
    /// What the notes suggest; 120 beats a minute and 4/4 for a song of which nothing can be measured.
    fn of(song: &Song) -> Self {
        let (bpm, rows) = tx3::facts(song).map_or((120.0, 16), |facts| (facts.beats_a_minute(), facts.rows_a_bar));
        let mut beat = 60.0 * TICKS_PER_SECOND as f64 / bpm;
        // Eighths a bar, as `beats_a_minute` counts the rows of a beat.
        let mut eighths = match rows {
            24.. => rows / 4,
            12.. => rows / 2,
            _ => rows,
        };
        while beat > LONGEST_BEAT {
            (beat, eighths) = (beat / 2.0, eighths.saturating_mul(2));
        }
        let signature = if eighths % 2 == 0 { (eighths / 2, 2) } else { (eighths, 3) };
        Self { beat: beat.round().clamp(1.0, LONGEST_BEAT) as u16, signature }
    }
}

/// The microseconds of a beat that is given in ticks of 1/44,100 s.
pub(super) fn tempo_of(beat: u16) -> u32 {
    (u64::from(beat) * 1_000_000 + TICKS_PER_SECOND / 2).div_euclid(TICKS_PER_SECOND) as u32
}

fn conductor(song: &Song, grid: &Grid, top: u8) -> Vec<TrackEvent<'static>> {
    let mut events = Timed::default();
    let (numerator, denominator) = grid.signature;
    let mark = MARKS.get(usize::from(top) - 1).map_or(&[][..], |mark| mark.as_bytes());
    events.push(0, TrackEventKind::Meta(MetaMessage::Text(mark)));
    events.push(0, TrackEventKind::Meta(MetaMessage::Tempo(u24::from(tempo_of(grid.beat)))));
    events.push(0, TrackEventKind::Meta(MetaMessage::TimeSignature(numerator, denominator, 24, 8)));
    if let Some(start) = song.loop_start() {
        events.push(start.get(), TrackEventKind::Meta(MetaMessage::Marker(LOOP_MARKER)));
    }
    events.finish_at(song.length().get())
}

fn voice_track(voice: Voice, track: &Track, top: u8) -> Vec<TrackEvent<'static>> {
    let (program, channel, volume) = instrument(voice);
    let midi = |message| TrackEventKind::Midi { channel: u4::from(channel), message };
    let (controller, value) = (u7::from(VOLUME), u7::from(volume));
    let mut events = Timed::default();
    events.push(0, TrackEventKind::Meta(MetaMessage::TrackName(voice.name().as_bytes())));
    events.push(0, midi(MidiMessage::ProgramChange { program: u7::from(program) }));
    events.push(0, midi(MidiMessage::Controller { controller, value }));
    for (tick, message) in messages(voice, track, top) {
        events.push(tick, midi(midi_message(message)));
    }
    let last = track.notes.last().map_or(0, |note| note.end.get());
    events.finish_at(last)
}

/// The messages of a voice, by tick: controls first, then ends of notes, then beginnings.
fn messages(voice: Voice, track: &Track, top: u8) -> Vec<(u64, Message)> {
    let mut messages = Vec::with_capacity(2 * track.notes.len() + track.changes.len());
    let mut changes = track.changes.iter().filter(|change| change.kind() == ChangeKind::Velocity).peekable();
    let mut expression = 127;
    for note in &track.notes {
        while changes.next_if(|change| change.tick < note.start).is_some() {}
        // What the note begins with, and what comes of it.
        let onset = changes.next_if(|change| change.tick == note.start).map_or(note.velocity.get(), Change::value);
        let mut swells = Vec::new();
        while let Some(change) = changes.next_if(|change| change.tick < note.end) {
            swells.push((change.tick.get(), change.value()));
        }
        let loudest = swells.iter().map(|&(_, value)| value).fold(onset, u8::max).max(1);
        for (tick, value) in [(note.start.get(), onset)].into_iter().chain(swells) {
            let value = share(value, loudest);
            if value != expression || tick > note.start.get() {
                expression = value;
                messages.push((tick, (false, EXPRESSION, value)));
            }
        }
        let (key, velocity) = sounding(voice, note, share(loudest, top));
        messages.push((note.start.get(), (true, key, velocity)));
        messages.push((note.end.get(), (true, key, 0)));
    }
    let timbres = track.changes.iter().filter(|change| change.kind() == ChangeKind::Timbre);
    messages.extend(timbres.map(|change| (change.tick.get(), (false, TIMBRE_CONTROLLER, change.value()))));
    messages.sort_by_key(|&(tick, (is_note, number, value))| (tick, is_note, is_note && value > 0, number));
    messages
}

/// The key of a note, and its velocity: that of the triangle is always the highest.
fn sounding(voice: Voice, note: &Note, velocity: u8) -> (u8, u8) {
    match voice {
        Voice::P1 | Voice::P2 => (note.pitch.get(), velocity),
        Voice::Tr => (note.pitch.get(), 127),
        Voice::No => (key_of(note.pitch.get()), velocity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_back_from_its_velocity_and_every_share_from_its_expression() {
        for top in 1..=15 {
            assert_eq!(marked(MARKS[usize::from(top) - 1].as_bytes()), Some(top));
            for loudest in 1..=top {
                assert_eq!(peak(share(loudest, top), top), loudest);
                for value in 0..=loudest {
                    assert_eq!(level(share(value, loudest), loudest), value);
                }
            }
        }
        assert_eq!(marked(b"lakhnes"), None);
    }

    #[test]
    fn a_beat_is_as_many_midi_ticks_as_samples_at_any_tempo() {
        for beat in [1_u16, 735, 17_600, 22_050, 32_767] {
            let exact = f64::from(beat) / 44_100.0 * 1e6;
            assert!((f64::from(tempo_of(beat)) - exact).abs() <= 0.5);
        }
    }
}
