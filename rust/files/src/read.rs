//! From the bytes of a file to what the chip can play.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use lakhnes_apu::formats::{simplify, vgm};
use lakhnes_tokenizer::arrange::{ArrangeOptions, PartName, Report, arrange_parts};
use lakhnes_tokenizer::limits::MAX_INPUT_BYTES;
use lakhnes_tokenizer::{PerformOptions, Song, TokenizerError, Voice};

use crate::{FileError, Format, Played, ReadOptions, Reader};

/// Reads the bytes of a file; of several tracks the one that it begins with.
///
/// # Errors
/// [`FileError::Format`] if the format cannot be read; else what its reader finds.
pub fn read(data: &[u8], format: &'static Format) -> Result<Played<'static>, FileError> {
    read_track(data, format, &ReadOptions::default())
}

/// Reads the bytes of a file, of several tracks the one that is asked for.
///
/// # Errors
/// [`FileError::Edit`] if a track of a format without any is asked for; else those of [`read`].
pub fn read_track(data: &[u8], format: &'static Format, options: &ReadOptions) -> Result<Played<'static>, FileError> {
    match format.reader()? {
        Reader::Track(read) => read(data, options),
        Reader::Song(_) if options.track.is_some() => {
            Err(FileError::Edit { format: format.name, expected: "NSF or NSFe to choose a track" })
        }
        Reader::Song(read) => read(data),
    }
}

const NOT_REGULAR: &str = "is no regular file, expected one (- reads standard input)";

/// Reads a whole regular file of at most [`MAX_INPUT_BYTES`]. A pipe or a device, which may have no end, is refused.
///
/// # Errors
/// [`FileError::Io`], [`FileError::Limit`].
pub fn read_limited(path: &Path) -> Result<Vec<u8>, FileError> {
    let limit = MAX_INPUT_BYTES as u64;
    let found = fs::metadata(path)?;
    if !found.is_file() {
        let what = if found.is_dir() { "is a directory, expected a file" } else { NOT_REGULAR };
        return Err(io::Error::other(what).into());
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut data = Vec::with_capacity(size.min(limit) as usize);
    // One byte more, for it may grow.
    file.take(limit + 1).read_to_end(&mut data)?;
    let found = size.max(data.len() as u64);
    if found > limit { Err(FileError::Limit { what: "input in bytes", limit, found }) } else { Ok(data) }
}

/// What is changed in a file as it is read.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    /// Make four voices of any MIDI file.
    pub arrange: Option<ArrangeOptions>,
    /// Which voice plays which part of it, where that is chosen.
    pub parts: Vec<(Voice, PartName)>,
    /// Take out of a VGM file what four voices do not play, and the loop.
    pub simplify: bool,
    /// Keep a part of a log: the number of its first event, and how many.
    pub shorten: Option<(usize, usize)>,
    /// Keep what sounds between two ticks of 1/44,100 s; register writes are transcribed first.
    pub trim: Option<(u64, u64)>,
    /// Move the pulses and the triangle by this number of semitones; register writes are transcribed first.
    pub transpose: i8,
}

impl Edits {
    /// Reads a file; gives the report of its arrangement if it is arranged.
    ///
    /// # Errors
    /// [`FileError::Edit`] for a file of another format; else those of [`read_track`] and of the edits.
    pub fn read(
        &self,
        data: &[u8],
        format: &'static Format,
        options: &ReadOptions,
    ) -> Result<(Played<'static>, Option<Report>), FileError> {
        let (played, report) = self.read_whole(data, format, options)?;
        if self.trim.is_none() && self.transpose == 0 {
            return Ok((played, report));
        }
        let (song, warnings) = (self.edited(&*played.song(false)?)?, played.warnings());
        Ok((Played::Song { song: Cow::Owned(song), warnings }, report))
    }

    /// The song trimmed and transposed.
    fn edited(&self, song: &Song) -> Result<Song, TokenizerError> {
        let (start, end) = self.trim.unwrap_or((0, u64::MAX));
        song.trimmed(start, end)?.transposed(self.transpose)
    }

    fn read_whole(
        &self,
        data: &[u8],
        format: &'static Format,
        how: &ReadOptions,
    ) -> Result<(Played<'static>, Option<Report>), FileError> {
        let fault = |expected| Err(FileError::Edit { format: format.name, expected });
        let is_vgm = matches!(format.name, "vgm" | "vgz");
        if self.simplify && !is_vgm {
            return fault("VGM to simplify");
        }
        if let Some(options) = &self.arrange {
            if format.name != "mid" {
                return fault("MIDI to arrange");
            }
            let (song, report) = arrange_parts(data, options, &self.parts)?;
            let warnings = report.warnings.to_string();
            return Ok((Played::Song { song: Cow::Owned(song), warnings }, Some(report)));
        }
        let played = if self.simplify { simplified(data)? } else { read_track(data, format, how)? };
        match (self.shorten, played) {
            (None, played) => Ok((played, None)),
            (Some(_), Played::Song { .. }) => fault("register writes to shorten"),
            (Some((start, count)), played) => {
                let log = simplify::shorten(&*played.log(&PerformOptions::default())?, start, count)?;
                let log = Cow::Owned(log);
                Ok(match played {
                    Played::Log { warnings, .. } => (Played::Log { log, warnings, vgm: None }, None),
                    Played::Track { warnings, .. } => (Played::Track { log, warnings }, None),
                    _ => (log.into_owned().into(), None),
                })
            }
        }
    }
}

fn simplified(data: &[u8]) -> Result<Played<'static>, FileError> {
    let bytes = simplify::simplify(data)?;
    let (log, warnings) = vgm::read_and_warn(&bytes)?;
    Ok(Played::Log { log: Cow::Owned(log), warnings, vgm: Some(bytes) })
}
