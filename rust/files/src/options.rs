//! How files are read and written.

use std::borrow::Cow;

use lakhnes_apu::{RegisterLog, RenderOptions};
use lakhnes_tokenizer::PerformOptions;

use crate::level::{Level, decibels};
use crate::{FileError, Played};

/// How a file is written. Each format heeds what concerns it.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// How songs become register writes.
    pub perform: PerformOptions,
    /// How register writes become sound.
    pub render: RenderOptions,
    /// Frames a second of scores as arrays, above 0 and at most 44,100; 0 takes the lowest rate that keeps the notes,
    /// `None` 24, and 44,100 for raw scores.
    pub score_rate: Option<f64>,
    /// Whether register writes are transcribed true to the chip, not as NES-MDB does.
    pub exact: bool,
    /// Whether every wait of a VGM file is written as its longest command, as nesmdb does.
    pub long_waits: bool,
    /// What an NSF, FLAC or Ogg file is called whose song has no title of its own.
    pub title: String,
    /// What NSF, VGM and sound files say about the song, whatever it says itself.
    pub tags: FileTags,
    /// The form of MIDI files.
    pub midi: MidiForm,
    /// The tick of 1/44,100 s from which register writes and sound go on when they have ended; `None` leaves the loop point
    /// that they have.
    pub loop_start: Option<u64>,
    /// By how many decibels sound is louder.
    pub gain: f64,
    /// How loud sound is to be, before [`Self::gain`].
    pub normalize: Option<Level>,
}

/// The forms of MIDI files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MidiForm {
    /// That of NES-MDB, byte for byte.
    #[default]
    NesMdb,
    /// General MIDI, for other programs.
    General,
}

/// Tags; empty ones say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FileTags {
    /// What the song is called.
    pub title: String,
    /// Who wrote it.
    pub artist: String,
    /// Whose it is, and since when: a line of NSF files, in VGM files the date.
    pub copyright: String,
}

impl FileTags {
    /// Whether nothing is said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.title.is_empty() && self.artist.is_empty() && self.copyright.is_empty()
    }
}

impl ExportOptions {
    /// The register writes of what is to be written, with the loop point and the tags that were asked for.
    ///
    /// # Errors
    /// Those of [`Played::log`].
    pub fn log<'a>(&self, played: &'a Played<'_>) -> Result<Cow<'a, RegisterLog>, FileError> {
        let mut log = played.log(&self.perform)?;
        if let Some(start) = self.loop_start {
            log.to_mut().loop_start = Some(start);
        }
        if !self.tags.is_empty() {
            let tags = &mut log.to_mut().tags;
            let FileTags { title, artist, copyright } = &self.tags;
            let named = !(tags.title.is_empty() && tags.title_native.is_empty());
            let title = if title.is_empty() && !named { &self.title } else { title };
            for (tag, native, text) in [
                (&mut tags.title, Some(&mut tags.title_native), title),
                (&mut tags.artist, Some(&mut tags.artist_native), artist),
                (&mut tags.date, None, copyright),
            ] {
                if !text.is_empty() {
                    tag.clone_from(text);
                    if let Some(native) = native {
                        native.clear();
                    }
                }
            }
        }
        Ok(log)
    }

    /// The factor of [`Self::gain`].
    pub(crate) fn factor(&self) -> f64 {
        decibels(self.gain)
    }

    /// The tags of a sound file of a log; a WAV file gets none that nobody has asked for, so that it depends on the sound
    /// alone.
    pub(crate) fn sound_tags(&self, log: &RegisterLog, is_wav: bool) -> FileTags {
        if is_wav && self.tags.is_empty() {
            return FileTags::default();
        }
        let first =
            |choices: &[&String]| choices.iter().find(|text| !text.is_empty()).map_or("", |text| text).to_owned();
        let tags = &log.tags;
        FileTags {
            title: first(&[&tags.title, &tags.title_native, &self.title]),
            artist: first(&[&tags.artist, &tags.artist_native]),
            copyright: first(&[&tags.date]),
        }
    }
}

/// What is read of a file that holds programs: each of its tracks is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// The track, from 1; the one that the file begins with if `None`.
    pub track: Option<usize>,
    /// Longest run, in ticks; [`DEFAULT_MAX_TICKS`](lakhnes_apu::formats::nsf::DEFAULT_MAX_TICKS) if `None`.
    pub max_ticks: Option<u64>,
    /// How long a track that has no end fades before it is cut off, in ticks.
    pub fade_ticks: u64,
    /// Whether notes are wanted: then what a program sends in one go has one time.
    pub notes: bool,
}
