//! The reference results of NES-MDB's programs, and what is needed to stand beside them.

use std::io::Read as _;
use std::path::PathBuf;

use lakhnes_apu::formats::disassembly::Field;
use lakhnes_apu::formats::ndr;
use lakhnes_apu::{RegisterLog, Write};

/// The three songs of which there is everything.
pub(crate) const SONGS: [&str; 3] =
    ["202_LawnMower_00_01Title", "202_LawnMower_02_03LevelClear", "202_LawnMower_03_04OutofFuel"];

/// The unpacked bytes of a reference result; where it is absent, a line says why the test is skipped.
pub(crate) fn golden(song: &str, ending: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/lawnmower");
    let path = folder.join(format!("{song}.{ending}"));
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: there is no reference result at {}", path.display());
        return None;
    };
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return Some(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).expect("a gzip file");
    Some(unpacked)
}

/// A log of (tick, register, value).
pub(crate) fn log_of(writes: &[(u64, u8, u8)], length: u64) -> RegisterLog {
    let writes = writes.iter().map(|&(tick, register, value)| Write { tick, register, value }).collect();
    RegisterLog { writes, length, ..RegisterLog::default() }
}

/// The file that nesmdb makes of a log: every wait as the long command, no loop, no tags.
pub(crate) fn plain_vgm(log: &RegisterLog) -> Vec<u8> {
    let mut vgm = vec![0; 0xC0];
    for event in ndr::events(log) {
        match event {
            ndr::Event::Clock(hz) => vgm[0x84..0x88].copy_from_slice(&hz.to_le_bytes()),
            ndr::Event::Write { register, value } => vgm.extend([0xB4, register, value]),
            ndr::Event::Wait(mut ticks) => {
                while ticks > 0 {
                    let part = ticks.min(0xFFFF);
                    vgm.push(0x61);
                    vgm.extend((part as u16).to_le_bytes());
                    ticks -= part;
                }
            }
        }
    }
    vgm.push(0x66);
    let end = vgm.len() as u32 - 4;
    for (at, value) in
        [(0x00, u32::from_le_bytes(*b"Vgm ")), (0x04, end), (0x08, 0x161), (0x18, log.length as u32), (0x34, 0x8C)]
    {
        vgm[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    vgm
}

/// Tuples as JSON without spaces.
pub(crate) fn json(tuples: impl Iterator<Item = Vec<Field>>) -> String {
    let field = |field: &Field| if field.is_number() { field.to_string() } else { format!("\"{field}\"") };
    let tuple = |fields: Vec<Field>| format!("[{}]", fields.iter().map(field).collect::<Vec<_>>().join(","));
    format!("[{}]", tuples.map(tuple).collect::<Vec<_>>().join(","))
}
