//! A voice as pieces: stretches of sound that an instrument plays from its beginning.
//!
//! A note begins a piece, unless it follows at once upon one of at most two frames: such rows of notes are slides,
//! arpeggios and drums, whose volume runs on. A note whose volume rises again is struck again, and that begins a piece too.

use std::collections::HashMap;

use super::framed::{FrameNote, Line};
use super::instrument::{ATTACK, Codebook, Figure, Instrument, Sound, Voicing, distance, nearest, rises};
use crate::voice::Voice;

/// The longest note, in frames, whose successor plays on with its instrument.
pub(super) const SHORT: u64 = 2;

/// How unlike, a frame, an instrument may be that is kept although another one is nearer.
const TOLERANCE: u32 = 12;

/// What of a course tells it from others.
const COURSE: usize = 64;

/// A stretch of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// In frames.
    pub start: u64,
    pub end: u64,
    /// The pitch of the note that begins; `None` where the one that sounds is struck again.
    pub pitch: Option<u8>,
    /// Whether an attack must be written.
    pub struck: bool,
    /// Whose instrument plays; see [`slot`].
    pub slot: u8,
    pub voicing: Voicing,
    pub figure: Option<u8>,
    /// The notes within the piece that the figure does not play.
    pub inner: Vec<FrameNote>,
    /// Whether another sound, or the end of the song, follows at once.
    pub joined: bool,
    /// Whether the same note is struck again at the end.
    pub struck_again: bool,
}

/// Where a voice remembers its instrument: each pitch of the noise, which is a drum kit, has one of its own.
pub(super) const fn slot(voice: Voice, pitch: u8) -> u8 {
    if matches!(voice, Voice::No) { pitch } else { 0 }
}

/// The slots of a voice.
pub(super) const SLOTS: usize = 17;

/// Whether a note plays on with the instrument of the one before it.
pub(super) const fn continues(before: FrameNote, note: FrameNote) -> bool {
    before.end == note.start && before.end - before.start <= SHORT
}

/// The notes in rows of those that continue each other.
pub(super) fn groups(notes: &[FrameNote]) -> impl Iterator<Item = &[FrameNote]> {
    notes.chunk_by(|&before, &note| continues(before, note))
}

/// Takes voices apart; remembers which voicing is nearest to which course.
#[derive(Debug, Default)]
pub(super) struct Divider {
    known: HashMap<(bool, Vec<Sound>), Voicing>,
}

impl Divider {
    /// The pieces of a voice.
    pub(super) fn pieces(&mut self, voice: Voice, line: &Line, length: u64) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut playing = [Voicing::FIRST; SLOTS];
        for group in groups(&line.notes) {
            let (Some(&first), Some(&last)) = (group.first(), group.last()) else { continue };
            let begin = pieces.len();
            if voice.velocities().is_some() {
                self.divide(voice, line, group, &mut playing, &mut pieces);
            } else {
                pieces.push(Piece::silent(first.start, last.end, Some(first.pitch), 0));
            }
            for piece in &mut pieces[begin..] {
                piece.take_notes(group, Codebook::get().figures(voice));
            }
        }
        for index in 0..pieces.len() {
            let next = pieces.get(index + 1);
            let struck_again = next.is_some_and(|next| next.pitch.is_none());
            let follows = next.map_or(length, |next| next.start);
            let piece = &mut pieces[index];
            (piece.joined, piece.struck_again) = (piece.end == follows, struck_again);
        }
        pieces
    }

    /// Divides a group of notes where its volume rises, and chooses the instruments.
    fn divide(
        &mut self,
        voice: Voice,
        line: &Line,
        group: &[FrameNote],
        playing: &mut [Voicing; SLOTS],
        pieces: &mut Vec<Piece>,
    ) {
        let instruments = Codebook::get().instruments(voice);
        let (begin, end) = (group[0].start, group[group.len() - 1].end);
        let sounds = sounds_of(line, begin, end);
        let mut start = begin;
        let mut before = None; // the level at which the piece before ends
        while start < end {
            let pitch = pitch_at(group, start);
            let place = &mut playing[usize::from(slot(voice, pitch))];
            let mut cut = next_rise(&sounds, start - begin, start - begin + ATTACK).map_or(end, |at| begin + at);
            loop {
                let course = &sounds[(start - begin) as usize..(cut - begin) as usize];
                let voicing = self.choose(voice, course, before, *place, instruments).unwrap_or(*place);
                let last = voicing.sound(instruments, cut - start - 1).level;
                // A piece that ends too loud for a rise to be heard goes on to the next rise.
                if cut < end && !rises(last, LOUDEST_ATTACK) {
                    cut = next_rise(&sounds, start - begin, cut - begin + 1).map_or(end, |at| begin + at);
                    continue;
                }
                *place = voicing;
                let begins = group.iter().any(|note| note.start == start);
                pieces.push(Piece {
                    struck: start > begin,
                    voicing,
                    ..Piece::silent(start, cut, begins.then_some(pitch), slot(voice, pitch))
                });
                before = Some(last);
                break;
            }
            start = cut;
        }
    }

    /// The voicing of a course: the nearest one that rises far enough above the level before, or the one that plays
    /// already, if the two are alike.
    fn choose(
        &mut self,
        voice: Voice,
        course: &[Sound],
        before: Option<u8>,
        playing: Voicing,
        instruments: &[Instrument],
    ) -> Option<Voicing> {
        let course = &course[..course.len().min(COURSE)];
        let fits = |voicing: Voicing| before.is_none_or(|before| rises(before, voicing.sound(instruments, 0).level));
        let key = (voice == Voice::No, course.to_vec());
        let best = match self.known.get(&key) {
            Some(&voicing) => Some(voicing),
            None => nearest(course, instruments, |_| true).inspect(|&voicing| {
                self.known.insert(key, voicing);
            }),
        };
        let best = best.filter(|&voicing| fits(voicing)).or_else(|| nearest(course, instruments, fits))?;
        let chosen: Vec<Sound> = (0..course.len() as u64).map(|frame| best.sound(instruments, frame)).collect();
        let tolerance = TOLERANCE * course.len() as u32;
        let alike = fits(playing) && distance(&chosen, playing, instruments, tolerance) <= tolerance;
        Some(if alike { playing } else { best })
    }
}

/// The loudest first frame that an instrument has.
const LOUDEST_ATTACK: u8 = super::instrument::LOUDEST;

/// The first frame from `from` on in which the volume rises; `start` is where the piece began.
fn next_rise(sounds: &[Sound], start: u64, from: u64) -> Option<u64> {
    let from = from.max(start + ATTACK) as usize;
    (from..sounds.len()).find(|&at| rises(sounds[at - 1].level, sounds[at].level)).map(|at| at as u64)
}

/// A course as a song has it, before an instrument stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// The voice that plays it.
    pub voice: Voice,
    /// Its frames.
    pub sounds: Vec<Sound>,
}

/// The courses of a voice, parted where the volume rises.
pub(super) fn courses(voice: Voice, line: &Line) -> Vec<Course> {
    let mut courses = Vec::new();
    if voice.velocities().is_none() {
        return courses;
    }
    for group in groups(&line.notes) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let mut rest = sounds_of(line, first.start, last.end);
        while !rest.is_empty() {
            let cut = next_rise(&rest, 0, 0).map_or(rest.len(), |at| at as usize);
            let later = rest.split_off(cut);
            courses.push(Course { voice, sounds: rest });
            rest = later;
        }
    }
    courses
}

/// The steps of each row of notes that continue each other: semitones from the first, and frames.
pub(super) fn steps(notes: &[FrameNote]) -> Vec<Vec<(i8, u8)>> {
    let step = |first: FrameNote, note: &FrameNote| {
        let semitones = i16::from(note.pitch) - i16::from(first.pitch);
        Some((semitones as i8, u8::try_from(note.start - first.start).ok()?))
    };
    let rows = groups(notes).filter(|group| group.len() > 1);
    rows.filter_map(|group| group[1..].iter().map(|note| step(group[0], note)).collect()).collect()
}

fn sounds_of(line: &Line, start: u64, end: u64) -> Vec<Sound> {
    let sound = |frame: usize| Sound { level: line.levels[frame], timbre: line.timbres[frame] };
    (start as usize..end as usize).map(sound).collect()
}

fn pitch_at(group: &[FrameNote], frame: u64) -> u8 {
    group.iter().rev().find(|note| note.start <= frame).or(group.first()).map_or(0, |note| note.pitch)
}

impl Piece {
    fn silent(start: u64, end: u64, pitch: Option<u8>, slot: u8) -> Self {
        Self {
            start,
            end,
            pitch,
            struck: false,
            slot,
            voicing: Voicing::FIRST,
            figure: None,
            inner: Vec::new(),
            joined: false,
            struck_again: false,
        }
    }

    /// Takes the notes of the group that begin within the piece, and finds the longest figure that plays them.
    fn take_notes(&mut self, group: &[FrameNote], figures: &[Figure]) {
        let within = group.iter().filter(|note| note.start > self.start && note.start < self.end);
        self.inner = within.copied().collect();
        let Some(pitch) = self.pitch else { return };
        let plays = |figure: &Figure| {
            figure.steps.len() <= self.inner.len()
                && figure.steps.iter().zip(&self.inner).all(|(&(semitones, frame), note)| {
                    note.start - self.start == u64::from(frame)
                        && i16::from(note.pitch) - i16::from(pitch) == i16::from(semitones)
                })
        };
        let longest = (0..)
            .zip(figures)
            .filter(|(_, figure)| plays(figure))
            .max_by_key(|(index, figure)| (figure.steps.len(), std::cmp::Reverse(*index)));
        if let Some((index, figure)) = longest {
            self.figure = Some(index);
            self.inner.drain(..figure.steps.len());
        }
    }

    /// Its length in frames.
    pub(super) fn frames(&self) -> u64 {
        self.end - self.start
    }
}
