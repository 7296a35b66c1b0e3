//! Files that appear whole or not at all.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::FileError;

/// The most bytes of a name that are kept in that of its temporary file: file systems take 255.
const LONGEST_NAME: usize = 200;

/// A file under a temporary name, which is removed unless it has been kept.
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// A name in a folder that no other file has.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let start = (0..=LONGEST_NAME.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
        let name = &name[..start];
        let token = RandomState::new().build_hasher().finish();
        Self { path: folder.join(format!(".{name}.{token:016x}.part")) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already if it was renamed, or never begun.
        _ = fs::remove_file(&self.path);
    }
}

/// Writes a file: what `write` puts under the path that it gets takes the name of the target in one step, once it is done.
/// A pipe or a device stays what it is: it gets the whole file at the end.
pub(crate) fn replace<T>(
    target: &Path,
    overwrite: bool,
    write: impl FnOnce(&Path) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let written = || {
        refuse_existing(target, overwrite)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let special = is_special(target);
        let folder = if special { env::temp_dir() } else { target.parent().unwrap_or(Path::new("")).to_owned() };
        let temporary = Temporary::new(&folder, &name);
        let result = write(temporary.path())?;
        refuse_existing(target, overwrite)?;
        if special {
            io::copy(&mut File::open(temporary.path())?, &mut File::options().write(true).open(target)?)?;
        } else {
            fs::rename(temporary.path(), target)?;
        }
        Ok(result)
    };
    written().map_err(|error: FileError| error.in_file(target.display().to_string()))
}

/// Whether a path is neither a file nor a folder nor unused: a pipe, a device.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn refuse_existing(target: &Path, overwrite: bool) -> io::Result<()> {
    if !overwrite && target.try_exists()? {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "exists already (--force replaces it)"));
    }
    Ok(())
}
