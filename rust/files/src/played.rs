//! What a file holds: notes, register writes, or the raw score that is both.

use std::borrow::Cow;

use lakhnes_apu::formats::vgm;
use lakhnes_apu::{RegisterLog, TICK_RATE};
use lakhnes_tokenizer::raw_score::RawRuns;
use lakhnes_tokenizer::score::ScoreRuns;
use lakhnes_tokenizer::{PerformOptions, Song, TokenizerError, perform, transcribe, transcribe_exactly};

/// What the chip can play.
#[derive(Debug, Clone)]
pub enum Played<'a> {
    /// A score of four voices.
    Song {
        /// The score.
        song: Cow<'a, Song>,
        /// What in the file was not as its format has it, in one line; empty if all was.
        warnings: String,
    },
    /// Register writes.
    Log {
        /// The writes.
        log: Cow<'a, RegisterLog>,
        /// What was left out of the file.
        warnings: vgm::Warnings,
        /// The bytes of a VGM file that was simplified, as which it is written.
        vgm: Option<Vec<u8>>,
    },
    /// Register writes of a program that was run.
    Track {
        /// The writes.
        log: Cow<'a, RegisterLog>,
        /// What they lack, in one line; empty for nothing.
        warnings: String,
    },
    /// The state of the voices at every instant.
    Raw(RawRuns),
}

impl From<Song> for Played<'_> {
    fn from(song: Song) -> Self {
        Self::Song { song: Cow::Owned(song), warnings: String::new() }
    }
}

impl<'a> From<&'a Song> for Played<'a> {
    fn from(song: &'a Song) -> Self {
        Self::Song { song: Cow::Borrowed(song), warnings: String::new() }
    }
}

impl From<RegisterLog> for Played<'_> {
    fn from(log: RegisterLog) -> Self {
        Self::Log { log: Cow::Owned(log), warnings: vgm::Warnings::default(), vgm: None }
    }
}

impl<'a> From<&'a RegisterLog> for Played<'a> {
    fn from(log: &'a RegisterLog) -> Self {
        Self::Log { log: Cow::Borrowed(log), warnings: vgm::Warnings::default(), vgm: None }
    }
}

impl Played<'_> {
    /// Its length in seconds, each part once.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.length() as f64 / TICK_RATE as f64
    }

    /// Its length in ticks of 1/44,100 s.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Song { song, .. } => song.length().get(),
            Self::Log { log, .. } | Self::Track { log, .. } => log.length,
            Self::Raw(runs) => runs.nsamps,
        }
    }

    /// What was left out of the file or was not as its format has it, in one line; empty if all was.
    #[must_use]
    pub fn warnings(&self) -> String {
        match self {
            Self::Song { warnings, .. } | Self::Track { warnings, .. } => warnings.clone(),
            Self::Log { warnings, .. } => warnings.to_string(),
            Self::Raw(_) => String::new(),
        }
    }

    /// Its notes. Register writes are transcribed, true to the chip if `exact`.
    ///
    /// # Errors
    /// Those of [`transcribe()`].
    pub fn song(&self, exact: bool) -> Result<Cow<'_, Song>, TokenizerError> {
        match self {
            Self::Song { song, .. } => Ok(Cow::Borrowed(song)),
            Self::Log { log, .. } | Self::Track { log, .. } if exact => transcribe_exactly(log).map(Cow::Owned),
            Self::Log { log, .. } | Self::Track { log, .. } => transcribe(log).map(Cow::Owned),
            Self::Raw(runs) => runs.to_expressive().to_song().map(Cow::Owned),
        }
    }

    /// Its register writes. A song is performed.
    ///
    /// # Errors
    /// Those of [`perform()`].
    pub fn log(&self, options: &PerformOptions) -> Result<Cow<'_, RegisterLog>, TokenizerError> {
        match self {
            Self::Song { song, .. } => perform(song, options).map(Cow::Owned),
            Self::Log { log, .. } | Self::Track { log, .. } => Ok(Cow::Borrowed(log)),
            Self::Raw(runs) => Ok(Cow::Owned(runs.to_log())),
        }
    }

    /// Its raw score: what the chip makes of register writes (`exact` as in [`Self::song`]), or the timers of notes.
    ///
    /// # Errors
    /// Those of [`RawRuns::from_log`].
    pub fn raw(&self, exact: bool) -> Result<Cow<'_, RawRuns>, TokenizerError> {
        match self {
            Self::Song { song, .. } => Ok(Cow::Owned(RawRuns::from_expressive(&ScoreRuns::from_song(song)))),
            Self::Log { log, .. } | Self::Track { log, .. } if exact => RawRuns::from_log_exactly(log).map(Cow::Owned),
            Self::Log { log, .. } | Self::Track { log, .. } => RawRuns::from_log(log).map(Cow::Owned),
            Self::Raw(runs) => Ok(Cow::Borrowed(runs)),
        }
    }
}
