//! Several songs in one file: NSF, whose titles and times follow the program as chunks, and NSFe.
//!
//! Source: nesdev wiki, "NSFe", "NSF2" (metadata behind the program).

use super::write::{Image, LOAD};
use super::{HEADER, NTSC_SPEED, PAL_SPEED, Timing};
use crate::{ApuError, RegisterLog, Standard, TICK_RATE, Tags};

/// How long a song with a loop fades after its second round, in ms.
pub const LOOP_FADE_MS: u32 = 8_000;

/// A song of an album.
#[derive(Debug, Clone, Copy)]
pub struct AlbumSong<'a> {
    /// What it plays.
    pub log: &'a RegisterLog,
    /// Its title, if its tags have none: the name of its file, say.
    pub name: &'a str,
}

impl AlbumSong<'_> {
    /// Its title, or its name if it has none.
    #[must_use]
    pub fn title(&self) -> &str {
        let Tags { title, title_native, .. } = &self.log.tags;
        [title, title_native, self.name].into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// How long to play it and how long it then fades, in ms: two rounds of a loop.
    fn times(&self) -> (u32, u32) {
        let RegisterLog { length, loop_start, fade_ticks, .. } = *self.log;
        let ms = |ticks: u64| (ticks * 1_000).div_ceil(TICK_RATE).min(i32::MAX as u64) as u32;
        match loop_start {
            Some(start) => (ms(2 * length - start), LOOP_FADE_MS),
            None => (ms(length.saturating_sub(fade_ticks)), ms(fade_ticks.min(length))),
        }
    }
}

/// Writes an NSF file with a track for each song. Titles, composers and times follow the program, where players that do
/// not know them take them for a part of it. `album` gives title, artist and date of the whole.
///
/// # Errors
/// Those of [`write()`](super::write()) for each song; no songs or more than 255; songs of different consoles.
pub fn write_album(songs: &[AlbumSong<'_>], timing: Timing, album: &Tags) -> Result<Vec<u8>, ApuError> {
    let image = Image::of(&logs(songs), timing)?;
    let Tags { title, game, artist, date, .. } = album;
    let mut file = image.header([&[title, game], &[artist], &[date]]);
    let [a, b, c, _] = (image.bytes.len() as u32).to_le_bytes(); // at most 1 MiB
    if let Some(length) = file.get_mut(HEADER - 3..) {
        length.copy_from_slice(&[a, b, c]);
    }
    file.extend(image.bytes);
    about(&mut file, songs, album);
    Ok(file)
}

/// Writes an NSFe file with a track for each song (one or several), its titles, composers, times and fades.
///
/// # Errors
/// Those of [`write_album`].
pub fn write_nsfe(songs: &[AlbumSong<'_>], timing: Timing, album: &Tags) -> Result<Vec<u8>, ApuError> {
    let image = Image::of(&logs(songs), timing)?;
    let pal = u8::from(image.standard == Standard::Pal);
    let mut info = [LOAD, image.init, image.play].map(u16::to_le_bytes).concat();
    info.extend([pal, 0, image.songs, 0]); // console, extra chips, songs, the first of them
    let mut file = b"NSFE".to_vec();
    chunk(&mut file, *b"INFO", &info);
    if image.banks != [0; 8] {
        chunk(&mut file, *b"BANK", &image.banks);
    }
    chunk(&mut file, *b"RATE", &[NTSC_SPEED, PAL_SPEED].map(u16::to_le_bytes).concat());
    chunk(&mut file, *b"DATA", &image.bytes);
    about(&mut file, songs, album);
    Ok(file)
}

fn logs<'a>(songs: &[AlbumSong<'a>]) -> Vec<&'a RegisterLog> {
    songs.iter().map(|song| song.log).collect()
}

/// What is known about the songs, and the end.
fn about(file: &mut Vec<u8>, songs: &[AlbumSong<'_>], album: &Tags) {
    let title = if album.title.is_empty() { &album.game } else { &album.title };
    chunk(file, *b"auth", &texts([title, &album.artist, &album.date, &album.creator].into_iter().map(String::as_str)));
    chunk(file, *b"tlbl", &texts(songs.iter().map(AlbumSong::title)));
    if songs.iter().any(|song| !song.log.tags.artist.is_empty()) {
        chunk(file, *b"taut", &texts(songs.iter().map(|song| &*song.log.tags.artist)));
    }
    let times = songs.iter().map(AlbumSong::times);
    chunk(file, *b"time", &times.clone().flat_map(|(time, _)| time.to_le_bytes()).collect::<Vec<_>>());
    chunk(file, *b"fade", &times.flat_map(|(_, fade)| fade.to_le_bytes()).collect::<Vec<_>>());
    chunk(file, *b"NEND", &[]);
}

/// Texts in UTF-8 that end with a zero each.
fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend(text.bytes().filter(|&byte| byte != 0));
        bytes.push(0);
    }
    bytes
}

fn chunk(file: &mut Vec<u8>, name: [u8; 4], bytes: &[u8]) {
    file.extend((bytes.len() as u32).to_le_bytes());
    file.extend(name);
    file.extend(bytes);
}
