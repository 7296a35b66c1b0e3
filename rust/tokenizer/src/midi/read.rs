//! MIDI bytes as a song.

use midly::{MetaMessage, MidiMessage, Timing, TrackEventKind};

use super::clock::Clock;
use super::general::{level, marked, noise_pitch, peak, tempo_of};
use super::lenient::Warnings;
use super::walk::{Extent, Listener, Tracks, walk};
use super::{LOOP_MARKER, TIMBRE_CONTROLLER, VELOCITY_CONTROLLER};
use crate::error::{TokenizerError, excerpt};
use crate::song::{Change, ChangeKind, Note, Setting, Song, Track};
use crate::song_fault::SongFault;
use crate::values::{Pitch, Ticks, Timbre, Velocity};
use crate::voice::Voice;

/// Reads NES-MDB's MIDI, or any MIDI file of formats 0 and 1 whose tracks are named `p1`, `p2`, `tr` and `no` (in any case;
/// not all need be there, other tracks are passed over).
///
/// A note lasts from its note-on to the next note-off or note-on of its pitch; one that nothing ends is dropped, as
/// `pretty_midi` does. A voice plays one note at a time: where two overlap, the earlier ends at the onset of the later, and
/// of two that begin together the higher stays. Velocities above 15 count as 15, and those of the triangle as 1. Of two
/// changes of one kind at one tick the later in the file stands; changes of the triangle are passed over.
///
/// A file that [`super::write_general`] has written is known by its mark: its velocities, expressions and drums stand for
/// those of the song.
///
/// The length is where the last time signature stands if that is 1/1, and otherwise the last event of all; never less than
/// the end of the last note. The song goes on from the marker `loopStart` after its end, if there is one.
///
/// # Errors
/// [`TokenizerError::Midi`] with the byte offset where the file breaks off or is no MIDI, [`TokenizerError::OtherMidi`] for
/// one without such tracks, [`TokenizerError::Song`] for a pitch or timbre that the voice does not have, [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
pub fn read(bytes: &[u8]) -> Result<Song, TokenizerError> {
    read_and_warn(bytes).map(|(song, _)| song)
}

/// Reads a song as [`read`], and says what in the file was not as the standard has it.
///
/// # Errors
/// Those of [`read`].
pub fn read_and_warn(bytes: &[u8]) -> Result<(Song, Warnings), TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    let mut file = RawFile::default();
    let extent = walk(bytes, Tracks::All, &mut file)?;
    file.end_track();
    if file.voices.iter().all(Option::is_none) {
        let tracks = match file.names.len() {
            0 => {
                let (expected, found) = ("tracks named p1, p2, tr or no".to_owned(), "no track".to_owned());
                return Err(TokenizerError::Midi { offset: 0, expected, found });
            }
            count if count == file.others => file.names.join(", "),
            count => format!("{} and {} more", file.names.join(", "), file.others - count),
        };
        return Err(TokenizerError::OtherMidi { tracks });
    }
    let song = file.into_song(extent).map_err(|error| error.at("byte", extent.last_at))?;
    Ok((song, extent.warnings))
}

/// The most names of other tracks that a message lists, so that it fits a line or two.
const MAX_NAMES: usize = 6;

/// A track in MIDI time, in the order of the file.
struct RawTrack {
    name: String,
    voice: Option<Voice>,
    notes: Vec<RawNote>,
    changes: Vec<RawChange>,
    /// The onsets and velocities of the notes that sound, by pitch.
    held: [Option<(u64, u8)>; 128],
}

#[derive(Clone, Copy)]
struct RawNote {
    start: u64,
    end: u64,
    pitch: Pitch,
    /// As MIDI has it, 1 to 127.
    velocity: u8,
}

#[derive(Clone, Copy)]
struct RawChange {
    tick: u64,
    kind: ChangeKind,
    value: u8,
}

impl Default for RawTrack {
    fn default() -> Self {
        Self { name: String::new(), voice: None, notes: Vec::new(), changes: Vec::new(), held: [None; 128] }
    }
}

/// What the tracks of a file hold, in MIDI time.
#[derive(Default)]
struct RawFile {
    /// The track that is read.
    raw: Option<RawTrack>,
    voices: [Option<RawTrack>; 4],
    /// The names of the first other tracks, as a message shows them, and how many others there are.
    names: Vec<String>,
    others: usize,
    tempos: Vec<(u64, u32)>,
    /// The last time signature of all, and whether it is 1/1.
    end: Option<(u64, bool)>,
    /// The level that a velocity of 127 stands for, if it is General MIDI of ours.
    top: Option<u8>,
    /// Where the first marker of a loop stands.
    loop_start: Option<u64>,
}

impl Listener for RawFile {
    fn begin_track(&mut self, _: usize) {
        self.end_track();
        self.raw = Some(RawTrack::default());
    }

    #[expect(clippy::inline_always, reason = "called for each event: reading a file takes a quarter longer otherwise")]
    #[inline(always)]
    fn hear(&mut self, now: u64, event: TrackEventKind<'_>) -> Result<(), TokenizerError> {
        let Some(raw) = &mut self.raw else { return Ok(()) };
        match event {
            TrackEventKind::Midi { message, .. } => raw.receive(now, message),
            TrackEventKind::Meta(MetaMessage::TrackName(name)) if raw.name.is_empty() => {
                raw.name = excerpt(&String::from_utf8_lossy(name));
                raw.voice = voice_named(name);
            }
            TrackEventKind::Meta(MetaMessage::Text(text)) if self.top.is_none() => self.top = marked(text),
            TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => self.tempos.push((now, tempo.as_int())),
            TrackEventKind::Meta(MetaMessage::TimeSignature(numerator, denominator, ..))
                if self.end.is_none_or(|(tick, _)| tick <= now) =>
            {
                self.end = Some((now, (numerator, denominator) == (1, 0)));
            }
            TrackEventKind::Meta(MetaMessage::Marker(text)) if text.eq_ignore_ascii_case(LOOP_MARKER) => {
                self.loop_start.get_or_insert(now);
            }
            _ => {}
        }
        Ok(())
    }
}

impl RawFile {
    fn end_track(&mut self) {
        let Some(raw) = self.raw.take() else { return };
        if let Some(voice) = raw.voice {
            match &mut self.voices[voice.index()] {
                Some(first) => first.append(raw),
                none => *none = Some(raw), // nearly always the only one
            }
            return;
        }
        self.others += 1;
        if self.names.len() < MAX_NAMES {
            let name = if raw.name.is_empty() { "unnamed".to_owned() } else { format!("{:?}", raw.name) };
            self.names.push(excerpt(&name));
        }
    }

    /// Whether a MIDI tick is a tick: a beat of ours has the tempo, rounded, that makes it one.
    fn counts_samples(&self, timing: Timing) -> bool {
        let Timing::Metrical(beat) = timing else { return false };
        self.top.is_some() && self.tempos.iter().all(|&(_, tempo)| tempo == tempo_of(beat.as_int()))
    }

    fn into_song(self, extent: Extent) -> Result<Song, TokenizerError> {
        let clock = if self.counts_samples(extent.timing) {
            Clock::of_samples()
        } else {
            Clock::new(extent.timing, self.tempos)
        };
        let end = match self.end {
            Some((tick, true)) => tick,
            _ => extent.last,
        };
        let mut length = clock.tick(end);
        let mut voices = self.voices;
        for (voice, raw) in Voice::ALL.into_iter().zip(&mut voices) {
            if let Some(raw) = raw {
                raw.tidy(voice, &clock);
                if let Some(top) = self.top {
                    raw.make_levels(voice, top);
                }
                length = length.max(raw.end());
            }
        }
        let length = TokenizerError::check_ticks(length)?;
        let mut tracks: [Track; 4] = Default::default();
        for ((voice, raw), track) in Voice::ALL.into_iter().zip(voices).zip(&mut tracks) {
            *track = raw.map(|raw| raw.track(voice)).transpose()?.unwrap_or_default();
        }
        let loop_start = self.loop_start.and_then(|tick| Ticks::new(clock.tick(tick)));
        Ok(Song::new(tracks, length)?.with_loop(loop_start))
    }
}

/// `p1`, `p2`, `tr` or `no`, in any case and with white space around; some programs end names with NUL.
fn voice_named(name: &[u8]) -> Option<Voice> {
    let end = name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let name = name.get(..end).unwrap_or_default().trim_ascii();
    Voice::ALL.into_iter().find(|voice| name.eq_ignore_ascii_case(voice.name().as_bytes()))
}

impl RawTrack {
    /// Takes a message of the track at a MIDI tick.
    fn receive(&mut self, now: u64, message: MidiMessage) {
        let mut change = |kind, value| self.changes.push(RawChange { tick: now, kind, value });
        match message {
            MidiMessage::Controller { controller, value } => match controller.as_int() {
                VELOCITY_CONTROLLER => change(ChangeKind::Velocity, value.as_int()),
                TIMBRE_CONTROLLER => change(ChangeKind::Timbre, value.as_int()),
                _ => {}
            },
            MidiMessage::NoteOn { key, vel } | MidiMessage::NoteOff { key, vel } => {
                let is_onset = vel.as_int() > 0 && matches!(message, MidiMessage::NoteOn { .. });
                let pitch = Pitch::saturating(key.as_int());
                let Some(held) = self.held.get_mut(usize::from(pitch.get())) else {
                    return;
                };
                if let Some((start, velocity)) = *held
                    && start < now
                {
                    self.notes.push(RawNote { start, end: now, pitch, velocity });
                    *held = None;
                }
                if is_onset {
                    *held = Some((now, vel.as_int()));
                }
            }
            _ => {}
        }
    }

    /// Takes what another track of the same voice holds.
    fn append(&mut self, other: Self) {
        self.notes.extend(other.notes);
        self.changes.extend(other.changes);
    }

    /// From MIDI time in the order of the file to ticks in the order of a song, one note at a time.
    fn tidy(&mut self, voice: Voice, clock: &Clock) {
        for note in &mut self.notes {
            (note.start, note.end) = (clock.tick(note.start), clock.tick(note.end));
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

    /// Once it is tidy, makes levels of the chip of the velocities and expressions of General MIDI, and pitches of the drums.
    fn make_levels(&mut self, voice: Voice, top: u8) {
        if voice == Voice::No {
            for note in &mut self.notes {
                note.pitch = Pitch::saturating(noise_pitch(note.pitch.get()));
            }
        }
        let (mut expression, mut changes) = (127, Vec::new());
        let mut given = std::mem::take(&mut self.changes).into_iter().peekable();
        let mut take = |until: u64, loudest: Option<u8>, expression: &mut u8, changes: &mut Vec<RawChange>| {
            while let Some(change) = given.next_if(|change| change.tick < until) {
                match (change.kind, loudest) {
                    (ChangeKind::Timbre, _) => changes.push(change),
                    (ChangeKind::Velocity, None) => *expression = change.value,
                    (ChangeKind::Velocity, Some(loudest)) => {
                        *expression = change.value;
                        changes.push(RawChange { value: level(change.value, loudest), ..change });
                    }
                }
            }
        };
        for note in &mut self.notes {
            take(note.start + 1, None, &mut expression, &mut changes);
            let loudest = peak(note.velocity, top);
            note.velocity = level(expression, loudest);
            if note.velocity == 0 {
                note.velocity = loudest;
                changes.push(RawChange { tick: note.start, kind: ChangeKind::Velocity, value: 0 });
            }
            take(note.end, Some(loudest), &mut expression, &mut changes);
        }
        take(u64::MAX, None, &mut expression, &mut changes);
        changes.sort_by_key(|change| (change.tick, change.kind));
        self.changes = changes;
    }

    /// Where it ends, once it is tidy.
    fn end(&self) -> u64 {
        let last_note = self.notes.last().map_or(0, |note| note.end);
        last_note.max(self.changes.last().map_or(0, |change| change.tick))
    }

    /// The track of a song no shorter than this.
    fn track(&self, voice: Voice) -> Result<Track, TokenizerError> {
        let highest = voice.default_velocity();
        let note = |&RawNote { start, end, pitch, velocity }: &RawNote| {
            let [start, end] = [start, end].map(Ticks::saturating);
            Note { start, end, pitch, velocity: Velocity::saturating(velocity).min(highest) }
        };
        let change = |&RawChange { tick, kind, value }: &RawChange| {
            let tick = Ticks::saturating(tick);
            let legal = voice.timbres().unwrap_or(0..=0);
            let to = match kind {
                ChangeKind::Velocity => Setting::Velocity(Velocity::saturating(value)),
                ChangeKind::Timbre => Setting::Timbre(Timbre::new(value).ok_or_else(|| {
                    let fault = SongFault::Timbre { legal, found: value };
                    TokenizerError::Song { voice, tick, fault }
                })?),
            };
            Ok(Change { tick, to })
        };
        Ok(Track {
            notes: self.notes.iter().map(note).collect(),
            changes: self.changes.iter().map(change).collect::<Result<_, TokenizerError>>()?,
        })
    }
}
