//! Which voice plays which note.

use super::parts::Part;
use super::source::Played;
use super::{Reason, Report, TOGETHER};
use crate::limits::TICKS_PER_SECOND;
use crate::values::Ticks;

/// A note below this is taken for the bass where no instrument is one (G3).
const BASS_BELOW: u8 = 55;

/// A note from here on (C4) goes to a pulse rather than to the triangle, where both rest.
const HIGH: u8 = 60;

/// Where the voices sound well, by the index of the line: the pulses from A♯1 (below, the sweep unit silences them), the
/// triangle where it is neither too low to be heard nor a whistle.
const COMPASS: [(u8, u8); 3] = [(34, 108), (34, 108), (33, 84)];

/// A voice that has rested for longer than this (2 s) belongs to no part any more.
const LONGEST_REST: u64 = 2 * TICKS_PER_SECOND;

const P1: usize = 0;
const P2: usize = 1;
const TR: usize = 2;

/// A note of a voice, or the chord that it plays in turns.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) start: Ticks,
    pub(super) end: Ticks,
    /// Up to where the pedal would hold it, if the voice has nothing else to play.
    ring: Ticks,
    pub(super) pitch: u8,
    /// Where the file has it.
    written: u8,
    pub(super) level: u8,
    pub(super) channel: u8,
    part: Part,
    /// The other pitches of an arpeggio.
    pub(super) chord: Vec<u8>,
}

impl Placed {
    /// Whether more than half of it has sounded at a tick of its own.
    const fn is_half_over(&self, tick: Ticks) -> bool {
        2 * (self.end.get() - tick.get()) < self.end.get() - self.start.get()
    }
}

/// The lines of P1, P2 and TR; notes by onset.
pub(super) fn assign(notes: &[Played], arpeggio: bool, report: &mut Report) -> [Vec<Placed>; 3] {
    let has_bass = notes.iter().any(|note| note.bass);
    let has_lead = notes.iter().any(|note| note.lead);
    let has_parts = notes.iter().any(|note| Some(note.part) != notes.first().map(|first| first.part));
    let mut stage = Stage { lines: Default::default(), has_lead, has_bass, has_parts, arpeggio };
    let mut rest = notes;
    while let Some(first) = rest.first() {
        let together = rest.partition_point(|note| note.start.get() <= first.start.get() + TOGETHER);
        let (group, later) = rest.split_at(together);
        stage.place_group(group, report);
        rest = later;
    }
    for placed in stage.lines.iter_mut().flatten() {
        placed.end = placed.end.max(placed.ring);
    }
    stage.lines
}

#[expect(clippy::struct_excessive_bools, reason = "what is known of the file, each for itself")]
struct Stage {
    lines: [Vec<Placed>; 3],
    /// Whether the file has a part for the melody, and one for the bass.
    has_lead: bool,
    has_bass: bool,
    /// Whether it has several parts.
    has_parts: bool,
    arpeggio: bool,
}

impl Stage {
    /// Places notes that begin together.
    fn place_group(&mut self, group: &[Played], report: &mut Report) {
        let mut waiting = without_doubles(group, report);
        let mut placed = [false; 3];
        if let Some(index) = self.bass_of(&waiting) {
            self.place(TR, &waiting.remove(index), report);
            placed[TR] = true;
        }
        if let Some(index) = self.melody_of(&waiting) {
            self.place(P1, &waiting.remove(index), report);
            placed[P1] = true;
        }
        if let Some(index) = waiting.iter().position(|note| note.counter) {
            self.place(P2, &waiting.remove(index), report);
            placed[P2] = true;
        }
        self.go_on(&mut waiting, &mut placed, report);
        while let Some((line, index)) = self.next_of(&waiting, placed) {
            self.place(line, &waiting.remove(index), report);
            placed[line] = true;
        }
        for note in waiting {
            if !self.join_chord(&note, report) {
                report.lose(note.start, note.channel, note.pitch, Reason::NoVoice);
            }
        }
    }

    /// Lets free voices go on with the part that they played last, each with the note nearest to its last one, so that a part
    /// does not wander from voice to voice. The triangle leaves high notes to the others; where a single part plays
    /// everything, there is nothing to go by.
    fn go_on(&mut self, waiting: &mut Vec<Played>, placed: &mut [bool; 3], report: &mut Report) {
        if !self.has_parts {
            return;
        }
        for line in [P1, P2, TR] {
            let Some(last) = self.lines.get(line).and_then(|line| line.last()) else { continue };
            let fits = |note: &Played| {
                note.part == last.part
                    && note.start.get() < last.end.get() + LONGEST_REST
                    && (line != TR || note.pitch < HIGH)
                    && self.is_free(line, note.start)
            };
            let fitting = waiting.iter().enumerate().filter(|(_, note)| !placed[line] && fits(note));
            let nearest = fitting.min_by_key(|(_, note)| note.pitch.abs_diff(last.written)).map(|(index, _)| index);
            if let Some(index) = nearest {
                self.place(line, &waiting.remove(index), report);
                placed[line] = true;
            }
        }
    }

    /// The bass: the lowest note of a bass; without one in the file a low note, if that is lower than what the triangle
    /// plays or that is half over.
    fn bass_of(&self, waiting: &[Played]) -> Option<usize> {
        if self.has_bass {
            return waiting.iter().rposition(|note| note.bass);
        }
        let index = waiting.iter().rposition(|note| !note.lead && !note.counter && note.pitch < BASS_BELOW)?;
        let note = waiting.get(index)?;
        let gives_way = self
            .sounding(TR, note.start)
            .is_none_or(|playing| note.pitch <= playing.written || playing.is_half_over(note.start));
        gives_way.then_some(index)
    }

    /// The melody: the note of the leading part; in a file without one the highest, unless the pulse holds a higher one.
    fn melody_of(&self, waiting: &[Played]) -> Option<usize> {
        if let Some(index) = waiting.iter().position(|note| note.lead) {
            return Some(index);
        }
        if self.has_lead {
            return None;
        }
        let index = waiting.iter().position(|note| !note.counter)?;
        let highest = waiting.get(index)?;
        let free = self.sounding(P1, highest.start).is_none_or(|playing| {
            highest.pitch >= playing.written
                || playing.is_half_over(highest.start) && playing.channel == highest.channel
        });
        free.then_some(index)
    }

    /// Of the other notes the next, and its line: the counter-melody first, then what rests, the lowest note the triangle; a
    /// line that sounds gives way only to the counter-melody, and only if none rests.
    fn next_of(&self, waiting: &[Played], placed: [bool; 3]) -> Option<(usize, usize)> {
        let (first, last) = (waiting.first()?, waiting.last()?);
        let rests = |line: usize| !placed[line] && self.is_free(line, first.start);
        if rests(P2) {
            return Some((P2, self.counter_melody_of(waiting)?));
        }
        let lowest = waiting.len() - 1;
        match (rests(P1), rests(TR)) {
            (_, true) if last.pitch < HIGH => Some((TR, lowest)),
            (true, _) => Some((P1, 0)),
            (false, true) => Some((TR, lowest)),
            (false, false) if !placed[P2] => Some((P2, self.counter_melody_of(waiting)?)),
            (false, false) => None,
        }
    }

    /// The counter-melody: the note nearest to the last one; at first, the highest.
    fn counter_melody_of(&self, waiting: &[Played]) -> Option<usize> {
        let last = self.lines[P2].last().map(|note| note.written);
        let distance = |note: &Played| last.map_or(0, |last| note.pitch.abs_diff(last));
        waiting.iter().enumerate().min_by_key(|(_, note)| distance(note)).map(|(index, _)| index)
    }

    /// What a line still plays at a tick, but for an overlap that is too short to be meant.
    fn sounding(&self, line: usize, tick: Ticks) -> Option<&Placed> {
        self.lines.get(line)?.last().filter(|note| note.end.get() > tick.get() + TOGETHER)
    }

    fn is_free(&self, line: usize, tick: Ticks) -> bool {
        self.sounding(line, tick).is_none()
    }

    fn place(&mut self, line: usize, note: &Played, report: &mut Report) {
        let (Some(placed), Some(&compass)) = (self.lines.get_mut(line), COMPASS.get(line)) else { return };
        if let Some(last) = placed.last_mut() {
            report.shortened += usize::from(last.end.get() > note.start.get() + TOGETHER);
            last.end = last.end.min(note.start);
            last.ring = last.ring.min(note.start);
        }
        let pitch = fold(note.pitch, compass);
        report.moved += usize::from(pitch != note.pitch);
        let Played { start, end, ring, pitch: written, level, channel, part, .. } = *note;
        placed.push(Placed { start, end, ring, pitch, written, level, channel, part, chord: Vec::new() });
    }

    /// Lets the second pulse play a note in turn with those that it has begun together with it.
    fn join_chord(&mut self, note: &Played, report: &mut Report) -> bool {
        let chord = self.lines[P2].last_mut();
        let Some(chord) =
            chord.filter(|chord| self.arpeggio && chord.start.get().abs_diff(note.start.get()) <= TOGETHER)
        else {
            return false;
        };
        let pitch = fold(note.pitch, COMPASS[P2]);
        report.moved += usize::from(pitch != note.pitch);
        report.arpeggiated += 1;
        chord.chord.push(pitch);
        true
    }
}

/// The notes of a group from the highest down, of each pitch the longest (the leading part's and a bass's first).
fn without_doubles(group: &[Played], report: &mut Report) -> Vec<Played> {
    let mut notes = group.to_vec();
    notes.sort_by_key(|note| std::cmp::Reverse((note.pitch, note.lead, note.bass, note.counter, note.end)));
    notes.dedup_by(|double, kept| {
        let same = double.pitch == kept.pitch;
        if same {
            report.lose(double.start, double.channel, double.pitch, Reason::Doubled);
        }
        same
    });
    notes
}

/// Moves a pitch by octaves into a compass of more than one.
pub(super) const fn fold(pitch: u8, (low, high): (u8, u8)) -> u8 {
    if pitch < low {
        pitch + (low - pitch).div_ceil(12) * 12
    } else if pitch > high {
        pitch - (pitch - high).div_ceil(12) * 12
    } else {
        pitch
    }
}

/// The compass of the voice of a line.
pub(super) const fn compass(triangle: bool) -> (u8, u8) {
    COMPASS[if triangle { TR } else { P1 }]
}
