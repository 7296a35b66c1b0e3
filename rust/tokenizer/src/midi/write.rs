//! A song as MIDI bytes.

use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

use super::{
    LOOP_MARKER, MICROSECONDS_PER_BEAT, TICKS_PER_BEAT, TIMBRE_CONTROLLER, VELOCITY_CONTROLLER, program_and_channel,
};
use crate::error::TokenizerError;
use crate::song::{ChangeKind, Song, Track};
use crate::values::Ticks;
use crate::voice::Voice;

/// Writes a song as NES-MDB's MIDI, byte for byte as the original programs do.
///
/// At one tick control changes come before notes, notes by pitch, and of one pitch the end before the beginning (ends are
/// note-ons of velocity 0). A wait longer than a MIDI delta can hold (268,435,455 ticks, 1.7 hours) is split by empty text
/// events. Where the song goes on after its end there is a marker, `loopStart`.
///
/// # Errors
/// [`TokenizerError::Limit`] for more than a MIDI file can hold.
pub fn write(song: &Song) -> Result<Vec<u8>, TokenizerError> {
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::from(TICKS_PER_BEAT)));
    let mut tracks = vec![conductor(song)];
    tracks.extend(song.voices().map(|(voice, track)| voice_track(voice, track)));
    finish(header, &tracks)
}

/// The bytes of a file.
pub(super) fn finish(header: Header, tracks: &[Vec<TrackEvent<'_>>]) -> Result<Vec<u8>, TokenizerError> {
    let mut bytes = Vec::new();
    midly::write(&header, tracks, &mut bytes).map_err(|error| TokenizerError::Midi {
        offset: bytes.len(),
        expected: error.to_owned(),
        found: "none".to_owned(),
    })?;
    Ok(bytes)
}

fn conductor(song: &Song) -> Vec<TrackEvent<'static>> {
    let mut events = Timed::default();
    events.push(0, TrackEventKind::Meta(MetaMessage::Tempo(u24::from(MICROSECONDS_PER_BEAT))));
    if song.length() > Ticks::ZERO {
        events.push(0, TrackEventKind::Meta(MetaMessage::TimeSignature(4, 2, 24, 8)));
    }
    if let Some(start) = song.loop_start() {
        events.push(start.get(), TrackEventKind::Meta(MetaMessage::Marker(LOOP_MARKER)));
    }
    events.push(song.length().get(), TrackEventKind::Meta(MetaMessage::TimeSignature(1, 0, 24, 8)));
    events.finish()
}

fn voice_track(voice: Voice, track: &Track) -> Vec<TrackEvent<'static>> {
    let (program, channel) = program_and_channel(voice);
    let midi = |message| TrackEventKind::Midi { channel: u4::from(channel), message };
    let mut events = Timed::default();
    events.push(0, TrackEventKind::Meta(MetaMessage::TrackName(voice.name().as_bytes())));
    events.push(0, midi(MidiMessage::ProgramChange { program: u7::from(program) }));
    for (tick, message) in messages(track) {
        events.push(tick, midi(midi_message(message)));
    }
    events.finish()
}

/// A message of a voice: whether it is a note (else a control change), its pitch or controller, its velocity or value.
/// Their order is the order in which the messages of one tick are written.
pub(super) type Message = (bool, u8, u8);

fn messages(track: &Track) -> Vec<(u64, Message)> {
    let mut messages = Vec::with_capacity(2 * track.notes.len() + track.changes.len());
    for note in &track.notes {
        messages.push((note.start.get(), (true, note.pitch.get(), note.velocity.get())));
        messages.push((note.end.get(), (true, note.pitch.get(), 0)));
    }
    for change in &track.changes {
        let controller = match change.kind() {
            ChangeKind::Velocity => VELOCITY_CONTROLLER,
            ChangeKind::Timbre => TIMBRE_CONTROLLER,
        };
        messages.push((change.tick.get(), (false, controller, change.value())));
    }
    messages.sort_unstable();
    messages
}

pub(super) fn midi_message((is_note, number, value): Message) -> MidiMessage {
    let (number, value) = (u7::from(number), u7::from(value));
    if is_note {
        MidiMessage::NoteOn { key: number, vel: value }
    } else {
        MidiMessage::Controller { controller: number, value }
    }
}

/// Events by absolute tick, made into events by distance.
#[derive(Default)]
pub(super) struct Timed {
    events: Vec<TrackEvent<'static>>,
    now: u64,
}

impl Timed {
    pub(super) fn push(&mut self, tick: u64, kind: TrackEventKind<'static>) {
        let longest = u64::from(u28::max_value().as_int());
        let mut delta = tick.saturating_sub(self.now);
        while delta > longest {
            self.events
                .push(TrackEvent { delta: u28::max_value(), kind: TrackEventKind::Meta(MetaMessage::Text(b"")) });
            delta -= longest;
        }
        self.events.push(TrackEvent { delta: u28::from(delta as u32), kind });
        self.now = self.now.max(tick);
    }

    /// Ends the track, a tick after its last event as the original does.
    fn finish(self) -> Vec<TrackEvent<'static>> {
        let end = self.now + 1;
        self.finish_at(end)
    }

    /// Ends the track at a tick, or with its last event if that is later.
    pub(super) fn finish_at(mut self, tick: u64) -> Vec<TrackEvent<'static>> {
        self.push(tick.max(self.now), TrackEventKind::Meta(MetaMessage::EndOfTrack));
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::song::{Change, Note};
    use crate::values::{Pitch, Timbre, Velocity};

    #[test]
    fn messages_of_one_tick_stand_in_the_order_of_the_original() {
        let note = |start, end, pitch| Note {
            start: Ticks::saturating(start),
            end: Ticks::saturating(end),
            pitch: Pitch::saturating(pitch),
            velocity: Velocity::MAX,
        };
        let tenth = Ticks::saturating(10);
        let track = Track {
            notes: vec![note(0, 10, 60), note(10, 20, 50), note(20, 30, 70), note(30, 40, 70)],
            changes: vec![
                Change::of_velocity(tenth, Velocity::saturating(3)),
                Change::of_timbre(tenth, Timbre::saturating(2)),
            ],
        };
        let at = |due| -> Vec<_> {
            messages(&track).into_iter().filter(|&(tick, _)| tick == due).map(|(_, message)| message).collect()
        };
        assert_eq!(at(10), [(false, 11, 3), (false, 12, 2), (true, 50, 15), (true, 60, 0)]);
        assert_eq!(at(20), [(true, 50, 0), (true, 70, 15)]);
        assert_eq!(at(30), [(true, 70, 0), (true, 70, 15)]);
    }

    #[test]
    fn a_wait_beyond_a_midi_delta_is_split() {
        let mut events = Timed::default();
        events.push(600_000_000, TrackEventKind::Meta(MetaMessage::Text(b"x")));
        let deltas: Vec<u32> = events.events.iter().map(|event| event.delta.as_int()).collect();
        assert_eq!(deltas, [268_435_455, 268_435_455, 600_000_000 - 2 * 268_435_455]);
    }
}
