//! VGM files: what is read, what is refused and how, and the files of the reference.

mod common;
mod mutate;

use std::io::Write as _;
use std::path::Path;

use lakhnes_apu::formats::vgm::{self, Warnings};
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
        &[0x68, 0x66, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0x90, 1, 2, 3, 4],
        &[0x92, 1, 2, 3, 4, 5],
        &[0x93, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        &[0x67, 0x66, 0x00, 2, 0, 0, 0, 9, 9],
    ];
    let mut bytes = commands.concat();
    bytes.extend([0xB4, 0x15, 0x0F, 0x66]);
    let (log, warnings) = vgm::read_and_warn(&file(NTSC, &bytes)).unwrap();
    assert_eq!(warnings, Warnings { skipped: 14, ..Warnings::default() });
    assert_eq!(warnings.to_string(), "14 commands for other sound chips left out");
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
        error(&file(NTSC, &[0xB4, 0x15])),
        "byte 193: expected more commands, or the end command 66, found end of file"
    );
    assert!(error(&file(NTSC, &[0x67, 0x66, 0xC2, 255, 255, 255, 127])).contains("ends within the file"));
    let mut old = file(NTSC, &[0x66]);
    old[8] = 0x10;
    assert_eq!(error(&old), "byte 8: expected a version from 1.50 to 1.72, found 1.10");
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

/// What a file says, taken from its bytes without the reader: writes with their ticks, the ticks in all, the loop point.
fn commands_of(bytes: &[u8]) -> (Vec<Write>, u64, Option<u64>) {
    let number = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    let (mut at, mut tick, mut writes, mut looped) = (0x34 + number(0x34), 0, Vec::new(), None);
    loop {
        if number(0x1C) > 0 && at == 0x1C + number(0x1C) {
            looped = Some(tick);
        }
        at += match bytes[at] {
            0x61 => {
                tick += u64::from(u16::from_le_bytes([bytes[at + 1], bytes[at + 2]]));
                3
            }
            wait @ (0x62 | 0x63 | 0x70..=0x7F) => {
                tick += [735, 882].get(usize::from(wait) - 0x62).copied().unwrap_or(u64::from(wait & 15) + 1);
                1
            }
            0xB4 => {
                writes.push(Write { tick, register: bytes[at + 1], value: bytes[at + 2] });
                3
            }
            0x67 => 7 + number(at + 3),
            0x66 => return (writes, tick, looped),
            command => panic!("{command:02X} at {at}"),
        }
    }
}

#[test]
fn what_is_written_has_the_writes_waits_and_loop_point_of_what_was_read() {
    let mut commands = vec![0x67, 0x66, 0xC2, 4, 0, 0, 0, 0x00, 0xC0, 0xAA, 0xBB];
    for (wait, register) in (0x70..=0x7F).chain([0x62, 0x63, 0x62, 0x62]).zip(0x00..) {
        commands.extend([wait, 0xB4, register, 0x40 + register, 0x61, register, 0x02, 0xB4, 0x03, register]);
    }
    commands.extend([0x61, 0xFF, 0xFF, 0x61, 0xFF, 0xFF, 0x61, 0, 0, 0x66]);
    let mut bytes = file(NTSC, &commands);
    let place = 0xC0 + 11 + 5 * 10 + 4; // the wait of two bytes in the sixth group
    bytes[0x1C..0x20].copy_from_slice(&(place as u32 - 0x1C).to_le_bytes());
    let log = vgm::read(&bytes).unwrap();
    let said = commands_of(&bytes);
    assert_eq!((&log.writes, log.length, log.loop_start), (&said.0, said.1, said.2));
    assert!(said.2.is_some() && said.0.len() == 40);
    assert_eq!(commands_of(&vgm::write(&log).unwrap()), said);
}

#[test]
fn every_command_of_the_specification_is_passed_over_by_its_length() {
    let lengths = |version: u32, command: u8| match command {
        0x30..=0x3F | 0x4F | 0x50 | 0x94 => 1,
        0x40..=0x4E if version < 0x160 => 1,
        0x40..=0x4E | 0x51..=0x5F | 0xA0..=0xB3 | 0xB5..=0xBF => 2,
        0x64 | 0xC0..=0xDF => 3,
        0x90 | 0x91 | 0x95 | 0xE0..=0xFF => 4,
        0x92 => 5,
        0x93 => 10,
        0x68 => 11,
        _ => 0,
    };
    for version in [0x150_u32, 0x151, 0x160, 0x161, 0x170, 0x171, 0x172] {
        for command in 0x30..=0xFF {
            let operands = lengths(version, command);
            if operands > 0 {
                let mut bytes = file(NTSC, &[&[command][..], &vec![0x62; operands], &[0xB4, 1, 2, 0x66]].concat());
                bytes[0x08..0x0C].copy_from_slice(&version.to_le_bytes());
                let (log, Warnings { skipped, .. }) = vgm::read_and_warn(&bytes).unwrap();
                assert_eq!((log.length, log.writes.len(), skipped), (0, 1, 1), "{command:02X} of {version:X}");
                bytes.truncate(bytes.len() - 4 - 1);
                assert!(vgm::read(&bytes).is_err());
            }
        }
    }
}

#[test]
fn tags_are_found_wherever_they_lie_and_a_wrong_checksum_is_seen() {
    let log =
        RegisterLog { tags: Tags { title: "Title".into(), ..Tags::default() }, ..common::log(&[(9, 1, 2)], 50_000) };
    let written = vgm::write(&log).unwrap();
    let start = 0x14 + u32::from_le_bytes(*written[0x14..].first_chunk().unwrap()) as usize;
    let (commands, tags) = (&written[0xC0..start], &written[start..]);
    let mut before = file(NTSC, &[tags, commands].concat());
    before[0x14..0x18].copy_from_slice(&(0xC0_u32 - 0x14).to_le_bytes());
    before[0x34..0x38].copy_from_slice(&((0xC0 + tags.len()) as u32 - 0x34).to_le_bytes());
    for bytes in [written.clone(), before] {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&bytes).unwrap();
        let mut packed = packer.finish().unwrap();
        assert_eq!(vgm::read(&bytes).unwrap(), log);
        assert_eq!(vgm::read(&packed).unwrap(), log);
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        assert!(error(&packed).starts_with("byte 0: expected gzip data"), "{}", error(&packed));
    }
}

/// A file of `size` bytes that says the same again and again.
fn monotonous(command: &[u8], size: usize) -> Vec<u8> {
    file(NTSC, &command.repeat(size / command.len()))
}

#[test]
fn files_that_ask_for_much_memory_are_refused_before_it_is_taken() {
    let limit = vgm::MAX_LOG_BYTES as u64;
    let empty_blocks = monotonous(&[0x67, 0x66, 0xC2, 2, 0, 0, 0, 0, 0xC0], 40 << 20);
    assert!(matches!(vgm::read(&empty_blocks), Err(ApuError::ByteLimit { limit: l, .. }) if l == limit));
    let writes = monotonous(&[0xB4, 0, 0], 30 << 20);
    let one_too_many = 8 << 20; // of 16 bytes each
    assert_eq!(
        error(&writes),
        format!(
            "byte {}: memory for the log in bytes: expected at most {limit}, found {}",
            0xC0 + 3 * (one_too_many + 1),
            limit + 16
        )
    );
    let huge = file(NTSC, &[0x67, 0x66, 0xC2, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0]);
    assert!(error(&huge).contains("ends within the file"));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&file(NTSC, &[])).unwrap();
    for _ in 0..260 {
        packer.write_all(&vec![0x70; 1 << 20]).unwrap();
    }
    let bomb = packer.finish().unwrap();
    assert!(matches!(vgm::read(&bomb), Err(ApuError::TooLarge { limit: 268_435_456, .. })));
}

#[test]
fn members_of_gzip_in_a_row_are_one_file_and_what_follows_is_passed_over() {
    let whole = vgm::write(&common::log(&[(0, 0x15, 0x1F), (735, 0x00, 0xBF)], 44_100)).unwrap();
    let packed = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let (first, second) = whole.split_at(100);
    let mut file = [packed(first), packed(b""), packed(second)].concat();
    file.extend(b"behind");
    assert_eq!(vgm::read(&file).unwrap(), vgm::read(&whole).unwrap());
    file.extend([0x1F, 0x8B]);
    assert_eq!(vgm::read(&file).unwrap(), vgm::read(&whole).unwrap());
}

#[test]
fn thousands_of_mutated_files_are_errors_or_valid_logs() {
    let mut log = common::log(&[(0, 0x15, 0x1F), (735, 0x00, 0xBF), (70_000, 0x03, 0x08)], 200_000);
    log.memory.push(MemoryBlock { tick: 735, address: 0xC040, bytes: vec![1, 2, 3] });
    log.loop_start = Some(735);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&vgm::write(&log).unwrap()).unwrap();
    let seeds = [vgm::write(&log).unwrap(), packer.finish().unwrap(), vgm::write(&RegisterLog::default()).unwrap()];
    let mut mutator = mutate::Mutator(1);
    let mut read = 0;
    for _ in 0..5_000 {
        let bytes = mutator.mutated(&seeds);
        if let Ok(log) = vgm::read(&bytes) {
            assert_eq!(log.validate(), Ok(()));
            assert_eq!(vgm::read(&vgm::write(&log).unwrap()).unwrap(), log);
            read += 1;
        }
    }
    assert!((500..4_500).contains(&read), "{read} of 5,000 were read");
}

#[test]
fn the_reference_files_keep_every_write_wait_and_loop_point() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/lawnmower");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut count, mut sources) = (0, 0);
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if [".vgm", ".vgm.gz"].iter().any(|suffix| name.ends_with(suffix)) {
            let log = vgm::read(&std::fs::read(&path).unwrap()).unwrap();
            let written = vgm::write(&log).unwrap();
            let again = vgm::read(&written).unwrap();
            assert_eq!(again, log, "{name}");
            if ["01Title.vgm", "LevelClear.vgm", "OutofFuel.vgm"].iter().any(|end| name.ends_with(end)) {
                let said = commands_of(&std::fs::read(&path).unwrap());
                assert_eq!((&log.writes, log.length, log.loop_start), (&said.0, said.1, said.2), "{name}");
                assert_eq!(commands_of(&written), said, "{name}");
                sources += 1;
            }
            assert!(log.writes.len() > 100 && log.length > 40_000, "{name}");
            assert_eq!(log.loop_start.is_some(), name == "202_LawnMower_00_01Title.vgm", "{name}");
            count += 1;
        }
    }
    assert!(count >= 40 && sources == 3);
}
