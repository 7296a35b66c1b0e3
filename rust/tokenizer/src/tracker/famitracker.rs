//! `FamiTracker` text export: a command a line.
//!
//! Source: Dn-FamiTracker's help, "Text import and export" and "Effect list". What is written is what the original's
//! version 0.4.2 knows, as all its descendants and `FamiStudio` read.

use std::collections::HashMap;
use std::fmt::Write;

use lakhnes_apu::Standard;

use super::module::{Action, Bar, CHANNELS, Cell, DPCM, Module};

/// The first line, to the letter.
pub const FIRST_LINE: &str = "# FamiTracker text export 0.4.2";

/// The most patterns of a channel, and the most places of the order.
pub const MAX_PATTERNS: usize = 128;

/// Keys of samples begin with C-1.
const FIRST_KEY: usize = 12;

const NAMES: [&str; 12] = ["C-", "C#", "D-", "D#", "E-", "F-", "F#", "G-", "G#", "A-", "A#", "B-"];

/// Writes a module. It has at most [`MAX_PATTERNS`] − 1 bars.
#[must_use]
pub fn write(module: &Module) -> String {
    let mut text = format!("{FIRST_LINE}\n\n# Song information\n");
    let tags = &module.tags;
    for (name, value) in [("TITLE", &tags.title), ("AUTHOR", &tags.artist), ("COPYRIGHT", &tags.date)] {
        line(&mut text, format_args!("{name:<15} {}", quoted(value, 31)));
    }
    text.push_str("\n# Song comment\n");
    line(&mut text, format_args!("COMMENT {}", quoted(&tags.game, 200)));
    text.push_str("\n# Global settings\n");
    line(&mut text, format_args!("MACHINE         {}", u8::from(module.standard == Standard::Pal)));
    text.push_str("FRAMERATE       0\nEXPANSION       0\nVIBRATO         1\nSPLIT           32\n\n");
    instruments(&mut text, module);
    track(&mut text, module);
    text.push_str("# End of export\n");
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}

/// A text in quotes: of the characters that every code page has, on one line.
fn quoted(text: &str, longest: usize) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' };
    let plain: String = text.chars().map(plain).take(longest).collect();
    format!("\"{}\"", plain.replace('"', "\"\""))
}

/// Sequences, samples and instruments.
fn instruments(text: &mut String, module: &Module) {
    let mut macros = Macros::default();
    let rows: Vec<String> = module
        .instruments
        .iter()
        .enumerate()
        .map(|(index, instrument)| {
            let volume = macros.index(0, wide(&instrument.volume), false);
            // An arpeggio that goes on for ever sets the pitch anew in every frame, so that a bend does not add up.
            let bends = !instrument.pitch.is_empty();
            let arpeggio = if bends && instrument.arpeggio.is_empty() { vec![0] } else { wide(&instrument.arpeggio) };
            let arpeggio = macros.index(1, arpeggio, bends);
            let pitch = macros.index(2, wide(&instrument.pitch), bends);
            let timbre = macros.index(4, wide(&instrument.timbre), false);
            format!(
                "INST2A03{index:4} {volume:5} {arpeggio:3} {pitch:3}  -1 {timbre:3} {}",
                quoted(&instrument.name, 100)
            )
        })
        .collect();
    text.push_str("# Macros\n");
    text.push_str(&macros.lines);
    text.push_str("\n# DPCM samples\n");
    for (index, sample) in module.samples.iter().enumerate() {
        line(text, format_args!("DPCMDEF {index:3} {:5} \"Sample {index}\"", sample.len()));
        for bytes in sample.chunks(32) {
            let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            line(text, format_args!("DPCM : {}", bytes.join(" ")));
        }
    }
    text.push_str("\n# Instruments\n");
    for row in rows {
        line(text, format_args!("{row}"));
    }
    let own = module.instruments.len();
    if !module.keys.is_empty() {
        line(text, format_args!("INST2A03{own:4}    -1  -1  -1  -1  -1 \"Samples\""));
    }
    for (key, sample) in module.keys.iter().enumerate() {
        let (octave, note) = ((key + FIRST_KEY) / 12, (key + FIRST_KEY) % 12);
        let looped = u8::from(sample.looped);
        let (index, rate) = (sample.sample, sample.rate);
        line(text, format_args!("KEYDPCM {own:3} {octave:3} {note:3} {index:5} {rate:3} {looped:3}     0  -1"));
    }
    text.push('\n');
}

fn wide<T: Copy + Into<i16>>(values: &[T]) -> Vec<i16> {
    values.iter().map(|&value| value.into()).collect()
}

/// Sequences that instruments share.
#[derive(Default)]
struct Macros {
    known: HashMap<(u8, Vec<i16>, bool), usize>,
    counts: [usize; 5],
    lines: String,
}

impl Macros {
    /// The number of a sequence; −1 for none. A held one repeats its last value for ever.
    fn index(&mut self, kind: u8, values: Vec<i16>, held: bool) -> i64 {
        if values.is_empty() {
            return -1;
        }
        let next = self.counts[usize::from(kind)];
        let key = (kind, values, held);
        if let Some(&index) = self.known.get(&key) {
            return index as i64;
        }
        let loop_point = if held { key.1.len() as i64 - 1 } else { -1 };
        let list: Vec<String> = key.1.iter().map(i16::to_string).collect();
        line(&mut self.lines, format_args!("MACRO {kind:7} {next:4} {loop_point:4}   -1    0 : {}", list.join(" ")));
        self.known.insert(key, next);
        self.counts[usize::from(kind)] += 1;
        next as i64
    }
}

/// One place of a pattern: note, instrument, volume, effects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    note: String,
    instrument: Option<usize>,
    volume: Option<u8>,
    effects: Vec<(char, u8)>,
}

impl Place {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn text(&self, columns: usize) -> String {
        let note = if self.note.is_empty() { "..." } else { &self.note };
        let instrument = self.instrument.map_or("..".to_owned(), |index| format!("{index:02X}"));
        let volume = self.volume.map_or(".".to_owned(), |volume| format!("{volume:X}"));
        let effects = (0..columns).map(|column| match self.effects.get(column) {
            Some((letter, value)) => format!(" {letter}{value:02X}"),
            None => " ...".to_owned(),
        });
        format!("{note} {instrument} {volume}{}", effects.collect::<String>())
    }
}

/// A pattern as it is written: a place a row.
type Places = Vec<Place>;

/// The patterns of all channels, and which of them each place of the order plays.
struct Sheet {
    patterns: [Vec<Places>; CHANNELS],
    order: Vec<[usize; CHANNELS]>,
    rows: usize,
}

fn track(text: &mut String, module: &Module) {
    let sheet = sheet(module);
    let speed = module.bars.first().and_then(|bar| bar.rows.first()).copied().unwrap_or(6);
    let tempo = if module.standard == Standard::Pal { 125 } else { 150 };
    text.push_str("# Tracks\n\n");
    line(text, format_args!("TRACK {:3} {speed:3} {tempo:3} {}", sheet.rows, quoted(&module.tags.title, 200)));
    let columns: [usize; CHANNELS] = std::array::from_fn(|channel| {
        let places = sheet.patterns[channel].iter().flatten();
        places.map(|place| place.effects.len()).max().unwrap_or_default().max(1)
    });
    line(text, format_args!("COLUMNS : {}\n", columns.map(|count| count.to_string()).join(" ")));
    for (index, patterns) in sheet.order.iter().enumerate() {
        let patterns = patterns.map(|pattern| format!("{pattern:02X}")).join(" ");
        line(text, format_args!("ORDER {index:02X} : {patterns}"));
    }
    text.push('\n');
    let count = sheet.patterns.iter().map(Vec::len).max().unwrap_or_default();
    for pattern in 0..count {
        line(text, format_args!("PATTERN {pattern:02X}"));
        for row in 0..sheet.rows {
            let place = |channel: usize| sheet.patterns[channel].get(pattern).and_then(|places| places.get(row));
            if row > 0 && (0..CHANNELS).all(|channel| place(channel).is_none_or(Place::is_empty)) {
                continue;
            }
            let empty = Place::default();
            let places: Vec<String> =
                (0..CHANNELS).map(|channel| place(channel).unwrap_or(&empty).text(columns[channel])).collect();
            line(text, format_args!("ROW {row:02X} : {}", places.join(" : ")));
        }
        text.push('\n');
    }
}

fn sheet(module: &Module) -> Sheet {
    let rows = module.bars.iter().map(|bar| bar.rows.len()).max().unwrap_or(1);
    let mut sheet = Sheet { patterns: Default::default(), order: Vec::new(), rows };
    let even = module.bars.iter().flat_map(|bar| &bar.rows).collect::<std::collections::HashSet<_>>().len() <= 1;
    for (index, bar) in module.bars.iter().enumerate() {
        let is_last = index + 1 == module.bars.len();
        let jump = match (is_last, module.loop_bar) {
            (true, Some(target)) => Some(('B', target as u8)),
            _ => (bar.rows.len() < rows).then_some(('D', 0)),
        };
        let place = std::array::from_fn(|channel| {
            let pattern = &module.patterns[channel][bar.patterns[channel]];
            let mut places = places(module, channel, pattern, bar);
            if channel == DPCM {
                direct(&mut places, bar, even, jump);
            }
            numbered(&mut sheet.patterns[channel], places)
        });
        sheet.order.push(place);
    }
    if module.loop_bar.is_none() {
        let place = std::array::from_fn(|channel| {
            let effects = if channel == DPCM { vec![('C', 0)] } else { Vec::new() };
            let silence = Place { note: "---".to_owned(), effects, ..Place::default() };
            numbered(&mut sheet.patterns[channel], vec![silence])
        });
        sheet.order.push(place);
    }
    sheet
}

/// The number of a pattern, which is kept if it is new.
fn numbered(patterns: &mut Vec<Places>, mut places: Places) -> usize {
    while places.last().is_some_and(Place::is_empty) {
        places.pop();
    }
    patterns.iter().position(|known| *known == places).unwrap_or_else(|| {
        patterns.push(places);
        patterns.len() - 1
    })
}

/// Adds to the places of the last channel what steers the song: the speed of the rows, and where it goes on.
fn direct(places: &mut Places, bar: &Bar, even: bool, jump: Option<(char, u8)>) {
    let mut before = None;
    for (row, &frames) in bar.rows.iter().enumerate() {
        if !even && before != Some(frames) {
            steer(&mut places[row], ('F', frames));
        }
        before = Some(frames);
    }
    if let (Some(effect), Some(last)) = (jump, places.last_mut()) {
        steer(last, effect);
    }
}

/// What steers the song is not to be delayed.
fn steer(place: &mut Place, effect: (char, u8)) {
    place.effects.retain(|(letter, _)| *letter != 'G');
    place.effects.push(effect);
}

fn places(module: &Module, channel: usize, pattern: &[Cell], bar: &Bar) -> Places {
    let mut places = vec![Place::default(); bar.rows.len()];
    for cell in pattern {
        let Some(place) = places.get_mut(usize::from(cell.row)) else { continue };
        let is_cut = cell.action == Some(Action::Cut);
        if is_cut && cell.delay > 0 && channel != DPCM {
            place.effects.push(('S', cell.delay));
            continue;
        }
        match cell.action {
            Some(Action::Play { note, instrument }) => {
                place.note = note_name(channel, note);
                place.instrument = Some(if channel == DPCM { module.instruments.len() } else { instrument.into() });
            }
            Some(Action::Cut) => "---".clone_into(&mut place.note),
            None => {}
        }
        place.volume = cell.volume.or(place.volume);
        let delay = (cell.delay > 0).then_some(('G', cell.delay));
        let timbre = cell.timbre.map(|timbre| ('V', timbre));
        let fine = cell.fine.map(|fine| ('P', (0x80 - i16::from(fine)) as u8));
        let level = cell.level.map(|level| ('Z', level));
        place.effects.extend([delay, timbre, fine, level].into_iter().flatten());
    }
    places
}

fn note_name(channel: usize, note: u8) -> String {
    let note = usize::from(note);
    match channel {
        3 => format!("{:X}-#", note & 15),
        DPCM => format!("{}{}", NAMES[(note + FIRST_KEY) % 12], (note + FIRST_KEY) / 12),
        _ => format!("{}{}", NAMES[note % 12], note / 12),
    }
}
