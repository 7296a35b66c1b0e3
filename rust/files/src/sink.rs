//! Where a file goes.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::FileError;
use crate::replace::replace;

/// Where a file goes.
pub enum Sink<'a> {
    /// To a path, whole or not at all.
    File {
        /// The file.
        path: &'a Path,
        /// Whether one of that name may be replaced.
        overwrite: bool,
    },
    /// To a stream.
    Stream(&'a mut dyn Write),
}

/// Writes bytes to a file, whole or not at all, or to a stream.
pub(crate) fn write_bytes(bytes: &[u8], sink: Sink<'_>) -> Result<(), FileError> {
    match sink {
        Sink::File { path, overwrite } => replace(path, overwrite, |temporary| Ok(fs::write(temporary, bytes)?)),
        Sink::Stream(stream) => Ok(stream.write_all(bytes)?),
    }
}
