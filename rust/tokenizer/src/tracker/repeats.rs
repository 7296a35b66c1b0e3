//! Repetition: the lags after which a song is the same again.
//!
//! Music that is played twice over tells how long its bars are; and where an engine begins its song again, its rows begin
//! again too, wherever they were.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::frames::Frame;

/// The shortest lag, in frames.
const SHORTEST: usize = 48;
/// Frames of the song that are compared for the bars, and for the song as a whole.
const COMPARED: usize = 4_096;
const WHOLE: usize = 16_384;
/// The share of equal frames from which a song is said to begin again, and how long it then has to go on.
const AGAIN: f64 = 0.75;
const GOES_ON: usize = 120;

/// A song that begins again: what is from `start` to `start + lag` comes a second time after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// The first frame of what is repeated.
    pub start: usize,
    /// How many frames later it is repeated.
    pub lag: usize,
}

/// The lag after which most of what the voices play is the same again; 0 where none is.
pub(super) fn best_lag(frames: &[Frame]) -> usize {
    let frames = &frames[..frames.len().min(COMPARED)];
    let score = |lag: usize| {
        let (mut equal, mut heard) = (0_u32, 0_u32);
        for (one, other) in frames.iter().zip(&frames[lag..]) {
            for (one, other) in one.iter().zip(other) {
                let sounds = u32::from(one.volume + other.volume > 0);
                heard += sounds;
                equal += sounds * u32::from(one == other);
            }
        }
        // Little is proved where little is left to compare.
        let proof = ((frames.len() - lag) as f64 / (0.3 * frames.len() as f64)).min(1.0);
        proof * f64::from(equal) / f64::from(heard.max(1))
    };
    let lags = SHORTEST..frames.len() * 7 / 10;
    lags.map(|lag| (score(lag), lag)).max_by(|one, other| one.0.total_cmp(&other.0)).map_or(0, |(_, lag)| lag)
}

/// Finds whether a song begins again.
pub(super) fn find(frames: &[Frame]) -> Option<Repeat> {
    let hash = |frame: &Frame| {
        let mut hasher = DefaultHasher::new();
        frame.hash(&mut hasher);
        if *frame == Frame::default() { 0 } else { hasher.finish() | 1 }
    };
    let hashes: Vec<u64> = frames.iter().take(WHOLE).map(hash).collect();
    let longest = hashes.len().saturating_sub(GOES_ON);
    let score = |lag: usize| {
        let pairs = || hashes.iter().zip(&hashes[lag..]);
        let heard = pairs().filter(|(one, other)| **one | **other > 0).count();
        let equal = pairs().filter(|(one, other)| one == other && **one > 0).count();
        if heard < GOES_ON { 0.0 } else { equal as f64 / heard as f64 }
    };
    // A part of a quarter and more: the shortest that is as good as the best.
    let scores: Vec<(f64, usize)> = (longest / 4..longest).map(|lag| (score(lag), lag)).collect();
    let best = scores.iter().map(|(score, _)| *score).fold(0.0, f64::max);
    let lag = scores.iter().find(|(score, _)| *score >= AGAIN && *score > 0.97 * best).map(|(_, lag)| *lag)?;
    let is_equal = |frame: &usize| hashes[*frame] == hashes[frame + lag] && hashes[*frame] > 0;
    let start = (0..hashes.len() - lag).find(is_equal)?;
    Some(Repeat { start, lag })
}

#[cfg(test)]
mod tests {
    use super::super::frames::Tone;
    use super::*;

    #[test]
    fn a_song_that_begins_again_is_found_after_its_introduction() {
        let frame = |index: usize| {
            let place = if index < 30 { 5_000 + index } else { 30 + (index - 30) % 333 };
            [Tone { period: (place / 5 * 37 % 1_999) as u16, volume: 9, timbre: 0 }; 4]
        };
        let frames: Vec<Frame> = (0..800).map(frame).collect();
        assert_eq!(find(&frames), Some(Repeat { start: 30, lag: 333 }));
        assert_eq!(best_lag(&frames), 333);
        assert_eq!(find(&frames[..340]), None);
    }
}
