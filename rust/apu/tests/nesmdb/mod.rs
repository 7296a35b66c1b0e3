//! The reference results of NES-MDB's programs, and what is needed to stand beside them.

use std::io::Read as _;
use std::path::PathBuf;

use lakhnes_apu::formats::disassembly::Field;
use lakhnes_apu::formats::vgm;
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

/// The file that nesmdb makes of a log.
pub(crate) fn plain_vgm(log: &RegisterLog) -> Vec<u8> {
    vgm::write_with_long_waits(log).expect("a log")
}

/// Tuples as JSON without spaces.
pub(crate) fn json(tuples: impl Iterator<Item = Vec<Field>>) -> String {
    let field = |field: &Field| if field.is_number() { field.to_string() } else { format!("\"{field}\"") };
    let tuple = |fields: Vec<Field>| format!("[{}]", fields.iter().map(field).collect::<Vec<_>>().join(","));
    format!("[{}]", tuples.map(tuple).collect::<Vec<_>>().join(","))
}
