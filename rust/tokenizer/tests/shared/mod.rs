//! Finds and reads the reference results that lie beside the repository, for the tests that need them.

#![allow(dead_code, reason = "each test uses its own part of this module")]

use std::collections::HashMap;
use std::io::Read as _;
use std::path::PathBuf;

use lakhnes_apu::RegisterLog;
use lakhnes_tokenizer::{Note, Pitch, Song, Ticks, TokenizerError, Velocity};

/// A note of numbers that are in range.
pub(crate) fn note(start: u64, end: u64, pitch: u8, velocity: u8) -> Note {
    let [start, end] = [start, end].map(|tick| Ticks::new(tick).expect("a time"));
    let pitch = Pitch::new(pitch).expect("a pitch");
    Note { start, end, pitch, velocity: Velocity::new(velocity).expect("a velocity") }
}

/// The numbers of a note: start, end, pitch, velocity.
pub(crate) fn numbers(note: &Note) -> (u64, u64, u8, u8) {
    (note.start.get(), note.end.get(), note.pitch.get(), note.velocity.get())
}

/// The song of the parts of a song: itself, if it keeps the rules.
pub(crate) fn made_again(song: &Song) -> Result<Song, TokenizerError> {
    Song::new(song.tracks().clone(), song.length())
}

/// The three songs of which there is everything.
pub(crate) const SONGS: [&str; 3] =
    ["202_LawnMower_00_01Title", "202_LawnMower_02_03LevelClear", "202_LawnMower_03_04OutofFuel"];

/// The path of a reference result, or a line that says why the test is skipped.
pub(crate) fn golden(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden").join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: there is no reference result at {}", path.display());
    None
}

pub(crate) fn golden_text(name: &str) -> Option<String> {
    golden(name).map(|path| std::fs::read_to_string(path).expect("a readable text"))
}

/// The bytes of a file, unpacked if it is a gzip file.
pub(crate) fn golden_bytes(name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(golden(name)?).expect("a readable file");
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return Some(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).expect("a gzip file");
    Some(unpacked)
}

/// An array of a `.npz` file: its type (as `<i8`, `|u1`), shape and bytes.
pub(crate) struct Array {
    dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Array {
    pub(crate) fn integers(&self) -> Vec<u64> {
        assert_eq!(self.dtype, "<i8");
        let integer = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        self.bytes.chunks_exact(8).map(integer).collect()
    }

    pub(crate) fn float(&self) -> f64 {
        assert_eq!(self.dtype, "<f8");
        f64::from_le_bytes(self.bytes.as_slice().try_into().expect("8 bytes"))
    }
}

/// The arrays of a `.npz` file by name.
pub(crate) fn golden_arrays(name: &str) -> Option<HashMap<String, Array>> {
    let zip = golden_bytes(name)?;
    let number = |at: usize, width: usize| {
        zip[at..at + width].iter().rev().fold(0_usize, |value, &byte| value << 8 | usize::from(byte))
    };
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").expect("the end of a zip directory");
    let (count, mut at) = (number(end + 10, 2), number(end + 16, 4));
    let mut arrays = HashMap::new();
    for _ in 0..count {
        let (size, offset, name_size) = (number(at + 20, 4), number(at + 42, 4), number(at + 28, 2));
        let name = String::from_utf8_lossy(&zip[at + 46..at + 46 + name_size]).into_owned();
        let data = offset + 30 + number(offset + 26, 2) + number(offset + 28, 2);
        let mut npy = Vec::new();
        flate2::read::DeflateDecoder::new(&zip[data..data + size]).read_to_end(&mut npy).expect("deflated data");
        arrays.insert(name.trim_end_matches(".npy").to_owned(), npy_array(&npy));
        at += 46 + name_size + number(at + 30, 2) + number(at + 32, 2);
    }
    Some(arrays)
}

/// Reads a version 1 `.npy`: a header like `{'descr': '|u1', 'fortran_order': False, 'shape': (16, 4, 3), }`.
fn npy_array(npy: &[u8]) -> Array {
    assert_eq!(&npy[..7], b"\x93NUMPY\x01");
    let data = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    let header = String::from_utf8_lossy(&npy[10..data]).into_owned();
    assert!(header.contains("'fortran_order': False"));
    let between = |before: &str, after: &str| {
        let (_, rest) = header.split_once(before).expect("a field");
        rest.split_once(after).expect("its end").0.to_owned()
    };
    let extents = between("'shape': (", ")");
    Array {
        dtype: between("'descr': '", "'"),
        shape: extents.split(", ").filter_map(|extent| extent.trim_end_matches(',').parse().ok()).collect(),
        bytes: npy[data..].to_vec(),
    }
}

/// The writes of a VGM file as (tick, register, value), and its length in ticks.
pub(crate) fn vgm_writes(vgm: &[u8]) -> (Vec<(u64, u8, u8)>, u64) {
    let mut at = 0x34 + vgm[0x34] as usize;
    let (mut writes, mut tick) = (Vec::new(), 0);
    loop {
        match vgm[at] {
            0xB4 => writes.push((tick, vgm[at + 1], vgm[at + 2])),
            0x61 => tick += u64::from(u16::from_le_bytes([vgm[at + 1], vgm[at + 2]])),
            0x66 => return (writes, tick),
            other => panic!("VGM command {other:02x}"),
        }
        at += 3;
    }
}

pub(crate) fn log_writes(log: &RegisterLog) -> (Vec<(u64, u8, u8)>, u64) {
    let writes = log.writes.iter().map(|write| (write.tick, write.register, write.value));
    (writes.collect(), log.length)
}

/// The file that nesmdb makes of a log at full rate: a version 1.61 header, then a wait of 1 after every sample.
pub(crate) fn nesmdb_vgm(log: &RegisterLog) -> Vec<u8> {
    let mut vgm = vec![0; 0xC0];
    let mut writes = log.writes.iter().peekable();
    for tick in 0..log.length {
        while let Some(write) = writes.next_if(|write| write.tick <= tick) {
            vgm.extend([0xB4, write.register, write.value]);
        }
        vgm.extend([0x61, 1, 0]);
    }
    vgm.push(0x66);
    let end = vgm.len() as u32 - 4;
    for (at, value) in [
        (0x00, u32::from_le_bytes(*b"Vgm ")),
        (0x04, end),
        (0x08, 0x161),
        (0x18, log.length as u32),
        (0x34, 0x8C),
        (0x84, 1_789_773),
    ] {
        vgm[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    vgm
}
