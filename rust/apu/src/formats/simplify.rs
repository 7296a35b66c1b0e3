//! VGM files made simpler or shorter, as NES-MDB's are before they are taken apart.

use super::vgm::{self, Reader};
use super::{disassembly, ndr};
use crate::{ApuError, RegisterLog};

/// Offsets in the header.
const END: usize = 0x04;
const LOOP: usize = 0x1C;
const LOOP_TICKS: usize = 0x20;
/// Volume modifier, a reserved byte, loop base and loop modifier.
const MODIFIERS: usize = 0x7C;

/// Leaves in a VGM or VGZ file only what four voices play: the loop and the volume are cleared in its header; data blocks,
/// writes of the sample channel and everything for other chips are taken out. The result is not packed.
///
/// All else stays as it is, even the offset of the tags, which then points past them (as nesmdb leaves it, byte for byte):
/// readers take that for a file without tags.
///
/// # Errors
/// Those of [`vgm::read`].
pub fn simplify(bytes: &[u8]) -> Result<Vec<u8>, ApuError> {
    let unpacked = vgm::unpacked(bytes)?;
    let header = vgm::header(&unpacked)?;
    let data = header.data;
    let mut reader = Reader::new(unpacked.get(data..).unwrap_or_default(), &header);
    let mut simple = unpacked.get(..data).unwrap_or_default().to_vec();
    let mut more = true;
    while more {
        let start = reader.offset;
        more = reader.command()?;
        let command = unpacked.get(start..reader.offset).unwrap_or_default();
        match *command {
            [0xB4, 0x10..=0x13 | 0x18.., _] => {}
            // A wait within a command for another chip.
            [wait @ 0x81..=0x8F] => simple.push(0x70 + (wait & 15) - 1),
            [0x61..=0x63 | 0x66 | 0x70..=0x7F | 0xB4, ..] => simple.extend(command),
            _ => {}
        }
    }
    simple.extend(unpacked.get(reader.offset..).unwrap_or_default());
    let end = (simple.len() - END) as u32;
    put(&mut simple, data, END, end);
    for field in [LOOP, LOOP_TICKS, MODIFIERS] {
        put(&mut simple, data, field, 0);
    }
    Ok(simple)
}

/// Puts a number into a header of `size` bytes, if it has room for it.
fn put(file: &mut [u8], size: usize, field: usize, number: u32) {
    let header = file.get_mut(..size).unwrap_or_default();
    if let Some(place) = header.get_mut(field..).and_then(|rest| rest.first_chunk_mut()) {
        *place = number.to_le_bytes();
    }
}

/// The part of a log from its event number `start` on, `count` events long. Events are those of its raw disassembly
/// ([`ndr`]): a write, or the wait between two writes; the clock is not one. What came before `start` is not heard.
///
/// # Errors
/// Whatever [`RegisterLog::validate`] finds.
pub fn shorten(log: &RegisterLog, start: usize, count: usize) -> Result<RegisterLog, ApuError> {
    log.validate()?;
    let tuples = ndr::tuples(log).take(1).chain(ndr::tuples(log).skip(1).skip(start).take(count));
    ndr::read(&disassembly::text(tuples)?)
}
