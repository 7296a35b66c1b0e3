//! Notes of frames: where they begin and end, and the course of volume, timbre and pitch that each runs through.

use super::frames::{Frame, Tone};
use super::module::MAX_ENVELOPE;
use super::pitch::NoteTable;

/// Frames for which a pitch has to be held to be a note; what is shorter is an arpeggio or a grace note.
const HELD: usize = 4;
/// By how much the volume rises where a note is struck again.
const STRUCK: u8 = 3;
/// Frames from which the note of a course is taken: the one most heard.
const FIRST: usize = 6;
/// A deviation that is not heard: 1 part in 200 of the period, 9 cents.
const UNHEARD: i32 = 200;

/// Voices that share instruments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Group {
    /// Both pulses.
    Pulse,
    /// The triangle.
    Triangle,
    /// The noise: drums.
    Noise,
}

impl Group {
    /// The group of a voice.
    pub(super) const fn of(voice: usize) -> Self {
        match voice {
            0 | 1 => Self::Pulse,
            2 => Self::Triangle,
            _ => Self::Noise,
        }
    }

    /// What its instruments are called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pulse => "Pulse",
            Self::Triangle => "Triangle",
            Self::Noise => "Drum",
        }
    }
}

/// What a note does in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(super) struct Step {
    /// 0 to 15.
    pub(super) volume: u8,
    /// Duty or noise mode.
    pub(super) timbre: u8,
    /// Semitones above the note (for the noise: steps of its period).
    pub(super) arpeggio: i8,
    /// Steps of the timer beside that.
    pub(super) bend: i8,
}

/// A note.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// Its first frame.
    pub(super) start: usize,
    /// The first frame that it does not decide about: of the cut, of the next note, or of the end.
    pub(super) end: usize,
    /// Whether it has to be cut there.
    pub(super) cut: bool,
    /// The note in the table; 15 − period for the noise.
    pub(super) pitch: u8,
    /// Steps of the timer to be added throughout.
    pub(super) fine: i8,
    /// The timer that it has, for what a step of it means.
    pub(super) period: u16,
    /// What it does, frame by frame.
    pub(super) course: Vec<Step>,
}

/// Where the notes of a voice begin. What sounds at the loop point begins there, for it comes after two different frames.
/// `free` says whether one may begin at a frame when the last began at another.
pub(super) fn onsets(
    frames: &[Frame],
    voice: usize,
    table: &NoteTable,
    loop_frame: Option<usize>,
    free: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let tones: Vec<Tone> = frames.iter().map(|frame| frame[voice]).collect();
    let pitches: Vec<i32> = tones.iter().map(|&tone| pitch_of(tone, voice, table)).collect();
    let mut onsets: Vec<usize> = Vec::new();
    for frame in 0..tones.len() {
        let sounds = tones[frame].volume > 0;
        let begins = sounds
            && (frame == 0
                || loop_frame == Some(frame)
                || tones[frame - 1].volume == 0
                || is_struck(&tones, frame)
                || (pitches[frame] != pitches[frame - 1] && is_held(&pitches, frame)));
        if begins && onsets.last().is_none_or(|&last| free(last, frame)) {
            onsets.push(frame);
        }
    }
    onsets
}

fn is_struck(tones: &[Tone], frame: usize) -> bool {
    let rise = tones[frame].volume.saturating_sub(tones[frame - 1].volume);
    // An attack that rises over some frames begins once.
    let rises_already = frame >= 2 && tones[frame - 1].volume > tones[frame - 2].volume;
    rise >= STRUCK && !rises_already
}

fn is_held(pitches: &[i32], frame: usize) -> bool {
    pitches.iter().skip(frame).take(HELD).filter(|&&pitch| pitch == pitches[frame]).count() == HELD
}

/// The nearest note; −1 for silence.
fn pitch_of(tone: Tone, voice: usize, table: &NoteTable) -> i32 {
    match (tone.volume, voice) {
        (0, _) => -1,
        (_, 3) => 15 - i32::from(tone.period & 15),
        _ => table.nearest(tone.period).into(),
    }
}

/// The notes of a voice that begin at given frames. `cut_at` gives the frame at which a note that began at one frame, ends
/// at another and is followed by a third can be cut, if it can be.
pub(super) fn notes(
    frames: &[Frame],
    voice: usize,
    table: &NoteTable,
    onsets: &[usize],
    cut_at: impl Fn(usize, usize, usize) -> Option<usize>,
) -> Vec<Note> {
    let nexts = onsets.iter().skip(1).copied().chain([frames.len()]);
    let note = |(&start, next): (&usize, usize)| {
        let silence = (start..next).rev().take_while(|&frame| frames[frame][voice].volume == 0).count();
        let end = next - silence;
        let cut = if silence > 0 { cut_at(start, end, next) } else { None };
        let decided = cut.unwrap_or(next);
        // What is silent for long needs no course to say so.
        let length = (decided - start).min(if cut.is_some() { decided - start } else { end - start + silence.min(32) });
        let (pitch, fine, course) = course(&frames[start..start + length.min(MAX_ENVELOPE)], voice, table);
        let period = frames[start][voice].period;
        Note { start, end: decided, cut: cut.is_some(), pitch, fine, period, course }
    };
    onsets.iter().zip(nexts).map(note).collect()
}

/// What the frames of a note are: its pitch, what it is out of tune by, and its course.
pub(super) fn course(frames: &[Frame], voice: usize, table: &NoteTable) -> (u8, i8, Vec<Step>) {
    let tones: Vec<Tone> = frames.iter().map(|frame| frame[voice]).collect();
    let pitches: Vec<i32> = tones.iter().map(|&tone| pitch_of(tone, voice, table)).collect();
    let first = &pitches[..pitches.len().min(FIRST)];
    let heard = |pitch: &i32| first.iter().filter(|&other| other == pitch).count();
    let base = first.iter().rev().copied().filter(|&pitch| pitch >= 0).max_by_key(heard).unwrap_or_default();
    let mut last = Step { timbre: tones[0].timbre, ..Step::default() };
    let mut steps = Vec::with_capacity(tones.len());
    for (tone, pitch) in tones.iter().zip(pitches) {
        if tone.volume > 0 {
            let bend = if voice == 3 { 0 } else { i32::from(tone.period) - table.period(pitch) };
            let arpeggio = (pitch - base).clamp(-64, 63) as i8;
            last = Step { timbre: tone.timbre, arpeggio, bend: bend.clamp(-63, 63) as i8, volume: 0 };
        }
        steps.push(Step { volume: tone.volume, ..last });
    }
    let bend = steps[0].bend;
    let is_even = steps.iter().all(|step| step.bend == bend);
    let unheard = |step: &Step| i32::from(step.bend).abs() <= (i32::from(tones[0].period) / UNHEARD).max(1);
    let fine = if is_even && !unheard(&steps[0]) { bend } else { 0 };
    if is_even || steps.iter().all(unheard) {
        for step in &mut steps {
            step.bend = 0;
        }
    }
    (base as u8, fine, steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakhnes_apu::Standard;

    fn frames(tones: &[(u16, u8)]) -> Vec<Frame> {
        let tone = |&(period, volume)| Tone { period, volume, timbre: 2 };
        tones.iter().map(|pair| [tone(pair), Tone::default(), Tone::default(), Tone::default()]).collect()
    }

    #[test]
    fn a_note_begins_with_sound_with_a_blow_and_with_a_held_pitch() {
        let mut tones = vec![(0, 0); 3];
        tones.extend([(253, 12), (253, 10), (253, 8), (253, 6), (253, 11), (253, 9)]);
        tones.extend([(225, 8); 5]);
        let table = NoteTable::new(Standard::Ntsc);
        assert_eq!(onsets(&frames(&tones), 0, &table, None, |_, _| true), [3, 7, 9]);
    }

    #[test]
    fn what_changes_every_other_frame_is_an_arpeggio() {
        let tones: Vec<_> = (0..24).map(|frame| ([253, 201, 168][frame / 2 % 3], 10)).collect();
        let (frames, table) = (frames(&tones), NoteTable::new(Standard::Ntsc));
        let onsets = onsets(&frames, 0, &table, None, |_, _| true);
        assert_eq!(onsets, [0]);
        let notes = notes(&frames, 0, &table, &onsets, |_, end, _| Some(end));
        let arpeggio: Vec<_> = notes[0].course.iter().take(6).map(|step| step.arpeggio).collect();
        assert_eq!((notes[0].pitch, arpeggio), (45, vec![0, 0, 4, 4, 7, 7]));
    }

    #[test]
    fn a_note_out_of_tune_has_a_fine_pitch() {
        let (frames, table) = (frames(&[(257, 9); 8]), NoteTable::new(Standard::Ntsc));
        let notes = notes(&frames, 0, &table, &[0], |_, end, _| Some(end));
        assert_eq!((notes[0].fine, notes[0].course[3].bend), (4, 0));
    }
}
