//! The numbering of TX1 and TX2 events for a language model.
//!
//! Id 0 is `<S>`, the boundary of a song; then the 370 waits; then for each voice its note-off, its note-ons by pitch and,
//! in TX2, its velocities and its timbres. That is the order of the vocabulary files beside the published checkpoints.

use crate::error::TokenizerError;
use crate::event::{self, BOUNDARY, Dialect, Event};
use crate::quantize::{WAIT_TOKENS, wait_id, wait_of};
use crate::song::Song;
use crate::timeline::{self, Builder};
use crate::tx3;
use crate::values::{Pitch, Timbre, Velocity};
use crate::voice::Voice;

/// The symbols of [`Dialect::Tx1`] (631), [`Dialect::Tx2`] (686) or [`Dialect::Tx3`] and their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    dialect: Dialect,
    /// By id; `None` is the boundary. Empty for TX3, whose tokens are [`tx3::Token`]s.
    events: Vec<Option<Event>>,
    /// The id of each voice's note-off, at which its block begins.
    blocks: [u16; 4],
}

impl Vocabulary {
    /// The 631 symbols of TX1.
    #[must_use]
    pub fn tx1() -> Self {
        Self::new(Dialect::Tx1)
    }

    /// The 686 symbols of TX2.
    #[must_use]
    pub fn tx2() -> Self {
        Self::new(Dialect::Tx2)
    }

    /// The symbols of TX3.
    #[must_use]
    pub fn tx3() -> Self {
        Self::new(Dialect::Tx3)
    }

    /// The symbols of a dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        if dialect == Dialect::Tx3 {
            return Self { dialect, events: Vec::new(), blocks: [0; 4] };
        }
        let mut events = vec![None];
        events.extend((1..=WAIT_TOKENS).filter_map(wait_of).map(|wait| Some(Event::Wait(wait))));
        let mut blocks = [0; 4];
        for voice in Voice::ALL {
            blocks[voice.index()] = events.len() as u16;
            events.push(Some(Event::NoteOff(voice)));
            let pitches = voice.pitches().filter_map(Pitch::new);
            events.extend(pitches.map(|pitch| Some(Event::NoteOn(voice, pitch))));
            let velocities = voice.velocities().filter(|_| dialect.has_velocities());
            let velocities = velocities.into_iter().flatten().filter_map(Velocity::new);
            events.extend(velocities.map(|value| Some(Event::Velocity(voice, value))));
            let timbres = voice.timbres().filter(|_| dialect.has_timbres());
            let timbres = timbres.into_iter().flatten().filter_map(Timbre::new);
            events.extend(timbres.map(|value| Some(Event::Timbre(voice, value))));
        }
        Self { dialect, events, blocks }
    }

    /// Which dialect it numbers.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The number of ids: 631 or 686, or those of TX3.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary is never empty")]
    pub fn len(&self) -> usize {
        if self.dialect == Dialect::Tx3 { tx3::size() } else { self.events.len() }
    }

    /// The event of an id; `None` for the boundary (0), for an id that there is not, and in TX3.
    #[must_use]
    pub fn event(&self, id: u16) -> Option<Event> {
        self.events.get(usize::from(id)).copied().flatten()
    }

    /// The id of an event: of a wait, that of the token that stands for it. `None` for a pitch, velocity or timbre out
    /// of range, for velocities and timbres in TX1, and in TX3.
    #[must_use]
    pub fn id_of(&self, event: Event) -> Option<u16> {
        if self.dialect == Dialect::Tx3 {
            return None;
        }
        let (voice, offset) = match event {
            Event::Wait(ticks) => return Some(wait_id(ticks)),
            Event::NoteOff(voice) => (voice, 0),
            Event::NoteOn(voice, pitch) => (voice, 1 + offset_in(Some(voice.pitches()), pitch.get())?),
            Event::Velocity(voice, value) => (voice, note_ids(voice) + offset_in(self.velocities(voice), value.get())?),
            Event::Timbre(voice, value) => {
                let velocities = self.velocities(voice).map_or(0, |range| range.count() as u16);
                let timbres = voice.timbres().filter(|_| self.dialect.has_timbres());
                (voice, note_ids(voice) + velocities + offset_in(timbres, value.get())?)
            }
        };
        Some(self.blocks[voice.index()] + offset)
    }

    /// How an id is spelled: `<S>`, `WT_1`, `P1_NOTEON_60`.
    #[must_use]
    pub fn symbol(&self, id: u16) -> Option<String> {
        if self.dialect == Dialect::Tx3 {
            return tx3::symbol(id).map(str::to_owned);
        }
        self.events
            .get(usize::from(id))
            .map(|event| event.map_or_else(|| BOUNDARY.to_owned(), |event| event.to_string()))
    }

    /// The id of a symbol; a wait of any length counts as the token that stands for it.
    #[must_use]
    pub fn id(&self, symbol: &str) -> Option<u16> {
        self.id_at(symbol, 1).ok()
    }

    /// The ids of a text of one event a line (`<S>` may stand among them), waits rounded to tokens as
    /// [`crate::quantize`] says. An empty text has no ids.
    ///
    /// # Errors
    /// [`TokenizerError::Token`] naming the line of the first unknown event; [`TokenizerError::Limit`] for more than
    /// [`crate::limits::MAX_INPUT_BYTES`] or [`crate::limits::MAX_EVENTS`].
    pub fn encode(&self, text: &str) -> Result<Vec<u16>, TokenizerError> {
        if self.dialect == Dialect::Tx3 {
            return tx3::encode(text);
        }
        TokenizerError::check_input(text.len())?;
        let mut ids = Vec::new();
        for (line, token) in event::tokens(text) {
            ids.push(self.id_at(token, line)?);
            TokenizerError::check_events(ids.len())?;
        }
        Ok(ids)
    }

    /// The text of a sequence of ids, lines joined by `\n` with none at the end.
    ///
    /// # Errors
    /// [`TokenizerError::Id`] for the first id that the vocabulary does not have.
    pub fn decode(&self, ids: &[u16]) -> Result<String, TokenizerError> {
        if self.dialect == Dialect::Tx3 {
            return tx3::decode(ids);
        }
        let mut text = Vec::with_capacity(ids.len().saturating_mul(12));
        for (position, &id) in ids.iter().enumerate() {
            if position > 0 {
                text.push(b'\n');
            }
            match self.events.get(usize::from(id)) {
                Some(Some(event)) => event.piece().append(&mut text),
                Some(None) => text.extend_from_slice(BOUNDARY.as_bytes()),
                None => {
                    return Err(TokenizerError::Id { position, id: i64::from(id), size: self.len() });
                }
            }
        }
        Ok(String::from_utf8(text).unwrap_or_default()) // it is ASCII
    }

    /// The ids of a song: those of its text, without the text.
    ///
    /// # Errors
    /// Of TX3 [`TokenizerError::Limit`], if the song on its frames is longer than a song may be.
    pub fn encode_song(&self, song: &Song) -> Result<Vec<u16>, TokenizerError> {
        if self.dialect == Dialect::Tx3 {
            return tx3::encode_song(song);
        }
        let mut ids = Vec::new();
        timeline::for_each_event(song, self.dialect, |event| ids.extend(self.id_of(event)));
        Ok(ids)
    }

    /// The song of a sequence of ids, boundaries passed over, as [`crate::tx1::read`] and [`crate::tx2::read`] build it.
    ///
    /// # Errors
    /// [`TokenizerError::Id`] for the first id that the vocabulary does not have, [`TokenizerError::Limit`].
    pub fn decode_song(&self, ids: &[u16]) -> Result<Song, TokenizerError> {
        if self.dialect == Dialect::Tx3 {
            return tx3::decode_song(ids);
        }
        let mut builder = Builder::default();
        for (position, &id) in ids.iter().enumerate() {
            match self.events.get(usize::from(id)) {
                Some(&Some(event)) => builder.push(event)?,
                Some(None) => {}
                None => return Err(TokenizerError::Id { position, id: i64::from(id), size: self.len() }),
            }
        }
        builder.finish()
    }

    fn velocities(&self, voice: Voice) -> Option<std::ops::RangeInclusive<u8>> {
        voice.velocities().filter(|_| self.dialect.has_velocities())
    }

    fn id_at(&self, token: &str, line: usize) -> Result<u16, TokenizerError> {
        if token == BOUNDARY {
            return Ok(0);
        }
        if self.dialect == Dialect::Tx3 {
            return tx3::encode(token).map(|ids| ids.first().copied().unwrap_or(0));
        }
        let event = Event::parse(token, self.dialect, line)?;
        self.id_of(event).ok_or_else(|| TokenizerError::token(line, "a symbol of the vocabulary", token))
    }
}

/// How many ids a voice's note-off and note-ons take.
fn note_ids(voice: Voice) -> u16 {
    1 + voice.pitches().count() as u16
}

fn offset_in(range: Option<std::ops::RangeInclusive<u8>>, value: u8) -> Option<u16> {
    let range = range?;
    range.contains(&value).then(|| u16::from(value - range.start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_of_the_published_vocabularies() {
        assert_eq!((Vocabulary::tx1().len(), Vocabulary::tx2().len()), (631, 686));
    }

    #[test]
    fn every_id_is_the_id_of_its_symbol_and_of_its_event() {
        for vocabulary in [Vocabulary::tx1(), Vocabulary::tx2(), Vocabulary::tx3()] {
            for id in 0..vocabulary.len() as u16 {
                let symbol = vocabulary.symbol(id).expect("a symbol");
                assert_eq!(vocabulary.id(&symbol), Some(id), "{symbol}");
                if let Some(event) = vocabulary.event(id) {
                    assert_eq!(vocabulary.id_of(event), Some(id), "{symbol}");
                }
            }
            assert_eq!(vocabulary.symbol(vocabulary.len() as u16), None);
        }
    }

    #[test]
    fn blocks_lie_where_the_published_files_have_them() {
        let (tx1, tx2) = (Vocabulary::tx1(), Vocabulary::tx2());
        let ids = |vocabulary: &Vocabulary, symbols: &[&str]| -> Vec<Option<u16>> {
            symbols.iter().map(|symbol| vocabulary.id(symbol)).collect()
        };
        let symbols = ["<S>", "WT_1", "WT_100000", "P1_NOTEOFF", "P1_NOTEON_33", "TR_NOTEON_21", "NO_NOTEON_16"];
        assert_eq!(ids(&tx1, &symbols), [0, 1, 370, 371, 372, 526, 630].map(Some));
        assert_eq!(
            ids(&tx2, &["P1_VELOCITY_1", "P1_TIMBRE_0", "P2_NOTEOFF", "NO_TIMBRE_1"]),
            [448, 463, 467, 685].map(Some)
        );
    }

    #[test]
    fn waits_between_tokens_are_rounded_and_the_rest_stays() {
        let vocabulary = Vocabulary::tx1();
        let ids = vocabulary.encode("<S>\nWT_104\r\nP1_NOTEON_60\n\nWT_999999\nP1_NOTEOFF\n").expect("a legal text");
        assert_eq!(vocabulary.decode(&ids).expect("legal ids"), "<S>\nWT_100\nP1_NOTEON_60\nWT_100000\nP1_NOTEOFF");
    }

    #[test]
    fn an_unknown_event_is_named_with_its_line() {
        let message = |text: &str| Vocabulary::tx1().encode(text).expect_err("an unknown event").to_string();
        assert_eq!(message("WT_5\nP1_NOTEON_200"), "line 2: expected P1_NOTEON_33 to 108, found \"P1_NOTEON_200\"");
        assert_eq!(message("WT_0"), "line 1: expected WT_1 to WT_1905120000, found \"WT_0\"");
        for foreign in ["P1_VELOCITY_3", "hello", "P3_NOTEOFF", "P1_NOTEON_", "P1_NOTEON_+60", "é", "TR_NOTEON_060"] {
            assert!(message(foreign).starts_with("line 1: expected "), "{foreign}");
        }
        assert!(message("WT_99999999999999999999").starts_with("line 1: length in ticks"));
    }

    #[test]
    fn an_unknown_id_is_named_with_its_position() {
        let error = Vocabulary::tx1().decode(&[0, 631]).expect_err("an unknown id");
        assert_eq!(error.to_string(), "id 631 at position 1: expected an id below 631");
    }
}
