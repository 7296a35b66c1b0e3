//! What the standard does not allow in a MIDI file and is found in files all the same, read as players read it.
//!
//! midly ends a track in silence at an event that it cannot read. Of these, two can be distinguished from damage:
//! ```text
//! F8 … FE        a system real-time message (clock, start, stop, active sensing): passed over
//! Bn cc vv       a controller value above 127: counts as 127
//! ```
//! A channel message that leans on the status from before a meta event is read by the walk ([`super::walk`]) itself.
//!
//! Source of the messages: "MIDI 1.0 Detailed Specification", tables I to VI.

use std::fmt;
use std::ops::Range;

use midly::num::{u4, u7};
use midly::{MidiMessage, TrackEventKind};

use crate::error::TokenizerError;

/// What a reader of MIDI has taken for something else or left out, without refusing the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Warnings {
    /// Controller values above 127, each of which counts as 127.
    pub controllers: usize,
    /// Bytes behind the last track.
    pub trailing: usize,
}

impl Warnings {
    /// Whether the file is as the standard has it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// One line.
impl fmt::Display for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let Self { controllers, trailing } = *self;
        if controllers > 0 {
            write!(f, "{controllers} controller value{} above 127 taken for 127", plural(controllers))?;
        }
        if trailing > 0 {
            let gap = if controllers > 0 { "; " } else { "" };
            write!(f, "{gap}{trailing} byte{} after the last track left out", plural(trailing))?;
        }
        Ok(())
    }
}

/// An event that midly refuses.
pub(super) struct OddEvent {
    /// MIDI ticks since the event before.
    pub(super) delta: u32,
    /// What it means, if anything.
    pub(super) kind: Option<TrackEventKind<'static>>,
    /// How many bytes it takes.
    pub(super) length: usize,
}

/// Reads the odd event that a track goes on with; `None` if it is not understood.
pub(super) fn odd_event(data: &[u8], running_status: Option<u8>) -> Option<OddEvent> {
    let (delta, rest) = variable_length(data)?;
    let (&first, behind) = rest.split_first()?;
    if (0xF8..0xFF).contains(&first) {
        return Some(OddEvent { delta, kind: None, length: data.len() - behind.len() });
    }
    let (status, operands) = if first < 0x80 { (running_status?, rest) } else { (first, behind) };
    let (&[controller, value], behind) = operands.split_first_chunk()?;
    if status >> 4 != 0xB || controller > 127 || value <= 127 {
        return None;
    }
    let message = MidiMessage::Controller { controller: u7::from(controller), value: u7::max_value() };
    let kind = Some(TrackEventKind::Midi { channel: u4::from(status & 15), message });
    Some(OddEvent { delta, kind, length: data.len() - behind.len() })
}

/// A number of at most 28 bits, seven a byte, and what follows it.
fn variable_length(data: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0;
    for (index, &byte) in data.iter().take(4).enumerate() {
        number = number << 7 | u32::from(byte & 0x7F);
        if byte < 0x80 {
            return Some((number, data.get(index + 1..)?));
        }
    }
    None
}

/// Where the MIDI file lies in a file: all of it, or the data of a RIFF file of the form RMID.
///
/// ```text
/// 00 "RIFF", size   08 "RMID"   0C chunks: four letters, size, data (and a byte if the size is odd)
/// ```
pub(super) fn without_riff(bytes: &[u8]) -> Result<Range<usize>, TokenizerError> {
    if !bytes.starts_with(b"RIFF") || bytes.get(8..12) != Some(b"RMID") {
        return Ok(0..bytes.len());
    }
    let mut at = 12;
    while let Some(([id @ .., l0, l1, l2, l3], data)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<8>) {
        let size = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        if id == b"data" {
            return Ok(at + 8..at + 8 + size.min(data.len()));
        }
        at = (at + 8).saturating_add(size).saturating_add(size % 2);
    }
    let expected = "a data chunk that holds a MIDI file".to_owned();
    Err(TokenizerError::Midi { offset: 12, expected, found: "none".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plainly_odd_is_read() {
        let length = |data: &[u8], status| odd_event(data, status).map(|event| (event.delta, event.length));
        assert_eq!(length(&[0x81, 0x00, 0xF8, 1], None), Some((128, 3)));
        assert_eq!(length(&[0, 0xB3, 7, 0xA8, 1], None), Some((0, 4)));
        assert_eq!(length(&[0, 7, 0xA8, 1], Some(0xB3)), Some((0, 3)));
        for refused in
            [&[0, 0xF4, 1][..], &[0, 0x90, 60, 0x90], &[0, 0xB3, 0x90, 0xA8], &[0, 0xB3, 7], &[0, 7, 0xA8], &[0]]
        {
            assert_eq!(length(refused, None), None, "{refused:02X?}");
        }
    }

    #[test]
    fn a_wrapper_without_data_or_with_too_little_is_no_panic() {
        assert_eq!(without_riff(b"MThd"), Ok(0..4));
        assert_eq!(without_riff(b"RIFF\x04\0\0\0RMIDLIST\x01\0\0\0xydata\xFF\0\0\0MThd"), Ok(30..34));
        assert!(without_riff(b"RIFF\x04\0\0\0RMIDdata").is_err());
        assert!(without_riff(b"RIFF\x04\0\0\0RMIDjunk\xFF\xFF\xFF\xFFdata").is_err());
    }
}
