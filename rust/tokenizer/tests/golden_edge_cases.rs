//! Hand-made and random token lists, against what the original programs make of them.

mod shared;

use std::array::from_fn;
use std::collections::HashMap;

use base64::Engine as _;
use lakhnes_tokenizer::perform::{perform_runs, perform_score};
use lakhnes_tokenizer::score::{Frame, ScoreRuns};
use lakhnes_tokenizer::{Song, TokenizerError, midi, tx1, tx2};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

struct Case {
    name: String,
    tokens: Vec<String>,
    is_tx1: bool,
    json: Value,
}

impl Case {
    fn all() -> Vec<Self> {
        let Some(text) = shared::golden_text("edge_cases.json") else {
            return Vec::new();
        };
        let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        cases.into_iter().map(Self::new).collect()
    }

    fn new(json: Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        Self {
            name: format!("{} ({})", text(&json["name"]), text(&json["kind"])),
            tokens: strings(&json["tokens"]),
            is_tx1: json["kind"] == "tx1",
            json,
        }
    }

    fn read(&self) -> Result<Song, TokenizerError> {
        let text = self.tokens.join("\n");
        if self.is_tx1 { tx1::read(&text) } else { tx2::read(&text) }
    }

    fn write(&self, song: &Song) -> String {
        if self.is_tx1 { tx1::write(song) } else { tx2::write(song) }
    }

    fn midi(&self) -> Vec<u8> {
        let text = self.json["midi_b64"].as_str().expect("MIDI");
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
    }
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().expect("a list").iter();
    items.map(|item| item.as_str().expect("a string").to_owned()).collect()
}

/// What the original does differently on purpose of nobody, by its own tokens. Messages are (track, tick, is a note,
/// pitch or controller, velocity or value).
#[derive(Default)]
struct Oddities {
    /// Beginnings and ends of notes of no length, which the original writes, ends first, so that they never end.
    of_no_length: Vec<Message>,
    /// Notes still held at the end, which the original drops.
    held: Vec<Message>,
    /// Changes that another of the same kind at the same tick overrides, which the original writes in order of value.
    overridden: Vec<Message>,
}

type Message = (usize, u64, bool, u8, u8);

impl Oddities {
    fn of(case: &Case) -> Self {
        let mut odd = Self::default();
        let mut held: [Option<(u64, u8)>; 4] = [None; 4];
        let mut changes: HashMap<(usize, u64, u8), u8> = HashMap::new();
        let mut now = 0;
        for token in &case.tokens {
            let (voice, action) = token.split_once('_').expect("an event");
            if voice == "WT" {
                now += action.parse::<u64>().expect("a wait");
                continue;
            }
            let voice = ["P1", "P2", "TR", "NO"].iter().position(|&tag| tag == voice).expect("a voice");
            let (action, value) = action.split_once('_').unwrap_or((action, "0"));
            let value: u8 = value.parse().expect("a number");
            let controller = match action {
                "VELOCITY" => 11,
                "TIMBRE" => 12,
                _ => {
                    if let Some((start, pitch)) = held[voice].take()
                        && start == now
                    {
                        odd.of_no_length
                            .extend([(voice, now, true, pitch, loudest(voice)), (voice, now, true, pitch, 0)]);
                    }
                    held[voice] = (action == "NOTEON").then_some((now, value));
                    continue;
                }
            };
            if let Some(before) = changes.insert((voice, now, controller), value) {
                odd.overridden.push((voice, now, false, controller, before));
            }
        }
        for (voice, note) in held.into_iter().enumerate() {
            let lasting = note.filter(|&(start, _)| start < now);
            odd.held.extend(lasting.into_iter().flat_map(|(start, pitch)| {
                [(voice, start, true, pitch, loudest(voice)), (voice, now, true, pitch, 0)]
            }));
        }
        odd
    }

    fn is_empty(&self) -> bool {
        self.of_no_length.is_empty() && self.held.is_empty() && self.overridden.is_empty()
    }
}

fn loudest(voice: usize) -> u8 {
    if voice == 2 { 1 } else { 15 }
}

/// The notes and control changes of a file, in order of (track, tick, …).
fn messages(bytes: &[u8]) -> Vec<Message> {
    let smf = midly::Smf::parse(bytes).expect("MIDI");
    let mut messages = Vec::new();
    for (voice, track) in smf.tracks.iter().skip(1).enumerate() {
        let mut now = 0;
        for event in track {
            now += u64::from(event.delta.as_int());
            if let midly::TrackEventKind::Midi { message, .. } = event.kind {
                messages.extend(match message {
                    midly::MidiMessage::NoteOn { key, vel } => Some((voice, now, true, key.as_int(), vel.as_int())),
                    midly::MidiMessage::Controller { controller, value } => {
                        Some((voice, now, false, controller.as_int(), value.as_int()))
                    }
                    _ => None,
                });
            }
        }
    }
    messages.sort_unstable();
    messages
}

/// The cases that can be read; of the others a test of its own speaks.
fn legal_cases() -> Vec<(Case, Song)> {
    let cases = Case::all().into_iter();
    cases.filter_map(|case| case.read().ok().map(|song| (case, song))).collect()
}

#[test]
fn only_what_is_no_text_is_refused() {
    let refused: Vec<(String, String)> =
        Case::all().iter().filter_map(|case| Some((case.name.clone(), case.read().err()?.to_string()))).collect();
    let expected = [
        ("empty (tx1)", "expected TX1 events, one a line, found an empty text"),
        ("noise 0 (tx1)", "line 1: expected NO_NOTEON_1 to 16, found \"NO_NOTEON_0\""),
    ];
    if shared::golden("edge_cases.json").is_some() {
        assert_eq!(refused, expected.map(|(name, message)| (name.to_owned(), message.to_owned())));
    }
}

#[test]
fn midi_is_that_of_the_original_save_for_three_oddities() {
    for (case, song) in legal_cases() {
        let (ours, theirs) = (midi::write(&song).expect("bytes"), case.midi());
        let odd = Oddities::of(&case);
        if odd.is_empty() {
            assert!(ours == theirs, "{}", case.name);
        }
        let mut theirs = messages(&theirs);
        for message in odd.of_no_length.iter().chain(&odd.overridden) {
            let place = theirs.iter().position(|other| other == message);
            theirs.remove(place.unwrap_or_else(|| panic!("{}: {message:?} in the original", case.name)));
        }
        theirs.extend(odd.held);
        theirs.sort_unstable();
        assert_eq!(messages(&ours), theirs, "{}", case.name);
    }
}

#[test]
fn texts_come_back_as_from_the_original_with_one_velocity_a_note() {
    let mut compared = 0;
    for (case, song) in legal_cases() {
        if !Oddities::of(&case).is_empty() || !case.json["roundtrip"].is_array() {
            continue;
        }
        let mut theirs = strings(&case.json["roundtrip"]);
        if theirs == [""] {
            theirs.clear();
        }
        // The original repeats the default velocity of a note before the one that the text gives it.
        let is_velocity = |line: Option<&String>| line.is_some_and(|line| line.contains("_VELOCITY_"));
        let repeated: Vec<usize> = (1..theirs.len())
            .filter(|&line| {
                is_velocity(theirs.get(line - 1))
                    && is_velocity(theirs.get(line))
                    && theirs[line - 1][..2] == theirs[line][..2]
            })
            .collect();
        for line in repeated.into_iter().rev() {
            assert!(theirs.remove(line - 1).ends_with("_15"), "{}", case.name);
        }
        assert_eq!(case.write(&song), theirs.join("\n"), "{}", case.name);
        compared += 1;
    }
    assert!(compared >= 11 || shared::golden("edge_cases.json").is_none(), "{compared} cases");
}

fn golden_runs(case: &Case) -> Option<ScoreRuns> {
    let number = |value: &Value| value.as_u64().expect("a number");
    let (starts, frames) = (case.json["exprsco44100_rle"][0].as_array()?, case.json["exprsco44100_rle"][1].as_array()?);
    let values: Vec<Frame> =
        frames.iter().map(|frame| from_fn(|voice| from_fn(|column| number(&frame[voice][column]) as u8))).collect();
    Some(ScoreRuns { nsamps: number(&case.json["nsamps"]), starts: starts.iter().map(number).collect(), values })
}

#[test]
fn scores_are_those_of_the_original_where_its_midi_is_sound() {
    let mut compared = 0;
    for (case, song) in legal_cases() {
        let odd = Oddities::of(&case);
        if let Some(theirs) = golden_runs(&case)
            && odd.is_empty()
        {
            assert_eq!(ScoreRuns::from_song(&song), theirs, "{}", case.name);
            compared += 1;
        }
    }
    assert!(compared >= 11 || shared::golden("edge_cases.json").is_none(), "{compared} cases");
}

#[test]
fn every_score_is_performed_to_the_byte_as_by_the_original() {
    for case in Case::all() {
        let Some(runs) = golden_runs(&case) else {
            assert!(case.json["midi_to_exprsco_error"].is_string(), "{}", case.name);
            continue;
        };
        let digest = Sha256::digest(shared::nesmdb_vgm(&perform_runs(&runs)));
        let theirs = case.json["vgm_full_sha256"].as_str().expect("a checksum");
        let theirs = (0..theirs.len()).step_by(2).map(|at| u8::from_str_radix(&theirs[at..at + 2], 16));
        assert!(digest.iter().copied().map(Ok).eq(theirs), "{}", case.name);
        let vgm = case.json["vgm100_b64"].as_str().expect("a VGM file");
        let vgm = base64::engine::general_purpose::STANDARD.decode(vgm).expect("base64");
        let log = perform_score(&runs.downsample(100.0).expect("a score"));
        assert_eq!(shared::log_writes(&log), shared::vgm_writes(&vgm), "{}", case.name);
    }
}
