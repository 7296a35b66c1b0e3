//! VGM files: what is read, what is refused and how, and the files of the reference.

mod common;

use std::io::Write as _;
use std::path::Path;

use lakhnes_apu::formats::vgm;
use lakhnes_apu::{ApuError, MemoryBlock, RegisterLog, RenderOptions, Standard, Tags, Write, render};

/// A file with these commands after a header of version 1.61 and this clock.
fn file(clock: u32, commands: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 0xC0];
    bytes[..4].copy_from_slice(b"Vgm ");
    bytes[0x08..0x0C].copy_from_slice(&0x161_u32.to_le_bytes());
    bytes[0x34..0x38].copy_from_slice(&0x8C_u32.to_le_bytes());
    bytes[0x84..0x88].copy_from_slice(&clock.to_le_bytes());
    bytes.extend(commands);
    bytes
}

const NTSC: u32 = 1_789_773;

fn error(bytes: &[u8]) -> String {
    vgm::read(bytes).unwrap_err().to_string()
}

#[test]
fn every_wait_command_waits_as_long_as_it_says() {
    let commands = [0x61, 0x34, 0x12, 0x62, 0x63, 0x70, 0x7F, 0x85, 0xB4, 0x00, 0x3F, 0x66];
    let log = vgm::read(&file(NTSC, &commands)).unwrap();
    assert_eq!(log.length, 0x1234 + 735 + 882 + 1 + 16 + 5);
    assert_eq!(log.writes, [Write { tick: log.length, register: 0, value: 0x3F }]);
}

#[test]
fn commands_of_other_chips_are_skipped_by_their_lengths_and_counted() {
    let commands: [&[u8]; 14] = [
        &[0x30, 1],
        &[0x41, 1, 2],
        &[0x4F, 1],
        &[0x50, 1],
        &[0x51, 1, 2],
        &[0xA0, 1, 2],
        &[0xB3, 1, 2],
        &[0xC0, 1, 2, 3],
        &[0xE0, 1, 2, 3, 4],
        &[0x68, 0x66, 7, 0, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0x90, 1, 2, 3, 4],
        &[0x92, 1, 2, 3, 4, 5],
        &[0x93, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        &[0x67, 0x66, 0x00, 2, 0, 0, 0, 9, 9],
    ];
    let mut bytes = commands.concat();
    bytes.extend([0xB4, 0x15, 0x0F, 0x66]);
    let (log, skipped) = vgm::read_and_count(&file(NTSC, &bytes)).unwrap();
    assert_eq!(skipped, 14);
    assert_eq!(log.writes, [Write { tick: 0, register: 0x15, value: 0x0F }]);
}

#[test]
fn data_blocks_of_the_sample_channel_become_memory_and_are_heard() {
    let mut commands = vec![0x67, 0x66, 0xC2, 19, 0, 0, 0, 0x00, 0xC0];
    commands.extend([0xFF; 17]);
    for (register, value) in [(0x10, 0x0F), (0x12, 0), (0x13, 1), (0x15, 0x10)] {
        commands.extend([0xB4, register, value]);
    }
    commands.extend([0x61, 0x00, 0x20, 0x66]);
    let log = vgm::read(&file(NTSC, &commands)).unwrap();
    assert_eq!(log.memory, [MemoryBlock { tick: 0, address: 0xC000, bytes: vec![0xFF; 17] }]);
    let samples = render(&log, &RenderOptions { filter: lakhnes_apu::FilterMode::None, ..RenderOptions::default() });
    let samples = samples.unwrap();
    assert!(samples[8_000] > samples[0] + 0.2, "17 bytes of ones raise the level to its top");
}

#[test]
fn the_clock_tells_the_console() {
    for standard in [Standard::Ntsc, Standard::Pal, Standard::Dendy] {
        let log = vgm::read(&file(standard.clock_hz() + 5, &[0x66])).unwrap();
        assert_eq!((log.standard, log.clock_hz), (standard, standard.clock_hz() + 5));
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    assert_eq!(
        error(&file(NTSC | 1 << 31, &[0x66])),
        "byte 132: the sound chip of the Famicom Disk System is not supported"
    );
    assert_eq!(error(&file(NTSC | 1 << 30, &[0x66])), "byte 132: a second NES APU is not supported");
    let disk = file(NTSC, &[0x70, 0xB4, 0x20, 0, 0x66]);
    assert_eq!(error(&disk), "byte 193: the sound chip of the Famicom Disk System is not supported");
    assert!(matches!(vgm::read(&file(NTSC, &[0xB4, 0x80, 0, 0x66])), Err(ApuError::Unsupported { offset: 192, .. })));
}

#[test]
fn damage_is_told_with_its_place() {
    assert_eq!(error(b"RIFF...."), "byte 0: expected the mark \"Vgm \" of a VGM file, found [52, 49, 46, 46]");
    assert_eq!(
        error(&file(0, &[0x66])),
        "byte 132: expected the clock of an NES APU (1,000,000 to 4,000,000 Hz), found none"
    );
    assert_eq!(error(&file(NTSC, &[0x62, 0x00])), "byte 193: expected a VGM command, found 00");
    assert_eq!(
        error(&file(NTSC, &[0x62])),
        "byte 193: expected more commands, or the end command 66, found end of file"
    );
    assert!(error(&file(NTSC, &[0x67, 0x66, 0xC2, 255, 255, 255, 127])).contains("ends within the file"));
    let mut old = file(NTSC, &[0x66]);
    old[8] = 0x10;
    assert_eq!(error(&old), "byte 8: expected a version from 1.50 to 1.72, found 1.10");
    let mut looped = file(NTSC, &[0x61, 0x66, 0x66, 0x66]);
    looped[0x1C] = (0xC1 - 0x1C) as u8;
    assert!(error(&looped).starts_with("byte 28: expected the offset of a command to loop to"));
    assert!(error(&[0x1F, 0x8B, 0x08, 0, 0]).starts_with("byte 0: expected gzip data"));
}

#[test]
fn tags_loop_and_memory_survive_a_round_trip_also_when_packed() {
    let tags = Tags { title: "Title".into(), artist_native: "作者".into(), ..Tags::default() };
    let mut log = common::log(&[(0, 0x15, 0x1F), (735, 0x00, 0xBF), (70_000, 0x03, 0x08)], 200_000);
    log.memory.push(MemoryBlock { tick: 735, address: 0xC040, bytes: vec![1, 2, 3] });
    log.loop_start = Some(735);
    log.tags = tags;
    let bytes = vgm::write(&log).unwrap();
    assert_eq!(vgm::read(&bytes).unwrap(), log);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&bytes).unwrap();
    assert_eq!(vgm::read(&packer.finish().unwrap()).unwrap(), log);
}

#[test]
fn the_header_that_is_written_says_what_follows() {
    let log = RegisterLog { loop_start: Some(10), ..common::log(&[(10, 0x15, 0x0F)], 100) };
    let bytes = vgm::write(&log).unwrap();
    let number = |offset: usize| u32::from_le_bytes(*bytes[offset..].first_chunk().unwrap());
    assert_eq!(number(0x04) as usize, bytes.len() - 4);
    assert_eq!((number(0x08), number(0x18), number(0x20), number(0x84)), (0x161, 100, 90, NTSC));
    assert_eq!(bytes[0x1C + number(0x1C) as usize..][..3], [0xB4, 0x15, 0x0F]);
}

#[test]
fn the_reference_files_keep_every_write_wait_and_loop_point() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/lawnmower");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let mut count = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if [".vgm", ".vgm.gz"].iter().any(|suffix| name.ends_with(suffix)) {
            let log = vgm::read(&std::fs::read(&path).unwrap()).unwrap();
            let again = vgm::read(&vgm::write(&log).unwrap()).unwrap();
            assert_eq!(again, log, "{name}");
            assert!(log.writes.len() > 100 && log.length > 40_000, "{name}");
            assert_eq!(log.loop_start.is_some(), name == "202_LawnMower_00_01Title.vgm", "{name}");
            count += 1;
        }
    }
    assert!(count >= 40);
}
