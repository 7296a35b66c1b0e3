//! The events of a MIDI file, one after the other: what every reader of MIDI begins with.
//!
//! A file is a header and chunks; a track chunk holds events, each after a wait in MIDI ticks. What follows the end of a
//! track in its chunk is passed over; a chunk or event that breaks off is an error that names its byte.

use midly::{EventIter, Format, MetaMessage, MidiMessage, Timing, TrackEventKind};

use super::lenient::{OddEvent, Warnings, odd_event, without_riff};
use crate::error::TokenizerError;
use crate::limits::MAX_EVENTS;

/// Receives the events of a file.
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
    /// What was not as the standard has it.
    pub(crate) warnings: Warnings,
}

/// Which tracks of a file count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracks {
    /// All that are there.
    All,
    /// As many as the header says there are.
    Announced,
}

/// Tells a listener of all events of a MIDI file of format 0 or 1, or of format 2 with one track.
pub(crate) fn walk(bytes: &[u8], tracks: Tracks, listener: &mut impl Listener) -> Result<Extent, TokenizerError> {
    let place = without_riff(bytes)?;
    let bytes = bytes.get(..place.end).unwrap_or_default();
    let (timing, announced) = header(bytes, place.start)?;
    let mut extent = Extent { timing, last: 0, last_at: 0, warnings: Warnings::default() };
    let mut events = 0;
    let most = if tracks == Tracks::Announced { announced } else { usize::MAX };
    let mut chunks = TrackChunks { bytes, offset: place.start, read: 0, announced, trailing: 0 };
    for (track, chunk) in chunks.by_ref().take(most).enumerate() {
        let (offset, data) = chunk?;
        listener.begin_track(track);
        Walk { offset, data, read: 0, running_status: None }.run(&mut events, &mut extent, listener)?;
    }
    extent.warnings.trailing = chunks.trailing;
    Ok(extent)
}

/// A track.
struct Walk<'a> {
    /// Where its data begin in the file.
    offset: usize,
    data: &'a [u8],
    /// How many of its bytes have been read.
    read: usize,
    /// The status of the last channel message. The standard lets a meta event cancel it, files do not.
    running_status: Option<u8>,
}

impl<'a> Walk<'a> {
    fn run(
        &mut self,
        count: &mut usize,
        extent: &mut Extent,
        listener: &mut impl Listener,
    ) -> Result<(), TokenizerError> {
        let mut now = 0_u64;
        let mut events = EventIter::new(self.data);
        'track: loop {
            while let Some(event) = events.next() {
                let event = event
                    .map_err(|error| malformed(self.offset + self.read, "a MIDI event", error.kind().message()))?;
                self.read = self.data.len() - events.unread().len();
                now += u64::from(event.delta.as_int());
                self.check_count(count)?;
                if matches!(event.kind, TrackEventKind::Midi { .. }) {
                    self.running_status = events.running_status();
                } else {
                    *events.running_status_mut() = self.running_status;
                    if matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack)) {
                        break 'track;
                    }
                }
                // Handed on as midly gives it: to wrap an event once more takes as long as to read it.
                if let Err(error) = listener.hear(now, event.kind) {
                    return Err(error.at("byte", self.offset + self.read));
                }
            }
            let Some(event) = self.odd(&mut events, &mut extent.warnings)? else { break };
            now += u64::from(event.delta);
            self.check_count(count)?;
            self.hear_odd(now, &event, listener)?;
        }
        if now >= extent.last {
            (extent.last, extent.last_at) = (now, self.offset + self.read);
        }
        Ok(())
    }

    /// Hands on an odd event; apart, so that the compiler weaves the listener into the loop over the others.
    #[cold]
    #[inline(never)]
    fn hear_odd(&self, now: u64, event: &OddEvent, listener: &mut impl Listener) -> Result<(), TokenizerError> {
        let Some(kind) = event.kind else { return Ok(()) };
        listener.hear(now, kind).map_err(|error| error.at("byte", self.offset + self.read))
    }

    /// Counts an event of the file.
    #[inline]
    fn check_count(&self, count: &mut usize) -> Result<(), TokenizerError> {
        *count += 1;
        if *count > MAX_EVENTS {
            TokenizerError::check_events(*count).map_err(|error| error.at("byte", self.offset + self.read))?;
        }
        Ok(())
    }

    /// The event at which midly has ended the track in silence, unless the data end there, too.
    #[cold]
    fn odd(&mut self, events: &mut EventIter<'a>, warnings: &mut Warnings) -> Result<Option<OddEvent>, TokenizerError> {
        let rest = self.data.get(self.read..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let Some(event) = odd_event(rest, self.running_status) else {
            let found = format!("{} bytes that are no event", rest.len());
            return Err(malformed(self.offset + self.read, "a MIDI event", found));
        };
        if let Some(TrackEventKind::Midi { message, .. }) = event.kind {
            let is_controller = matches!(message, MidiMessage::Controller { .. });
            *(if is_controller { &mut warnings.controllers } else { &mut warnings.values }) += 1;
            self.running_status = event.status;
        }
        self.read += event.length;
        *events = EventIter::new(rest.get(event.length..).unwrap_or_default());
        *events.running_status_mut() = self.running_status;
        Ok(Some(event))
    }
}

/// What a tick is and how many tracks there are, as the header at an offset says.
fn header(bytes: &[u8], at: usize) -> Result<(Timing, usize), TokenizerError> {
    let bytes = bytes.get(at..).unwrap_or_default();
    if bytes.get(..4) != Some(b"MThd") {
        let start = String::from_utf8_lossy(bytes.get(..8.min(bytes.len())).unwrap_or_default()).into_owned();
        return Err(malformed(at, "a MIDI file (it begins with MThd)", format!("{start:?}")));
    }
    // midly takes the negative of a signed byte, and -128 has no negative.
    if bytes.get(12) == Some(&0x80) {
        return Err(malformed(at + 12, "ticks a beat, or 24, 25, 29 or 30 frames a second", "128 frames a second"));
    }
    if let Some(&[high, low]) = bytes.get(8..10)
        && (high, low) > (0, 2)
    {
        let found = format!("format {}", u16::from_be_bytes([high, low]));
        return Err(malformed(at + 8, "MIDI format 0 or 1", found));
    }
    let (header, _) = midly::parse(bytes).map_err(|error| malformed(at, "a MIDI header", error.kind().message()))?;
    let announced = bytes.get(10..12).and_then(|count| count.try_into().ok());
    let announced = announced.map_or(0, |count| usize::from(u16::from_be_bytes(count)));
    if header.format == Format::Sequential && announced > 1 {
        let found = format!("format 2 with {announced} tracks, each a song of its own");
        return Err(malformed(at + 8, "MIDI format 0 or 1", found));
    }
    Ok((header.timing, announced))
}

pub(crate) fn malformed(offset: usize, expected: &str, found: impl Into<String>) -> TokenizerError {
    TokenizerError::Midi { offset, expected: expected.to_owned(), found: found.into() }
}

/// The track chunks of a file, each with the offset of its data. (midly reads on where a chunk breaks off and says nothing
/// of it; a song cut short should not pass for a whole one.)
struct TrackChunks<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// How many tracks have been read, and how many there are by the header.
    read: usize,
    announced: usize,
    /// How many bytes behind these are no chunk.
    trailing: usize,
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
            // Behind the last track there may be anything, but for a track that breaks off.
            let is_last = self.read >= self.announced && !rest.starts_with(b"MTrk");
            if is_last && !rest.iter().take(4).all(|&letter| letter == b' ' || letter.is_ascii_graphic()) {
                self.trailing = rest.len(); // zeros would pass for chunks
                return None;
            }
            let head = rest.split_first_chunk::<8>();
            let chunk = head.map(|([id @ .., l0, l1, l2, l3], data)| {
                let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
                (id, length, data, data.get(..length))
            });
            match chunk {
                Some((id, length, _, Some(chunk))) => {
                    self.offset = at + 8 + length;
                    if id == b"MTrk" {
                        self.read += 1;
                        return Some(Ok((at + 8, chunk)));
                    }
                }
                _ if is_last => {
                    self.trailing = rest.len();
                    return None;
                }
                Some((_, length, data, None)) => {
                    let found = format!("the end of the file after {}", data.len());
                    return Some(Err(malformed(at + 8, &format!("{length} bytes of a chunk"), found)));
                }
                None => {
                    let found = format!("{} bytes", rest.len());
                    return Some(Err(malformed(at, "the 8 bytes that begin a chunk", found)));
                }
            }
        }
    }
}
