//! Separated and blended scores, against those of the original programs, and pickled disassemblies.

mod shared;

use lakhnes_apu::formats::{ndf, ndr, nlm, vgm};
use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::disassembly::Disassembly::{Ndf, Ndr, Nlm};
use lakhnes_tokenizer::perform::perform_score;
use lakhnes_tokenizer::score::{ExpressiveScore, Frame};
use lakhnes_tokenizer::separated::SeparatedScore;
use lakhnes_tokenizer::{tx1, tx2};
use proptest::prelude::*;
use serde_json::Value;
use shared::{SONGS, golden_arrays, golden_bytes, golden_text, log_writes, vgm_writes};

fn named(song: &str, ending: &str) -> String {
    format!("lawnmower/{song}.{ending}")
}

fn expressive(song: &str) -> Option<ExpressiveScore> {
    let arrays = golden_arrays(&named(song, "exprsco24.npz"))?;
    let nsamps = arrays["nsamps"].integers()[0];
    Some(ExpressiveScore::from_bytes(24.0, nsamps, &arrays["exprsco"].bytes).expect("a score"))
}

/// Compares the writes that play a score with those of the original.
fn check_writes(score: &ExpressiveScore, file: &str) {
    let Some(theirs) = golden_bytes(file) else {
        return;
    };
    let (ours, theirs) = (log_writes(&perform_score(score)), vgm_writes(&theirs));
    let place = ours.0.iter().zip(&theirs.0).position(|(ours, theirs)| ours != theirs);
    assert_eq!(place.map(|place| (place, ours.0[place], theirs.0[place])), None, "{file}");
    assert_eq!((ours.0.len(), ours.1), (theirs.0.len(), theirs.1), "{file}");
}

#[test]
fn separated_scores_and_their_writes_are_those_of_the_original() {
    for song in SONGS {
        let (Some(score), Some(arrays)) = (expressive(song), golden_arrays(&named(song, "seprsco24.npz"))) else {
            continue;
        };
        let separated = SeparatedScore::from_expressive(&score);
        assert!(separated.to_bytes() == arrays["seprsco"].bytes, "{song}");
        assert_eq!(arrays["nsamps"].integers(), [separated.nsamps]);
        assert_eq!(arrays["rate"].float().to_bits(), separated.rate.to_bits());
        check_writes(&separated.to_expressive().expect("a score"), &named(song, "seprsco24.vgm"));
    }
}

#[test]
fn blended_scores_and_their_writes_are_those_of_the_original() {
    for song in SONGS {
        let (Some(score), Some(text)) = (expressive(song), golden_text(&named(song, "blndsco24.json"))) else {
            continue;
        };
        let theirs: Value = serde_json::from_str(&text).expect("JSON");
        let blended = BlendedScore::from_expressive(&score);
        let ours: Vec<Vec<u8>> = blended.notes().map(<[u8]>::to_vec).collect();
        assert_eq!(theirs["blndsco"], serde_json::json!(ours), "{song}");
        assert_eq!(theirs["nsamps"], serde_json::json!(blended.nsamps));
        check_writes(&blended.to_expressive().expect("a score"), &named(song, "blndsco24.vgm"));
    }
}

#[test]
fn a_separated_score_has_no_expression() {
    let song = tx2::read("P1_NOTEON_60\nP1_VELOCITY_3\nP1_TIMBRE_2\nTR_NOTEON_40\nWT_441\nNO_NOTEON_7\nWT_441")
        .expect("a song");
    let score = SeparatedScore::from_song(&song, 100.0).expect("a score");
    assert_eq!(score.frames, [[60, 0, 40, 0], [60, 0, 40, 7]]);
    assert_eq!(score.to_expressive().expect("a score").frames[0], [[60, 15, 0], [0, 15, 0], [40, 0, 0], [0, 15, 0]]);
    let notes = tx1::write(&score.to_song().expect("a song"));
    assert_eq!(
        notes.replace('\n', " "),
        "P1_NOTEON_60 TR_NOTEON_40 WT_441 NO_NOTEON_7 WT_441 P1_NOTEOFF TR_NOTEOFF NO_NOTEOFF"
    );
}

#[test]
fn a_blended_score_gives_its_notes_to_the_voices_from_low_to_high() {
    let song =
        tx1::read("P1_NOTEON_72\nP2_NOTEON_60\nTR_NOTEON_60\nNO_NOTEON_7\nWT_441\nP1_NOTEOFF\nWT_441").expect("a song");
    let score = BlendedScore::from_song(&song, 100.0).expect("a score");
    assert_eq!(score.notes().collect::<Vec<_>>(), [[60, 60, 72].as_slice(), &[60, 60]]);
    let notes = tx1::write(&score.to_song().expect("a song"));
    assert_eq!(
        notes.replace('\n', " "),
        "P1_NOTEON_60 P2_NOTEON_60 TR_NOTEON_72 WT_441 TR_NOTEOFF WT_441 P1_NOTEOFF P2_NOTEOFF"
    );
}

#[test]
fn a_note_too_low_for_the_pulses_stays_with_the_triangle() {
    let low = BlendedScore::from_notes(24.0, 3_675, [[80, 21, 50].as_slice(), &[25]]).expect("a score");
    let frames = low.to_expressive().expect("a score").frames;
    assert_eq!(frames[0].map(|[note, ..]| note), [50, 80, 21, 0]);
    assert_eq!(frames[1].map(|[note, ..]| note), [0, 0, 25, 0]);
}

#[test]
fn what_no_voice_can_play_is_refused() {
    let blended = |notes: &[u8]| BlendedScore::from_notes(24.0, 1_837, [notes]).map_err(|error| error.to_string());
    assert_eq!(blended(&[40, 50, 60, 70]), Err("score: expected at most three notes, found 4 in frame 0".into()));
    assert_eq!(blended(&[21, 22]), Err("score: expected a note that p1 has, found 22 in frame 0".into()));
    assert_eq!(blended(&[109]), Err("score: expected a note that p1 has, found 109 in frame 0".into()));
    let separated = |bytes: &[u8]| SeparatedScore::from_bytes(24.0, 1_837, bytes).map_err(|error| error.to_string());
    assert_eq!(separated(&[0, 0, 0, 17]), Err("score: expected a note that no has, found 17 in frame 0".into()));
    assert_eq!(separated(&[0; 5]), Err("score: expected frames of 4 bytes, found 5 bytes".into()));
    assert!(BlendedScore::from_bytes(24.0, 1_837, &[0; 4]).is_err());
    assert!(SeparatedScore::from_bytes(0.0, 1_837, &[]).is_err());
}

/// `(24.0, 3675, numpy.array([[60, 0, 40, 16], [62, 0, 0, 1]], dtype=numpy.uint8))` under protocol 2 of Python 2.
const SEPARATED: &[&[u8]] = &[
    b"\x80\x02G@8\x00\x00\x00\x00\x00\x00M[\x0ecnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85",
    b"U\x01b\x87Rq\x03(K\x01K\x02K\x04\x86cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xff",
    b"J\xff\xff\xff\xffK\x00tb\x89U\x08<\x00(\x10>\x00\x00\x01tb\x87q\x06.",
];

#[test]
fn pickled_scores_are_read() {
    let separated = SeparatedScore::read_pickle(&SEPARATED.concat());
    let expected = SeparatedScore { rate: 24.0, nsamps: 3_675, frames: vec![[60, 0, 40, 16], [62, 0, 0, 1]] };
    assert_eq!(separated, Ok(expected.clone()));
    // The same in Fortran order.
    let mut fortran = SEPARATED.concat();
    let order = fortran.windows(3).rposition(|bytes| bytes == b"\x89U\x08").expect("the order");
    fortran[order] = 0x88;
    fortran[order + 3..order + 11].copy_from_slice(&[60, 62, 0, 0, 40, 0, 16, 1]);
    assert_eq!(SeparatedScore::read_pickle(&fortran), Ok(expected));
    let blended = [
        b"\x80\x02G@8\x00\x00\x00\x00\x00\x00M[\x0e]q\x01(]q\x02(K+K+K;e]q\x03K$a]q\x04e\x87q\x05.".as_slice(),
        b"(F24.0\nI3675\n(lp1\n(lp2\nI43\naI43\naI59\naa(lp3\nI36\naa(lp4\natp5\n.",
    ];
    for bytes in blended {
        let notes: Vec<Vec<u8>> =
            BlendedScore::read_pickle(bytes).expect("a score").notes().map(<[u8]>::to_vec).collect();
        assert_eq!(notes, [vec![43, 43, 59], vec![36], vec![]]);
    }
}

#[test]
fn pickles_of_other_things_are_told_apart() {
    let blended = |bytes: &[u8]| BlendedScore::read_pickle(bytes).expect_err("a refusal").to_string();
    let expected = "expected (rate, nsamps, list of lists of notes), found ";
    assert_eq!(blended(b"(F24.0\nI5\nNt."), format!("byte 10: {expected}a third part that is no list"));
    assert_eq!(blended(b"(F24.0\nI5\n(I1\nlt."), format!("byte 11: {expected}frame 0 that is no list"));
    assert_eq!(
        blended(b"(F24.0\nI5\n((I256\nllt."),
        format!("byte 17: {expected}frame 0 with something that is no note")
    );
    let rows = |bytes: &[u8]| Ndr.read_pickle(bytes).expect_err("a refusal").to_string();
    assert_eq!(rows(b"N."), "byte 0: expected a list of tuples of strings and integers, found another object");
    assert_eq!(
        rows(b"(Nl."),
        "byte 1: expected a list of tuples of strings and integers, found row 0 that is no sequence"
    );
    assert_eq!(
        rows(b"((S'a,b'\ntl."),
        "byte 2: expected a list of tuples of strings and integers, found row 0 with another field"
    );
    assert_eq!(
        rows(b"((S'clock'\nI1789773\nt(S'apu'\nS'18'\nS'00'\ntl."),
        "tuple 2: expected a register from 00 to 17, found \"18\""
    );
    assert_eq!(rows(b"Na."), "byte 1: expected an object on the stack, found none");
    assert_eq!(rows(b"NNa."), "byte 2: expected a list on the stack, found another object");
    assert_eq!(
        rows(b"cos\nsystem\n(S'true'\ntR."),
        "byte 0: expected a function that builds arrays, found \"os.system\""
    );
    let loop_in_itself = Ndr.read_pickle(b"(lp0\ng0\na.");
    assert!(loop_in_itself.is_err());
}

/// Rows as Python 2 pickles them under protocol 2: lists or tuples of short strings and integers, a thousand to a batch.
fn pickled(rows: &Value) -> Vec<u8> {
    let mut pickle = b"\x80\x02]q\x01".to_vec();
    for batch in rows.as_array().expect("rows").chunks(1_000) {
        pickle.push(b'(');
        for row in batch {
            pickle.push(b'(');
            for field in row.as_array().expect("a row") {
                if let Some(word) = field.as_str() {
                    pickle.extend([b'U', word.len() as u8]);
                    pickle.extend(word.bytes());
                } else {
                    pickle.push(b'J');
                    pickle.extend((field.as_i64().expect("an integer") as i32).to_le_bytes());
                }
            }
            pickle.push(b't');
        }
        pickle.push(b'e');
    }
    pickle.push(b'.');
    pickle
}

#[test]
fn pickled_disassemblies_are_read() {
    for song in SONGS {
        let Some(source) = golden_bytes(&named(song, "vgm")) else {
            continue;
        };
        let rows = |ending: &str| {
            let json = golden_bytes(&named(song, ending)).expect("JSON");
            pickled(&serde_json::from_slice(&json).expect("JSON"))
        };
        let log = vgm::read(&source).expect("a VGM file");
        let again = |text: Result<String, _>| text.expect("a text");
        assert_eq!(Ndr.read_pickle(&rows("ndr.json.gz")).ok(), ndr::read(&again(ndr::write(&log))).ok(), "{song}");
        assert_eq!(Ndf.read_pickle(&rows("ndf.json.gz")).ok(), ndf::read(&again(ndf::write(&log))).ok(), "{song}");
        assert_eq!(Nlm.read_pickle(&rows("nlm.json.gz")).ok(), nlm::read(&again(nlm::write(&log))).ok(), "{song}");
    }
    let small = serde_json::json!([["clock", 1_662_607], ["p1_vo", 3], ["w", 9], ["p1_du", 2]]);
    let log = Nlm.read_pickle(&pickled(&small)).expect("a log");
    assert_eq!((log.clock_hz, log.length), (1_662_607, 9));
    assert_eq!(log.writes.iter().map(|write| (write.tick, write.value)).collect::<Vec<_>>(), [(0, 0x03), (9, 0x83)]);
    let small = serde_json::json!([["clock", 1_789_773], ["apu", "p1", "vo", 3, 0, 0]]);
    assert_eq!(Ndf.read_pickle(&pickled(&small)).expect("a log").writes.len(), 1);
    let small = serde_json::json!([["wait", 5], ["apu", "0b", "ff"]]);
    assert_eq!(Ndr.read_pickle(&pickled(&small)).expect("a log").writes[0].value, 0xFF);
}

#[test]
fn no_damage_to_a_pickle_makes_a_reader_panic() {
    let rows = serde_json::json!([
        ["clock", 1_662_607],
        ["apu", "0b", "00"],
        ["apu", "p1", "vo", 3, 0, 0],
        ["p1_vo", 3],
        ["w", 9]
    ]);
    let blended = b"\x80\x02G@8\x00\x00\x00\x00\x00\x00M[\x0e]q\x01(]q\x02(K+K+K;e]q\x03K$a]q\x04e\x87q\x05.";
    for whole in [pickled(&rows), SEPARATED.concat(), blended.to_vec()] {
        for place in 0..whole.len() {
            for byte in (0..=255).step_by(3) {
                let mut bytes = whole.clone();
                bytes[place] = byte;
                let errors = [
                    Ndr.read_pickle(&bytes).err(),
                    Ndf.read_pickle(&bytes).err(),
                    Nlm.read_pickle(&bytes).err(),
                    SeparatedScore::read_pickle(&bytes).err(),
                    BlendedScore::read_pickle(&bytes).err(),
                ];
                for error in errors.into_iter().flatten() {
                    assert_eq!(error.to_string().lines().count(), 1, "{error}");
                }
            }
        }
    }
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let note = |low: u8, high: u8| prop_oneof![Just(0), low..=high];
    (note(33, 108), note(33, 108), note(21, 108), note(1, 16), 0_u8..=15, 0_u8..=3)
        .prop_map(|(p1, p2, tr, no, v, t)| [[p1, v, t], [p2, 15 - v, t], [tr, 0, 0], [no, v, t & 1]])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_less_their_expression_are_fixed_points(frames in prop::collection::vec(any_frame(), 1..40)) {
        let nsamps = 1_838 * frames.len() as u64;
        let score = ExpressiveScore::from_frames(24.0, nsamps, frames).expect("a score");
        let separated = SeparatedScore::from_expressive(&score);
        prop_assert_eq!(SeparatedScore::from_expressive(&separated.to_expressive().expect("a score")), separated.clone());
        prop_assert_eq!(SeparatedScore::from_bytes(24.0, nsamps, &separated.to_bytes()), Ok(separated));
        let blended = BlendedScore::from_expressive(&score);
        prop_assert_eq!(BlendedScore::from_expressive(&blended.to_expressive().expect("a score")), blended.clone());
        prop_assert_eq!(BlendedScore::from_bytes(24.0, nsamps, &blended.to_bytes()), Ok(blended.clone()));
        prop_assert_eq!(BlendedScore::from_notes(24.0, nsamps, blended.notes()), Ok(blended));
    }
}
