//! A score at a lower frame rate, as nesmdb's `exprsco_downsample` makes it.

use super::{ExpressiveScore, FRAME_BYTES, Frame, ScoreRuns, check_rate};
use crate::error::{TokenizerError, check_limit};
use crate::limits::{MAX_SCORE_BYTES, TICKS_PER_SECOND};

impl ScoreRuns {
    /// The score at a lower frame rate (`nsamps / 44,100 · rate` frames, cut to a whole number), or every frame of it at
    /// 44,100. See [`ExpressiveScore::from_song`].
    ///
    /// # Errors
    /// [`TokenizerError::Option`] for a rate out of range, [`TokenizerError::Limit`] for more than [`MAX_SCORE_BYTES`].
    pub fn downsample(&self, rate: f64) -> Result<ExpressiveScore, TokenizerError> {
        check_rate(rate)?;
        let count = frame_count(self.nsamps, rate);
        check_limit("score in bytes", MAX_SCORE_BYTES as u64, count.saturating_mul(FRAME_BYTES as u64))?;
        Ok(ExpressiveScore { rate, nsamps: self.nsamps, frames: frames(self, rate, count) })
    }
}

/// How many frames a song of `nsamps` samples has.
fn frame_count(nsamps: u64, rate: f64) -> u64 {
    if is_exact(rate) { nsamps } else { (nsamps as f64 / TICKS_PER_SECOND as f64 * rate) as u64 }
}

fn is_exact(rate: f64) -> bool {
    (rate - TICKS_PER_SECOND as f64).abs() < f64::EPSILON
}

/// The first `count` frames.
fn frames(runs: &ScoreRuns, rate: f64, count: u64) -> Vec<Frame> {
    // Where frame `index` begins, in f64 and cut to the sample as the original does it.
    let begin = |index: u64| {
        if is_exact(rate) { index } else { (index as f64 / rate * TICKS_PER_SECOND as f64) as u64 }
    };
    let mut first = 0; // the run in which the frame begins
    let mut frames = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    let mut tallies = [const { Vec::new() }; 3];
    for index in 0..count {
        let (from, to) = (begin(index), begin(index + 1).min(runs.nsamps));
        while runs.starts.get(first + 1).is_some_and(|&next| next <= from) {
            first += 1;
        }
        let mut frame = Frame::default();
        let within = runs.starts.iter().skip(first).take_while(|&&start| start < to).count();
        for (voice, state) in frame.iter_mut().enumerate() {
            tallies.iter_mut().for_each(Vec::clear);
            let mut resting = Vec::new();
            for run in first..first + within {
                let (Some(&start), Some(value)) = (runs.starts.get(run), runs.values.get(run)) else {
                    continue;
                };
                let end = runs.starts.get(run + 1).copied().unwrap_or(runs.nsamps).min(to);
                let samples = end.saturating_sub(start.max(from));
                let [note, _, timbre] = value[voice];
                if note == 0 {
                    add(&mut resting, timbre, samples);
                } else if samples > 0 {
                    for (tally, column) in tallies.iter_mut().zip(value[voice]) {
                        add(tally, column, samples);
                    }
                }
            }
            *state = tallies.each_ref().map(|tally| most_frequent(tally));
            if state[0] == 0 {
                state[2] = most_frequent(&resting);
            }
        }
        frames.push(frame);
    }
    frames
}

fn add(tally: &mut Vec<(u8, u64)>, value: u8, samples: u64) {
    match tally.iter_mut().find(|(counted, _)| *counted == value) {
        Some((_, count)) => *count += samples,
        None => tally.push((value, samples)),
    }
}

/// The value counted most often, the lowest of several; 0 of none.
fn most_frequent(tally: &[(u8, u64)]) -> u8 {
    tally.iter().max_by_key(|&&(value, count)| (count, std::cmp::Reverse(value))).map_or(0, |&(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(nsamps: u64, notes: &[(u64, [u8; 3])]) -> ScoreRuns {
        let mut runs = ScoreRuns { nsamps, ..ScoreRuns::default() };
        for &(start, state) in notes {
            runs.push(start, &[state, [0; 3], [0; 3], [0; 3]]);
        }
        runs
    }

    #[test]
    fn a_frame_takes_each_column_by_itself_from_its_sounding_instants() {
        // Of 441 samples: silence for 300, then velocity 7 of note 60, then 9 of note 62 for the longest time.
        let runs = runs(441, &[(0, [0, 0, 0]), (300, [60, 7, 1]), (360, [62, 7, 2]), (390, [62, 9, 3])]);
        assert_eq!(frames(&runs, 100.0, 1)[0][0], [62, 7, 1]);
    }

    #[test]
    fn of_equals_the_lowest_wins() {
        let runs = runs(441, &[(0, [64, 9, 0]), (220, [60, 3, 0]), (440, [0, 0, 0])]);
        assert_eq!(frames(&runs, 100.0, 1)[0][0], [60, 3, 0]);
    }

    #[test]
    fn a_resting_voice_keeps_its_timbre_and_no_velocity() {
        let runs = runs(441, &[(0, [0, 9, 2]), (220, [0, 9, 3])]);
        assert_eq!(frames(&runs, 100.0, 1)[0][0], [0, 0, 3]);
    }

    #[test]
    fn the_full_rate_keeps_every_sample() {
        let runs = runs(5, &[(0, [60, 3, 0]), (3, [0, 0, 0])]);
        let notes: Vec<u8> =
            frames(&runs, 44_100.0, frame_count(5, 44_100.0)).iter().map(|frame| frame[0][0]).collect();
        assert_eq!(notes, [60, 60, 60, 0, 0]);
    }
}
