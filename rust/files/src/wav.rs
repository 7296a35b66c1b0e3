//! WAV, the one writer of RIFF files: 16-bit samples, and the loop that samplers and game engines find in them.
//!
//! ```text
//! 00 "RIFF", size of what follows, "WAVE"
//! 0C "fmt ", 16   14 coding (1: PCM), channels   18 frames, bytes a second   20 bytes a frame, bits a sample
//! 24 "data", size   2C samples
//!
//! 00 "smpl", 60   08 maker, product   10 ns a sample   14 note, fraction   1C SMPTE format, offset   24 loops, more data
//! 2C of the loop: name, kind (0: forward)   34 first and last sample   3C fraction, how often (0: for ever)
//!
//! 00 "LIST", size, "INFO", then for each text: INAM title, IART artist or ICOP copyright, size, UTF-8, 0
//! ```
//! Source: "Multimedia Programming Interface and Data Specifications 1.0", IBM and Microsoft 1991, and its "New Multimedia
//! Data Types" 1994, "Sample Chunk".

use std::io::Write;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use lakhnes_apu::{RegisterLog, RenderOptions, TICK_RATE};

use crate::{FileError, FileTags, Sound};

/// The most bytes of samples that a file can hold, less what stands around them.
const MAX_BYTES: u64 = u32::MAX as u64 - 4_096;
/// Bytes of a sample.
const SAMPLE: u16 = 2;

/// The most bytes of a text in the file.
const LONGEST_TEXT: usize = 1_000;

/// The note at which a sampler plays the sound as it is: middle C.
const UNITY_NOTE: u32 = 60;

/// The samples to be looped in what [`lakhnes_apu::render`] makes of a log: the last time that its loop is played to the
/// end, for then the chip begins as it ends. `None` without a loop point.
#[must_use]
pub fn loop_samples(log: &RegisterLog, options: &RenderOptions) -> Option<Range<u64>> {
    let start = log.loop_start.filter(|&start| start < log.length)?;
    let before = (log.length - start).checked_mul(u64::from(log.loop_scale.of(options.loops).saturating_sub(1)))?;
    let sample = |tick: u64| {
        let exact = u128::from(tick.checked_add(before)?) * u128::from(options.sample_rate) / u128::from(TICK_RATE);
        u64::try_from(exact).ok()
    };
    Some(sample(start)?..sample(log.length)?)
}

/// Writes a file from its beginning to its end: the header needs no completion, for the length is known.
pub(crate) fn write(sound: &mut Sound<'_>, stop: &AtomicBool, file: &mut dyn Write) -> Result<(), FileError> {
    let frame = SAMPLE.saturating_mul(sound.channels);
    let size = sound.frames.saturating_mul(frame.into());
    if size > MAX_BYTES {
        return Err(FileError::Limit { what: "samples of a WAV file in bytes", limit: MAX_BYTES, found: size });
    }
    let chunk = match &sound.looped {
        None => None,
        Some(frames) => Some(
            loop_chunk(frames, sound.sample_rate).ok_or(FileError::Loop { start: frames.start, end: frames.end })?,
        ),
    };
    let chunk = [chunk.as_ref().map_or(&[][..], |chunk| chunk), &info_chunk(&sound.tags)].concat();
    let number = u32::to_le_bytes;
    file.write_all(b"RIFF")?;
    file.write_all(&number(36 + size as u32 + chunk.len() as u32))?; // at most MAX_BYTES and what stands around them
    file.write_all(b"WAVEfmt ")?;
    file.write_all(&number(16))?;
    file.write_all(&[1, 0])?;
    file.write_all(&sound.channels.to_le_bytes())?;
    file.write_all(&number(sound.sample_rate))?;
    file.write_all(&number(sound.sample_rate.saturating_mul(frame.into())))?;
    file.write_all(&frame.to_le_bytes())?;
    file.write_all(&(8 * SAMPLE).to_le_bytes())?;
    file.write_all(b"data")?;
    file.write_all(&number(size as u32))?;
    let mut bytes = Vec::new();
    sound.each(stop, |samples| {
        bytes.resize(samples.len() * usize::from(SAMPLE), 0);
        let pairs = bytes.chunks_exact_mut(usize::from(SAMPLE)).zip(samples);
        pairs.for_each(|(pair, sample)| pair.copy_from_slice(&sample.to_le_bytes()));
        file.write_all(&bytes)
    })?;
    file.write_all(&chunk)?;
    Ok(file.flush()?)
}

/// The chunk for a loop over `samples` at `sample_rate`, which is above 0; `None` where a WAV file cannot say it.
///
/// Chunks follow each other on even offsets, and the length in a file's header counts them all.
fn loop_chunk(samples: &Range<u64>, sample_rate: u32) -> Option<[u8; 68]> {
    let first = u32::try_from(samples.start).ok()?;
    let last = u32::try_from(samples.end.checked_sub(1)?).ok().filter(|&last| last >= first)?;
    let period = (1_000_000_000 + sample_rate / 2).checked_div(sample_rate)?;
    let smpl = u32::from_le_bytes(*b"smpl");
    let fields = [smpl, 60, 0, 0, period, UNITY_NOTE, 0, 0, 0, 1, 0, 0, 0, first, last, 0, 0];
    let mut chunk = [0; 68];
    for (place, field) in chunk.chunks_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    Some(chunk)
}

/// The chunk of the texts that there are; nothing if there is none. What is longer than [`LONGEST_TEXT`] is cut.
fn info_chunk(tags: &FileTags) -> Vec<u8> {
    let mut list = Vec::new();
    for (name, text) in [(b"INAM", &tags.title), (b"IART", &tags.artist), (b"ICOP", &tags.copyright)] {
        let end = (0..=LONGEST_TEXT.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let bytes = text.get(..end).unwrap_or_default().as_bytes();
        if bytes.is_empty() {
            continue;
        }
        list.extend(name);
        list.extend((bytes.len() as u32 + 1).to_le_bytes()); // at most LONGEST_TEXT
        list.extend(bytes);
        list.resize((list.len() + 1).next_multiple_of(2), 0); // the zero at the end, and the even offset
    }
    if list.is_empty() {
        return list;
    }
    [b"LIST", &(list.len() as u32 + 4).to_le_bytes()[..], b"INFO", &list].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_has_its_first_and_its_last_sample() {
        let chunk = loop_chunk(&(100..44_100), 44_100).unwrap();
        let number = |at: usize| u32::from_le_bytes(*chunk[at..].first_chunk().unwrap());
        assert_eq!((&chunk[..4], number(4), number(0x10)), (&b"smpl"[..], 60, 22_676));
        assert_eq!((number(0x24), number(0x34), number(0x38)), (1, 100, 44_099));
    }

    #[test]
    fn texts_stand_on_even_offsets_and_end_in_a_zero() {
        let tags = FileTags { title: "abc".into(), copyright: "2026".into(), ..FileTags::default() };
        assert_eq!(info_chunk(&tags), b"LIST\x1E\0\0\0INFOINAM\x04\0\0\0abc\0ICOP\x05\0\0\x002026\0\0");
        assert_eq!(info_chunk(&FileTags::default()), b"");
    }

    #[test]
    fn the_last_turn_is_looped() {
        let log = RegisterLog { length: 1_000, loop_start: Some(400), ..RegisterLog::default() };
        let once = RenderOptions::default();
        assert_eq!(loop_samples(&log, &once), Some(400..1_000));
        let thrice = RenderOptions { loops: 3, sample_rate: 88_200, ..once };
        assert_eq!(loop_samples(&log, &thrice), Some(3_200..4_400));
        assert_eq!(loop_samples(&RegisterLog { loop_start: None, ..log }, &once), None);
    }

    #[test]
    fn a_loop_of_nothing_or_beyond_what_a_file_holds_has_no_chunk() {
        assert_eq!(loop_chunk(&(5..5), 44_100), None);
        assert_eq!(loop_chunk(&(0..1 << 33), 44_100), None);
    }
}
