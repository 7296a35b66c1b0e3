//! NSF and `NSFe` files: a track of one is run, songs are written as one or as several.

use std::borrow::Cow;

use lakhnes_apu::formats::nsf::{self, AlbumSong, DEFAULT_MAX_TICKS, Ending, RunOptions, Timing};
use lakhnes_apu::{ApuError, TICK_RATE, Tags};

use crate::{ExportOptions, FileError, Played, ReadOptions};

/// Ticks within which the writes of a program count as one where notes are wanted: between the two bytes of a timer lies
/// a note that nobody hears.
const GATHER: u64 = 2;

/// Runs a track.
pub(crate) fn read(data: &[u8], options: &ReadOptions) -> Result<Played<'static>, FileError> {
    let file = nsf::read(data)?;
    let track = options.track.map_or(file.first, |track| track.wrapping_sub(1));
    let run = RunOptions {
        max_ticks: options.max_ticks.unwrap_or(DEFAULT_MAX_TICKS),
        gather: if options.notes { GATHER } else { 0 },
        fade_ticks: options.fade_ticks,
        ..RunOptions::default()
    };
    let mut played = file.run(track, &run)?;
    // Whoever gives a longest time, or a file that does, wants it.
    if played.ending == Ending::MaxDuration && options.max_ticks.is_none() && played.log.length == DEFAULT_MAX_TICKS {
        played.warnings.push(format!("it goes on after {} s, where it is cut off", DEFAULT_MAX_TICKS / TICK_RATE));
    }
    Ok(Played::Track { log: Cow::Owned(played.log), warnings: played.warnings.join("; ") })
}

/// Writes one song as NSF.
pub(crate) fn write(played: &Played<'_>, options: &ExportOptions) -> Result<Vec<u8>, FileError> {
    Ok(nsf::write_named(&*options.log(played)?, Timing::Exact, &options.title)?)
}

/// Writes one song as `NSFe`.
pub(crate) fn write_nsfe(played: &Played<'_>, options: &ExportOptions) -> Result<Vec<u8>, FileError> {
    let log = options.log(played)?;
    let song = AlbumSong { log: &log, name: &options.title };
    let title = if log.tags.game.is_empty() { song.title() } else { &log.tags.game };
    let album = Tags { title: title.to_owned(), ..log.tags.clone() };
    Ok(write_album_nsfe(&[song], &album)?)
}

/// Writes an album as NSF.
pub(crate) fn write_album(songs: &[AlbumSong<'_>], album: &Tags) -> Result<Vec<u8>, ApuError> {
    nsf::write_album(songs, Timing::Exact, album)
}

/// Writes an album as `NSFe`.
pub(crate) fn write_album_nsfe(songs: &[AlbumSong<'_>], album: &Tags) -> Result<Vec<u8>, ApuError> {
    nsf::write_nsfe(songs, Timing::Exact, album)
}
