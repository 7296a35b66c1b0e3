//! The events of a MIDI file, one after the other: what every reader of MIDI begins with.
//!
//! A file is a header and chunks; a track chunk holds events, each after a wait in MIDI ticks. What follows the end of a
//! track in its chunk is passed over; a chunk or event that breaks off is an error that names its byte.

use midly::{EventIter, Format, Header, MetaMessage, Timing, TrackEventKind};

use crate::error::TokenizerError;
use crate::limits::MAX_EVENTS;

/// Who is told of the events of a file.
pub(crate) trait Listener {
    /// A track begins; the first is 0. Its clock begins at 0.
    fn begin_track(&mut self, track: usize);

    /// An event at a MIDI tick of the track, but for the one that ends it.
    ///
    /// # Errors
    /// What ends the reading; to a limit the place in the file is added.
    fn hear(&mut self, now: u64, event: TrackEventKind<'_>) -> Result<(), TokenizerError>;
}

/// What a walk finds out by the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// What a MIDI tick is.
    pub(crate) timing: Timing,
    /// The MIDI tick of the last event of all,
    pub(crate) last: u64,
    /// and the byte behind it.
    pub(crate) last_at: usize,
}

/// Which tracks of a file count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracks {
    /// All that are there.
    All,
    /// As many as the header says there are.
    Announced,
}

/// Tells a listener of all events of a MIDI file of format 0 or 1.
pub(crate) fn walk(bytes: &[u8], tracks: Tracks, listener: &mut impl Listener) -> Result<Extent, TokenizerError> {
    let Header { timing, .. } = header(bytes)?;
    let mut walk = Walk { events: 0, extent: Extent { timing, last: 0, last_at: 0 } };
    let count = if tracks == Tracks::Announced { announced(bytes) } else { usize::MAX };
    for (track, chunk) in (TrackChunks { bytes, offset: 0 }).take(count).enumerate() {
        let (offset, data) = chunk?;
        listener.begin_track(track);
        walk.track(offset, data, listener)?;
    }
    Ok(walk.extent)
}

struct Walk {
    events: usize,
    extent: Extent,
}

impl Walk {
    fn track(&mut self, offset: usize, data: &[u8], listener: &mut impl Listener) -> Result<(), TokenizerError> {
        let (mut now, mut read) = (0_u64, 0);
        let mut events = EventIter::new(data);
        let mut complete = false;
        while let Some(event) = events.next() {
            let event = event.map_err(|error| malformed(offset + read, "a MIDI event", error.kind().message()))?;
            read = data.len() - events.unread().len();
            self.events += 1;
            now += u64::from(event.delta.as_int());
            if self.events > MAX_EVENTS {
                TokenizerError::check_events(self.events).map_err(|error| error.at("byte", offset + read))?;
            }
            if matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack)) {
                complete = true;
                break;
            }
            if let Err(error) = listener.hear(now, event.kind) {
                return Err(error.at("byte", offset + read));
            }
        }
        // midly ends the track in silence at what it cannot read.
        if !complete && read < data.len() {
            let left = data.len() - read;
            return Err(malformed(offset + read, "a MIDI event", format!("{left} bytes that are none")));
        }
        if now >= self.extent.last {
            (self.extent.last, self.extent.last_at) = (now, offset + read);
        }
        Ok(())
    }
}

fn header(bytes: &[u8]) -> Result<Header, TokenizerError> {
    if bytes.get(..4) != Some(b"MThd") {
        let start = String::from_utf8_lossy(bytes.get(..8.min(bytes.len())).unwrap_or_default()).into_owned();
        return Err(malformed(0, "a MIDI file (it begins with MThd)", format!("{start:?}")));
    }
    // midly takes the negative of a signed byte, for which there is none of -128.
    if bytes.get(12) == Some(&0x80) {
        return Err(malformed(12, "ticks a beat, or 24, 25, 29 or 30 frames a second", "128 frames a second"));
    }
    let (header, _) = midly::parse(bytes).map_err(|error| malformed(0, "a MIDI header", error.kind().message()))?;
    if header.format == Format::Sequential {
        return Err(malformed(8, "MIDI format 0 or 1", "format 2"));
    }
    Ok(header)
}

/// The number of tracks that the header says there are (bytes 10 and 11).
fn announced(bytes: &[u8]) -> usize {
    bytes.get(10..12).and_then(|count| count.try_into().ok()).map_or(0, |count| usize::from(u16::from_be_bytes(count)))
}

pub(crate) fn malformed(offset: usize, expected: &str, found: impl Into<String>) -> TokenizerError {
    TokenizerError::Midi { offset, expected: expected.to_owned(), found: found.into() }
}

/// The track chunks of a file, each with the offset of its data. (midly reads on where a chunk breaks off and says nothing
/// of it; a song cut short should not pass for a whole one.)
struct TrackChunks<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for TrackChunks<'a> {
    type Item = Result<(usize, &'a [u8]), TokenizerError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, rest) = (self.offset, self.bytes.get(self.offset..)?);
            if rest.is_empty() {
                return None;
            }
            self.offset = self.bytes.len();
            let Some((head, data)) = rest.split_first_chunk::<8>() else {
                return Some(Err(malformed(at, "the 8 bytes that begin a chunk", format!("{} bytes", rest.len()))));
            };
            let [id @ .., l0, l1, l2, l3] = head;
            let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
            let Some(chunk) = data.get(..length) else {
                let found = format!("the end of the file after {}", data.len());
                return Some(Err(malformed(at + 8, &format!("{length} bytes of a chunk"), found)));
            };
            self.offset = at + 8 + length;
            if id == b"MTrk" {
                return Some(Ok((at + 8, chunk)));
            }
        }
    }
}
