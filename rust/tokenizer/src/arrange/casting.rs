//! Which voice plays which part, where the caller says so.

use std::str::FromStr;

use super::parts::Part;
use crate::error::TokenizerError;
use crate::voice::Voice;

/// A part of a MIDI file, as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PartName {
    /// All notes of a MIDI channel, from 0.
    Channel(u8),
    /// All notes of the tracks in whose names this stands, in any case.
    Track(String),
}

impl FromStr for PartName {
    type Err = TokenizerError;

    /// A number is that of a channel, 1 to 16, as musicians count them; anything else a part of a track's name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |expected| Err(TokenizerError::Option { name: "part", expected, found: text.to_owned() });
        let text = text.trim();
        match text.parse::<u8>() {
            Ok(number @ 1..=16) => Ok(Self::Channel(number - 1)),
            Ok(_) => refused("a channel of 1 to 16, or the name of a track"),
            Err(_) if text.is_empty() => refused("a channel of 1 to 16, or the name of a track"),
            Err(_) => Ok(Self::Track(text.to_lowercase())),
        }
    }
}

/// The chosen voices of a file.
#[derive(Debug)]
pub(super) struct Casting<'a> {
    chosen: &'a [(Voice, PartName)],
    /// The names of the tracks, in lower case, by number.
    names: Vec<(u16, String)>,
    /// Which choices have met a note.
    met: Vec<bool>,
}

impl<'a> Casting<'a> {
    pub(super) fn new(chosen: &'a [(Voice, PartName)], names: Vec<(u16, String)>) -> Self {
        Self { chosen, names, met: vec![false; chosen.len()] }
    }

    /// The voice of a part that plays a note; of several choices the first.
    pub(super) fn voice(&mut self, (track, channel): Part) -> Option<Voice> {
        let names = &self.names;
        let is_meant = |name: &PartName| match name {
            PartName::Channel(number) => *number == channel,
            PartName::Track(text) => names.iter().any(|(number, name)| *number == track && name.contains(text)),
        };
        let index = self.chosen.iter().position(|(_, name)| is_meant(name))?;
        *self.met.get_mut(index)? = true;
        self.chosen.get(index).map(|&(voice, _)| voice)
    }

    /// Whether a part was chosen for a voice.
    pub(super) fn has(&self, voice: Voice) -> bool {
        self.chosen.iter().any(|&(chosen, _)| chosen == voice)
    }

    /// Refuses a choice that no note of the file meets.
    pub(super) fn check(&self) -> Result<(), TokenizerError> {
        let Some(((voice, name), _)) = self.chosen.iter().zip(&self.met).find(|&(_, &met)| !met) else { return Ok(()) };
        let name = match name {
            PartName::Channel(number) => (number + 1).to_string(),
            PartName::Track(text) => text.clone(),
        };
        let expected = "a channel with notes of its own, or a part of the name of a track that has notes";
        Err(TokenizerError::Option { name: "part", expected, found: format!("{voice}={name}") })
    }
}
