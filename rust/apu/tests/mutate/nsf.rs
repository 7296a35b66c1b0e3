//! NSF files to be made wrong, and what is to hold of whatever can be read of them.
#![allow(dead_code, reason = "the tests do without the extremes")]

use lakhnes_apu::formats::nsf::{self, AlbumSong, RunOptions, Timing};
use lakhnes_apu::{ApuError, MemoryBlock, RegisterLog, TICK_RATE, Tags, Write};

/// A title that asks for the longest run.
const LONG: &str = "as long as it may";

/// Reads a file and runs its first track for a tenth of a second.
pub(crate) fn read(bytes: &[u8]) -> Result<(), ApuError> {
    let nsf = nsf::read(bytes)?;
    let long = nsf.tags.title == LONG;
    let options =
        RunOptions { max_ticks: if long { 300 * TICK_RATE } else { TICK_RATE / 10 }, ..RunOptions::default() };
    let played = nsf.run(nsf.first, &options)?;
    assert_eq!(played.log.validate(), Ok(()));
    assert_eq!(played.log.writes.len(), played.cycles.len());
    assert!(played.log.length <= options.max_ticks);
    Ok(())
}

/// A log with a note a frame, and a sample.
fn log(frames: u64) -> RegisterLog {
    let notes = (0..frames).flat_map(|frame| {
        let tick = 735 * frame;
        [(0, 0xBF), (2, frame as u8), (3, 1)].map(|(register, value)| Write { tick, register, value })
    });
    let sample = [(0x12, 0), (0x13, 1), (0x15, 0x1F)].map(|(register, value)| Write { tick: 0, register, value });
    RegisterLog {
        writes: sample.into_iter().chain(notes).collect(),
        length: 735 * frames,
        loop_start: Some(735),
        memory: vec![MemoryBlock { tick: 0, address: 0xC000, bytes: vec![0x55; 17] }],
        ..RegisterLog::default()
    }
}

/// A file of a program at $8000, whose PLAY is its third byte; without banks.
fn file(title: &str, program: &[u8], banks: [u8; 8], speed: u16) -> Vec<u8> {
    let mut bytes = b"NESM\x1A\x01\x01\x01\x00\x80\x00\x80\x03\x80".to_vec();
    bytes.extend(title.bytes().chain([0]));
    bytes.resize(0x6E, 0);
    bytes.extend(speed.to_le_bytes());
    bytes.extend(banks);
    bytes.resize(0x80, 0);
    bytes.extend(program);
    bytes
}

/// Files of our own: with and without banks, of one song and of several, NSFe, and small programs of all kinds of opcodes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let logs = [log(20), log(60)];
    let songs: Vec<_> = logs.iter().map(|log| AlbumSong { log, name: "a song" }).collect();
    let tags = Tags { title: "An album".into(), ..Tags::default() };
    let written = [
        nsf::write(&logs[0], Timing::Exact),
        nsf::write(&logs[1], Timing::Frame),
        nsf::write_album(&songs, Timing::Exact, &tags),
        nsf::write_nsfe(&songs, Timing::Frame, &tags),
    ];
    let mut seeds: Vec<_> = written.into_iter().flatten().collect();
    let all: Vec<u8> =
        [0x4C, 0x06, 0x80].into_iter().chain((0..=255).flat_map(|opcode| [opcode, 0x11, 0x40])).collect();
    seeds.push(file("all opcodes", &all, [0; 8], 16_639));
    // LDA $4015, INC $5FFC, STA $4011, DEX, BNE, RTS
    let program = [0x4C, 0x03, 0x80, 0xAD, 0x15, 0x40, 0xEE, 0xFC, 0x5F, 0x8D, 0x11, 0x40, 0xCA, 0xD0, 0xF4, 0x60];
    seeds.push(file("reads and banks", &program, [0, 1, 2, 3, 4, 5, 6, 7], 100));
    seeds
}

/// Programs that write, read, switch banks and begin samples as fast as they can for five minutes.
pub(crate) fn extremes() -> Vec<Vec<u8>> {
    let round = |body: &[u8]| [&[0x4C, 0x03, 0x80][..], body, &[0x4C, 0x03, 0x80]].concat();
    let switching = [
        &[0xA9, 0xFF, 0x8D, 0x13, 0x40, 0xE8, 0x8E, 0xFC, 0x5F, 0xA9, 0x00, 0x8D, 0x15, 0x40][..],
        &[0xA9, 0x10, 0x8D, 0x15, 0x40],
    ]
    .concat();
    let mut big = round(&switching);
    big.extend((big.len()..1 << 20).map(|at| (at * 7 + (at >> 12)) as u8));
    vec![
        file(LONG, &round(&[0xEE, 0x00, 0x40]), [0; 8], 16_639),
        file(LONG, &round(&[0xAD, 0x15, 0x40]), [0; 8], 16_639),
        file(LONG, &round(&[]), [0; 8], 16_639),
        file(LONG, &[0x60, 0, 0, 0xE6, 0x10, 0x60], [0; 8], 1),
        file(LONG, &[0x60, 0, 0, 0xEE, 0x11, 0x40, 0x60], [0; 8], 1),
        file(LONG, &big, [0, 1, 2, 3, 4, 5, 6, 7], 16_639),
    ]
}
