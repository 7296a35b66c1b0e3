//! `FamiStudio` text: an object a line, its attributes in quotes.
//!
//! No `Version`, by which a reader takes the text as its own. The song has `FamiStudio`'s tempo: the times of notes are
//! frames. Source: `FamiStudio`, `Docs/docs/export.md` ("Format Specification"), and what its reader
//! (`Source/IO/FamistudioTextFile.cs`) says beyond.

use std::collections::HashMap;
use std::fmt::{Display, Write};

use lakhnes_apu::Standard;

use super::module::{Action, Bar, CHANNELS, Cell, DPCM, Instrument, Module};

/// The most patterns of a song.
pub const MAX_PATTERNS: usize = 256;
/// The longest note of the tempo, in frames.
const MAX_NOTE_LENGTH: usize = 18;
/// The reader refuses songs whose patterns have more frames than this, divided by the frames of a note.
const MAX_DEFAULT: usize = 2_048;
/// The most frames that a note may be said to last.
const MAX_DURATION: usize = 65_535;
/// Keys of samples begin with C1; the first sixteen notes of the noise with G2, whose number ends in 0.
const FIRST_KEY: usize = 12;
const FIRST_NOISE: usize = 31;

const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const CHANNEL_TYPES: [&str; CHANNELS] = ["Square1", "Square2", "Triangle", "Noise", "DPCM"];

/// Writes a module. It has at most [`MAX_PATTERNS`] bars.
#[must_use]
pub fn write(module: &Module) -> String {
    let mut text = Text::default();
    let tags = &module.tags;
    let title = if tags.title.is_empty() { "Untitled" } else { &tags.title };
    text.object(0, "Project").with("TempoMode", "FamiStudio").with("Name", title);
    text.with("Author", &tags.artist).with("Copyright", &tags.date);
    if module.standard == Standard::Pal {
        text.with("PAL", "True");
    }
    instruments(&mut text, module);
    song(&mut text, module, title);
    text.finish()
}

/// A text under way.
#[derive(Default)]
struct Text {
    text: String,
}

impl Text {
    /// Begins a line.
    fn object(&mut self, depth: usize, name: &str) -> &mut Self {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.extend(std::iter::repeat_n('\t', depth));
        self.text.push_str(name);
        self
    }

    /// Adds an attribute to it.
    fn with(&mut self, name: &str, value: impl Display) -> &mut Self {
        let value = value.to_string().replace('"', "\"\"").replace(char::is_control, " ");
        // Writing to a string cannot fail.
        let _ = write!(self.text, " {name}=\"{value}\"");
        self
    }

    fn finish(mut self) -> String {
        self.text.push('\n');
        self.text
    }
}

fn list<T: Display>(values: impl IntoIterator<Item = T>, separator: &str) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(separator)
}

fn instruments(text: &mut Text, module: &Module) {
    for (index, sample) in module.samples.iter().enumerate() {
        let data = list(sample.iter().map(|byte| format!("{byte:02x}")), "");
        text.object(1, "DPCMSample").with("Name", format_args!("Sample {index}")).with("Data", data);
    }
    for Instrument { name, volume, arpeggio, pitch, timbre } in &module.instruments {
        text.object(1, "Instrument").with("Name", name);
        envelope(text, "Volume", volume);
        envelope(text, "Arpeggio", arpeggio);
        envelope(text, "Pitch", pitch);
        envelope(text, "DutyCycle", timbre);
    }
    if !module.keys.is_empty() {
        text.object(1, "Instrument").with("Name", "Samples");
    }
    for (key, sample) in module.keys.iter().enumerate() {
        text.object(2, "DPCMMapping").with("Note", name(key + FIRST_KEY));
        text.with("Sample", format_args!("Sample {}", sample.sample)).with("Pitch", sample.rate);
        text.with("Loop", if sample.looped { "True" } else { "False" });
    }
}

fn envelope<T: Display>(text: &mut Text, kind: &str, values: &[T]) {
    if !values.is_empty() {
        text.object(2, "Envelope").with("Type", kind).with("Length", values.len());
        if kind == "Pitch" {
            text.with("Relative", "False");
        }
        text.with("Values", list(values, ","));
    }
}

fn name(note: usize) -> String {
    format!("{}{}", NAMES[note % 12], note / 12)
}

/// How a bar is counted: the number of notes, and the frames of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measure {
    notes: usize,
    frames: usize,
}

impl Measure {
    /// The rows of a bar where they are even and short enough, otherwise the longest notes that divide it.
    fn of(bar: &Bar, longest: usize) -> Self {
        let total = bar.frames();
        let row = usize::from(bar.rows.first().copied().unwrap_or(1));
        let even = bar.rows.iter().all(|&other| usize::from(other) == row);
        let divides = |frames: &usize| total.is_multiple_of(*frames);
        let frames =
            if even && (1..=longest).contains(&row) { row } else { (1..=longest).rev().find(divides).unwrap_or(1) };
        Self { notes: total / frames, frames }
    }

    /// The measure that the whole song has unless a bar says otherwise: that of its bars, if the reader takes it.
    fn of_song(module: &Module) -> Self {
        let mut counts: HashMap<usize, usize> = HashMap::new();
        module.bars.iter().for_each(|bar| *counts.entry(bar.frames()).or_default() += 1);
        let usual = module.bars.iter().max_by_key(|bar| counts.get(&bar.frames()));
        let Some(bar) = usual else { return Self { notes: 16, frames: 6 } };
        let measure = Self::of(bar, MAX_NOTE_LENGTH);
        let most = (MAX_DEFAULT / (measure.frames * measure.frames)).max(1);
        Self { notes: measure.notes.min(most), ..measure }
    }

    fn beat(self) -> usize {
        self.notes.min(4)
    }
}

fn song(text: &mut Text, module: &Module, title: &str) {
    let measure = Measure::of_song(module);
    let loop_point = module.loop_bar.map_or(-1, |bar| bar as i64);
    text.object(1, "Song").with("Name", title).with("Length", module.bars.len()).with("LoopPoint", loop_point);
    text.with("PatternLength", measure.notes).with("BeatLength", measure.beat()).with("NoteLength", measure.frames);
    text.with("Groove", measure.frames).with("GroovePaddingMode", "Middle");
    for (index, bar) in module.bars.iter().enumerate() {
        let own = Measure::of(bar, MAX_NOTE_LENGTH);
        if own != measure {
            text.object(2, "PatternCustomSettings").with("Time", index).with("Length", own.notes);
            text.with("NoteLength", own.frames).with("Groove", own.frames).with("GroovePaddingMode", "Middle");
            text.with("BeatLength", own.beat());
        }
    }
    for (channel, kind) in CHANNEL_TYPES.into_iter().enumerate() {
        text.object(2, "Channel").with("Type", kind);
        patterns(text, module, channel);
    }
}

/// The patterns of a channel and where they are played. A pattern that is played by bars of other rows is another.
fn patterns(text: &mut Text, module: &Module, channel: usize) {
    let lasting = lasting(module, channel);
    let mut names: HashMap<(usize, &[u8]), usize> = HashMap::new();
    let mut longest: Vec<(usize, &Bar, usize)> = Vec::new();
    let mut instances = Vec::new();
    for (bar, lasts) in module.bars.iter().zip(lasting) {
        let pattern = bar.patterns[channel];
        let index = *names.entry((pattern, &bar.rows)).or_insert(longest.len());
        match longest.get_mut(index) {
            Some((_, _, most)) => *most = lasts.max(*most),
            None => longest.push((pattern, bar, lasts)),
        }
        instances.push(index);
    }
    for (index, (pattern, bar, lasts)) in longest.iter().enumerate() {
        let cells = &module.patterns[channel][*pattern];
        if !cells.is_empty() {
            text.object(3, "Pattern").with("Name", format_args!("Pattern {}", index + 1));
            notes(text, module, channel, cells, bar, *lasts);
        }
    }
    for (time, index) in instances.into_iter().enumerate() {
        if !module.patterns[channel][longest[index].0].is_empty() {
            text.object(3, "PatternInstance").with("Time", time).with("Pattern", format_args!("Pattern {}", index + 1));
        }
    }
}

/// For each bar, how many frames the last note in it lasts, wherever it ends.
fn lasting(module: &Module, channel: usize) -> Vec<usize> {
    let mut next = module.frames();
    let mut start = next;
    let mut lasting = Vec::with_capacity(module.bars.len());
    for bar in module.bars.iter().rev() {
        start -= bar.frames();
        let actions: Vec<usize> = module.patterns[channel][bar.patterns[channel]]
            .iter()
            .filter(|cell| cell.action.is_some())
            .map(|cell| start + bar.frame_of(cell))
            .collect();
        lasting.push(actions.last().map_or(0, |last| next - last));
        next = actions.first().copied().unwrap_or(next);
    }
    lasting.reverse();
    lasting
}

fn notes(text: &mut Text, module: &Module, channel: usize, cells: &[Cell], bar: &Bar, lasts: usize) {
    let mut sounds = false;
    for (index, cell) in cells.iter().enumerate() {
        let time = bar.frame_of(cell);
        let is_cut = cell.action == Some(Action::Cut);
        if is_cut && sounds && cell.volume.is_none() && cell.level.is_none() {
            // The note before says how long it lasts.
            sounds = false;
            continue;
        }
        text.object(4, "Note").with("Time", time);
        match cell.action {
            Some(Action::Play { note, instrument }) => {
                let next = cells[index + 1..].iter().find(|cell| cell.action.is_some());
                let lasts = next.map_or(lasts, |next| bar.frame_of(next) - time).clamp(1, MAX_DURATION);
                let first = [0, 0, 0, FIRST_NOISE, FIRST_KEY][channel];
                text.with("Value", name(usize::from(note) + first)).with("Duration", lasts);
                if channel == DPCM {
                    // A sample with an attack would set the level.
                    text.with("Instrument", "Samples").with("Attack", "False");
                } else {
                    text.with("Instrument", &module.instruments[usize::from(instrument)].name);
                }
                sounds = true;
            }
            Some(Action::Cut) => {
                text.with("Value", "Stop");
                sounds = false;
            }
            None => {}
        }
        for (name, value) in [("Volume", cell.volume), ("DutyCycle", cell.timbre), ("DeltaCounter", cell.level)] {
            if let Some(value) = value {
                text.with(name, value);
            }
        }
        if let Some(fine) = cell.fine {
            text.with("FinePitch", fine);
        }
    }
}
