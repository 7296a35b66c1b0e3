//! Variations of a song for training: transposed, with exchanged pulses, in fewer voices, at another tempo.
//!
//! What TX3 says of a voice depends on all of it (its gates, the instrument in use), so a variation is written anew from the
//! song. Only the tempo is changed in the tokens: rows stay rows, whatever they last.

use super::tempo::FRAMES_A_ROW;
use super::token::Token;
use super::{WriteOptions, decode_song, encode_song_with, id, token};
use crate::error::TokenizerError;
use crate::song::{Note, Song, Track};
use crate::voice::Voice;

/// What becomes of a song.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variation {
    /// Semitones by which the pulses and the triangle move.
    pub transpose: i8,
    /// Whether P1 and P2 exchange their parts.
    pub switch_pulses: bool,
    /// Which voices stay, by [`Voice::index`] before any exchange.
    pub keep: [bool; 4],
    /// Frames by which every row becomes longer; it stays as it is where it would be too short for what lies between rows.
    pub tempo: i8,
    /// Whether the song begins with its facts.
    pub controls: bool,
}

impl Default for Variation {
    fn default() -> Self {
        Self { transpose: 0, switch_pulses: false, keep: [true; 4], tempo: 0, controls: false }
    }
}

/// The ids of a song as a model learns them: without the period and the phase of its frames, which it need not know.
#[must_use]
pub fn without_clock(ids: &[u16]) -> Vec<u16> {
    let is_clock = |&id: &u16| matches!(token(id), Some(Token::Period(_) | Token::Phase(_)));
    ids.iter().copied().filter(|id| !is_clock(id)).collect()
}

/// Varies a song.
///
/// # Errors
/// [`TokenizerError::Id`] for the first id that there is not, [`TokenizerError::Limit`].
pub fn vary(ids: &[u16], variation: &Variation) -> Result<Vec<u16>, TokenizerError> {
    let Variation { transpose, switch_pulses, keep, tempo, controls } = *variation;
    let plain = transpose == 0 && !switch_pulses && keep == [true; 4] && !controls;
    let mut varied = if plain {
        ids.to_vec()
    } else {
        let song = decode_song(ids)?;
        let mut tracks = Voice::ALL.map(|voice| {
            if keep[voice.index()] { transposed(voice, song.track(voice), transpose) } else { Track::default() }
        });
        if switch_pulses {
            tracks.swap(Voice::P1.index(), Voice::P2.index());
        }
        let write = WriteOptions { controls, loop_start: None };
        without_clock(&encode_song_with(&Song::new(tracks, song.length())?.with_loop(song.loop_start()), &write)?)
    };
    change_tempo(&mut varied, tempo);
    Ok(varied)
}

/// A track whose notes are moved; those that leave the range of the voice are left out. The noise has no pitches to move.
fn transposed(voice: Voice, track: &Track, semitones: i8) -> Track {
    if voice == Voice::No || semitones == 0 {
        return track.clone();
    }
    let moved = |note: &Note| {
        let pitch = note.pitch.transposed(semitones).filter(|pitch| voice.pitches().contains(&pitch.get()))?;
        Some(Note { pitch, ..*note })
    };
    Track { notes: track.notes.iter().filter_map(moved).collect(), changes: track.changes.clone() }
}

/// Makes every row some frames longer, or shorter where all that lies between rows still finds its place.
fn change_tempo(ids: &mut [u16], frames: i8) {
    let tokens = || ids.iter().filter_map(|&id| token(id));
    let shortest = tokens().filter_map(|token| if let Token::Tempo(row) = token { Some(row) } else { None }).min();
    let last = tokens().filter_map(|token| if let Token::Frame(frame) = token { Some(frame) } else { None }).max();
    let Some(row) = shortest.and_then(|row| row.checked_add_signed(frames)) else { return };
    if frames == 0 || row < *FRAMES_A_ROW.start() || last.unwrap_or(0) >= row {
        return;
    }
    for entry in ids {
        if let Some(Token::Tempo(row)) = token(*entry) {
            let row = row.saturating_add_signed(frames).min(*FRAMES_A_ROW.end());
            *entry = id(Token::Tempo(row)).unwrap_or(*entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx3;

    /// Four bars of a melody over a bass, with an upbeat of sixteenths.
    fn song() -> Vec<u16> {
        let mut text = vec!["TEMPO_6".to_owned(), "METER_16".to_owned()];
        for bar in 0..4 {
            text.push("BAR".to_owned());
            for row in (0..16).step_by(2) {
                if row > 0 {
                    text.push(format!("ROW_{row}"));
                }
                text.push(format!("P1_NOTEON_{}", 60 + (row + bar) % 12));
                if row % 8 == 0 {
                    text.push(format!("TR_NOTEON_{}", 40 + bar));
                }
            }
        }
        text.push("BAR".to_owned());
        let song = tx3::read(&text.join("\n")).expect("a song");
        tx3::encode_song(&song).expect("ids")
    }

    fn text(ids: &[u16]) -> String {
        tx3::decode(ids).expect("a text")
    }

    #[test]
    fn notes_move_and_leave_their_rows_as_they_are() {
        let ids = song();
        let varied = vary(&ids, &Variation { transpose: 3, ..Variation::default() }).expect("ids");
        assert_eq!(text(&varied), text(&ids).lines().map(up_three).collect::<Vec<_>>().join("\n"));
    }

    fn up_three(line: &str) -> String {
        match line.split_once("_NOTEON_") {
            Some((voice, pitch)) => format!("{voice}_NOTEON_{}", pitch.parse::<u8>().expect("a pitch") + 3),
            None => line.to_owned(),
        }
    }

    #[test]
    fn pulses_change_places_and_voices_fall_silent() {
        let variation =
            Variation { switch_pulses: true, keep: [true, true, false, true], controls: true, ..Variation::default() };
        let varied = text(&vary(&song(), &variation).expect("ids"));
        assert!(varied.contains("DENSITY_TR_NONE") && varied.contains("P2_NOTEON_60"), "{varied}");
        assert!(!varied.contains("P1_NOTEON") && !varied.contains("TR_NOTEON"), "{varied}");
    }

    #[test]
    fn another_tempo_is_another_token_and_nothing_else() {
        let ids = song();
        for (frames, tempo) in [(1, "TEMPO_13"), (-1, "TEMPO_11"), (-11, "TEMPO_12")] {
            let varied = vary(&ids, &Variation { tempo: frames, ..Variation::default() }).expect("ids");
            assert_eq!(text(&varied), text(&ids).replace("TEMPO_12", tempo), "{frames}");
        }
    }
}
