//! NSF and NSFe files, read: the header, the program, and the chunks.

use super::chunks::{self, Chunks};
use super::file::{Features, Nsf, Track, check_program, region_of, speed, text};
use super::{DENDY_SPEED, HEADER, NTSC_SPEED, PAL_SPEED};
use crate::{ApuError, Tags};

/// Reads an NSF file (version 1 or 2) or an NSFe file.
///
/// # Errors
/// [`ApuError::Format`] with the byte that is not what the format says, [`ApuError::Unsupported`] for a mandatory chunk
/// that is not known, and [`ApuError::ByteLimit`] for a program of more than [`MAX_PROGRAM`](super::MAX_PROGRAM) bytes.
///
/// ```
/// use lakhnes_apu::formats::nsf::{self, Timing};
/// use lakhnes_apu::RegisterLog;
///
/// let log = RegisterLog { length: 44_100, ..RegisterLog::default() };
/// let file = nsf::read(&nsf::write_named(&log, Timing::Exact, "Silence")?)?;
/// assert_eq!((file.tracks.len(), &*file.tags.title), (1, "Silence"));
/// # Ok::<(), lakhnes_apu::ApuError>(())
/// ```
pub fn read(bytes: &[u8]) -> Result<Nsf, ApuError> {
    if bytes.starts_with(b"NSFE") {
        let mut nsf = Nsf::default();
        let mut chunks = Chunks::new(bytes, 4);
        while chunks.read_next(&mut nsf, chunks::Kind::Nsfe)? {}
        chunks.check_whole()?;
        return nsf.checked();
    }
    if !bytes.starts_with(b"NESM\x1A") {
        let found = format!("{:02X?}", bytes.get(..5.min(bytes.len())).unwrap_or_default());
        return Err(ApuError::Format { offset: 0, expected: "NESM, 1A or NSFE", found });
    }
    read_header(bytes)
}

fn read_header(bytes: &[u8]) -> Result<Nsf, ApuError> {
    let (header, program) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| ApuError::Format {
        offset: bytes.len(),
        expected: "a header of 128 bytes",
        found: format!("a file of {} bytes", bytes.len()),
    })?;
    let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let tracks = usize::from(header[6]).max(1);
    let length = u32::from_le_bytes([header[0x7D], header[0x7E], header[0x7F], 0]) as usize;
    let version_2 = header[5] >= 2;
    let (program, rest) = if length == 0 {
        (program, &[][..])
    } else {
        program.split_at_checked(length).ok_or_else(|| ApuError::Format {
            offset: 0x7D,
            expected: "a program that ends inside the file",
            found: format!("{length} bytes of {}", program.len()),
        })?
    };
    let banks: [u8; 8] = std::array::from_fn(|slot| header[0x70 + slot]);
    let region = header[0x7A];
    let text = |at: usize| text(header.get(at..at + 32).unwrap_or_default());
    let feature = |bit: u8| version_2 && header[0x7C] & bit != 0;
    let mut nsf = Nsf {
        load: word(0x08),
        init: word(0x0A),
        play: word(0x0C),
        banks: (banks != [0; 8]).then_some(banks),
        tracks: vec![Track::default(); tracks],
        first: usize::from(header[7].saturating_sub(1)).min(tracks - 1),
        region: region_of(region),
        speeds: [speed(word(0x6E), NTSC_SPEED), speed(word(0x78), PAL_SPEED), DENDY_SPEED],
        chips: header[0x7B],
        features: Features { irq: feature(0x10), non_returning_init: feature(0x20), no_play: feature(0x40) },
        tags: Tags { title: text(0x0E), artist: text(0x2E), date: text(0x4E), ..Tags::default() },
        ..Nsf::default()
    };
    check_program(HEADER, program.len())?;
    nsf.program = program.to_vec();
    let mut chunks = Chunks::new(bytes, bytes.len() - rest.len());
    let needed = feature(0x80);
    loop {
        match chunks.read_next(&mut nsf, chunks::Kind::Metadata) {
            Ok(true) => {}
            Err(error) if needed => return Err(error),
            // What is no chunk is not music either: older files have other things there.
            Ok(false) | Err(_) => break,
        }
    }
    nsf.checked()
}
