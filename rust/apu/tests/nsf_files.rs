//! NSF and NSFe files read, and their tracks run: small programs written for each case.

mod common;
mod mutate;
#[path = "mutate/nsf.rs"]
mod mutate_nsf;

use common::Random;
use lakhnes_apu::formats::nsf::{self, AlbumSong, Ending, Nsf, Played, Region, RunOptions, Timing, Track};
use lakhnes_apu::{ApuError, MemoryBlock, RegisterLog, RenderOptions, Standard, TICK_RATE, Tags, Write, render};
use proptest::prelude::*;

/// Writes of a player before INIT: 20 registers and $4015 cleared, $4015 and $4017 set.
const OPENING: usize = 23;
const RTS: u8 = 0x60;

/// A file whose program begins at $8000 with INIT; PLAY lies at `play`.
fn file(program: &[u8], play: u16) -> Nsf {
    Nsf { play, program: program.to_vec(), ..Nsf::default() }
}

/// `LDA #value`, `STA $4000 + register`.
fn set(register: u8, value: u8) -> [u8; 5] {
    [0xA9, value, 0x8D, register, 0x40]
}

fn run(nsf: &Nsf, seconds: u64) -> Played {
    nsf.run(0, &RunOptions { max_ticks: seconds * TICK_RATE, ..RunOptions::default() }).unwrap()
}

/// Registers and values after the opening.
fn values(played: &Played) -> Vec<(u8, u8)> {
    played.log.writes.iter().skip(OPENING).map(|write| (write.register, write.value)).collect()
}

/// INIT starts a tone on the first pulse; PLAY at $8020 is what follows.
fn tone(play: &[u8]) -> Nsf {
    let mut program = [set(0x15, 1), set(0, 0xBF), set(2, 0xFD), set(3, 0)].concat();
    program.push(RTS);
    program.resize(0x20, 0xEA);
    program.extend(play);
    file(&program, 0x8020)
}

#[test]
fn the_chip_is_opened_as_the_format_says() {
    let played = run(&tone(&[RTS]), 1);
    let opening: Vec<_> = played.log.writes[..OPENING].iter().map(|write| (write.register, write.value)).collect();
    let cleared = (0..0x14).chain([0x15]).map(|register| (register, 0));
    assert_eq!(opening, cleared.chain([(0x15, 0x0F), (0x17, 0x40)]).collect::<Vec<_>>());
    assert!(played.log.writes[..OPENING].iter().all(|write| write.tick == 0));
    assert_eq!(values(&played), [(0x15, 1), (0, 0xBF), (2, 0xFD), (3, 0)]);
    // JSR, LDA, and the last cycle of STA.
    assert_eq!(played.cycles[OPENING], 6 + 2 + 3);
}

#[test]
fn the_track_and_the_console_are_in_the_registers() {
    // STA $4000, STX $4001, STY $4002, RTS
    let program = [0x8D, 0, 0x40, 0x8E, 1, 0x40, 0x8C, 2, 0x40, RTS];
    let nsf = Nsf { tracks: vec![Track::default(); 9], play: 0x8009, ..file(&program, 0x8009) };
    let options = RunOptions { max_ticks: 2_000, ..RunOptions::default() };
    let pal = RunOptions { standard: Some(Standard::Pal), ..options };
    assert_eq!(values(&nsf.run(7, &options).unwrap()), [(0, 7), (1, 0), (2, 0)]);
    assert_eq!(values(&nsf.run(8, &pal).unwrap()), [(0, 8), (1, 1), (2, 0)]);
    let error = nsf.run(9, &options).unwrap_err();
    assert_eq!(error.to_string(), "track: expected 1 to 9, found 10");
}

#[test]
fn play_comes_on_the_cycles_that_the_header_says() {
    for (standard, speed, clock) in [
        (Standard::Ntsc, 16_639_u64, 1_789_773_u64),
        (Standard::Pal, 19_997, 1_662_607),
        (Standard::Ntsc, 4_000, 1_789_773),
    ] {
        let mut nsf = tone(&[0xEE, 0x00, 0x03, 0xAD, 0x00, 0x03, 0x8D, 0x00, 0x40, RTS]); // INC, LDA, STA
        nsf.speeds = [speed as u16; 3];
        let options = RunOptions { standard: Some(standard), max_ticks: TICK_RATE, ..RunOptions::default() };
        let played = nsf.run(0, &options).unwrap();
        let calls = &played.cycles[OPENING + 4..];
        assert!(calls.len() as u64 >= 1_000_000 / speed - 1);
        for (index, &cycle) in calls.iter().enumerate() {
            let due = (index as u64 + 1) * speed * clock / 1_000_000;
            assert_eq!(cycle - due, 6 + 6 + 4 + 3, "call {index}");
        }
        assert_eq!((played.log.standard, played.log.clock_hz), (standard, clock as u32));
        let write = played.log.writes.last().unwrap();
        assert_eq!(write.tick, played.cycles.last().unwrap() * TICK_RATE / clock);
    }
}

#[test]
fn calls_that_come_while_play_runs_wait_and_do_not_pile_up() {
    // PLAY takes some 2.4 periods: 56 * 1,279 cycles.
    let play = [set(0, 0x3F).as_slice(), &[0xA2, 56, 0xA0, 0, 0x88, 0xD0, 0xFD, 0xCA, 0xD0, 0xF8, RTS]].concat();
    let played = run(&tone(&play), 2);
    let calls = &played.cycles[OPENING + 4..];
    let length = calls[1] - calls[0];
    assert!((71_000..73_000).contains(&length), "{length}");
    assert!(calls.windows(2).all(|pair| pair[1] - pair[0] == length), "each begins when the one before has ended");
}

#[test]
fn banks_are_shown_where_the_program_asks_for_them() {
    // Bank n begins with n; the program in bank 0 sends what it sees at $9000 for banks 3, 1 and one that is not there.
    let mut program = vec![0; 4 * 0x1000];
    (0..4_u8).for_each(|bank| program[0x1000 * usize::from(bank)] = bank);
    let mut code = vec![0xEA]; // at $8010
    for bank in [3, 1, 200] {
        code.extend([0xA9, bank, 0x8D, 0xF9, 0x5F, 0xAD, 0x00, 0x90, 0x8D, 0x00, 0x40]);
    }
    code.push(RTS);
    program[0x10..0x10 + code.len()].copy_from_slice(&code);
    let nsf =
        Nsf { banks: Some([0, 2, 0, 0, 0, 0, 0, 0]), init: 0x8010, ..file(&program, 0x8010 + code.len() as u16 - 1) };
    assert_eq!(values(&run(&nsf, 1)), [(0, 3), (0, 1), (0, 0)]);
    // A load address within a page.
    let nsf = Nsf { load: 0x8000 + 0x123, init: 0x8133, play: 0x8133 + code.len() as u16 - 1, ..nsf };
    assert_eq!(values(&run(&nsf, 1))[0], (0, 0), "bank 3 begins 123 bytes earlier");
}

#[test]
fn a_disk_system_has_memory_in_place_of_rom() {
    // LDA #$77, STA $9000, LDA $9000, STA $4000; $5FF6 shows bank 1 at $6000.
    let mut program = vec![0; 0x2000];
    let code = [
        &[0xA9, 0x77, 0x8D, 0x00, 0x90, 0xAD, 0x00, 0x90, 0x8D, 0x00, 0x40][..],
        &[0xA9, 1, 0x8D, 0xF6, 0x5F, 0xAD, 0x05, 0x60, 0x8D, 0x01, 0x40, RTS],
    ]
    .concat();
    program[..code.len()].copy_from_slice(&code);
    program[0x1005] = 0x99;
    let nsf = Nsf { chips: 4, banks: Some([0, 1, 0, 0, 0, 0, 0, 0]), ..file(&program, 0x8016) };
    let played = run(&nsf, 1);
    assert_eq!(values(&played), [(0, 0x77), (1, 0x99)]);
    assert_eq!(played.warnings, ["the voices of these chips are not played: FDS"]);
    assert_eq!(values(&run(&Nsf { chips: 0, ..nsf }, 1))[0], (0, 0), "ROM stays as it is");
}

#[test]
fn samples_are_taken_from_the_banks_that_are_shown_when_they_start() {
    let mut program = vec![0; 0x3000];
    let mut code = [set(0x10, 0x0F), set(0x12, 0), set(0x13, 1)].concat(); // 17 bytes from $C000
    for bank in [1, 2] {
        code.extend([0xA9, bank, 0x8D, 0xFC, 0x5F]);
        code.extend([set(0x15, 0x00), set(0x15, 0x10)].concat());
    }
    code.push(RTS);
    program[..code.len()].copy_from_slice(&code);
    program[0x1000..0x1011].fill(0xAA);
    program[0x2000..0x2011].fill(0x55);
    program[0x2011] = 1; // which nobody hears
    let nsf = Nsf { banks: Some([0; 8]), ..file(&program, 0x8000 + code.len() as u16 - 1) };
    let played = run(&nsf, 1);
    let blocks: Vec<_> = played.log.memory.iter().map(|block| (block.address, block.bytes.clone())).collect();
    assert_eq!(blocks[0].0, 0xC000);
    assert_eq!(
        blocks.iter().rev().take(2).map(|block| block.1.clone()).collect::<Vec<_>>(),
        [vec![0x55; 17], vec![0xAA; 17]]
    );
    assert_eq!(played.log.validate(), Ok(()));
}

#[test]
fn a_program_sees_which_voices_play() {
    // Length 254 on the first pulse: LDA $4015, STA $4011 in PLAY.
    let played = run(&tone(&[0xAD, 0x15, 0x40, 0x8D, 0x11, 0x40, RTS]), 1);
    assert!(values(&played)[4..].iter().all(|&value| value == (0x11, 1)));
    // A voice that is off: nothing.
    let silent = file(&[[0xAD, 0x15, 0x40, 0x8D, 0x11, 0x40].as_slice(), &[RTS]].concat(), 0x8000);
    assert!(values(&run(&silent, 1)).iter().all(|&value| value == (0x11, 0)));
}

#[test]
fn a_program_that_repeats_has_an_exact_loop_point() {
    // PLAY counts $10 from 0 to 239 after 50 calls of a prelude in $11, and plays it as the low byte of the timer.
    let play = [
        &[0xA5, 0x11, 0xC9, 50, 0xF0, 3, 0xE6, 0x11, RTS][..], // LDA $11, CMP #50, BEQ, INC $11, RTS
        &[0xE6, 0x10, 0xA5, 0x10, 0xC9, 240, 0xD0, 4, 0xA9, 0, 0x85, 0x10], // INC $10, wraps at 240
        &[0x8D, 0x02, 0x40, RTS],
    ]
    .concat();
    let played = run(&tone(&play), 60);
    assert_eq!(played.ending, Ending::Loop);
    let period = 16_639.0e-6 * TICK_RATE as f64;
    let start = played.log.loop_start.unwrap();
    // The registers are those of INIT until the first note is sent, in call 51.
    assert!((start as f64 - 52.0 * period).abs() < 1.5, "{start}");
    assert!(((played.log.length - start) as f64 - 240.0 * period).abs() < 1.5);
    let notes: Vec<u8> =
        played.log.writes.iter().filter(|write| write.tick >= start).map(|write| write.value).collect();
    assert_eq!(notes, (2..240).chain([0, 1]).collect::<Vec<_>>());
}

#[test]
fn what_falls_silent_ends_with_its_last_sound() {
    // INIT starts a note with a length of 10 half frames; PLAY counts a byte that nobody reads.
    let mut nsf = tone(&[0xE6, 0x10, 0xD0, 2, 0xE6, 0x11, RTS]);
    nsf.program[6] = 0x9F; // the length counter runs
    let played = run(&nsf, 60);
    assert_eq!((played.ending, played.log.loop_start), (Ending::Silence, None));
    assert!((3_000..6_000).contains(&played.log.length), "{} ticks", played.log.length);
    let nothing = run(&file(&[RTS], 0x8000), 60);
    assert_eq!((nothing.ending, nothing.log.length), (Ending::Silence, 735));
}

#[test]
fn a_note_that_is_held_for_ever_is_a_loop_and_not_silence() {
    let played = run(&tone(&[RTS]), 60);
    assert_eq!(played.ending, Ending::Loop);
    assert!(played.log.length < 10 * TICK_RATE);
}

#[test]
fn what_repeats_with_a_counter_that_does_not_is_a_likely_loop() {
    // $12–$14 count on; the timer goes through 128 values.
    let play = [0xE6, 0x12, 0xD0, 6, 0xE6, 0x13, 0xD0, 2, 0xE6, 0x14, 0xA5, 0x12, 0x29, 0x7F, 0x8D, 0x02, 0x40, RTS];
    let played = run(&tone(&play), 40);
    assert_eq!(played.ending, Ending::Repetition);
    let turn = played.log.length - played.log.loop_start.unwrap();
    assert!(turn.abs_diff((128.0 * 16_639.0e-6 * TICK_RATE as f64) as u64) < 2, "{turn}");
    assert!(played.log.loop_start.unwrap() < 2 * 735);
}

#[test]
fn a_routine_that_does_not_return_ends_the_track_with_a_warning() {
    let cases: [(&[u8], &str); 4] = [
        (&[0x4C, 0x20, 0x80], "PLAY does not return within 1 s"), // JMP *
        (&[0x02], "PLAY runs into an opcode that halts the processor"),
        (&[0xE6, 0x10, 0x4C, 0x20, 0x80], "PLAY does not return within 1 s"),
        (&[0xEE, 0x10, 0x40, 0x4C, 0x20, 0x80], ""), // INC $4010 for ever
    ];
    for (play, fault) in cases {
        let played = run(&tone(play), 3);
        if fault.is_empty() {
            assert_eq!(played.ending, Ending::MaxDuration);
            assert!(played.log.writes.len() > 100_000);
        } else {
            assert_eq!(played.ending, Ending::Halted);
            assert!(played.warnings[0].ends_with(fault), "{:?}", played.warnings);
        }
    }
}

#[test]
fn a_program_may_play_on_in_init_while_play_interrupts_it() {
    // INIT: with Y = 0 RTS; else INC $10, JMP. PLAY: LDA $10, STA $4011.
    let mut program = vec![0xC0, 0, 0xD0, 1, RTS, 0xE6, 0x10, 0x4C, 0x05, 0x80];
    program.resize(0x20, 0xEA);
    program.extend([0xA5, 0x10, 0x8D, 0x11, 0x40, 0xA9, 0xFF, 0xA2, 0, 0xA0, 0, RTS]);
    let mut nsf = file(&program, 0x8020);
    nsf.features.non_returning_init = true;
    let played = run(&nsf, 1);
    let steps: Vec<u8> = values(&played).windows(2).map(|pair| pair[1].1.wrapping_sub(pair[0].1)).collect();
    // 8 cycles a round: some 3,720 rounds a call.
    assert!(steps.len() > 55 && steps.iter().all(|&step| step.abs_diff((3_720 % 256) as u8) < 5), "{steps:?}");
    nsf.features.no_play = true;
    assert_eq!(values(&run(&nsf, 1)), []);
}

/// A header of version `version`, a program of one RTS, and what follows it.
fn header(version: u8, length: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"NESM\x1A".to_vec();
    bytes.extend([version, 3, 2, 0, 0x80, 0, 0x80, 0, 0x80]);
    bytes.extend(b"A title\0");
    bytes.resize(0x2E, 0);
    bytes.extend(b"An artist\0");
    bytes.resize(0x4E, 0);
    bytes.extend(b"1990 Somebody\0");
    bytes.resize(0x6E, 0);
    bytes.extend([0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0x1D, 0x4E, 2, 0x21, 0x30, length, 0, 0, RTS]);
    bytes.extend(rest);
    bytes
}

fn chunk(name: [u8; 4], bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes()[..], &name, bytes].concat()
}

#[test]
fn a_header_is_read() {
    let nsf = nsf::read(&header(1, 0, &[])).unwrap();
    assert_eq!((nsf.tracks.len(), nsf.first, &*nsf.program), (3, 1, &[RTS][..]));
    assert_eq!((&*nsf.tags.title, &*nsf.tags.artist, &*nsf.tags.date), ("A title", "An artist", "1990 Somebody"));
    assert_eq!(nsf.speeds, [16_639, 19_997, 19_998]);
    assert_eq!(nsf.region, Region { ntsc: true, pal: true, dendy: false, preferred: Standard::Ntsc });
    assert_eq!(nsf.extra_chips(), ["VRC6", "Sunsoft 5B"]);
    assert!(!nsf.features.irq, "only version 2 has features");
}

#[test]
fn chunks_behind_the_program_are_read() {
    let rest = [
        chunk(*b"tlbl", b"One\0Zw\xC3\xB6lf\0"),
        chunk(*b"time", &[60_000_i32, -1, 5].map(i32::to_le_bytes).concat()),
        chunk(*b"fade", &[8_000_i32].map(i32::to_le_bytes).concat()),
        chunk(*b"plst", &[2, 0]),
        chunk(*b"xxxx", &[1, 2, 3]),
        chunk(*b"NEND", &[]),
        vec![0xFF; 3],
    ]
    .concat();
    let nsf = nsf::read(&header(2, 1, &rest)).unwrap();
    assert_eq!(nsf.program, [RTS]);
    assert!(nsf.features.irq && nsf.features.non_returning_init);
    assert_eq!((nsf.title(0), nsf.title(1), nsf.title(2)), ("One", "Zwölf", ""));
    let times: Vec<_> = nsf.tracks.iter().map(|track| (track.time_ms, track.fade_ms)).collect();
    assert_eq!(times, [(Some(60_000), Some(8_000)), (None, None), (Some(5), None)]);
    assert_eq!(nsf.playlist, [2, 0]);
    let played = nsf.run(2, &RunOptions::default()).unwrap();
    assert_eq!((played.log.length, &*played.log.tags.game), (220, "A title"), "5 ms");
}

#[test]
fn an_nsfe_file_is_read_and_what_is_wrong_with_one_is_named() {
    let info = chunk(*b"INFO", &[0, 0x80, 0, 0x80, 0, 0x80, 1, 0, 2, 1]);
    let data = chunk(*b"DATA", &[RTS]);
    let end = chunk(*b"NEND", &[]);
    let whole = |chunks: &[&[u8]]| nsf::read(&[b"NSFE", chunks.concat().as_slice()].concat());
    let auth = chunk(*b"auth", b"Game\0Artist\0Copyright\0Ripper\0");
    let nsf = whole(&[&info, &auth, &chunk(*b"regn", &[4, 2]), &data, &end]).unwrap();
    assert_eq!((nsf.tracks.len(), nsf.first, nsf.region.preferred), (2, 1, Standard::Dendy));
    assert_eq!((&*nsf.tags.title, &*nsf.tags.creator), ("Game", "Ripper"));
    let error = |chunks: &[&[u8]]| whole(chunks).unwrap_err().to_string();
    assert_eq!(error(&[&data, &end]), "byte 4: expected an INFO chunk before the DATA chunk, found none");
    assert_eq!(error(&[&info, &end]), "byte 30: expected a DATA chunk, found the end of the file");
    assert_eq!(error(&[&info, &data]), "byte 31: expected an NEND chunk at the end, found the end of the file");
    assert_eq!(error(&[&info, &chunk(*b"NEWS", &[]), &data, &end]), "byte 26: this mandatory chunk is not supported");
    assert_eq!(error(&[&info[..10]]), "byte 4: expected a chunk that ends inside the file, found 10 bytes of 2");
    assert_eq!(
        nsf::read(b"NESM").unwrap_err().to_string(),
        "byte 0: expected NESM, 1A or NSFE, found [4E, 45, 53, 4D]"
    );
    let low =
        header(1, 0, &[]).iter().enumerate().map(|(at, &byte)| if at == 9 { 0x50 } else { byte }).collect::<Vec<_>>();
    assert_eq!(nsf::read(&low).unwrap_err().to_string(), "byte 8: expected a load address from $6000 on, found $5000");
    let huge = header(1, 0, &vec![0; 1 << 20]);
    assert!(matches!(nsf::read(&huge), Err(ApuError::ByteLimit { .. })));
}

/// A log that sounds: random notes on the pulses, some 60 times a second.
fn song(seed: u64, notes: u64, looped: bool) -> RegisterLog {
    let mut random = Random(seed);
    let mut writes = vec![Write { tick: 0, register: 0x15, value: 0x0F }];
    for note in 0..notes {
        let tick = 700 * note + random.next(500);
        for (register, value) in
            [(0, 0xB0 | random.next(16) as u8), (2, random.next(256) as u8), (3, random.next(3) as u8)]
        {
            writes.push(Write { tick, register, value });
        }
    }
    let length = 700 * notes;
    let tags = Tags { title: format!("Song {seed}"), ..Tags::default() };
    RegisterLog { writes, length, loop_start: looped.then_some(length / 3), tags, ..RegisterLog::default() }
}

/// The writes of a run after the player's opening and the program's.
fn sent(played: &Played) -> Vec<(u8, u8)> {
    values(played).split_off(2)
}

fn asked(log: &RegisterLog) -> Vec<(u8, u8)> {
    log.writes.iter().map(|write| (write.register, write.value)).collect()
}

#[test]
fn an_album_plays_each_of_its_songs() {
    let mut logs: Vec<_> = (1..=20).map(|seed| song(seed, 100 + 10 * seed, seed % 2 == 0)).collect();
    // Two with samples, one of which changes them.
    for (index, byte) in [(3, 0xAA), (5, 0x55)] {
        let log: &mut RegisterLog = &mut logs[index];
        let start = log.writes.partition_point(|write| write.tick < 5_000);
        let sample = [(0x12, 1), (0x13, 1), (0x15, 0x1F)];
        let writes = sample.map(|(register, value)| Write { tick: 5_000, register, value });
        log.writes.splice(start..start, writes);
        log.memory = vec![MemoryBlock { tick: 0, address: 0xC040, bytes: vec![byte; 17] }];
    }
    logs[5].memory.push(MemoryBlock { tick: 60_000, address: 0xC040, bytes: vec![0xCC; 17] });
    let album = Tags { title: "Album".into(), artist: "Artist".into(), date: "1990".into(), ..Tags::default() };
    let songs: Vec<_> = logs.iter().map(|log| AlbumSong { log, name: "no name" }).collect();
    for bytes in [
        nsf::write_album(&songs, Timing::Exact, &album).unwrap(),
        nsf::write_nsfe(&songs, Timing::Exact, &album).unwrap(),
    ] {
        let nsf = nsf::read(&bytes).unwrap();
        assert_eq!((nsf.tracks.len(), &*nsf.tags.title, &*nsf.tags.artist), (20, "Album", "Artist"));
        for (track, log) in logs.iter().enumerate() {
            let options = RunOptions {
                max_ticks: log.length + 2_000,
                find_loop: false,
                find_silence: false,
                file_times: false,
                ..RunOptions::default()
            };
            let played = nsf.run(track, &options).unwrap();
            let expected = asked(log);
            assert_eq!(sent(&played)[..expected.len()], expected, "track {track}");
            assert_eq!(played.log.tags.title, log.tags.title);
            let ms = |ticks: u64| Some((ticks * 1_000).div_ceil(TICK_RATE) as u32);
            let time = log.loop_start.map_or(ms(log.length), |start| ms(2 * log.length - start));
            let fade = log.loop_start.map_or(Some(0), |_| Some(nsf::LOOP_FADE_MS));
            assert_eq!((nsf.tracks[track].time_ms, nsf.tracks[track].fade_ms), (time, fade));
            if !log.memory.is_empty() {
                let bytes = |block: &MemoryBlock| block.bytes[0];
                let expected: Vec<u8> = log.memory.iter().map(bytes).collect();
                let found = played.log.memory.iter().filter(|block| block.address == 0xC040);
                assert_eq!(found.map(bytes).collect::<Vec<_>>()[..1], expected[..1]);
            }
        }
    }
}

#[test]
fn an_album_is_of_one_console_and_of_songs() {
    let (ntsc, pal) = (song(1, 9, false), RegisterLog { standard: Standard::Pal, ..song(2, 9, false) });
    let error = |logs: &[&RegisterLog]| {
        let songs: Vec<_> = logs.iter().map(|&log| AlbumSong { log, name: "" }).collect();
        nsf::write_album(&songs, Timing::Frame, &Tags::default()).unwrap_err().to_string()
    };
    assert_eq!(error(&[]), "NSF cannot hold no songs");
    assert_eq!(error(&[&ntsc; 256]), "NSF cannot hold more than 255 songs");
    assert_eq!(error(&[&ntsc, &pal]), "NSF cannot hold songs of an NTSC console beside songs of a PAL console");
}

#[test]
fn a_loop_of_our_own_files_is_found_where_it_was() {
    let log = song(7, 200, true);
    let nsf = nsf::read(&nsf::write(&log, Timing::Exact).unwrap()).unwrap();
    let played = nsf.run(0, &RunOptions { max_ticks: 40 * TICK_RATE, ..RunOptions::default() }).unwrap();
    assert!(matches!(played.ending, Ending::Repetition | Ending::Loop), "{:?}", played.ending);
    let turn = |log: &RegisterLog| log.length - log.loop_start.unwrap();
    assert!(turn(&played.log).abs_diff(turn(&log)) < 30, "{} for {}", turn(&played.log), turn(&log));
}

#[test]
fn what_is_run_sounds_as_what_was_written() {
    let log = song(9, 100, false);
    let nsf = nsf::read(&nsf::write(&log, Timing::Exact).unwrap()).unwrap();
    let again =
        nsf.run(0, &RunOptions { find_silence: false, max_ticks: log.length, ..RunOptions::default() }).unwrap().log;
    let level = |log: &RegisterLog| {
        let audio = render(log, &RenderOptions::default()).unwrap();
        audio
            .chunks(4_410)
            .map(|part| (part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32).sqrt())
            .collect::<Vec<_>>()
    };
    let (before, after) = (level(&log), level(&again));
    assert_eq!(before.len(), after.len());
    assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 0.03), "{before:?} {after:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_program_holds_its_player_up(
        program in prop::collection::vec(any::<u8>(), 1..600),
        banked in any::<bool>(),
        chips in any::<u8>(),
        speed in prop_oneof![Just(1_u16), Just(16_639), any::<u16>()],
        non_returning_init in any::<bool>(),
    ) {
        let mut nsf = Nsf { banks: banked.then_some([0; 8]), chips, ..file(&program, 0x8003) };
        nsf.speeds = [speed.max(1); 3];
        nsf.features.non_returning_init = non_returning_init;
        let played = nsf.run(0, &RunOptions { max_ticks: 11_025, ..RunOptions::default() }).unwrap();
        prop_assert_eq!(played.log.validate(), Ok(()));
        prop_assert_eq!(played.log.writes.len(), played.cycles.len());
        prop_assert!(played.log.length <= 11_025);
    }
}

#[test]
fn damaged_files_are_read_or_refused_and_never_hold_their_reader_up() {
    let seeds = mutate_nsf::seeds();
    assert_eq!(seeds.len(), 6);
    let mut mutator = mutate::Mutator(16);
    for _ in 0..300 {
        if let Err(error) = mutate_nsf::read(&mutator.mutated(&seeds)) {
            assert!(error.to_string().starts_with("byte "), "{error}");
        }
    }
}
