//! NSF files: their header, and what the program in them sends to the chip when a console runs it.

mod common;
mod console;

use common::Random;
use console::{Console, Sent};
use lakhnes_apu::formats::nsf::{self, Timing};
use lakhnes_apu::{ApuError, MemoryBlock, RegisterLog, Standard, Tags, Write};
use proptest::prelude::*;

/// Cycles between two calls: 29,780 or 33,247.1, as the header says. (Frames of the consoles are longer by 16 and 8 parts
/// in a million.)
fn period(log: &RegisterLog) -> f64 {
    let speed = if log.standard == Standard::Pal { nsf::PAL_SPEED } else { nsf::NTSC_SPEED };
    f64::from(speed) * f64::from(log.clock_hz) / 1e6
}

/// A console that has played a file for so many ticks.
fn console(log: &RegisterLog, timing: Timing, ticks: u64) -> Console {
    let mut console = Console::new(&nsf::write(log, timing).unwrap());
    console.play(period(log), log.cycle_of(ticks));
    // Before all else the chip is brought to its state at power-up.
    let first: Vec<_> = console.sent.drain(..2).map(|sent| (sent.register, sent.value)).collect();
    assert_eq!(first, [(0x15, 0), (0x17, 0x40)]);
    console
}

/// How late each write came, in ms.
fn lateness(log: &RegisterLog, sent: &[Sent], writes: impl IntoIterator<Item = Write>) -> Vec<f64> {
    let late = |(sent, write): (&Sent, Write)| {
        assert_eq!((sent.register, sent.value), (write.register, write.value), "the writes keep their order");
        (sent.cycle as f64 - log.cycle_of(write.tick) as f64) / f64::from(log.clock_hz) * 1e3
    };
    sent.iter().zip(writes).map(late).collect()
}

/// A song-like log: bursts of writes at times that know nothing of frames, with repetitions.
fn song(seconds: u64, seed: u64) -> RegisterLog {
    let mut random = Random(seed);
    let bars: Vec<Vec<(u64, u8, u8)>> = (0..4)
        .map(|_| {
            let mut tick = 0;
            let mut bar = Vec::new();
            while tick < 88_200 {
                for _ in 0..=random.next(6) {
                    bar.push((tick, random.next(0x14) as u8, random.next(8) as u8));
                }
                tick += [367, 735, 2_000][random.next(3) as usize] + random.next(3);
            }
            bar
        })
        .collect();
    let mut writes = vec![Write { tick: 0, register: 0x15, value: 0x0F }];
    for start in (0..seconds * 44_100).step_by(90_000) {
        let bar = &bars[random.next(4) as usize];
        writes.extend(bar.iter().map(|&(tick, register, value)| Write { tick: start + tick, register, value }));
    }
    RegisterLog { writes, length: seconds * 44_100 + 90_000, ..RegisterLog::default() }
}

/// Shares of the lateness: the earliest, the median, nine tenths, the latest.
fn shares(mut late: Vec<f64>) -> [f64; 4] {
    late.sort_by(f64::total_cmp);
    [0.0, 0.5, 0.9, 1.0].map(|share| late[(share * (late.len() - 1) as f64) as usize])
}

fn is_banked(file: &[u8]) -> bool {
    file[0x70..0x78] != [0; 8]
}

#[test]
fn every_write_comes_in_its_order_and_its_time() {
    for standard in [Standard::Ntsc, Standard::Pal] {
        let log = RegisterLog { standard, clock_hz: standard.clock_hz(), ..song(30, 1) };
        let console = console(&log, Timing::Exact, log.length);
        assert_eq!(console.overruns, 0);
        assert!(console.sent.len() >= log.writes.len());
        let late = shares(lateness(&log, &console.sent, log.writes.iter().copied()));
        println!("{standard:?}: ms late {late:.2?}");
        assert!(late[0] > -0.5 && late[1] < 0.6 && late[2] < 1.0 && late[3] < 3.0);
    }
}

#[test]
fn by_frames_every_write_comes_at_the_nearest_call() {
    let log = song(30, 2);
    let console = console(&log, Timing::Frame, log.length + 800);
    for (sent, write) in console.sent.iter().zip(&log.writes) {
        let exact = log.cycle_of(write.tick) as f64 / period(&log);
        assert!((sent.call as f64 - exact).abs() < 0.51, "call {} for {exact}", sent.call);
    }
    let late = shares(lateness(&log, &console.sent, log.writes.iter().copied()));
    assert!(late[0] > -8.6 && late[3] < 8.6 + 1.0, "{late:?}");
}

#[test]
fn a_long_log_is_seen_through_banks_and_keeps_its_order_and_its_time() {
    let short = nsf::write(&song(30, 3), Timing::Exact).unwrap();
    assert!(!is_banked(&short) && short.len() < 0x8080);
    let log = song(1_200, 3);
    let noise = |index: usize| (log.writes[index].tick * 7 % 256) as u8;
    let writes = (0..log.writes.len()).map(|index| Write { value: noise(index), ..log.writes[index] }).collect();
    let log = RegisterLog { writes, ..log };
    let file = nsf::write(&log, Timing::Exact).unwrap();
    assert!(is_banked(&file) && file.len() > 0x8080 && (file.len() - 0x80).is_multiple_of(0x1000));
    let console = console(&log, Timing::Exact, log.length);
    let late = shares(lateness(&log, &console.sent, log.writes.iter().copied()));
    assert!(console.sent.len() >= log.writes.len() && console.overruns == 0);
    assert!(late[0] > -2.5 && late[3] < 4.0, "{late:?}"); // after 20 minutes of frames that are not quite so long
}

#[test]
fn what_repeats_takes_little_room() {
    let once = song(2, 4);
    let mut log = once.clone();
    log.writes.clear();
    for verse in 0..60 {
        let moved = |write: &Write| Write { tick: write.tick + verse * once.length, ..*write };
        log.writes.extend(once.writes.iter().map(moved));
    }
    log.length = 60 * once.length;
    let size = |log: &RegisterLog| nsf::write(log, Timing::Exact).unwrap().len();
    assert!(size(&log) < size(&once) + 60 * 20, "{} and {}", size(&log), size(&once));
    let console = console(&log, Timing::Exact, log.length);
    assert!(shares(lateness(&log, &console.sent, log.writes.iter().copied()))[3] < 4.0);
}

#[test]
fn a_loop_goes_on_from_its_point_in_time_and_without_a_loop_there_is_silence() {
    let mut log = song(5, 5);
    log.loop_start = Some(log.writes[log.writes.len() / 3].tick);
    let start = log.loop_start.unwrap();
    let turn = log.length - start;
    let looped = console(&log, Timing::Exact, log.length + 3 * turn);
    let again = log.writes.iter().filter(|write| write.tick >= start);
    let again = (1..4).flat_map(|n| again.clone().map(move |write| Write { tick: write.tick + n * turn, ..*write }));
    let all: Vec<Write> = log.writes.iter().copied().chain(again).collect();
    assert!(looped.sent.len() >= all.len());
    let late = shares(lateness(&log, &looped.sent, all));
    assert!(late[0] > -0.5 && late[3] < 3.0, "{late:?}");

    log.loop_start = None;
    let once = console(&log, Timing::Exact, 3 * log.length);
    assert_eq!(once.sent.len(), log.writes.len() + 1);
    let last = once.sent.last().unwrap();
    assert_eq!((last.register, last.value), (0x15, 0));
    assert!(last.cycle.abs_diff(log.cycle_of(log.length)) < 3_000);
}

#[test]
fn the_header_says_what_follows() {
    let tags = Tags {
        title: "A title that is longer than a header holds".into(),
        artist: "作曲家".into(),
        artist_native: "Sakkyokuka é".into(),
        date: "1988".into(),
        ..Tags::default()
    };
    let file = nsf::write(&RegisterLog { tags, ..song(1, 6) }, Timing::Exact).unwrap();
    assert_eq!(file[..8], *b"NESM\x1A\x01\x01\x01");
    let word = |at: usize| u16::from_le_bytes([file[at], file[at + 1]]);
    assert_eq!((word(0x08), word(0x6E), word(0x78)), (0x8000, 16_639, 19_997));
    assert!((0x8000..0x8100).contains(&word(0x0A)) && (0x8000..0x8100).contains(&word(0x0C)));
    assert_eq!(file[0x0E..0x2E], *b"A title that is longer than a h\0");
    assert_eq!(file[0x2E..0x3C], *b"Sakkyokuka ?\0\0");
    assert_eq!(file[0x4E..0x53], *b"1988\0");
    assert_eq!(file[0x7A..0x80], [0; 6]);
    let pal = RegisterLog { clock_hz: 1_662_607, ..RegisterLog { length: 9, ..RegisterLog::new(Standard::Pal) } };
    let file = nsf::write(&pal, Timing::Exact).unwrap();
    assert_eq!((file[0x7A], &file[0x0E..0x13]), (1, &b"<?>\0\0"[..]));
}

/// A log that plays 17 bytes from $C040 at 100, and 33 from $E000 at 5,000.
fn sampled() -> RegisterLog {
    let writes =
        [(100, 0x12, 1), (100, 0x13, 1), (100, 0x15, 0x10), (5_000, 0x12, 0x80), (5_000, 0x13, 2), (5_000, 0x15, 0x10)];
    let mut log = common::log(&writes, 9_000);
    let block = |tick, address, byte, size| MemoryBlock { tick, address, bytes: vec![byte; size] };
    log.memory = vec![block(0, 0xC000, 0xAA, 0x100), block(0, 0xE000, 0x55, 0x21)];
    log
}

#[test]
fn samples_lie_where_the_log_has_them() {
    let log = sampled();
    assert!(!is_banked(&nsf::write(&log, Timing::Exact).unwrap()));
    let mut console = console(&log, Timing::Exact, 200);
    assert_eq!(console.sample_memory()[..0x100], [0xAA; 0x100]);
    assert_eq!(console.sample_memory()[0x2000..0x2022], [&[0x55; 0x21][..], &[0]].concat());
    console.play(period(&log), log.cycle_of(log.length));
    assert_eq!(console.sent.len(), log.writes.len() + 1);
}

#[test]
fn memory_that_changes_is_switched_in_its_time_and_back_at_the_loop() {
    let mut log = sampled();
    log.loop_start = Some(1_000);
    log.memory.push(MemoryBlock { tick: 5_000, address: 0xC080, bytes: vec![0xCC; 4] });
    log.memory.push(MemoryBlock { tick: 5_000, address: 0xD000, bytes: vec![0xDD; 4] }); // which nobody hears
    assert!(is_banked(&nsf::write(&log, Timing::Exact).unwrap()));
    let mut console = console(&log, Timing::Exact, 3_000);
    let seen = |console: &Console| console.sample_memory()[0x7F..0x82].to_vec();
    assert_eq!(seen(&console), [0xAA, 0xAA, 0xAA]);
    for (ticks, byte) in [(3_600, 0xAA), (8_000, 0xCC), (11_500, 0xAA), (16_000, 0xCC), (19_000, 0xAA)] {
        console.play(period(&log), log.cycle_of(ticks));
        assert_eq!(seen(&console), [0xAA, byte, byte], "{ticks}");
    }
}

#[test]
fn what_an_nsf_cannot_hold_is_refused_by_name() {
    let error = |log: &RegisterLog| nsf::write(log, Timing::Exact).unwrap_err().to_string();
    let mut log = sampled();
    log.writes[3].value = 0xFF;
    log.writes[4].value = 4;
    assert_eq!(error(&log), "NSF cannot hold a sample that wraps round to $8000");
    assert_eq!(error(&RegisterLog::new(Standard::Dendy)), "NSF cannot hold a log of a Dendy console");
    let dense = (0..400_000).map(|n| Write { tick: n / 20, register: 0x11, value: 0 }).collect();
    let dense = RegisterLog { writes: dense, length: 22_000, ..RegisterLog::default() };
    assert_eq!(error(&dense), "NSF cannot hold more writes than a 6502 can send in their time");
    let mut random = Random(9);
    let long = (0..900_000).map(|n| Write { tick: 40 * n, register: 0, value: random.next(256) as u8 }).collect();
    let long = RegisterLog { writes: long, length: 36_000_000, ..RegisterLog::default() };
    assert!(matches!(nsf::write(&long, Timing::Exact), Err(ApuError::TooLarge { limit: 900_000..=1_048_576, .. })));
    let wrong = RegisterLog { loop_start: Some(5), ..RegisterLog::default() };
    assert!(matches!(nsf::write(&wrong, Timing::Exact), Err(ApuError::LoopPoint { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_sent_in_its_order(
        parts in prop::collection::vec((prop_oneof![0_u64..60, 0_u64..2_000, 30_000_u64..70_000], 0_u8..0x18, 0_u8..4), 0..400),
        copies in 1_u64..4,
        rest in 0_u64..40_000,
        looped in any::<bool>(),
        exact in any::<bool>(),
    ) {
        let (mut tick, mut writes) = (0, Vec::new());
        for _ in 0..copies {
            for &(wait, register, value) in &parts {
                tick += wait;
                // A sample that wraps round would be refused.
                let value = if register == 0x12 { 0 } else { value };
                writes.push(Write { tick, register, value });
            }
        }
        let length = tick + 1 + rest;
        let loop_start = writes.get(writes.len() / 2).map(|write| write.tick).filter(|_| looped);
        let log = RegisterLog { writes, length, loop_start, ..RegisterLog::default() };
        let timing = if exact { Timing::Exact } else { Timing::Frame };
        let played = console(&log, timing, log.length + 40_000);
        let heard: Vec<_> = log.writes.iter().filter(|write| !matches!(write.register, 0x14 | 0x16)).collect();
        prop_assert!(played.sent.len() >= heard.len());
        let late = lateness(&log, &played.sent, heard.into_iter().copied());
        prop_assert!(late.iter().all(|ms| ms.abs() < 40.0), "{:?}", shares(late));
    }
}
