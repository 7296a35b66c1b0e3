//! VGM files, plain and gzipped.

use std::borrow::Cow;
use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use lakhnes_apu::formats::vgm;

use crate::{ExportOptions, FileError, Played};

/// Reads either.
pub(crate) fn read(data: &[u8]) -> Result<Played<'static>, FileError> {
    let (log, warnings) = vgm::read_and_warn(data)?;
    Ok(Played::Log { log: Cow::Owned(log), warnings, vgm: None })
}

/// Writes a plain file; one that was only simplified keeps its bytes, unless its waits, tags or loop
/// are to be others.
pub(crate) fn write_plain(played: &Played<'_>, options: &ExportOptions) -> Result<Vec<u8>, FileError> {
    match played {
        Played::Log { vgm: Some(bytes), .. }
            if !options.long_waits && options.tags.is_empty() && options.loop_start.is_none() =>
        {
            Ok(bytes.clone())
        }
        _ => {
            let write = if options.long_waits { vgm::write_with_long_waits } else { vgm::write };
            Ok(write(&*options.log(played)?)?)
        }
    }
}

/// Writes a gzipped file. It has neither time nor name, so that the same song gives the same bytes.
pub(crate) fn write(played: &Played<'_>, options: &ExportOptions) -> Result<Vec<u8>, FileError> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    gzip.write_all(&write_plain(played, options)?)?;
    Ok(gzip.finish()?)
}
