//! Many songs as event texts or token ids, for corpora.

use std::path::Path;

use lakhnes_tokenizer::score::ExpressiveScore;
use lakhnes_tokenizer::{Song, TokenizerError, Vocabulary};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::utf8::utf8;
use crate::{Append, FileError, Format, ReadOptions, Writer, read_limited, read_track};

/// How the event texts of a format are appended.
///
/// # Errors
/// [`FileError::Format`] for a format that is no event text.
pub fn appender(format: &str) -> Result<Append, FileError> {
    let is_text = |format: &Format| matches!(format.write, Some(Writer::Text(_)));
    match Format::named_where(format, is_text)?.write {
        Some(Writer::Text(append)) => Ok(append),
        _ => Err(Format::refused(format, is_text)),
    }
}

/// How songs become texts.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextOptions {
    /// Whether register writes are transcribed true to the chip, not as NES-MDB does.
    pub exact: bool,
    /// The frames a second of the expressive score to which songs are reduced first.
    pub score_rate: Option<f64>,
    /// Longest run of a track of a file that holds programs, in ticks.
    pub max_run: Option<u64>,
}

/// A song that becomes texts.
#[derive(Debug, Clone, Copy)]
pub struct TextSource<'a> {
    /// The bytes of its file.
    pub data: &'a [u8],
    /// The format of its file.
    pub format: &'static Format,
    /// Its number in a file of several, from 1.
    pub track: Option<usize>,
}

/// The texts of songs: for each song one by each writer, in their order.
pub fn convert(
    songs: &[TextSource<'_>],
    writers: &[Append],
    options: TextOptions,
    pool: &ThreadPool,
) -> Vec<Result<Vec<Vec<u8>>, FileError>> {
    let convert = |&TextSource { data, format, track }: &TextSource<'_>| {
        let how = ReadOptions { track, max_ticks: options.max_run, notes: true, ..ReadOptions::default() };
        let played = read_track(data, format, &how)?;
        let song = played.song(options.exact)?;
        let reduced = options.score_rate.map(|rate| ExpressiveScore::from_song(&song, rate)?.to_song()).transpose()?;
        let song = reduced.as_ref().unwrap_or(&song);
        writers.iter().map(|append| text(song, *append)).collect()
    };
    pool.install(|| songs.par_iter().with_max_len(1).map(convert).collect())
}

fn text(song: &Song, append: Append) -> Result<Vec<u8>, FileError> {
    let mut text = Vec::new();
    append(song, &mut text)?;
    Ok(text)
}

/// The token ids of a song.
///
/// # Errors
/// What is wrong with the file, with its name.
pub fn song_ids(path: &Path, format: &'static Format, vocabulary: &Vocabulary) -> Result<Vec<u16>, FileError> {
    ids(path, format, vocabulary).map_err(|error| error.in_file(path.display().to_string()))
}

/// Songs as token ids in a row, and where each begins and the last one ends.
#[must_use]
pub fn in_a_row<'a>(songs: impl Iterator<Item = &'a Vec<u16>> + Clone) -> (Vec<i32>, Vec<i64>) {
    let mut ids = Vec::with_capacity(songs.clone().map(Vec::len).sum());
    let mut offsets = vec![0];
    for song in songs {
        ids.extend(song.iter().map(|&id| i32::from(id)));
        offsets.push(ids.len() as i64);
    }
    (ids, offsets)
}

fn ids(path: &Path, format: &'static Format, vocabulary: &Vocabulary) -> Result<Vec<u16>, FileError> {
    let data = read_limited(path)?;
    // A text of the vocabulary's own need not become a song: its events are counted as they stand.
    if format.name == vocabulary.dialect().name() {
        let ids = vocabulary.encode(utf8(&data)?)?;
        return if ids.is_empty() {
            Err(TokenizerError::Empty { expected: "events, one a line" }.into())
        } else {
            Ok(ids)
        };
    }
    let options = ReadOptions { notes: true, ..ReadOptions::default() };
    Ok(vocabulary.encode_song(&*read_track(&data, format, &options)?.song(false)?)?)
}
