//! Many songs as the tracks of one file.

use lakhnes_apu::formats::nsf::AlbumSong;
use lakhnes_apu::{ApuError, RegisterLog, TICK_RATE, Tags};
use lakhnes_tokenizer::arrange::Report;

use crate::sink::write_bytes;
use crate::{Batch, ExportOptions, FileError, FileTags, Format, Job, Sink};

/// Most songs of an album.
pub const MAX_SONGS: usize = 255;
/// Most register writes of all songs together, before they are packed: a file of an album holds fewer.
pub const MAX_WRITES: u64 = 1 << 24;

/// A song of an album.
#[derive(Debug)]
pub struct Song {
    /// What it plays.
    pub log: RegisterLog,
    /// What it is called if it has no title of its own.
    pub name: String,
    /// What was left out of its file.
    pub warnings: String,
    /// What became of its notes, if it was arranged.
    pub report: Option<Report>,
}

impl Batch<'_> {
    /// Reads the song of a job for an album.
    ///
    /// # Errors
    /// Whatever reading finds, with the name of the file in which it found it.
    pub fn album_song(&self, job: &Job) -> Result<Song, FileError> {
        let song = || {
            let (played, report) = self.read(job)?;
            let warnings = played.warnings();
            // A title that is asked for is that of the album, not of each song.
            let tags = FileTags { title: String::new(), ..self.options.tags.clone() };
            let log = ExportOptions { tags, ..self.options.clone() }.log(&played)?.into_owned();
            Ok(Song { log, name: job.title.clone(), warnings, report })
        };
        song().map_err(|error: FileError| error.in_file(job.name.clone()))
    }
}

/// Songs that are gathered for an album. Those that are missing when it is written are left out.
#[derive(Debug)]
pub struct Album {
    songs: Vec<Option<Song>>,
    writes: u64,
}

impl Album {
    /// An album with places for this number of songs.
    ///
    /// # Errors
    /// [`FileError::Limit`] for more than [`MAX_SONGS`].
    pub fn new(songs: usize) -> Result<Self, FileError> {
        if songs > MAX_SONGS {
            return Err(FileError::Limit { what: "songs of an album", limit: MAX_SONGS as u64, found: songs as u64 });
        }
        Ok(Self { songs: (0..songs).map(|_| None).collect(), writes: 0 })
    }

    /// Puts a song in its place.
    ///
    /// # Errors
    /// [`ApuError::TooManyEvents`] if all together have more than [`MAX_WRITES`].
    pub fn put(&mut self, index: usize, song: Song) -> Result<(), FileError> {
        self.writes += song.log.writes.len() as u64;
        if self.writes > MAX_WRITES {
            return Err(ApuError::TooManyEvents { found: self.writes, limit: MAX_WRITES }.into());
        }
        if let Some(place) = self.songs.get_mut(index) {
            *place = Some(song);
        }
        Ok(())
    }

    /// Writes the songs as the tracks of one file, whole or not at all; gives its length in seconds.
    ///
    /// # Errors
    /// [`FileError::Format`] for a format that holds one song; what the format cannot hold; [`FileError::Io`].
    pub fn write(&self, format: &'static Format, title: &str, sink: Sink<'_>) -> Result<f64, FileError> {
        let write = format.album.ok_or_else(|| Format::refused(format.name, |format| format.album.is_some()))?;
        let songs = || self.songs.iter().flatten();
        let tracks: Vec<_> = songs().map(|song| AlbumSong { log: &song.log, name: &song.name }).collect();
        write_bytes(&write(&tracks, &self.about(title))?, sink)?;
        Ok(songs().map(|song| song.log.length).sum::<u64>() as f64 / TICK_RATE as f64)
    }

    /// What is known about the whole: what all songs say alike.
    fn about(&self, title: &str) -> Tags {
        let common = |of: fn(&Tags) -> &String| {
            let mut texts = self.songs.iter().flatten().map(|song| of(&song.log.tags));
            let first = texts.next().cloned().unwrap_or_default();
            if texts.all(|text| *text == first) { first } else { String::new() }
        };
        let game = common(|tags| &tags.game);
        Tags {
            title: if game.is_empty() { title.to_owned() } else { game },
            artist: common(|tags| &tags.artist),
            date: common(|tags| &tags.date),
            creator: common(|tags| &tags.creator),
            ..Tags::default()
        }
    }
}
