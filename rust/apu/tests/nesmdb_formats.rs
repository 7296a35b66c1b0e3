//! The disassemblies of NES-MDB: against the files of the original programs, and from logs made here.

mod nesmdb;

use lakhnes_apu::formats::disassembly::Field;
use lakhnes_apu::formats::{ndf, ndr, nlm, simplify, vgm};
use lakhnes_apu::{ApuError, RegisterLog, Write};
use nesmdb::{SONGS, golden, json, log_of, plain_vgm};
use proptest::prelude::*;

fn golden_log(song: &str, ending: &str) -> Option<RegisterLog> {
    Some(vgm::read(&golden(song, ending)?).expect("a VGM file"))
}

fn golden_text(song: &str, ending: &str) -> Option<String> {
    Some(String::from_utf8(golden(song, ending)?).expect("a text"))
}

#[test]
fn simplified_files_are_byte_for_byte_those_of_the_original() {
    for song in SONGS {
        if let (Some(source), Some(theirs)) = (golden(song, "vgm"), golden(song, "simp.vgm")) {
            assert!(simplify::simplify(&source).expect("a VGM file") == theirs, "{song}");
        }
    }
}

#[test]
fn shortened_files_are_byte_for_byte_those_of_the_original() {
    for song in SONGS {
        if let (Some(log), Some(theirs)) = (golden_log(song, "vgm"), golden(song, "short_400_1000.vgm")) {
            let short = simplify::shorten(&log, 400, 1_000).expect("a log");
            assert!(plain_vgm(&short) == theirs, "{song}");
        }
    }
}

#[test]
fn disassemblies_are_byte_for_byte_those_of_the_original() {
    for song in SONGS {
        let Some(log) = golden_log(song, "vgm") else {
            continue;
        };
        assert!(golden_text(song, "ndr.txt.gz").is_none_or(|theirs| ndr::write(&log) == Ok(theirs)), "{song}");
        assert!(golden_text(song, "ndf.txt.gz").is_none_or(|theirs| ndf::write(&log) == Ok(theirs)), "{song}");
        let tuples = json(ndr::tuples(&log));
        assert!(golden_text(song, "ndr.json.gz").is_none_or(|theirs| tuples == theirs), "{song}");
        let tuples = json(ndf::tuples(&log));
        assert!(golden_text(song, "ndf.json.gz").is_none_or(|theirs| tuples == theirs), "{song}");
        let tuples = json(nlm::tuples(&log));
        assert!(golden_text(song, "nlm.json.gz").is_none_or(|theirs| tuples == theirs), "{song}");
    }
}

#[test]
fn disassemblies_become_the_files_of_the_original_again() {
    for song in SONGS {
        let Some(log) = golden_log(song, "vgm") else {
            continue;
        };
        let again = ndr::read(&ndr::write(&log).expect("a text")).expect("a log");
        assert!(golden(song, "ndr.vgm").is_none_or(|theirs| plain_vgm(&again) == theirs), "{song}");
        let again = ndf::read(&ndf::write(&log).expect("a text")).expect("a log");
        assert!(golden(song, "ndf.vgm").is_none_or(|theirs| plain_vgm(&again) == theirs), "{song}");
        let again = nlm::read(&nlm::write(&log).expect("a text")).expect("a log");
        // Theirs has two waits where the tokens between them were left out: the log is the same.
        assert!(golden_log(song, "nlm.vgm").is_none_or(|theirs| again == theirs), "{song}");
    }
}

/// Two frames: both pulses, the noise, a register without functions, the sample channel.
fn small_log() -> RegisterLog {
    log_of(
        &[
            (0, 0x15, 0x1F),
            (0, 0x00, 0xBF),
            (0, 0x10, 0x0F),
            (0, 0x09, 0x00),
            (0, 0x03, 0x0A),
            (0, 0x03, 0x0A),
            (7, 0x12, 0x01),
            (9, 0x00, 0xBE),
            (9, 0x0E, 0x87),
            (9, 0x17, 0xC0),
        ],
        20,
    )
}

#[test]
fn a_raw_disassembly_has_every_write_of_the_four_voices() {
    let text = "clock,1789773\napu,15,1f\napu,00,bf\napu,09,00\napu,03,0a\napu,03,0a\nwait,9\napu,00,be\napu,0e,87\n\
                apu,17,c0\nwait,11";
    assert_eq!(ndr::write(&small_log()).as_deref(), Ok(text));
    let again = ndr::read(text).expect("a log");
    assert_eq!(ndr::write(&again).as_deref(), Ok(text));
    assert_eq!((again.length, again.writes.len()), (20, 8));
}

#[test]
fn a_functional_disassembly_counts_atoms_from_every_wait() {
    let text = "clock,1789773\napu,ch,dm,1,0,0\napu,ch,no,1,0,0\napu,ch,tr,1,0,0\napu,ch,p2,1,0,0\napu,ch,p1,1,0,0\n\
                apu,p1,du,2,1,0\napu,p1,lh,1,1,0\napu,p1,cv,1,1,0\napu,p1,vo,15,1,0\napu,p1,ll,1,3,3\napu,p1,th,2,3,3\n\
                apu,p1,ll,1,4,3\napu,p1,th,2,4,3\nwait,9\napu,p1,du,2,0,0\napu,p1,lh,1,0,0\napu,p1,cv,1,0,0\n\
                apu,p1,vo,14,0,0\napu,no,nl,1,1,2\napu,no,np,7,1,2\napu,fc,mo,1,2,0\napu,fc,iq,1,2,0\nwait,11";
    assert_eq!(ndf::write(&small_log()).as_deref(), Ok(text));
    let again = ndf::read(text).expect("a log");
    let values: Vec<(u8, u8)> = again.writes.iter().map(|write| (write.register, write.value)).collect();
    assert_eq!(values, [(0x15, 0x1F), (0, 0xBF), (3, 0x0A), (3, 0x0A), (0, 0xBE), (0x0E, 0x87), (0x17, 0xC0)]);
}

#[test]
fn functions_of_one_atom_merge_where_the_first_stands_with_the_last_value() {
    let text = "apu,p1,vo,3,0,0\napu,p2,vo,1,1,0\napu,p1,vo,4,0,0\nwait,1\napu,p1,du,1,0,0";
    let writes = ndf::read(text).expect("a log").writes;
    let write = |tick, register, value| Write { tick, register, value };
    assert_eq!(writes, [write(0, 0, 0x04), write(0, 4, 0x01), write(1, 0, 0x44)]);
}

#[test]
fn tokens_leave_out_what_changes_nothing() {
    let text = "clock,1789773\nch_no,1\nch_tr,1\nch_p2,1\nch_p1,1\np1_du,2\np1_lh,1\np1_cv,1\np1_vo,15\np1_ll,1\np1_th,2\n\
                p1_ll,1\nw,9\np1_vo,14\nno_nl,1\nno_np,7\nfc_mo,1\nw,11";
    assert_eq!(nlm::write(&small_log()).as_deref(), Ok(text));
    let again = nlm::read(text).expect("a log");
    let values: Vec<(u8, u8)> = again.writes.iter().map(|write| (write.register, write.value)).collect();
    assert_eq!(values, [(0x15, 0x0F), (0, 0xBF), (3, 0x0A), (3, 0x0A), (0, 0xBE), (0x0E, 0x87), (0x17, 0x80)]);
}

#[test]
fn tuples_hold_names_bytes_and_numbers() {
    let log = small_log();
    assert_eq!(json(ndr::tuples(&log).take(2)), r#"[["clock",1789773],["apu","15","1f"]]"#);
    let tuple = nlm::tuples(&log).nth(1).expect("an event");
    assert_eq!(tuple.iter().map(|field| field.is_number()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(json(std::iter::once(tuple)), r#"[["ch_no",1]]"#);
    assert_eq!(Field::Hex(7).to_string(), "07");
}

#[test]
fn simplifying_clears_loop_and_volume_and_takes_out_what_four_voices_do_not_play() {
    let mut bytes = plain_vgm(&log_of(&[(3, 0x00, 0xBF)], 5));
    bytes[0x1C] = 0xA4;
    bytes[0x20] = 5;
    bytes[0x7C] = 9;
    let simple = {
        let mut simple = bytes.clone();
        (simple[0x1C], simple[0x20], simple[0x7C]) = (0, 0, 0);
        simple
    };
    let more: [&[u8]; 6] = [
        &[0xB4, 0x10, 0x0F],
        &[0x67, 0x66, 0xC2, 2, 0, 0, 0, 0x00, 0x80],
        &[0x51, 1, 2],
        &[0xB4, 0x11, 0x40],
        &[0xB4, 0x18, 0x40],
        &[0x80],
    ];
    bytes.splice(0xC0..0xC0, more.concat());
    let end = bytes.len() as u32 - 4;
    bytes[4..8].copy_from_slice(&end.to_le_bytes());
    assert_eq!(simplify::simplify(&bytes), Ok(simple));
    assert!(simplify::simplify(b"Vgm").is_err());
}

#[test]
fn a_part_of_a_log_begins_at_an_event_and_has_so_many() {
    let part = simplify::shorten(&small_log(), 4, 4).expect("a log");
    let write = |tick, register, value| Write { tick, register, value };
    assert_eq!(part.writes, [write(0, 3, 0x0A), write(9, 0, 0xBE), write(9, 0x0E, 0x87)]);
    assert_eq!(part.length, 9);
    let none = simplify::shorten(&small_log(), 400, 4).expect("a log");
    assert_eq!((none.writes.len(), none.length), (0, 0));
}

#[test]
fn what_is_no_event_is_told_with_its_line() {
    let message = |result: Result<RegisterLog, ApuError>| result.expect_err("a refusal").to_string();
    for (text, found) in [
        ("apu,18,00", "line 1: expected a register from 00 to 17, found \"18\""),
        ("\napu,00,+f", "line 2: expected a byte from 00 to ff, found \"+f\""),
        ("clock,5", "line 1: expected a clock of 1000000 to 4000000 Hz, found \"5\""),
        ("wait,-1", "line 1: expected a number of ticks up to 4294967295, found \"-1\""),
        ("w,1", "line 1: expected clock,HZ or wait,TICKS or apu,REGISTER,BYTE, found \"w,1\""),
        ("", "line 1: expected an event such as clock,1789773, found nothing"),
    ] {
        assert_eq!(message(ndr::read(text)), found);
    }
    for (text, found) in [
        ("apu,p3,du,0,0,0", "a channel and its function, found \"apu,p3,du,0,0,0\""),
        ("apu,p1,du,4,0,0", "a value that the function can have, found \"4\""),
        ("apu,p1,du,3,x,0", "the number of an atom, found \"x\""),
        ("apu,p1,du,3,0,1", "the offset of the function's register, found \"1\""),
    ] {
        assert_eq!(message(ndf::read(text)), format!("line 1: expected {found}"));
    }
    assert!(message(nlm::read("p1du,3")).contains("a function such as p1_du"));
    assert!(message(nlm::read(&"x".repeat(1_000))).len() < 200);
    assert!(message(ndr::read(&"wait,4294967295\n".repeat(300))).starts_with("line 257: length in ticks"));
}

fn any_log() -> impl Strategy<Value = RegisterLog> {
    let write = (0_u64..4, 0_u8..0x18, any::<u8>());
    (prop::collection::vec(write, 0..60), 0_u64..100_000).prop_map(|(writes, rest)| {
        let mut tick = 0;
        let timed = writes.into_iter().map(|(wait, register, value)| {
            tick += [0, 0, 1, 735][wait as usize];
            (tick, register, value)
        });
        let timed: Vec<_> = timed.collect();
        log_of(&timed, tick + rest)
    })
}

/// What is left of a log's registers at its end, the bits that `keep` leaves of each.
fn last_values(log: &RegisterLog, keep: impl Fn(u8) -> u8) -> [u8; 0x18] {
    let mut values = [0; 0x18];
    for write in &log.writes {
        values[usize::from(write.register)] = write.value & keep(write.register);
    }
    values
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_disassemblies_lose_only_the_sample_channel(log in any_log()) {
        let again = ndr::read(&ndr::write(&log).expect("a text")).expect("a log");
        let mut kept = log;
        kept.writes.retain(|write| !(0x10..=0x13).contains(&write.register));
        prop_assert_eq!(again, kept);
    }

    #[test]
    fn functional_disassemblies_lose_only_bits_that_do_nothing(log in any_log()) {
        let text = ndf::write(&log).expect("a text");
        let again = ndf::read(&text).expect("a log");
        let mask = |register: u8| match register {
            0x09 | 0x0D | 0x10..=0x14 | 0x16 => 0,
            0x0C => 0x3F,
            0x0E => 0x8F,
            0x0F => 0xF8,
            0x15 => 0x1F,
            0x17 => 0xC0,
            _ => 0xFF,
        };
        let writes = log.writes.iter().filter(|write| mask(write.register) != 0);
        let writes: Vec<Write> = writes.map(|&write| Write { value: write.value & mask(write.register), ..write }).collect();
        prop_assert_eq!(&again.writes, &writes);
        prop_assert_eq!(again.length, log.length);
    }

    #[test]
    fn tokens_leave_every_register_as_it_was_however_often(log in any_log()) {
        // Functions merge one by one, so values that a register only has within a tick may go in any of the passes.
        let pass = |log: &RegisterLog| nlm::read(&nlm::write(log).expect("a text")).expect("a log");
        let again = pass(&log);
        let mask = |register: u8| match register {
            0x09 | 0x0D | 0x10..=0x14 | 0x16 => 0,
            0x0C => 0x3F,
            0x0E => 0x8F,
            0x0F => 0xF8,
            0x15 => 0x0F,
            0x17 => 0x80,
            _ => 0xFF,
        };
        for passed in [&again, &pass(&again), &pass(&pass(&again))] {
            prop_assert_eq!(last_values(passed, mask), last_values(&log, mask));
            prop_assert_eq!(passed.length, log.length);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "(clock|apu|wait|w|p1_vo|no_ll)?(,(p1|fc|du|mo|0?[0-9a-f]|[0-9]{1,12})){0,7}(\\PC|\n){0,9}") {
        for error in [ndr::read(&text), ndf::read(&text), nlm::read(&text)].into_iter().filter_map(Result::err) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }

    #[test]
    fn no_bytes_make_simplifying_panic(place in 0_usize..230, byte in any::<u8>(), cut in 0_usize..260) {
        let mut bytes = plain_vgm(&log_of(&[(3, 0x00, 0xBF), (80_000, 0x12, 0x10), (80_000, 0x01, 0x08)], 80_009));
        if let Some(place) = bytes.get_mut(place) {
            *place = byte;
        }
        bytes.truncate(cut);
        if let Ok(simple) = simplify::simplify(&bytes) {
            prop_assert!(vgm::read(&simple).is_ok());
        }
    }
}
