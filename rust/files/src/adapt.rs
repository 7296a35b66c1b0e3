//! Collections of MIDI files as training songs.

use std::path::{Path, PathBuf};

use lakhnes_tokenizer::adapt::{AdaptOptions, Adapted, Fingerprint, LikenessIndex, adapt, fingerprint_of_midi, groups};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::{Append, FileError, Format, read, read_limited};

/// The melody of a file, by which versions of it are found.
///
/// # Errors
/// What is wrong with the file, with its name.
pub fn fingerprint(path: &Path, format: &'static Format) -> Result<Fingerprint, FileError> {
    let fingerprint = || {
        let data = read_limited(path)?;
        // A MIDI file need not have the tracks of NES-MDB to be compared.
        if format.name == "mid" {
            return Ok(fingerprint_of_midi(&data)?);
        }
        Ok(Fingerprint::of_song(&*read(&data, format)?.song(false)?))
    };
    fingerprint().map_err(|error: FileError| error.in_file(path.display().to_string()))
}

/// The index of the melodies of files.
///
/// # Errors
/// What is wrong with the first file that cannot be read, with its name.
pub fn index(files: &[(PathBuf, &'static Format)], pool: &ThreadPool) -> Result<LikenessIndex, FileError> {
    let fingerprints: Result<Vec<_>, _> =
        pool.install(|| files.par_iter().map(|(path, format)| fingerprint(path, format)).collect());
    Ok(LikenessIndex::new(&fingerprints?))
}

/// What became of a file.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Nothing where the file could not be read.
    pub adapted: Option<Adapted>,
    /// Why it gave no songs: in a word or two, and in full.
    pub dropped: Option<(String, String)>,
    /// The held-out song that it is like, and the share of rows.
    pub like: Option<(usize, f64)>,
    /// How many songs it gave.
    pub songs: usize,
    /// Their length.
    pub seconds: f64,
    /// Their events, by writer.
    pub events: Vec<usize>,
}

/// Writes the songs of a MIDI file, `TARGET_000.SUFFIX` and so on, by each writer, which is given with its suffix.
///
/// # Errors
/// [`FileError::Io`] with the name of a text that cannot be written. A file that cannot be read is an outcome.
pub fn adapt_file(
    path: &Path,
    target: &Path,
    writers: &[(Append, &str)],
    options: &AdaptOptions,
    exclude: Option<&LikenessIndex>,
) -> Result<Outcome, FileError> {
    let mut outcome = Outcome { events: vec![0; writers.len()], ..Outcome::default() };
    let adapted = match read_limited(path) {
        Ok(data) => outcome.adapted.insert(adapt(&data, options)),
        Err(error) => {
            outcome.dropped = Some(("unreadable".to_owned(), error.to_string()));
            return Ok(outcome);
        }
    };
    let songs = match &adapted.songs {
        Ok(songs) => songs,
        Err(dropped) => {
            outcome.dropped = Some((dropped.reason(), dropped.to_string()));
            return Ok(outcome);
        }
    };
    outcome.like = exclude.and_then(|index| index.find(&adapted.fingerprint));
    if outcome.like.is_some() {
        return Ok(outcome);
    }
    let mut text = Vec::new();
    for (number, song) in songs.iter().enumerate() {
        for ((append, suffix), events) in writers.iter().zip(&mut outcome.events) {
            text.clear();
            *events += append(song, &mut text)?;
            let mut name = target.as_os_str().to_owned();
            name.push(format!("_{number:03}{suffix}"));
            let path = PathBuf::from(name);
            std::fs::write(&path, &text).map_err(|error| FileError::Io(error).in_file(path.display().to_string()))?;
        }
        outcome.seconds += song.duration();
    }
    outcome.songs = songs.len();
    Ok(outcome)
}

/// For each file that gave songs, the first of the files that are versions of the same.
#[must_use]
pub fn groups_of(fingerprints: &[Option<Fingerprint>]) -> Vec<Option<usize>> {
    let with_songs = || fingerprints.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)));
    let (places, present): (Vec<usize>, Vec<&Fingerprint>) = with_songs().unzip();
    let mut leaders = vec![None; fingerprints.len()];
    for (&place, leader) in places.iter().zip(groups(&present)) {
        if let (Some(entry), Some(&first)) = (leaders.get_mut(place), places.get(leader)) {
            *entry = Some(first);
        }
    }
    leaders
}
