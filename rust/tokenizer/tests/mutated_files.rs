//! Hostile input: readers of songs on files that a machine has damaged.
//!
//! The quick suite reads some thousands of each kind; `make fuzz` a million. No reader may panic, hang, take much memory or
//! refuse a file without saying where.

mod mutations;
mod shared;

use std::fmt::Display;

use lakhnes_apu::RegisterLog;
use lakhnes_apu::formats::{ndf, ndr, nlm};
use lakhnes_tokenizer::augment::{AugmentOptions, augment, events_from_text, quantize_events};
use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::disassembly::Disassembly::{self, Ndf, Ndr, Nlm};
use lakhnes_tokenizer::score::ExpressiveScore;
use lakhnes_tokenizer::separated::SeparatedScore;
use lakhnes_tokenizer::{
    ArrangeOptions, Expression, PerformOptions, Song, Vocabulary, arrange, midi, perform, transcribe, tx1, tx2,
};
use mutations::{Kind, MAX_MEMORY, names_a_place, peak_memory, run};

/// A song of everything that TX2 has.
const SONG: &str = "WT_735 P1_NOTEON_60 P1_VELOCITY_9 P1_TIMBRE_2 P2_NOTEON_33 P2_VELOCITY_1 TR_NOTEON_21 NO_NOTEON_16 \
    NO_VELOCITY_15 NO_TIMBRE_1 WT_1470 P1_VELOCITY_3 NO_NOTEON_1 NO_VELOCITY_2 NO_TIMBRE_0 WT_735 P1_NOTEON_108 \
    P1_VELOCITY_15 TR_NOTEON_108 WT_88200 P1_NOTEOFF P2_NOTEOFF TR_NOTEOFF NO_NOTEOFF WT_44100 P2_NOTEON_72 WT_100";

const DISASSEMBLIES: [Disassembly; 3] = [Nlm, Ndf, Ndr];

/// The longest log that is transcribed here, in ticks: a minute.
const LONGEST: u64 = 60 * 44_100;

fn song() -> Song {
    tx2::read(&lines(SONG)).expect("a song")
}

fn lines(events: &str) -> String {
    events.split_ascii_whitespace().collect::<Vec<_>>().join("\n")
}

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// The reference results of those endings, where they are there and not too long to be read a million times.
fn golden(endings: &[&str]) -> Vec<Vec<u8>> {
    let files = endings.iter().map(|ending| format!("lawnmower/202_LawnMower_03_04OutofFuel.{ending}"));
    files
        .filter_map(|file| shared::golden_bytes(&file))
        .map(|mut bytes| {
            bytes.truncate(6_000);
            bytes
        })
        .collect()
}

/// What is done with a song that was read: it is whole, it is played, and it comes back from what is written of it.
fn use_song(song: &Song) {
    assert_eq!(shared::made_again(song).as_ref(), Ok(song));
    let again = tx2::read(&tx2::write(song));
    if let Ok(again) = again {
        assert_eq!(tx2::write(&again), tx2::write(song));
    }
    let bytes = midi::write(song).expect("MIDI");
    assert_eq!(midi::write(&midi::read(&bytes).expect("a song")).expect("MIDI"), bytes);
    if song.length().get() <= LONGEST {
        for expression in [Expression::Plain, Expression::Natural] {
            let log = perform(song, &PerformOptions { expression, downsample: None }).expect("a log");
            log.validate().expect("a log that is whole");
        }
    }
}

fn use_log(log: &RegisterLog) {
    log.validate().expect("a log that is whole");
    let again = ndr::read(&ndr::write(log).expect("a text")).expect("a log");
    assert_eq!(ndr::write(&again), ndr::write(log));
    if log.length <= LONGEST {
        let song = transcribe(log).expect("a song");
        assert_eq!(shared::made_again(&song), Ok(song));
    }
}

/// What a reader says that refuses.
fn said<T>(result: Result<T, impl Display>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

#[test]
fn midi_files() {
    let tempos = b"\0\xFF\x51\x03\x07\xA1\x20\0\xFF\x58\x04\x04\x02\x18\x08\x60\xFF\x51\x03\x03\0\0\0\xFF\x2F\0";
    let notes =
        b"\0\xC0\x50\0\xFF\x03\x04lead\0\xB0\x07\x64\0\x90\x3C\x64\x30\x40\x50\x30\x3C\0\x10\xE0\0\x50\x10\x90\x40\0\0\
        \x99\x24\x7F\x20\x26\x60\0\xF0\x03\x43\x10\xF7\x20\x89\x24\x40\0\xB0\x65\0\0\x64\0\0\x06\x0C\0\xFF\x2F\0";
    let chunk = |name: &[u8], data: &[u8]| [name, &(data.len() as u32).to_be_bytes(), data].concat();
    let general = [chunk(b"MThd", b"\0\x01\0\x02\0\x60"), chunk(b"MTrk", tempos), chunk(b"MTrk", notes)].concat();
    arrange(&general, &ArrangeOptions::default()).expect("a file to arrange");
    let mut seeds = vec![midi::write(&song()).expect("MIDI"), general];
    seeds.extend(golden(&["mid", "tx2.mid"]));
    let mut words = words(&["MTrk", "MThd\0\0\0\x06", "p1", "p2", "tr", "no", "\0\0\0\0", "\x7F\x7F\x7F\x7F"]);
    words.extend(
        [
            b"\x00\xFF\x2F\x00".as_slice(),
            b"\xFF\x51\x03\xFF\xFF\xFF",
            b"\xFF\x58\x04\x01\x00\x18\x08",
            b"\x90",
            b"\x80",
            b"\xB0\x0B",
            b"\xB0\x0C\x03",
            b"\xFF\xFF\xFF\x7F",
            b"\xF0\x7F",
            b"\xE0\x00\x7F",
            b"\x99\x24\x7F",
            b"\xE2\x50",
        ]
        .map(<[u8]>::to_vec),
    );
    run(&Kind { name: "MIDI", readers: &["song", "arranged"], seeds, words }, |bytes| {
        let song = midi::read(bytes);
        let arpeggio = bytes.len() % 2 == 0;
        let arranged = arrange(bytes, &ArrangeOptions { arpeggio });
        if let Ok((song, report)) = &arranged {
            use_song(song);
            assert_eq!(report.placed + report.unplaced.len(), report.notes);
        }
        if let Ok(song) = &song {
            use_song(song);
        }
        vec![said(song), said(arranged)]
    });
}

#[test]
fn texts_of_events() {
    let mut seeds = vec![lines(SONG).into_bytes(), tx1::write(&song()).into_bytes()];
    seeds.extend(golden(&["tx1.txt", "tx2.txt"]));
    let words = words(&[
        "WT_",
        "\nWT_1905120000\n",
        "P1_NOTEON_",
        "TR_NOTEOFF\n",
        "NO_TIMBRE_1\n",
        "TR_VELOCITY_1\n",
        "_",
        "\n\n",
        "\r\n",
        " ",
        "<S>",
        "P2_NOTEON_33\n",
        "\u{FEFF}",
        "é",
    ]);
    let vocabularies = [Vocabulary::tx1(), Vocabulary::tx2()];
    run(&Kind { name: "TX", readers: &["TX1", "TX2"], seeds, words }, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let results = [tx1::read(&text), tx2::read(&text)];
        for (result, vocabulary) in results.iter().zip(&vocabularies) {
            let events = events_from_text(&text, vocabulary);
            assert_eq!(events.is_ok(), result.is_ok());
            if let (Ok(song), Ok(events)) = (result, events) {
                use_song(song);
                let transpose = (bytes.len() % 13) as i8 - 6;
                let options = AugmentOptions { transpose, switch_pulses: true, ..AugmentOptions::default() };
                let ids = quantize_events(&augment(&events, &options), true);
                assert_eq!((ids.first(), ids.last()), (Some(&0), Some(&0)));
            }
        }
        results.map(said).to_vec()
    });
}

/// A log of every function.
fn log() -> RegisterLog {
    let mut log = perform(&song(), &PerformOptions::default()).expect("a log");
    log.writes.truncate(60);
    log.length = log.writes.last().expect("a write").tick + 735;
    log
}

#[test]
fn disassemblies() {
    let log = log();
    let texts = [nlm::write(&log), ndf::write(&log), ndr::write(&log)].map(|text| text.expect("a text").into_bytes());
    let mut seeds = texts.to_vec();
    seeds.extend(golden(&["ndf.txt.gz", "ndr.txt.gz"]));
    let words = words(&[
        "clock,1789773\n",
        "w,",
        "wait,",
        "apu,",
        "p1_du,",
        "ch_no,1\n",
        "fc_mo,1\n",
        ",",
        ",,,,,,,,",
        "apu,17,c0\n",
        "apu,p1,ll,31,0,3\n",
        "w,4294967295\n",
        "\n",
        "+1",
    ]);
    run(&Kind { name: "disassemblies", readers: &["NLM", "NDF", "NDR"], seeds, words }, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let results = [nlm::read(&text), ndf::read(&text), ndr::read(&text)];
        results.iter().flatten().for_each(use_log);
        results.map(said).to_vec()
    });
}

#[test]
fn json_of_disassemblies() {
    let log = log();
    let mut seeds: Vec<Vec<u8>> =
        DISASSEMBLIES.iter().map(|form| form.write_json(&log).expect("JSON").into_bytes()).collect();
    // The same with white space wherever it may stand.
    let spaced = String::from_utf8_lossy(&seeds[0]).replace("],[", " ] ,\r\n\t[ ").replace(',', " , ");
    Nlm.read_json(spaced.as_bytes()).expect("a log");
    seeds.push(spaced.into_bytes());
    // Cut files are whole again after their last whole row.
    seeds.extend(golden(&["ndf.json.gz", "ndr.json.gz"]).into_iter().map(|mut json| {
        json.truncate(json.iter().rposition(|&byte| byte == b']').expect("a row") + 1);
        json.push(b']');
        json
    }));
    for seed in &seeds {
        assert!(DISASSEMBLIES.iter().any(|form| form.read_json(seed).is_ok()));
    }
    let mut words = words(&[
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "\"",
        ",",
        ":",
        "\\",
        "\n",
        "\"\"",
        "[],",
        "[[],[\"\"]],",
        "[null],",
        "[true],",
        "null",
        "NaN",
        "Infinity",
        "-Infinity",
        "-1",
        "-0",
        "1.0",
        "1e5",
        "1e400",
        "-9223372036854775809",
        "{\"a\":1,\"a\":2}",
        "{\"clock\":1789773},",
        "[\"clock\",1789773],",
        "[\"ch_no\",1],",
        "[\"apu\",\"17\",\"c0\"],",
        "[\"apu\",\"p1\",\"ll\",31,0,3],",
        "[\"w\",4294967295],",
        "[\"wait\",4294967295],",
        "[\"w\",\"735\"],",
        "\"w,735\"",
        "\\n",
        "\\u0000",
        "\\u002c",
        "\\u0077",
        "\\ud800",
        "\\ud83d\\ude00",
        "\\x",
        "\u{FEFF}",
        "é",
        "\u{2028}",
        "// no\n",
    ]);
    words.extend([b"\xFF\xFE".to_vec(), b"\"\xC3\"".to_vec(), b"\0".to_vec()]);
    words.extend([b"[".repeat(5_000), b"{\"a\":".repeat(5_000), b"9".repeat(5_000), b"\"w".repeat(2_000)]);
    words.push([b"\"".as_slice(), &b"a word ".repeat(2_000), b"\""].concat());
    run(&Kind { name: "JSON", readers: &["NLM", "NDF", "NDR"], seeds, words }, |bytes| {
        let logs = DISASSEMBLIES.map(|disassembly| disassembly.read_json(bytes));
        for (disassembly, log) in DISASSEMBLIES.iter().zip(&logs) {
            let Ok(log) = log else { continue };
            use_log(log);
            let json = disassembly.write_json(log).expect("JSON");
            let text = disassembly.write(log).expect("a text");
            assert_eq!(disassembly.read_json(json.as_bytes()).ok(), disassembly.read(&text).ok());
        }
        logs.map(said).to_vec()
    });
}

/// JSON that is as large as it may be: in a long run, else a small part of it.
#[test]
fn json_that_asks_for_as_much_as_it_can_is_read_within_the_memory() {
    let size = if std::env::var_os("LAKHNES_MUTATIONS").is_some() { (64 << 20) - 16 } else { 1 << 16 };
    for (what, start, part, end) in [
        ("functions", "[", "[\"p1_ll\",0],", "[]]"),
        ("waits", "[", "[\"w\",1],", "[]]"),
        ("empty rows", "[", "[],", "[\"w\",1]]"),
        ("fields", "[[", "0,", "0]]"),
        ("empty strings", "[[", "\"\",", "0]]"),
        ("lists in lists", "", "[", ""),
        ("objects in objects", "", "{\"a\":", ""),
        ("digits", "[[\"w\",", "9", "]]"),
        ("digits after the point", "[[\"w\",0.", "0", "1]]"),
        ("white space", "[", " \n", "[\"w\",1]]"),
        ("a string for all", "\"", "\u{E0001}", "\""),
        ("a string for a row", "[\"", "\\u0001", "\"]"),
        ("a string for a field", "[[\"", "\\u0001", "\"]]"),
    ] {
        let mut json = start.as_bytes().to_vec();
        json.reserve_exact(size + 16);
        while json.len() + part.len() < size {
            json.extend(part.bytes());
        }
        json.extend(end.bytes());
        let result = said(Nlm.read_json(&json));
        println!("{what}: {} bytes, {}", json.len(), result.as_ref().map_or_else(String::as_str, |()| "read"));
        assert!(result.err().is_none_or(|message| names_a_place(&message)), "{what}");
        assert!(peak_memory().is_none_or(|memory| memory <= MAX_MEMORY), "{what}: {:?} MiB", peak_memory());
    }
    println!("the process has taken at most {:?} MiB", peak_memory());
}

/// What Python's own machine would do with one of the seeds: make this file.
const SENTINEL: &str = "/tmp/lakhnes-executed-a-pickle";

#[test]
fn pickles() {
    let array = b"\x80\x02G@8\x00\x00\x00\x00\x00\x00M[\x0ecnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85\
        U\x01b\x87Rq\x03(K\x01K\x02K\x04K\x03\x87cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xff\
        J\xff\xff\xff\xffK\x00tb\x89U\x18<\x0f\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00>\x07\x00\x00\x00\x00(\x00\x00\x10\x03\x01tb\x87q\x06.";
    ExpressiveScore::read_pickle(array).expect("a score");
    let separated = b"\x80\x03G@8\x00\x00\x00\x00\x00\x00M[\x0ecnumpy._core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02C\x01bq\x03\x87q\x04Rq\x05(K\x01K\x02K\x04\x86q\x06cnumpy\ndtype\nq\x07X\x02\x00\x00\x00u1q\x08\x89\x88\x87q\x09Rq\n(K\x03X\x01\x00\x00\x00|q\x0bNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0cb\x88C\x08<>\x00\x00(\x00\x10\x01q\x0dtq\x0eb\x87q\x0f.";
    SeparatedScore::read_pickle(separated).expect("a score");
    let text = b"(F24.0\nI3675\n(lp1\n(lp2\nI43\naI43\naI59\naa(lp3\nI36\naa(lp4\natp5\n.";
    let blended = b"\x80\x02G@8\x00\x00\x00\x00\x00\x00M[\x0e]q\x01(]q\x02(K+K+K;e]q\x03K$a]q\x04e\x87q\x05.";
    let rows = b"((S'clock'\nI1789773\nt(S'apu'\nS'15'\nS'1f'\nt(S'wait'\nI735\ntl.";
    let functions = b"\x80\x02](X\x05\x00\x00\x00clockJM(\x1b\x00\x86X\x05\x00\x00\x00p1_voK\x03\x86X\x01\x00\x00\x00wM\xdf\x02\x86e.";
    Nlm.read_pickle(functions).expect("a log");
    let attack = format!("cos\nsystem\n(S'touch {SENTINEL}'\ntR.");
    let seeds =
        [array.as_slice(), separated, text, blended, rows, functions, attack.as_bytes()].map(<[u8]>::to_vec).to_vec();
    let mut words = words(&[
        "cos\nsystem\n",
        "cbuiltins\neval\n",
        "c_codecs\nencode\n",
        "cnumpy.core.multiarray\nscalar\n",
        "cnumpy\ndtype\n",
        "(",
        "t",
        "R",
        "b",
        "e",
        "a",
        "l",
        ")",
        "]",
        "I5\n",
        "g0\n",
        "p0\n",
        "S'touch /tmp/lakhnes-executed-a-pickle'\n",
        "0",
        "1",
        "N",
        ".",
    ]);
    words.extend(
        [
            b"\x85".as_slice(),
            b"\x86",
            b"\x87",
            b"\x93",
            b"\x94",
            b"h\x00",
            b"q\x00",
            b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"J\xff\xff\xff\x7f",
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
        ]
        .map(<[u8]>::to_vec),
    );
    let readers = &["exprsco", "seprsco", "blndsco", "NLM", "NDF", "NDR"];
    run(&Kind { name: "pickles", readers, seeds, words }, |bytes| {
        let scores = [
            ExpressiveScore::read_pickle(bytes).and_then(|score| score.to_song()),
            SeparatedScore::read_pickle(bytes).and_then(|score| score.to_song()),
            BlendedScore::read_pickle(bytes).and_then(|score| score.to_song()),
        ];
        scores.iter().flatten().for_each(use_song);
        let logs = DISASSEMBLIES.map(|disassembly| disassembly.read_pickle(bytes));
        logs.iter().flatten().for_each(use_log);
        scores.map(said).into_iter().chain(logs.map(said)).collect()
    });
    assert!(!std::path::Path::new(SENTINEL).exists(), "a pickle was executed");
}
