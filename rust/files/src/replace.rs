//! Files that appear whole or not at all.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::thread;
#[cfg(unix)]
use std::time::{Duration, Instant};

use crate::FileError;

/// The most bytes of a name that are kept in that of its temporary file: file systems take 255.
const LONGEST_NAME: usize = 200;

/// How long a pipe may be without a reader.
#[cfg(unix)]
const READER_PATIENCE: Duration = Duration::from_secs(2);

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
            io::copy(&mut File::open(temporary.path())?, &mut open_special(target)?)?;
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

/// Opens a pipe or a device for writing. To open a pipe waits for whoever reads it, and no signal ends that wait: hence
/// the reader is looked for first, and given [`READER_PATIENCE`].
#[cfg(unix)]
fn open_special(target: &Path) -> io::Result<File> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

    let open = |flags| File::options().write(true).custom_flags(flags).open(target);
    if !fs::metadata(target)?.file_type().is_fifo() {
        return open(0);
    }
    let started = Instant::now();
    loop {
        match open(libc::O_NONBLOCK) {
            Ok(_first) => return open(0), // without delay, for a reader is there
            Err(error) if error.raw_os_error() != Some(libc::ENXIO) => return Err(error),
            Err(_) if started.elapsed() > READER_PATIENCE => {
                return Err(io::Error::new(io::ErrorKind::NotConnected, "is a pipe that nobody reads"));
            }
            Err(_) => thread::sleep(READER_PATIENCE / 100),
        }
    }
}

#[cfg(not(unix))]
fn open_special(target: &Path) -> io::Result<File> {
    File::options().write(true).open(target)
}

fn refuse_existing(target: &Path, overwrite: bool) -> io::Result<()> {
    if !overwrite && target.try_exists()? {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "exists already (--force replaces it)"));
    }
    Ok(())
}
