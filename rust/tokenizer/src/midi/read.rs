//! MIDI bytes as a song.

use midly::{EventIter, Format, MetaMessage, MidiMessage, TrackEventKind};

use super::clock::Clock;
use super::{TIMBRE_CONTROLLER, VELOCITY_CONTROLLER};
use crate::error::{TokenizerError, excerpt};
use crate::song::{Change, ChangeKind, Note, Song, Track, Voice};

/// Reads NES-MDB's MIDI, or any MIDI file of formats 0 and 1 whose tracks are named `p1`, `p2`, `tr` and `no` (in any case;
/// not all need be there, other tracks are passed over).
///
/// A note lasts from its note-on to the next note-off or note-on of its pitch; one that nothing ends is dropped, as
/// `pretty_midi` does. A voice plays one note at a time: where two overlap, the earlier ends at the onset of the later, and
/// of two that begin together the higher stays. Velocities above 15 count as 15, and those of the triangle as 1. Of two
/// changes of one kind at one tick the later in the file stands; changes of the triangle are passed over.
///
/// The length is where the last time signature stands if that is 1/1, and otherwise the last event of all; never less than
/// the end of the last note.
///
/// # Errors
/// [`TokenizerError::Midi`] with the byte offset where the file breaks off or is no MIDI, [`TokenizerError::Song`] for a
/// pitch or timbre that the voice does not have, [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
pub fn read(bytes: &[u8]) -> Result<Song, TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    let header = header(bytes)?;
    let mut file = RawFile::default();
    let mut names = Vec::new();
    for chunk in (TrackChunks { bytes, offset: 0 }) {
        let (offset, data) = chunk?;
        let raw = file.read_track(offset, data)?;
        match raw.voice {
            Some(voice) => file.voices[voice.index()].push(raw.track),
            None => names.push(raw.name),
        }
    }
    if file.voices.iter().all(Vec::is_empty) {
        return Err(TokenizerError::Midi {
            offset: 0,
            expected: "tracks named p1, p2, tr or no, as in NES-MDB's MIDI".to_owned(),
            found: if names.is_empty() { "no track".to_owned() } else { format!("tracks named {names:?}") },
        });
    }
    let last_at = file.last_at;
    file.into_song(header.timing).map_err(|error| error.at("byte", last_at))
}

pub(crate) fn header(bytes: &[u8]) -> Result<midly::Header, TokenizerError> {
    if bytes.get(..4) != Some(b"MThd") {
        let start = String::from_utf8_lossy(bytes.get(..8.min(bytes.len())).unwrap_or_default()).into_owned();
        return Err(malformed(0, "a MIDI file (it begins with MThd)", format!("{start:?}")));
    }
    // midly takes the negative of a signed byte, for which there is none of -128.
    if bytes.get(12) == Some(&0x80) {
        return Err(malformed(12, "ticks a beat, or 24, 25, 29 or 30 frames a second", "128 frames a second"));
    }
    let (header, _) = midly::parse(bytes).map_err(|error| malformed(0, "a MIDI header", error.kind().message()))?;
    if header.format == Format::Sequential {
        return Err(malformed(8, "MIDI format 0 or 1", "format 2"));
    }
    Ok(header)
}

pub(crate) fn malformed(offset: usize, expected: &str, found: impl Into<String>) -> TokenizerError {
    TokenizerError::Midi { offset, expected: expected.to_owned(), found: found.into() }
}

/// The track chunks of a file, each with the offset of its data. (midly reads on where a chunk breaks off and says nothing
/// of it; a song cut short should not pass for a whole one.)
pub(crate) struct TrackChunks<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: usize,
}

impl<'a> Iterator for TrackChunks<'a> {
    type Item = Result<(usize, &'a [u8]), TokenizerError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, rest) = (self.offset, self.bytes.get(self.offset..)?);
            if rest.is_empty() {
                return None;
            }
            self.offset = self.bytes.len();
            let Some((head, data)) = rest.split_first_chunk::<8>() else {
                return Some(Err(malformed(at, "the 8 bytes that begin a chunk", format!("{} bytes", rest.len()))));
            };
            let [id @ .., l0, l1, l2, l3] = head;
            let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
            let Some(chunk) = data.get(..length) else {
                let found = format!("the end of the file after {}", data.len());
                return Some(Err(malformed(at + 8, &format!("{length} bytes of a chunk"), found)));
            };
            self.offset = at + 8 + length;
            if id == b"MTrk" {
                return Some(Ok((at + 8, chunk)));
            }
        }
    }
}

/// A track in MIDI time.
#[derive(Default)]
struct RawTrack {
    name: String,
    voice: Option<Voice>,
    track: Track,
}

/// What the tracks of a file hold, in MIDI time.
#[derive(Default)]
struct RawFile {
    voices: [Vec<Track>; 4],
    tempos: Vec<(u64, u32)>,
    /// The last time signature of all, if it is 1/1.
    end: Option<(u64, bool)>,
    /// The last event of all: its MIDI tick, and where it stands.
    last: u64,
    last_at: usize,
    events: usize,
}

impl RawFile {
    fn read_track(&mut self, offset: usize, data: &[u8]) -> Result<RawTrack, TokenizerError> {
        let mut raw = RawTrack::default();
        let mut held = [None; 128];
        let mut now = 0_u64;
        let mut complete = false;
        let mut events = EventIter::new(data);
        let mut read = 0;
        while let Some(event) = events.next() {
            let event = event.map_err(|error| malformed(offset + read, "a MIDI event", error.kind().message()))?;
            read = data.len() - events.unread().len();
            self.events += 1;
            TokenizerError::check_events(self.events).map_err(|error| error.at("byte", offset + read))?;
            now += u64::from(event.delta.as_int());
            match event.kind {
                TrackEventKind::Midi { message, .. } => raw.track.receive(now, message, &mut held),
                TrackEventKind::Meta(MetaMessage::TrackName(name)) if raw.name.is_empty() => {
                    raw.name = excerpt(&String::from_utf8_lossy(name));
                    raw.voice = voice_named(name);
                }
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => self.tempos.push((now, tempo.as_int())),
                TrackEventKind::Meta(MetaMessage::TimeSignature(numerator, denominator, ..))
                    if self.end.is_none_or(|(tick, _)| tick <= now) =>
                {
                    self.end = Some((now, (numerator, denominator) == (1, 0)));
                }
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => {
                    complete = true;
                    break;
                }
                _ => {}
            }
        }
        // midly ends the track in silence at what it cannot read.
        if !complete && read < data.len() {
            let left = data.len() - read;
            return Err(malformed(offset + read, "a MIDI event", format!("{left} bytes that are none")));
        }
        if now >= self.last {
            (self.last, self.last_at) = (now, offset + read);
        }
        Ok(raw)
    }

    fn into_song(self, timing: midly::Timing) -> Result<Song, TokenizerError> {
        let clock = Clock::new(timing, self.tempos);
        let end = match self.end {
            Some((tick, true)) => tick,
            _ => self.last,
        };
        let mut song = Song { length: clock.tick(end), ..Song::default() };
        for (voice, tracks) in Voice::ALL.into_iter().zip(self.voices) {
            let track = &mut song.tracks[voice.index()];
            let mut tracks = tracks.into_iter();
            *track = tracks.next().unwrap_or_default(); // nearly always the only one, so without a copy
            for raw in tracks {
                track.notes.extend(raw.notes);
                track.changes.extend(raw.changes);
            }
            track.tidy(voice, &clock);
            let last_note = track.notes.last().map_or(0, |note| note.end);
            let last_change = track.changes.last().map_or(0, |change| change.tick);
            song.length = song.length.max(last_note).max(last_change);
        }
        song.check()?;
        Ok(song)
    }
}

/// `p1`, `p2`, `tr` or `no`, in any case and with white space around.
fn voice_named(name: &[u8]) -> Option<Voice> {
    let name = name.trim_ascii();
    Voice::ALL.into_iter().find(|voice| name.eq_ignore_ascii_case(voice.name().as_bytes()))
}

impl Track {
    /// Takes a message of the track at a MIDI tick; `held` are the onsets and velocities of the notes that sound, by pitch.
    fn receive(&mut self, now: u64, message: MidiMessage, held: &mut [Option<(u64, u8)>; 128]) {
        let mut change = |kind, value| self.changes.push(Change { tick: now, kind, value });
        match message {
            MidiMessage::Controller { controller, value } => match controller.as_int() {
                VELOCITY_CONTROLLER => change(ChangeKind::Velocity, value.as_int().min(15)),
                TIMBRE_CONTROLLER => change(ChangeKind::Timbre, value.as_int()),
                _ => {}
            },
            MidiMessage::NoteOn { key, vel } | MidiMessage::NoteOff { key, vel } => {
                let pitch = key.as_int();
                let is_onset = vel.as_int() > 0 && matches!(message, MidiMessage::NoteOn { .. });
                let Some(held) = held.get_mut(usize::from(pitch)) else {
                    return;
                };
                if let Some((start, velocity)) = *held
                    && start < now
                {
                    self.notes.push(Note { start, end: now, pitch, velocity });
                    *held = None;
                }
                if is_onset {
                    *held = Some((now, vel.as_int().min(15)));
                }
            }
            _ => {}
        }
    }

    /// From MIDI time in the order of the file to ticks in the order of a song, one note at a time.
    fn tidy(&mut self, voice: Voice, clock: &Clock) {
        for note in &mut self.notes {
            (note.start, note.end) = (clock.tick(note.start), clock.tick(note.end));
            note.velocity = note.velocity.min(voice.default_velocity());
        }
        self.notes.sort_by_key(|note| (note.start, note.pitch, note.end));
        for index in 1..self.notes.len() {
            if let Some([note, next]) = self.notes.get_mut(index - 1..=index) {
                note.end = note.end.min(next.start);
            }
        }
        self.notes.retain(|note| note.start < note.end);
        if voice.velocities().is_none() {
            self.changes.clear();
        }
        for change in &mut self.changes {
            change.tick = clock.tick(change.tick);
        }
        // Of equals the last stands: the stable sort keeps them in the order of the file.
        self.changes.sort_by_key(|change| (change.tick, change.kind));
        self.changes.dedup_by(|later, earlier| {
            let same = (later.tick, later.kind) == (earlier.tick, earlier.kind);
            if same {
                earlier.value = later.value;
            }
            same
        });
    }
}
