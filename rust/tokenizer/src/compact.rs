//! The compact form of a song: a number an event. A wait of `w` samples is `-w`, exact and not rounded to a token; any
//! other event is its id in the vocabulary, greater than 0. What a model draws, ids alone, is compact as it is.

use crate::error::TokenizerError;
use crate::event::{Dialect, Event};
use crate::song::Song;
use crate::timeline::{self, Builder};
use crate::vocabulary::Vocabulary;

/// The events of a song, waits exact: those of its text, without the text. TX3 has no waits, so there they are its ids.
///
/// # Errors
/// As [`Vocabulary::encode_song`].
pub fn of_song(song: &Song, vocabulary: &Vocabulary) -> Result<Vec<i32>, TokenizerError> {
    if vocabulary.dialect() == Dialect::Tx3 {
        return Ok(vocabulary.encode_song(song)?.into_iter().map(i32::from).collect());
    }
    let mut events = Vec::new();
    timeline::for_each_event(song, vocabulary.dialect(), |event| match event {
        Event::Wait(ticks) => events.push(-(ticks as i32)), // at most MAX_TICKS, which fits
        other => events.extend(vocabulary.id_of(other).map(i32::from)),
    });
    Ok(events)
}

/// The song of a sequence of events, which may also be waits by their ids; boundaries are passed over.
///
/// # Errors
/// [`TokenizerError::Id`] for the first id that the vocabulary does not have, [`TokenizerError::Empty`] if there is no
/// event, [`TokenizerError::Limit`] for more than [`crate::limits`] allow.
pub fn to_song(events: &[i64], vocabulary: &Vocabulary) -> Result<Song, TokenizerError> {
    if events.is_empty() {
        return Err(TokenizerError::Empty { expected: "events" });
    }
    if vocabulary.dialect() == Dialect::Tx3 {
        let narrow = |(position, &id): (usize, &i64)| {
            u16::try_from(id).map_err(|_| TokenizerError::Id { position, id, size: vocabulary.len() })
        };
        return vocabulary.decode_song(&events.iter().enumerate().map(narrow).collect::<Result<Vec<_>, _>>()?);
    }
    let mut builder = Builder::default();
    for (position, &event) in events.iter().enumerate() {
        if event < 0 {
            let ticks = event.unsigned_abs();
            TokenizerError::check_ticks(ticks)?;
            builder.push(Event::Wait(ticks as u32))?; // MAX_TICKS fits an i32
        } else if let Some(event) = u16::try_from(event).ok().and_then(|id| vocabulary.event(id)) {
            builder.push(event)?;
        } else if event != 0 {
            return Err(TokenizerError::Id { position, id: event, size: vocabulary.len() });
        }
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tx1, tx2};

    const TEXT: &str =
        "P1_NOTEON_60\nP1_VELOCITY_9\nP1_TIMBRE_2\nWT_105\nTR_NOTEON_40\nWT_1234567\nP1_NOTEOFF\nWT_7\nTR_NOTEOFF";

    #[test]
    fn a_song_is_its_events_and_they_are_the_song() {
        let song = tx2::read(TEXT).expect("a legal text");
        let vocabulary = Vocabulary::tx2();
        let events = of_song(&song, &vocabulary).expect("a song of TX2");
        assert_eq!(events.iter().filter(|&&event| event < 0).collect::<Vec<_>>(), [&-105, &-1_234_567, &-7]);
        let wide: Vec<i64> = events.into_iter().map(i64::from).collect();
        assert_eq!(to_song(&wide, &vocabulary), Ok(song));
    }

    #[test]
    fn ids_of_waits_and_exact_waits_stand_side_by_side() {
        let vocabulary = Vocabulary::tx1();
        let id = |symbol| i64::from(vocabulary.id(symbol).expect("a symbol"));
        let song = to_song(&[0, id("P1_NOTEON_60"), id("WT_100"), -5, id("P1_NOTEOFF"), 0], &vocabulary);
        assert_eq!(song, tx1::read("P1_NOTEON_60\nWT_105\nP1_NOTEOFF"));
    }

    #[test]
    fn what_is_no_event_is_named_with_its_position() {
        let vocabulary = Vocabulary::tx1();
        let message = |events: &[i64]| to_song(events, &vocabulary).expect_err("no song").to_string();
        assert_eq!(message(&[5, 631]), "id 631 at position 1: expected an id below 631");
        assert!(message(&[]).contains("empty"));
        assert!(message(&[i64::MIN]).starts_with("length in ticks"));
    }
}
