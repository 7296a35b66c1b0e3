//! Files of other programs that are read as players read them: those of the folder `cases` beside the reference results, and
//! small ones that say the same.

use lakhnes_apu::formats::simplify;
use lakhnes_apu::formats::vgm::{self, Warnings};
use lakhnes_apu::{LoopScale, RegisterLog, RenderOptions, Standard, render};

/// A file of the folder `cases`, or a line that says why the test is skipped.
fn case(name: &str) -> Option<Vec<u8>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases").join(name);
    if path.is_file() {
        return Some(std::fs::read(path).expect("a readable file"));
    }
    eprintln!("skipped: there is no case at {}", path.display());
    None
}

/// A VGM 1.70 file of some commands, whose loop offset (from the beginning of the file) and loop base are given.
fn file(commands: &[u8], looped: usize, base: u8) -> Vec<u8> {
    let mut file = vec![0; 0xC0];
    file[..4].copy_from_slice(b"Vgm ");
    file[0x08..0x0C].copy_from_slice(&0x170_u32.to_le_bytes());
    file[0x1C..0x20].copy_from_slice(&(looped.saturating_sub(0x1C) as u32).to_le_bytes());
    file[0x34..0x38].copy_from_slice(&(0xC0_u32 - 0x34).to_le_bytes());
    file[0x7E] = base;
    file[0x84..0x88].copy_from_slice(&1_789_773_u32.to_le_bytes());
    file.extend(commands);
    file
}

fn read(bytes: &[u8]) -> RegisterLog {
    vgm::read(bytes).expect("a log")
}

fn seconds(bytes: &[u8], loops: u32) -> f64 {
    let options = RenderOptions { loops, ..RenderOptions::default() };
    render(&read(bytes), &options).expect("samples").len() as f64 / 44_100.0
}

#[test]
fn sample_banks_that_commands_copy_sound_as_those_of_blocks() {
    let banks = case("vgm-dpcm-banks-by-command-68.vgm");
    let blocks = case("vgm-dpcm-banks-by-blocks-c2-the-same-sound.vgm");
    if let (Some(banks), Some(blocks)) = (banks, blocks) {
        let (banks, blocks) = (read(&banks), read(&blocks));
        let options = RenderOptions::default();
        assert_eq!(render(&banks, &options), render(&blocks, &options));
    }
    let wait = [0x61, 9, 0];
    let copied = [
        &[0x67, 0x66, 0x07, 3, 0, 0, 0, 0x0F, 0xF0, 0x33][..],
        &[0x67, 0x66, 0x07, 1, 0, 0, 0, 0x44],
        &[0x68, 0x66, 0x07, 0, 0, 0, 0x00, 0xC0, 0, 2, 0, 0],
        &wait,
        &[0x68, 0x66, 0x07, 1, 0, 0, 0xFE, 0xFF, 0, 0, 0, 0], // to the end of both: of the data and of the memory
        &[0x68, 0x66, 0x07, 9, 0, 0, 0x00, 0xC0, 0, 1, 0, 0], // nothing there
        &[0x66],
    ];
    let log = read(&file(&copied.concat(), 0, 0));
    let memory: Vec<_> = log.memory.iter().map(|block| (block.tick, block.address, block.bytes.clone())).collect();
    assert_eq!(memory, [(0, 0xC000, vec![0x0F, 0xF0]), (9, 0xFFFE, vec![0xF0, 0x33])]);
}

#[test]
fn a_block_of_samples_that_claims_more_than_there_is_takes_no_memory_for_it() {
    for size in [[255, 255, 255, 127], [0, 0, 0, 1]] {
        let bytes = file(&[&[0x67, 0x66, 0x07][..], &size, &[1, 2, 3]].concat(), 0, 0);
        assert!(vgm::read(&bytes).expect_err("no log").to_string().contains("ends within the file"));
    }
}

#[test]
fn the_header_corrects_the_number_of_loops() {
    if let Some(bytes) = case("vgm-loop-base-1.vgm") {
        assert!((seconds(&bytes, 2) - 1.0).abs() < 1e-6);
    }
    let wait = [0x61, 0x22, 0x56, 0x66]; // half a second
    let looped = file(&wait, 0xC0, 1);
    assert_eq!([1, 2, 3].map(|loops| (2.0 * seconds(&looped, loops)).round() as u32), [1, 1, 2]);
    let scale = |base, modifier| LoopScale { base, modifier };
    assert_eq!([scale(0, 0), scale(0, 16), scale(0, 32), scale(-1, 8)].map(|scale| scale.of(2)), [2, 2, 4, 2]);
    assert_eq!([scale(127, 1), scale(0, 255)].map(|scale| scale.of(u32::MAX)), [268_435_328, u32::MAX]);
    let log = read(&looped);
    assert_eq!(vgm::read(&vgm::write(&log).expect("bytes")), Ok(log));
}

#[test]
fn a_loop_offset_that_leads_to_no_command_is_no_loop() {
    if let Some(bytes) = case("vgm-loop-offset-past-the-end.vgm") {
        assert!((seconds(&bytes, 2) - 1.0).abs() < 1e-6);
    }
    for offset in [0xC1, 0xFFFF] {
        let (log, warnings) = vgm::read_and_warn(&file(&[0x61, 0x66, 0x66, 0x66], offset, 0)).expect("a log");
        assert_eq!((log.loop_start, warnings), (None, Warnings { lost_loop: true, ..Warnings::default() }));
        assert_eq!(warnings.to_string(), "the loop offset leads to no command, so it is played once");
    }
}

#[test]
fn a_file_without_the_end_command_is_read_with_a_warning() {
    let (log, warnings) = vgm::read_and_warn(&file(&[0xB4, 0x15, 0x0F, 0x62], 0, 0)).expect("a log");
    assert_eq!((log.length, log.writes.len()), (735, 1));
    assert_eq!(warnings.to_string(), "the file ends without the end command 66");
    assert!(vgm::read(&file(&[0xB4, 0x15, 0x0F, 0x61, 1], 0, 0)).is_err());
}

#[test]
fn streams_write_the_bytes_of_blocks_at_their_rate() {
    let blocks = [&[0x67, 0x66, 7, 2, 0, 0, 0, 9, 8][..], &[0x67, 0x66, 7, 4, 0, 0, 0, 10, 20, 30, 40]].concat();
    let set_up = [&[0x90, 5, 0x14, 0, 0x11][..], &[0x91, 5, 7, 1, 0], &[0x92, 5, 0x22, 0x56, 0, 0]].concat(); // 22,050 Hz
    let played = |commands: &[u8]| {
        let log = read(&file(&[&blocks[..], &set_up, commands, &[0x61, 7, 0, 0x66]].concat(), 0, 0));
        assert!(log.writes.iter().all(|write| write.register == 0x11));
        log.writes.iter().map(|write| (write.tick, write.value)).collect::<Vec<_>>()
    };
    assert_eq!(played(&[0x95, 5, 1, 0, 0]), [(0, 10), (2, 20), (4, 30), (6, 40)]);
    assert_eq!(played(&[0x95, 5, 0, 0, 1]), [(0, 9), (2, 8), (4, 9), (6, 8)]);
    assert_eq!(played(&[0x95, 5, 1, 0, 0x10])[..2], [(0, 40), (2, 30)]);
    assert_eq!(played(&[0x93, 5, 3, 0, 0, 0, 1, 2, 0, 0, 0]), [(0, 20), (2, 30)]);
    assert_eq!(played(&[0x93, 5, 4, 0, 0, 0, 3, 0, 0, 0, 0]), [(0, 30), (2, 40)]);
    assert_eq!(played(&[0x91, 5, 7, 2, 1, 0x95, 5, 1, 0, 0]), [(0, 20), (2, 40)]);
    assert_eq!(played(&[0x95, 5, 1, 0, 0, 0x61, 3, 0, 0x94, 0xFF]), [(0, 10), (2, 20)]);
    assert_eq!(
        played(&[0x95, 5, 1, 0, 0, 0x61, 2, 0, 0x92, 5, 0x44, 0xAC, 0, 0]),
        [(0, 10), (2, 20), (3, 30), (4, 40)]
    );
    // Beyond the bytes, of no such block, and of a chip that is not there: nothing.
    assert_eq!(played(&[0x93, 5, 99, 0, 0, 0, 1, 2, 0, 0, 0]), []);
    assert_eq!(played(&[0x95, 5, 9, 0, 0]), []);
    let other = [&blocks[..], &[0x90, 5, 2, 0, 0x2A, 0x95, 5, 0, 0, 0, 0x62, 0x66]].concat();
    assert_eq!(vgm::read_and_warn(&file(&other, 0, 0)).expect("a log").1.skipped, 2);
}

#[test]
fn a_stream_without_a_limit_is_refused_before_it_takes_memory() {
    let block = [0x67, 0x66, 7, 1, 0, 0, 0, 9];
    let fast = [0x90, 0, 0x14, 0, 0x11, 0x92, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x95, 0, 0, 0, 1, 0x61, 0xFF, 0xFF, 0x66];
    let error = vgm::read(&file(&[&block[..], &fast].concat(), 0, 0)).expect_err("too much");
    assert!(
        error.to_string().contains("memory for the log") || error.to_string().contains("number of writes"),
        "{error}"
    );
}

#[test]
fn the_volume_modifier_makes_a_log_louder_or_softer() {
    let song = [0xB4, 0x15, 1, 0xB4, 0, 0xBF, 0xB4, 2, 0xFD, 0xB4, 3, 0, 0x61, 0, 40, 0x66];
    let peak = |volume: u8| {
        let mut bytes = file(&song, 0, 0);
        bytes[0x7C] = volume;
        let log = read(&bytes);
        assert_eq!(read(&vgm::write(&log).expect("a file")).volume, log.volume);
        render(&log, &RenderOptions::default()).expect("samples").into_iter().fold(0.0_f32, |peak, x| peak.max(x.abs()))
    };
    for (volume, factor) in [(32, 2.0), (0xE0, 0.5), (0xC1, 0.25), (16, 2.0_f32.sqrt())] {
        assert!((peak(volume) / peak(0) - factor).abs() < 1e-4, "{volume}");
    }
}

#[test]
fn a_file_that_is_cut_off_before_its_commands_is_refused() {
    let whole = vgm::write(&RegisterLog { length: 9, ..RegisterLog::new(Standard::Ntsc) }).expect("a log");
    let data = 0x34 + u32::from_le_bytes(whole[0x34..0x38].try_into().expect("four")) as usize;
    for length in [data - 20, data] {
        let error = vgm::read(&whole[..length]).expect_err("no commands").to_string();
        assert!(error.contains("expected a VGM command, found end of file"), "{error}");
        assert!(simplify::simplify(&whole[..length]).is_err());
    }
}
