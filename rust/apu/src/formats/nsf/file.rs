//! What an NSF file says: its header and, where it has them, the chunks of an NSFe file.

use super::{DENDY_SPEED, HEADER, MAX_PROGRAM, NTSC_SPEED, PAL_SPEED};
use crate::{ApuError, Standard, Tags};

/// Most tracks of a file: their numbers are bytes.
pub const MAX_TRACKS: usize = 256;

/// The consoles that a program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Region {
    /// Runs on an NTSC console.
    pub ntsc: bool,
    /// Runs on a PAL console.
    pub pal: bool,
    /// Runs on a Dendy (NSFe only).
    pub dendy: bool,
    /// The console that the file prefers.
    pub preferred: Standard,
}

/// What a program of version 2 asks of its player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features {
    /// It may use interrupts.
    pub irq: bool,
    /// INIT goes on playing, and PLAY interrupts it.
    pub non_returning_init: bool,
    /// There is no PLAY.
    pub no_play: bool,
}

/// What is known about one track. Empty or `None` where nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Track {
    /// Its title.
    pub title: String,
    /// Its composer, where it is not the file's.
    pub artist: String,
    /// How long to play it before the fade, in ms.
    pub time_ms: Option<u32>,
    /// How long it then fades, in ms.
    pub fade_ms: Option<u32>,
}

/// A file that has been read: its program, and what is known about its tracks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nsf {
    /// The address of the first byte of the program.
    pub load: u16,
    /// The routine that is called once, with the track in A.
    pub init: u16,
    /// The routine that is called once a period.
    pub play: u16,
    /// The banks of 4 KiB that $8000–$FFFF show at first, for a program that switches banks.
    pub banks: Option<[u8; 8]>,
    /// The tracks, at most [`MAX_TRACKS`] and at least one.
    pub tracks: Vec<Track>,
    /// The track to begin with, from 0.
    pub first: usize,
    /// The consoles it is for.
    pub region: Region,
    /// Microseconds between two calls of PLAY on an NTSC console, a PAL console and a Dendy; never 0.
    pub speeds: [u16; 3],
    /// Chips beside the 2A03, a bit each, as the header has them.
    pub chips: u8,
    /// What the player must be able to do.
    pub features: Features,
    /// Title (of the file), composer, date (the header's copyright line), creator.
    pub tags: Tags,
    /// The order in which to play tracks; empty where the file has none.
    pub playlist: Vec<u8>,
    /// Tracks that are sound effects; empty where the file has none.
    pub effects: Vec<u8>,
    /// The program and its data.
    pub program: Vec<u8>,
}

impl Default for Nsf {
    fn default() -> Self {
        Self {
            load: 0x8000,
            init: 0x8000,
            play: 0x8000,
            banks: None,
            tracks: vec![Track::default()],
            first: 0,
            region: Region { ntsc: true, ..Region::default() },
            speeds: [NTSC_SPEED, PAL_SPEED, DENDY_SPEED],
            chips: 0,
            features: Features::default(),
            tags: Tags::default(),
            playlist: Vec::new(),
            effects: Vec::new(),
            program: Vec::new(),
        }
    }
}

/// Extra chips by the bit of the header.
const CHIPS: [&str; 7] = ["VRC6", "VRC7", "FDS", "MMC5", "Namco 163", "Sunsoft 5B", "VT02+"];
/// The bit of the Famicom Disk System, which has memory in place of ROM.
pub(super) const FDS: u8 = 0x04;
/// The bit of the MMC5, which has memory and a multiplier.
pub(super) const MMC5: u8 = 0x08;

/// The meaning of a region byte: bit 0 PAL, bit 1 both.
pub(super) fn region_of(byte: u8) -> Region {
    let both = byte & 2 != 0;
    let pal = byte & 1 != 0;
    let preferred = if pal && !both { Standard::Pal } else { Standard::Ntsc };
    Region { ntsc: both || !pal, pal: both || pal, dendy: false, preferred }
}

/// Microseconds between two calls; files that leave them open mean the usual ones.
pub(super) fn speed(word: u16, usual: u16) -> u16 {
    if word == 0 { usual } else { word }
}

/// Refuses a program that banks could not show.
pub(super) fn check_program(offset: usize, bytes: usize) -> Result<(), ApuError> {
    if bytes > MAX_PROGRAM {
        let (found, limit) = (bytes as u64, MAX_PROGRAM as u64);
        return Err(ApuError::ByteLimit { offset: offset + bytes, what: "bytes of program", found, limit });
    }
    Ok(())
}

/// A text up to its zero: UTF-8, or else a character a byte. `<?>` says that nothing is known.
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    let text =
        std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned);
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text == "<?>" { String::new() } else { text.trim().to_owned() }
}

impl Nsf {
    /// Checks what a console needs.
    pub(super) fn checked(self) -> Result<Self, ApuError> {
        if self.load < 0x6000 {
            let found = format!("${:04X}", self.load);
            return Err(ApuError::Format { offset: 8, expected: "a load address from $6000 on", found });
        }
        if self.program.is_empty() {
            return Err(ApuError::Format { offset: HEADER, expected: "a program", found: "nothing".into() });
        }
        Ok(self)
    }

    /// The names of the chips beside the 2A03, whose voices are not played.
    #[must_use]
    pub fn extra_chips(&self) -> Vec<&'static str> {
        CHIPS.iter().enumerate().filter(|(bit, _)| self.chips >> bit & 1 != 0).map(|(_, &name)| name).collect()
    }

    /// Microseconds between two calls of PLAY on a console.
    #[must_use]
    pub fn speed(&self, standard: Standard) -> u16 {
        let [ntsc, pal, dendy] = self.speeds;
        match standard {
            Standard::Ntsc => ntsc,
            Standard::Pal => pal,
            Standard::Dendy => dendy,
        }
    }

    /// The title of a track: its own, or the file's if it has no others.
    #[must_use]
    pub fn title(&self, track: usize) -> &str {
        let own = self.tracks.get(track).map_or("", |track| &*track.title);
        if own.is_empty() && self.tracks.len() == 1 { &self.tags.title } else { own }
    }
}
