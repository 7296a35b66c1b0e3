//! What the standard does not allow in a MIDI file and is found in files all the same, read as players read it.
//!
//! midly ends a track in silence at an event that it cannot read. Of these, some can be distinguished from damage:
//! ```text
//! F8 … FE        a system real-time message (clock, start, stop, active sensing): passed over
//! F1 dd, F2 dd dd, F3 dd, F6
//!                a system common message (time code, song position, song, tune request): passed over
//! 8n … En dd dd  a channel message with a data byte above 127, if another event or the end follows: counts as 127
//! FF tt ll …     a meta event whose data are too few for its type, as an empty key signature: passed over
//! ```
//! A channel message that leans on the status from before a meta event is read by the walk ([`super::walk`]) itself.
//!
//! Source of the messages: "MIDI 1.0 Detailed Specification", tables I to VI.

use std::fmt;
use std::ops::Range;

use midly::live::LiveEvent;
use midly::{EventIter, TrackEventKind};

use crate::error::TokenizerError;

/// What a reader of MIDI has taken for something else or left out, without refusing the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Warnings {
    /// Controller values above 127, each of which counts as 127.
    pub controllers: usize,
    /// Other messages with a data byte above 127, which counts as 127.
    pub values: usize,
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
        let Self { controllers, values, trailing } = *self;
        let kinds = [
            (controllers, "controller value", "above 127 taken for 127"),
            (values, "other message", "with a value above 127, taken for 127"),
            (trailing, "byte", "after the last track left out"),
        ];
        let mut gap = "";
        for (count, what, how) in kinds.into_iter().filter(|kind| kind.0 > 0) {
            write!(f, "{gap}{count} {what}{} {how}", if count == 1 { "" } else { "s" })?;
            gap = "; ";
        }
        Ok(())
    }
}

/// An event that midly refuses.
pub(super) struct OddEvent {
    /// MIDI ticks since the event before.
    pub(super) delta: u32,
    /// What it means, if anything,
    pub(super) kind: Option<TrackEventKind<'static>>,
    /// and the status byte of that.
    pub(super) status: Option<u8>,
    /// How many bytes it takes.
    pub(super) length: usize,
}

/// Reads the odd event that a track goes on with; `None` if it is not understood.
pub(super) fn odd_event(data: &[u8], running_status: Option<u8>) -> Option<OddEvent> {
    let (delta, rest) = variable_length(data)?;
    let (&first, behind) = rest.split_first()?;
    let passed_over = |behind: &[u8]| OddEvent { delta, kind: None, status: None, length: data.len() - behind.len() };
    let (status, operands) = match first {
        0xF8..=0xFE | 0xF6 => return Some(passed_over(behind)),
        0xF1 | 0xF3 => return behind.split_first_chunk().filter(are_data::<1>).map(|(_, behind)| passed_over(behind)),
        0xF2 => return behind.split_first_chunk().filter(are_data::<2>).map(|(_, behind)| passed_over(behind)),
        0xFF => return meta_event(behind).map(passed_over),
        0x80..=0xEF => (first, behind),
        0..=0x7F => (running_status?, rest),
        _ => return None,
    };
    let (operands, behind) = operands.split_at_checked(if matches!(status >> 4, 0xC | 0xD) { 1 } else { 2 })?;
    if operands.iter().all(|&value| value < 0x80) || !goes_on(behind, status) {
        return None;
    }
    let mut message = vec![status];
    message.extend(operands.iter().map(|&value| value.min(0x7F)));
    let Ok(LiveEvent::Midi { channel, message }) = LiveEvent::parse(&message) else { return None };
    let kind = Some(TrackEventKind::Midi { channel, message });
    Some(OddEvent { delta, kind, status: Some(status), length: data.len() - behind.len() })
}

/// Whether the first bytes are data bytes, in the form in which a slice is split.
fn are_data<const N: usize>((bytes, _): &(&[u8; N], &[u8])) -> bool {
    bytes.iter().all(|&byte| byte < 0x80)
}

/// What follows a meta event whose type and length are given; `None` for one that breaks off.
fn meta_event(data: &[u8]) -> Option<&[u8]> {
    let (_, rest) = data.split_first()?;
    let (length, rest) = variable_length(rest)?;
    rest.get(length as usize..)
}

/// Whether a track can go on after a message: it ends, or an event follows, or another odd one.
fn goes_on(data: &[u8], status: u8) -> bool {
    let mut events = EventIter::new(data);
    *events.running_status_mut() = Some(status);
    let is_odd = |(_, rest): (u32, &[u8])| rest.len() >= 2 || rest.first().is_some_and(|&first| first >= 0x80);
    data.is_empty() || matches!(events.next(), Some(Ok(_))) || variable_length(data).is_some_and(is_odd)
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
            // Who writes as he plays does not go back to fill in the size.
            let is_unknown = size == 0 && data.starts_with(b"MThd");
            let size = if is_unknown { data.len() } else { size.min(data.len()) };
            return Ok(at + 8..at + 8 + size);
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
        assert_eq!(length(&[0, 0xF2, 1, 2, 9], None), Some((0, 4)));
        assert_eq!(length(&[0, 0xF3, 1, 9], None), Some((0, 3)));
        assert_eq!(length(&[0, 0xF6, 9], None), Some((0, 2)));
        assert_eq!(length(&[0, 0xFF, 0x59, 0, 9], None), Some((0, 4)));
        assert_eq!(length(&[0, 0xB3, 7, 0xA8, 0, 1, 2], None), Some((0, 4)));
        assert_eq!(length(&[0, 7, 0xA8, 0, 1, 2], Some(0xB3)), Some((0, 3)));
        assert_eq!(length(&[0, 0x90, 60, 0x90], None), Some((0, 4)));
        assert_eq!(length(&[0, 0xC2, 0xFF, 0, 1], None), Some((0, 3)));
        for refused in [
            &[0, 0xF4, 1][..],
            &[0, 0xF2, 1],
            &[0, 0xF1, 0x80],
            &[0, 0xB3, 7],
            &[0, 7, 0xA8],
            &[0],
            &[0, 0xB3, 7, 0xA8, 0],
            &[0, 0x90, 60, 0x90, 1, 2],
            &[0, 0xFF, 0x59, 3, 1],
            &[0, 0xFF],
        ] {
            assert_eq!(length(refused, None), None, "{refused:02X?}");
        }
    }

    #[test]
    fn a_wrapper_without_data_or_with_too_little_is_no_panic() {
        assert_eq!(without_riff(b"MThd"), Ok(0..4));
        assert_eq!(without_riff(b"RIFF\x04\0\0\0RMIDLIST\x01\0\0\0xydata\xFF\0\0\0MThd"), Ok(30..34));
        assert_eq!(without_riff(b"RIFF\0\0\0\0RMIDdata\0\0\0\0MThd\0\0"), Ok(20..26));
        assert_eq!(without_riff(b"RIFF\0\0\0\0RMIDdata\0\0\0\0MTrk"), Ok(20..20));
        assert!(without_riff(b"RIFF\x04\0\0\0RMIDdata").is_err());
        assert!(without_riff(b"RIFF\x04\0\0\0RMIDjunk\xFF\xFF\xFF\xFFdata").is_err());
    }
}
