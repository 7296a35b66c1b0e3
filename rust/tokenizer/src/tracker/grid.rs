//! The rows of a song: the even steps on which its notes begin.
//!
//! Music engines count a note's length in frames, all of them multiples of one step, or let a counter overflow at a tempo, by
//! which steps of two lengths alternate. The estimate takes the step on which far more notes begin than would by chance.

use super::frames::Frame;
use super::repeats::{self, Repeat};

/// The shortest and the longest step, in frames. `FamiTracker`'s speeds end at 31.
const STEPS: std::ops::RangeInclusive<usize> = 3..=24;

/// Fractions of a frame that a step may have.
const DENOMINATORS: [usize; 4] = [1, 2, 3, 4];

/// How much a step with a fraction must be better than one without.
const FRACTION_HANDICAP: f64 = 0.93;

/// How much a step may be worse if what repeats does so after a number of steps.
const FITTING: f64 = 1.15;

/// The longest row, in frames.
const LONGEST_ROW: usize = 31;

/// The rows of a song.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// The frame with which each row begins: ascending, the first 0.
    pub row_starts: Vec<usize>,
    /// The frames with which the parts of the song begin, of which each has bars of its own: ascending, the first 0.
    pub parts: Vec<usize>,
    /// The length of the song in frames.
    pub frames: usize,
    /// Rows of a bar and the row with which the first whole bar begins, where known; otherwise the patterns that repeat
    /// most decide.
    pub bars: Option<(usize, usize)>,
}

impl Grid {
    /// A row a frame.
    #[must_use]
    pub fn every_frame(frames: usize) -> Self {
        Self { row_starts: (0..frames).collect(), parts: vec![0], frames, bars: None }
    }

    /// Rows that are known, each at most as long as a tracker's.
    #[must_use]
    pub(super) fn of_rows(row_starts: &[usize], frames: usize) -> Self {
        Self { row_starts: split_long(row_starts, frames), parts: vec![0], frames, bars: None }
    }

    /// Estimates the rows from the frames at which the notes of each voice begin, in order. `loop_frame` begins a row and
    /// a part; where there is none, the rows begin again with the song.
    #[must_use]
    pub fn estimate(onsets: &[Vec<usize>], frames: &[Frame], loop_frame: Option<usize>) -> Self {
        let count = frames.len();
        let (step, phase) = best_step(onsets, repeats::best_lag(frames));
        let mut row_starts = step.starts(phase, 0, count);
        let mut parts = vec![0];
        if let Some(start) = loop_frame {
            row_starts.retain(|&row| row < start);
            row_starts.extend(step.starts(step.phase_at(start), start, count));
            parts.push(start);
        } else if let Some(repeat) = repeats::find(frames) {
            parts.extend(again(&mut row_starts, repeat, count));
        }
        Self { row_starts: split_long(&row_starts, count), parts, frames: count, bars: None }
    }

    /// The row of a frame.
    #[must_use]
    pub fn row_of(&self, frame: usize) -> usize {
        self.row_starts.partition_point(|&start| start <= frame).saturating_sub(1)
    }

    /// Frames of a row.
    #[must_use]
    pub fn length_of(&self, row: usize) -> usize {
        let end = self.row_starts.get(row + 1).copied().unwrap_or(self.frames);
        end.saturating_sub(self.row_starts.get(row).copied().unwrap_or(end))
    }
}

/// A step of `frames / of` frames.
#[derive(Debug, Clone, Copy)]
struct Step {
    frames: usize,
    of: usize,
}

impl Step {
    /// The row starts from `from` on: `from` itself, then those frames in which a multiple of the step falls.
    fn starts(self, phase: usize, from: usize, to: usize) -> Vec<usize> {
        let mut starts = vec![from];
        let first = (from * self.of).saturating_sub(phase).div_ceil(self.frames);
        let place = |index: usize| (phase + index * self.frames) / self.of;
        starts.extend((first..).map(place).skip_while(|&start| start <= from).take_while(|&start| start < to));
        starts
    }

    /// The phase with which a step begins at a frame.
    const fn phase_at(self, frame: usize) -> usize {
        (frame * self.of) % self.frames
    }

    /// How much more onsets fall on the best phase than would by chance, in standard deviations; and that phase.
    fn score(self, onsets: &[Vec<usize>]) -> (f64, usize) {
        let mut histogram = vec![0_u32; self.frames];
        for &onset in onsets.iter().flatten() {
            histogram[self.phase_at(onset)] += 1;
        }
        // A frame holds a multiple of the step where one of its `of` parts does.
        let hits = |phase: usize| -> u32 {
            (0..self.of).map(|part| histogram[(phase + self.frames - part) % self.frames]).sum()
        };
        let phase = (0..self.frames).max_by_key(|&phase| (hits(phase), std::cmp::Reverse(phase))).unwrap_or_default();
        let count = f64::from(histogram.iter().sum::<u32>());
        let chance = self.of as f64 / self.frames as f64;
        let deviations = (f64::from(hits(phase)) - count * chance) / (count * chance * (1.0 - chance)).sqrt().max(1e-9);
        (deviations * self.room(onsets), phase)
    }

    /// The share of notes that have a row of their own.
    fn room(self, onsets: &[Vec<usize>]) -> f64 {
        let gaps = || onsets.iter().flat_map(|voice| voice.windows(2).map(|pair| pair[1] - pair[0]));
        let narrow = gaps().filter(|gap| gap * self.of + self.of <= self.frames).count();
        (1.0 - 2.0 * narrow as f64 / gaps().count().max(1) as f64).max(0.05)
    }
}

fn best_step(onsets: &[Vec<usize>], lag: usize) -> (Step, usize) {
    let mut best = (f64::MIN, Step { frames: 6, of: 1 }, 0);
    if onsets.iter().map(Vec::len).sum::<usize>() < 2 {
        return (best.1, best.2);
    }
    for of in DENOMINATORS {
        for frames in STEPS.start() * of..=STEPS.end() * of {
            if of > 1 && (2..=of).any(|factor| of % factor == 0 && frames % factor == 0) {
                continue;
            }
            let step = Step { frames, of };
            let (score, phase) = step.score(onsets);
            let score = if of > 1 { score * FRACTION_HANDICAP } else { score };
            let fits = lag > 0 && (lag * of).is_multiple_of(frames);
            let score = if fits { score * FITTING } else { score };
            if score > best.0 {
                best = (score, step, phase);
            }
        }
    }
    (best.1, best.2)
}

/// Lets the rows begin again where the song does. Gives the frames at which it does.
fn again(row_starts: &mut Vec<usize>, repeat: Repeat, count: usize) -> Vec<usize> {
    let Some(&start) = row_starts.iter().find(|&&row| row >= repeat.start) else { return Vec::new() };
    let end = start + repeat.lag;
    let rows: Vec<usize> = row_starts.iter().copied().filter(|row| (start..end).contains(row)).collect();
    row_starts.retain(|&row| row < end);
    let passes = 1..=count.saturating_sub(start) / repeat.lag;
    let later = passes.flat_map(|pass| rows.iter().map(move |row| row + pass * repeat.lag));
    row_starts.extend(later.take_while(|&row| row < count));
    (start..count).step_by(repeat.lag).collect()
}

/// Splits rows that are longer than a tracker's.
fn split_long(starts: &[usize], frames: usize) -> Vec<usize> {
    let ends = starts.iter().skip(1).copied().chain([frames]);
    starts.iter().zip(ends).flat_map(|(&start, end)| (start..end.max(start + 1)).step_by(LONGEST_ROW)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_seven_frames_is_found_with_its_phase() {
        let onsets = [0, 2, 3, 4, 6, 8, 9, 11, 12, 16].map(|step| 5 + 7 * step).to_vec();
        let grid = Grid::estimate(&[onsets], &[Frame::default(); 150], None);
        assert_eq!(grid.row_starts[..4], [0, 5, 12, 19]);
        assert_eq!((grid.row_of(11), grid.row_of(12), grid.length_of(2)), (1, 2, 7));
    }

    #[test]
    fn steps_of_two_lengths_alternate() {
        let onsets: Vec<_> = (0..60).map(|step| step * 13 / 2).collect();
        let grid = Grid::estimate(std::slice::from_ref(&onsets), &[Frame::default(); 400], None);
        assert_eq!(grid.row_starts[..60], onsets);
    }

    #[test]
    fn the_loop_point_begins_a_row() {
        let onsets: Vec<_> = (0..40).map(|step| step * 6).collect();
        let grid = Grid::estimate(&[onsets], &[Frame::default(); 240], Some(100));
        assert!(grid.row_starts.contains(&100) && grid.row_starts.contains(&106) && !grid.row_starts.contains(&102));
    }

    #[test]
    fn no_row_is_longer_than_a_tracker_can_play() {
        let grid = Grid { row_starts: split_long(&[0, 40], 150), parts: vec![0], frames: 150, bars: None };
        assert!((0..grid.row_starts.len()).all(|row| (1..=31).contains(&grid.length_of(row))));
    }
}
