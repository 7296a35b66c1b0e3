//! Expression: dynamics, timbres and vibrato for songs that say nothing of them.
//!
//! A TX1 text has pitches and times only, so that every note of its plain performance lasts at full level, as on an organ.
//! [`Expression::Natural`] plays each note as NES music usually does: it decays to a sustain that depends on its voice and
//! length (`curves`), long notes before a rest fade, very long ones begin softly and sway after a while (`vibrato`),
//! drums decay by pitch and length, the duty of a pulse follows the length of the note, and the triangle, which has no
//! volume, leaves a frame between two notes of one pitch. A song that has velocities or timbres of its own keeps them and
//! is played as it stands.

pub(crate) mod curves;
pub(crate) mod vibrato;

use crate::error::TokenizerError;
use crate::song::{Change, ChangeKind, Note, Setting, Song, Track};
use crate::values::{Ticks, Timbre, Velocity};
use crate::voice::Voice;

/// How the notes of a song are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Expression {
    /// As they are written.
    #[default]
    Plain,
    /// With the dynamics and timbres of NES music, where the song has none of its own.
    Natural,
}

/// A frame of the console, in ticks: 1/60 s, the step in which its programs changed a sound.
pub(crate) const FRAME: u64 = 735;

/// The velocity at which a voice has its full level.
pub(crate) const LOUDEST: u8 = 15;

/// The longest note, in frames, that counts as part of a gesture: an ornament, or a step of an arpeggio or a slide.
pub(crate) const SHORT: u32 = 3;

/// The most frames that a slide into a note may take.
const SLIDE: u32 = 6;

/// Whether a song says nothing of dynamics and timbres: no timbre but the first, and in each voice one velocity throughout.
#[must_use]
pub fn is_flat(song: &Song) -> bool {
    song.tracks().iter().all(|track| constant_velocity(track).is_some())
}

/// The one velocity of a track, 15 for one without notes, if neither it nor the timbre ever changes.
fn constant_velocity(track: &Track) -> Option<Velocity> {
    let changes = &track.changes;
    let is_overridden =
        |note: &Note| changes.binary_search_by_key(&(note.start, ChangeKind::Velocity), Change::place).is_ok();
    let timbres = changes.iter().any(|change| matches!(change.to, Setting::Timbre(timbre) if timbre.get() != 0));
    let velocities = changes.iter().filter_map(|change| match change.to {
        Setting::Velocity(velocity) => Some(velocity),
        Setting::Timbre(_) => None,
    });
    let written = track.notes.iter().filter(|note| !is_overridden(note)).map(|note| note.velocity);
    let mut all = velocities.chain(written);
    let first = all.next().unwrap_or(Velocity::MAX);
    (!timbres && first.get() > 0 && all.all(|velocity| velocity == first)).then_some(first)
}

/// The song with the dynamics and timbres of NES music: a song of a TX2 text. One that [has its own](is_flat) comes back as
/// it is.
///
/// # Errors
/// [`TokenizerError::Limit`] for more changes than a song may have.
pub fn express(song: &Song) -> Result<Song, TokenizerError> {
    if !is_flat(song) {
        return Ok(song.clone());
    }
    let mut tracks = song.tracks().clone();
    for track in &mut tracks {
        let velocity = constant_velocity(track).unwrap_or(Velocity::MAX);
        track.changes.clear();
        track.notes.iter_mut().for_each(|note| note.velocity = velocity);
    }
    shape_all(&mut tracks);
    Ok(Song::new(tracks, song.length())?.with_loop(song.loop_start()))
}

/// Shapes the notes of a song, each as loud as its velocity says. Timbres of the pulses and changes of velocity give way.
pub(crate) fn shape_all(tracks: &mut [Track; 4]) {
    for (voice, track) in Voice::ALL.into_iter().zip(tracks) {
        match voice {
            Voice::Tr => articulate(&mut track.notes),
            _ => shape(voice, track),
        }
    }
}

/// The length of a note in frames, to the nearest and at least one.
pub(crate) fn frames(start: u64, end: u64) -> u32 {
    let frames = end.saturating_sub(start).saturating_add(FRAME / 2) / FRAME;
    u32::try_from(frames).unwrap_or(u32::MAX).max(1)
}

/// The length of a note in frames.
pub(crate) fn frames_of(note: &Note) -> u32 {
    frames(note.start.get(), note.end.get())
}

/// The notes that share one attack. A short note that follows another without a rest belongs to it, and so does a note of
/// any length that follows short ones of no more than [`SLIDE`] frames in all. (NES-MDB writes arpeggios, slides and trills
/// as notes of a frame or two: in them 28 % of the pulses' notes are.)
fn gestures(notes: &[Note]) -> Vec<&[Note]> {
    let mut gestures = Vec::new();
    let (mut first, mut only_short) = (0, true);
    for (index, note) in notes.iter().enumerate() {
        let short = frames_of(note) <= SHORT;
        let joined = index > first
            && notes.get(index - 1).is_some_and(|last| last.end == note.start)
            && (short
                || only_short
                    && notes.get(first).is_some_and(|first| frames(first.start.get(), note.start.get()) <= SLIDE));
        if index > first && !joined {
            gestures.extend(notes.get(first..index));
            (first, only_short) = (index, true);
        }
        only_short &= short;
    }
    gestures.extend(notes.get(first..).filter(|gesture| !gesture.is_empty()));
    gestures
}

/// Gives each gesture of a pulse or of the noise its envelope, as loud as its first note, and its timbre.
fn shape(voice: Voice, track: &mut Track) {
    let mut notes = Vec::with_capacity(track.notes.len());
    let mut changes = std::mem::take(&mut track.changes);
    changes.retain(|change| voice == Voice::No && change.kind() == ChangeKind::Timbre);
    let mut timbre = 0;
    let gestures = gestures(&track.notes);
    for (index, gesture) in gestures.iter().enumerate() {
        let (Some(first), Some(last)) = (gesture.first(), gesture.last()) else { continue };
        let (start, end) = (first.start.get(), last.end.get());
        let length = frames(start, end);
        let Some(curve) = curves::curve(voice, first.pitch.get(), length) else { continue };
        let next = gestures.get(index + 1).and_then(|next| next.first());
        let fades = voice != Voice::No
            && frames_of(last) > curves::RELEASED_FROM
            && next.is_none_or(|next| next.start > last.end);
        let level = |frame| {
            let level = curves::level(curve, frame).min(if fades { release(length, frame) } else { u8::MAX });
            Velocity::saturating(scaled(level, first.velocity.get()))
        };
        if let Some(duty) = curves::duty(voice, length).filter(|&duty| duty != timbre) {
            changes.push(Change::of_timbre(first.start, Timbre::saturating(duty)));
            timbre = duty;
        }
        // A note begins at the level of its frame, so that nothing changes at its onset.
        let frame_of = |tick: Ticks| ((tick.get() - start) / FRAME) as u32;
        notes.extend(gesture.iter().map(|note| Note { velocity: level(frame_of(note.start)), ..*note }));
        let steps = (1..length).map(|frame| (start + u64::from(frame) * FRAME, frame));
        let steps = steps.filter(|&(tick, frame)| tick < end && level(frame) != level(frame - 1));
        changes.extend(steps.map(|(tick, frame)| Change::of_velocity(Ticks::saturating(tick), level(frame))));
    }
    changes.sort_by_key(Change::place);
    (track.notes, track.changes) = (notes, changes);
}

/// A level of a note of a velocity.
pub(crate) const fn scaled(level: u8, velocity: u8) -> u8 {
    let scaled = (level * velocity + 7) / LOUDEST; // at most 14 · 15 + 7
    if scaled == 0 { 1 } else { scaled }
}

/// The level that a note of this length in frames must not exceed in a frame, if its end fades.
fn release(length: u32, frame: u32) -> u8 {
    let left = length.saturating_sub(frame) as usize;
    let step = curves::RELEASE.len().checked_sub(left);
    step.and_then(|step| curves::RELEASE.get(step)).copied().unwrap_or(u8::MAX)
}

/// Ends a note of the triangle a frame early where the same pitch follows at once, which would not be heard otherwise.
fn articulate(notes: &mut [Note]) {
    for index in 1..notes.len() {
        if let Some([note, next]) = notes.get_mut(index - 1..=index)
            && (note.end, note.pitch) == (next.start, next.pitch)
            && frames_of(note) > SHORT
        {
            note.end = Ticks::saturating(note.end.get() - FRAME);
        }
    }
}
