//! The chunks of an NSFe file, which also follow the program of an NSF file.
//!
//! ```text
//! length (4 bytes), name (4 letters; a capital first: must be understood), bytes
//! INFO  load, init, play; region; extra chips; tracks; first track      DATA  the program      BANK  first banks
//! RATE  µs between calls: NTSC, PAL, Dendy       NSF2  features         regn  consoles, the preferred one
//! auth  game, artist, copyright, ripper          tlbl  titles           taut  artists
//! time  ms a track (signed; negative: unknown)   fade  ms a track       plst  order of tracks  psfx  sound effects
//! text  free text                                mixe, VRC7  extra chips               NEND  the end
//! ```
//!
//! Source: nesdev wiki, "NSFe".

use super::file::{Features, Nsf, Region, Track, check_program, region_of, speed, text};
use super::{DENDY_SPEED, MAX_TRACKS, NTSC_SPEED, PAL_SPEED};
use crate::{ApuError, Standard};

/// Most characters of a text that is kept.
const MAX_TEXT: usize = 1 << 16;

/// Which chunks may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of an NSFe file.
    Nsfe,
    /// Those that follow an NSF file, which has a header and a program already.
    Metadata,
}

/// Reads chunk after chunk.
pub(super) struct Chunks<'a> {
    bytes: &'a [u8],
    offset: usize,
    info: bool,
    data: bool,
    ended: bool,
}

impl<'a> Chunks<'a> {
    /// The chunks from `offset` on.
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset, info: false, data: false, ended: false }
    }

    /// Reads a chunk into `nsf` and says whether another may follow.
    pub(super) fn read_next(&mut self, nsf: &mut Nsf, kind: Kind) -> Result<bool, ApuError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if rest.is_empty() || self.ended {
            return Ok(false);
        }
        let fault = |offset, expected, found: String| ApuError::Format { offset, expected, found };
        let Some((head, rest)) = rest.split_first_chunk::<8>() else {
            return Err(fault(self.offset, "length and name of a chunk", format!("{} bytes", rest.len())));
        };
        let [l0, l1, l2, l3, name @ ..] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let Some(body) = rest.get(..length) else {
            let found = format!("{length} bytes of {}", rest.len());
            return Err(fault(self.offset, "a chunk that ends inside the file", found));
        };
        let offset = self.offset + 8;
        self.offset = offset + length;
        match &name {
            b"NEND" => self.ended = true,
            b"INFO" if kind == Kind::Nsfe => {
                info(nsf, body, offset)?;
                self.info = true;
            }
            b"DATA" if kind == Kind::Nsfe => {
                if !self.info {
                    return Err(fault(offset - 8, "an INFO chunk before the DATA chunk", "none".into()));
                }
                check_program(offset, length)?;
                nsf.program = body.to_vec();
                self.data = true;
            }
            b"BANK" if kind == Kind::Nsfe => {
                let banks = std::array::from_fn(|slot| body.get(slot).copied().unwrap_or(0));
                nsf.banks = (banks != [0; 8]).then_some(banks);
            }
            b"INFO" | b"DATA" | b"BANK" => return Err(fault(offset - 8, "a chunk of metadata", shown(name))),
            _ => metadata(nsf, name, body, offset)?,
        }
        Ok(true)
    }

    /// Checks that nothing was missing from an NSFe file.
    pub(super) fn check_whole(&self) -> Result<(), ApuError> {
        for (there, expected) in
            [(self.info, "an INFO chunk"), (self.data, "a DATA chunk"), (self.ended, "an NEND chunk at the end")]
        {
            if !there {
                return Err(ApuError::Format { offset: self.offset, expected, found: "the end of the file".into() });
            }
        }
        Ok(())
    }
}

fn shown(name: [u8; 4]) -> String {
    name.escape_ascii().to_string()
}

fn info(nsf: &mut Nsf, body: &[u8], offset: usize) -> Result<(), ApuError> {
    let Some(head) = body.first_chunk::<9>() else {
        let found = format!("{} bytes", body.len());
        return Err(ApuError::Format { offset, expected: "an INFO chunk of at least 9 bytes", found });
    };
    let &[load_low, load_high, init_low, init_high, play_low, play_high, region, chips, tracks] = head;
    nsf.load = u16::from_le_bytes([load_low, load_high]);
    nsf.init = u16::from_le_bytes([init_low, init_high]);
    nsf.play = u16::from_le_bytes([play_low, play_high]);
    nsf.region = region_of(region);
    nsf.chips = chips;
    let tracks = if tracks == 0 { MAX_TRACKS } else { tracks.into() };
    nsf.tracks.resize(tracks, Track::default());
    nsf.first = usize::from(body.get(9).copied().unwrap_or(0)).min(tracks - 1);
    Ok(())
}

/// Chunks that say something about the music.
fn metadata(nsf: &mut Nsf, name: [u8; 4], body: &[u8], offset: usize) -> Result<(), ApuError> {
    match &name {
        b"RATE" => {
            let word = |at: usize| body.get(at..at + 2).map_or(0, |word| u16::from_le_bytes([word[0], word[1]]));
            nsf.speeds = [speed(word(0), NTSC_SPEED), speed(word(2), PAL_SPEED), speed(word(4), DENDY_SPEED)];
        }
        b"NSF2" => {
            let bits = body.first().copied().unwrap_or(0);
            let feature = |bit: u8| bits & bit != 0;
            nsf.features = Features { irq: feature(0x10), non_returning_init: feature(0x20), no_play: feature(0x40) };
        }
        b"regn" => {
            let bits = body.first().copied().unwrap_or(1);
            let preferred = match body.get(1) {
                Some(1) => Standard::Pal,
                Some(2) => Standard::Dendy,
                None if bits & 1 == 0 && bits & 2 != 0 => Standard::Pal,
                _ => Standard::Ntsc,
            };
            nsf.region = Region { ntsc: bits & 1 != 0, pal: bits & 2 != 0, dendy: bits & 4 != 0, preferred };
        }
        b"auth" => {
            let mut texts = texts(body);
            let mut next = || texts.next().unwrap_or_default();
            (nsf.tags.title, nsf.tags.artist, nsf.tags.date, nsf.tags.creator) = (next(), next(), next(), next());
        }
        b"tlbl" => nsf.tracks.iter_mut().zip(texts(body)).for_each(|(track, title)| track.title = title),
        b"taut" => nsf.tracks.iter_mut().zip(texts(body)).for_each(|(track, artist)| track.artist = artist),
        b"time" => nsf.tracks.iter_mut().zip(times(body)).for_each(|(track, time)| track.time_ms = time),
        b"fade" => nsf.tracks.iter_mut().zip(times(body)).for_each(|(track, time)| track.fade_ms = time),
        b"plst" => nsf.playlist = tracks(body),
        b"psfx" => nsf.effects = tracks(body),
        b"text" => nsf.tags.notes = multiline(body.get(..MAX_TEXT.min(body.len())).unwrap_or_default()),
        b"VRC7" => {}
        [b'A'..=b'Z', ..] => return Err(ApuError::Unsupported { offset: offset - 4, what: "this mandatory chunk" }),
        _ => {}
    }
    Ok(())
}

/// Texts that end with a zero each. Those of the tracks are as many as there are tracks at most.
fn texts(body: &[u8]) -> impl Iterator<Item = String> {
    body.split(|&byte| byte == 0).map(|bytes| text(bytes.get(..MAX_TEXT.min(bytes.len())).unwrap_or_default()))
}

/// Milliseconds as signed integers of 4 bytes: those below 0 say that nothing is known.
fn times(body: &[u8]) -> impl Iterator<Item = Option<u32>> {
    body.chunks_exact(4).map(|ms| ms.try_into().ok().and_then(|ms| u32::try_from(i32::from_le_bytes(ms)).ok()))
}

/// Track numbers, at most as many as there can be tracks.
fn tracks(body: &[u8]) -> Vec<u8> {
    body.iter().copied().take(MAX_TRACKS).collect()
}

/// A text of several lines.
fn multiline(bytes: &[u8]) -> String {
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).lines().map(|line| text(line.as_bytes())).collect::<Vec<_>>().join("\n")
}
