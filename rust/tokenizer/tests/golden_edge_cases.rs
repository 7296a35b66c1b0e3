//! Hand-made and random token lists, against what the original programs make of them.

mod shared;

use base64::Engine as _;
use lakhnes_tokenizer::score::ScoreRuns;
use lakhnes_tokenizer::{PerformOptions, Song, TokenizerError, midi, perform, tx1, tx2};
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

#[test]
fn survey() {
    let (mut midi_same, mut midi_other, mut back, mut rle, mut sha) = (0, vec![], vec![], vec![], vec![]);
    for case in Case::all() {
        let Ok(song) = case.read() else {
            println!("{}: {:?}", case.name, case.read());
            continue;
        };
        let ours = midi::write(&song).unwrap();
        if ours == case.midi() {
            midi_same += 1
        } else {
            midi_other.push(case.name.clone())
        }
        if case.json["roundtrip"].is_array() {
            if case.write(&song) != strings(&case.json["roundtrip"]).join("\n") {
                back.push(case.name.clone());
            }
        }
        // from their MIDI
        match midi::read(&case.midi()) {
            Err(e) => println!("{} {e}", case.name),
            Ok(song) => {
                let runs = ScoreRuns::from_song(&song).unwrap();
                let theirs: Vec<u64> = case.json["exprsco44100_rle"][0]
                    .as_array()
                    .map(|a| a.iter().map(|x| x.as_u64().unwrap()).collect())
                    .unwrap_or_default();
                let v: Vec<[[u8; 3]; 4]> = case.json["exprsco44100_rle"][1]
                    .as_array()
                    .map(|a| {
                        a.iter()
                            .map(|f| std::array::from_fn(|i| std::array::from_fn(|j| f[i][j].as_u64().unwrap() as u8)))
                            .collect()
                    })
                    .unwrap_or_default();
                if runs.starts != theirs || runs.values != v {
                    rle.push(case.name.clone());
                }
                let log = lakhnes_tokenizer::perform::perform_runs(&ScoreRuns {
                    nsamps: song.length,
                    starts: theirs,
                    values: v,
                });
                let d = Sha256::digest(shared::nesmdb_vgm(&log));
                let hex: String = d.iter().map(|b| format!("{b:02x}")).collect();
                if case.json["vgm_full_sha256"] != hex {
                    sha.push(case.name.clone());
                }
            }
        }
    }
    println!("midi same {midi_same}\n other {midi_other:?}\n back {back:?}\n rle {rle:?}\n sha {sha:?}");
}
