//! Files of other programs that are read as players read them: those of the folder `cases` beside the reference results, and
//! small ones that say the same.

use lakhnes_apu::formats::vgm::{self, Warnings};
use lakhnes_apu::{LoopScale, RegisterLog, RenderOptions, render};

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
        assert_eq!((log.loop_start, warnings), (None, Warnings { skipped: 0, lost_loop: true }));
        assert_eq!(warnings.to_string(), "the loop offset leads to no command, so it is played once");
    }
}
