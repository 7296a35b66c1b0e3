//! The frame rate that a song needs: the lowest that keeps its notes.

use super::{ExpressiveScore, ScoreRuns};
use crate::error::TokenizerError;
use crate::limits::TICKS_PER_SECOND;
use crate::song::Song;
use crate::voice::Voice;

/// The highest rate that the search comes to, in Hz: that of the console's frames, in which its programs moved.
pub const HIGHEST_ADAPTIVE_RATE: u32 = 60;

/// The shortest note that counts, in samples: half a frame of the console. Shorter ones are steps on the way to a note whose
/// timer is written in two parts.
const SHORTEST: u64 = 368;

impl ScoreRuns {
    /// The lowest whole frame rate, from 1 to [`HIGHEST_ADAPTIVE_RATE`], at which no more than a share of the notes is lost;
    /// the highest where each loses more. A note is lost if the frame that holds its middle has another; notes of less
    /// than 1/120 s do not count.
    ///
    /// # Errors
    /// [`TokenizerError::Option`] for a share outside 0 to 1; [`TokenizerError::Limit`].
    pub fn adaptive_rate(&self, lost: f64) -> Result<f64, TokenizerError> {
        if !(0.0..=1.0).contains(&lost) {
            let (name, found) = ("lost", lost.to_string());
            return Err(TokenizerError::Option { name, expected: "a share of the notes from 0 to 1", found });
        }
        let song = self.to_song()?;
        let most = (lost * notes(&song).count() as f64) as usize;
        for rate in 1..HIGHEST_ADAPTIVE_RATE {
            let score = self.downsample(rate.into())?;
            if notes(&song).filter(|&note| !keeps(&score, note)).nth(most).is_none() {
                return Ok(rate.into());
            }
        }
        Ok(HIGHEST_ADAPTIVE_RATE.into())
    }
}

/// The notes that count: voice, middle and pitch.
fn notes(song: &Song) -> impl Iterator<Item = (Voice, u64, u8)> {
    song.voices().flat_map(|(voice, track)| {
        let long = track.notes.iter().filter(|note| note.length() >= SHORTEST);
        long.map(move |note| (voice, note.start.get().midpoint(note.end.get()), note.pitch.get()))
    })
}

/// Whether the frame at an instant has a note. What comes after the last frame belongs to it.
fn keeps(score: &ExpressiveScore, (voice, tick, pitch): (Voice, u64, u8)) -> bool {
    let index = (tick as f64 / TICKS_PER_SECOND as f64 * score.rate) as usize;
    let frame = score.frames.get(index).or(score.frames.last());
    frame.is_some_and(|frame| frame[voice.index()][0] == pitch)
}

#[cfg(test)]
mod tests {
    use crate::{score::ScoreRuns, tx1};

    fn runs(text: &str) -> ScoreRuns {
        ScoreRuns::from_song(&tx1::read(&text.replace(' ', "\n")).expect("a song"))
    }

    #[test]
    fn the_rate_is_that_of_the_shortest_notes() {
        // Alternating notes of 1/8 s, then of 1/10 s.
        let text = |wait: u32| format!("P1_NOTEON_60 WT_{wait} P1_NOTEON_62 WT_{wait} ").repeat(40);
        assert_eq!(runs(text(5_513).trim()).adaptive_rate(0.0), Ok(8.0));
        let faster = runs(text(4_410).trim()).adaptive_rate(0.0).expect("a rate");
        assert!((9.0..=10.0).contains(&faster), "{faster}");
    }

    #[test]
    fn some_notes_may_be_lost() {
        let text = format!(
            "{}P1_NOTEON_72 WT_1000 P1_NOTEON_60 WT_44100",
            "P1_NOTEON_60 WT_44100 P1_NOTEON_62 WT_44100 ".repeat(9)
        );
        let runs = runs(&text);
        assert_eq!(runs.adaptive_rate(0.05), Ok(1.0));
        assert!(runs.adaptive_rate(0.0).is_ok_and(|rate| rate > 20.0));
    }

    #[test]
    fn steps_on_the_way_to_a_note_do_not_count() {
        assert_eq!(runs("P1_NOTEON_72 WT_3 P1_NOTEON_60 WT_44100").adaptive_rate(0.0), Ok(1.0));
        assert_eq!(runs("WT_44100").adaptive_rate(0.0), Ok(1.0));
        assert!(runs("WT_1").adaptive_rate(1.5).is_err());
    }
}
