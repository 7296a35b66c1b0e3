//! Where the rows and the bars of a song lie, found from the frames of its onsets.
//!
//! Distances between onsets that are multiples of a row tell which tempos are likely ([`candidates`]). A search over all
//! ways of laying bars of these tempos end to end then finds the one on whose rows most onsets fall (dynamic programming;
//! all costs are integers, so that the same onsets always have the same bars). A bar may be a few frames longer or
//! shorter than its rows say (a driver that drops a frame, a tempo between two that can be named), may break off at a
//! quarter of its rows, and the tempo may change from bar to bar, each at a price.

use super::tempo::{METERS, PARTS, Tempo};

/// A bar: where it begins, in frames; the first may begin before the song.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub start: i64,
    pub tempo: Tempo,
}

/// An onset in the search for the beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Onset {
    pub frame: u64,
    /// How much it counts as the beginning of a bar.
    pub accent: u32,
}

/// The largest distance between two onsets from which tempos are estimated, in frames.
const LAGS: usize = 320;
/// The tempos that are tried, in frames a row and parts.
const FASTEST: u32 = 3 * PARTS;
const SLOWEST: u32 = 16 * PARTS;
/// How many tempos are rated, and how many of them the search for the bars tries.
const RATED: usize = 9;
const TRIED: usize = 4;
/// A song of more frames (36 minutes) has one tempo, for the search takes 16 bytes a frame and tempo.
const LONG: u64 = 1 << 17;

/// Costs in thousandths of a bit: of an onset off the rows besides the choice of its frame; of a frame by which a bar is
/// longer or shorter; of a bar that breaks off; of another tempo; of a song that does not begin with a bar.
const OFF: i64 = 7_000;
const SLIP: i64 = 6_000;
const BROKEN: i64 = 14_000;
const CHANGE: i64 = 40_000;
const PICKUP: i64 = 10_000;
/// What a song costs whose row is no whole number of frames, or has a groove.
const ODD: i64 = 8_000;
/// What an accent at the beginning of a bar is worth.
const DOWNBEAT: i64 = 250;
/// How much more than a song on its rows one may cost before grooves are tried.
const GROOVE: i64 = 100_000;
/// By how many frames a bar may differ from its rows.
const SLIPS: i64 = 2;

/// log2 in thousandths.
fn millibits(value: f64) -> i64 {
    (value.log2() * 1_000.0).round() as i64
}

/// The bars of a song of `length` frames whose onsets, in order, are these. They cover it.
pub(super) fn bars(onsets: &[Onset], length: u64) -> Vec<Bar> {
    let spacing = Spacing::of(onsets);
    let mut tempos = candidates(&spacing);
    if tempos.is_empty() {
        tempos.push(Tempo::default());
    }
    let search = Search::new(onsets, length);
    // Each tempo for itself, the best of them a little faster and slower too; then all that are any good together.
    let mut rated: Vec<(i64, Tempo)> = tempos.iter().map(|&tempo| (search.cost(&[tempo]), tempo)).collect();
    rated.sort_by_key(|&(cost, _)| cost);
    if let Some(&(cost, best)) = rated.first() {
        let missed = cost - Costs::of(best).bar(search.total(), search.total());
        let near = variants(best, missed > GROOVE).into_iter().map(|tempo| (search.cost(&[tempo]), tempo));
        rated.extend(near.collect::<Vec<_>>());
        rated.sort_by_key(|&(cost, _)| cost);
    }
    let tried = if length > LONG { 1 } else { TRIED };
    let mut together: Vec<Tempo> = Vec::new();
    for (_, tempo) in rated {
        let alike = |other: &Tempo| other.swing == tempo.swing && other.row.abs_diff(tempo.row) <= 2;
        if together.len() < tried && !together.iter().any(alike) {
            together.push(tempo);
        }
    }
    search.bars(&together)
}

/// The best tempo, changed a little: its neighbours, if it is no whole number of frames; and with grooves.
fn variants(tempo: Tempo, grooves: bool) -> Vec<Tempo> {
    let mut variants: Vec<Tempo> = [-2_i32, -1, 1, 2]
        .iter()
        .filter(|_| !tempo.is_whole())
        .filter_map(|&change| tempo.row.checked_add_signed(change))
        .map(|row| Tempo { row, ..tempo })
        .collect();
    if grooves && tempo.row >= 5 * PARTS && tempo.row.is_multiple_of(2) {
        let halves = Tempo { row: tempo.row / 2, rows: (tempo.rows * 2).min(32), ..tempo };
        variants.extend((1..=2).map(|swing| Tempo { swing, ..tempo }));
        if halves.row >= FASTEST {
            variants.extend((1..=3).map(|swing| Tempo { swing, ..halves }));
        }
    }
    variants
}

/// How often two onsets lie at each distance in frames.
struct Spacing {
    counts: Vec<u32>,
    total: u64,
    /// From the first onset to the last, in frames.
    span: u64,
}

impl Spacing {
    fn of(onsets: &[Onset]) -> Self {
        let mut counts = vec![0_u32; LAGS];
        let mut frames: Vec<u64> = onsets.iter().map(|onset| onset.frame).collect();
        frames.dedup();
        for (index, &frame) in frames.iter().enumerate() {
            for &later in &frames[index + 1..] {
                match counts.get_mut((later - frame) as usize) {
                    Some(count) => *count += 1,
                    None => break,
                }
            }
        }
        counts[..2].fill(0);
        let total = counts.iter().map(|&count| u64::from(count)).sum();
        let span = frames.last().copied().unwrap_or(0) - frames.first().copied().unwrap_or(0);
        Self { counts, total, span }
    }

    /// How much better a row explains the distances than chance does, in bits for each (Kullback and Leibler's
    /// divergence between the share on multiples of the row and the share that chance would bring there).
    fn gain(&self, row: u32) -> f64 {
        let (mut hits, mut places) = (0_u64, 0_u32);
        let mut multiple = row;
        while let Some(&count) = self.counts.get((multiple / PARTS) as usize) {
            hits += u64::from(count);
            places += 1;
            if !multiple.is_multiple_of(PARTS) {
                hits += u64::from(self.counts.get((multiple / PARTS) as usize + 1).copied().unwrap_or(0));
                places += 1;
            }
            multiple += row;
        }
        let share = (hits as f64 / self.total.max(1) as f64).clamp(0.001, 0.999);
        let chance = (f64::from(places) / (LAGS - 2) as f64).clamp(0.001, 0.999);
        if share <= chance {
            return 0.0;
        }
        share * (share / chance).log2() + (1.0 - share) * ((1.0 - share) / (1.0 - chance)).log2()
    }

    /// How often onsets repeat around a distance, a frame of the song that has room for it.
    fn around(&self, lag: u32) -> f64 {
        let at = lag as usize;
        let count: u32 = (at.saturating_sub(1)..=at + 1).filter_map(|lag| self.counts.get(lag)).sum();
        f64::from(count) / (self.span.saturating_sub(u64::from(lag)).max(1)) as f64
    }
}

/// The tempos that the distances between onsets speak for, with their halves, doubles, thirds and triples.
fn candidates(spacing: &Spacing) -> Vec<Tempo> {
    if spacing.total == 0 {
        return Vec::new();
    }
    let gains: Vec<f64> = (0..=SLOWEST + 1).map(|row| if row < FASTEST { 0.0 } else { spacing.gain(row) }).collect();
    let mut peaks: Vec<u32> = (FASTEST..=SLOWEST)
        .filter(|&row| {
            let at = row as usize;
            gains[at] > 0.0 && gains[at] >= gains[at - 1] && gains[at] > gains[at + 1]
        })
        .collect();
    // Whole numbers of frames are far more common than others.
    let weight = |row: u32| gains[row as usize] * if row.is_multiple_of(PARTS) { 1.25 } else { 1.0 };
    peaks.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)));
    peaks.truncate(4);
    let mut rows: Vec<u32> = Vec::new();
    for peak in peaks {
        for row in [peak, peak / 2, peak * 2, peak / 3, peak * 3] {
            if (FASTEST..=SLOWEST).contains(&row) && !rows.iter().any(|&other| other.abs_diff(row) <= 1) {
                rows.push(row);
            }
        }
    }
    rows.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)));
    rows.truncate(RATED);
    rows.into_iter().map(|row| Tempo { row, swing: 0, rows: meter(spacing, row) }).collect()
}

/// The rows a bar: four beats, or three where onsets repeat at that distance clearly more often.
fn meter(spacing: &Spacing, row: u32) -> u8 {
    let (four, three) = match row / PARTS {
        0..4 => (32, 24),
        4..11 => (16, 12),
        _ => (8, 6),
    };
    let frames = |rows: u32| rows * row / PARTS;
    let (by_four, by_three) = (spacing.around(frames(four)), spacing.around(frames(three)));
    let known = spacing.span > 2 * u64::from(frames(four));
    let rows = if known && by_three > 1.3 * by_four { three } else { four };
    METERS.into_iter().find(|&meter| u32::from(meter) == rows).unwrap_or(16)
}

/// The onsets, ready for the search.
struct Search {
    /// By frame, from [`Search::LEAD`] frames before the song.
    onsets: Vec<i32>,
    accents: Vec<u32>,
    /// How many onsets lie before each frame.
    before: Vec<i32>,
    frames: usize,
}

/// A step of the search: the best way to the beginning of a bar.
#[derive(Debug, Clone, Copy)]
struct Step {
    cost: i64,
    /// Where the bar before begins; [`NOWHERE`] if there is none.
    from: u32,
    /// Its tempo's index.
    tempo: u8,
}

const NOWHERE: u32 = u32::MAX;
const NEVER: Step = Step { cost: i64::MAX / 4, from: NOWHERE, tempo: 0 };

/// All steps, by frame and tempo.
struct Steps {
    steps: Vec<Step>,
    tempos: usize,
}

impl Steps {
    fn at(&mut self, frame: usize) -> &mut [Step] {
        let from = (frame * self.tempos).min(self.steps.len());
        let to = (from + self.tempos).min(self.steps.len());
        &mut self.steps[from..to]
    }

    fn get(&self, frame: usize, tempo: usize) -> Step {
        self.steps.get(frame * self.tempos + tempo).copied().unwrap_or(NEVER)
    }
}

impl Search {
    /// The longest bar that may begin before the song.
    const LEAD: usize = 288;

    fn new(onsets: &[Onset], length: u64) -> Self {
        let last = onsets.last().map_or(0, |onset| onset.frame + 1);
        let frames = Self::LEAD + length.max(last) as usize;
        let room = frames + 2 * Self::LEAD;
        let mut search =
            Self { onsets: vec![0; room], accents: vec![0; room], before: Vec::with_capacity(room + 1), frames };
        for onset in onsets {
            let at = Self::LEAD + onset.frame as usize;
            search.onsets[at] += 1;
            search.accents[at] += onset.accent;
        }
        let mut count = 0;
        search.before.push(0);
        for onsets in &search.onsets {
            count += onsets;
            search.before.push(count);
        }
        search
    }

    /// The number of onsets.
    fn total(&self) -> i32 {
        self.before.last().copied().unwrap_or(0)
    }

    fn cost(&self, tempos: &[Tempo]) -> i64 {
        self.run(tempos).0.cost
    }

    fn bars(&self, tempos: &[Tempo]) -> Vec<Bar> {
        let (mut step, steps) = self.run(tempos);
        let mut bars = Vec::new();
        while step.from != NOWHERE {
            let tempo = usize::from(step.tempo);
            bars.push(Bar { start: i64::from(step.from) - Self::LEAD as i64, tempo: tempos[tempo] });
            step = steps.get(step.from as usize, tempo);
        }
        bars.reverse();
        bars
    }

    /// The cheapest way to every frame, in each tempo; and the cheapest past the end of the song.
    fn run(&self, tempos: &[Tempo]) -> (Step, Steps) {
        let room = self.frames + Self::LEAD + SLIPS as usize;
        let mut steps = Steps { steps: vec![NEVER; room * tempos.len()], tempos: tempos.len() };
        for (index, tempo) in tempos.iter().enumerate() {
            let earliest = (Self::LEAD + 1).saturating_sub(tempo.length() as usize);
            let odd = if tempo.is_whole() && tempo.swing == 0 { 0 } else { ODD };
            for at in earliest..Self::LEAD {
                steps.at(at)[index].cost = odd + PICKUP;
            }
            steps.at(Self::LEAD)[index].cost = odd;
        }
        let costs: Vec<Costs> = tempos.iter().map(|&tempo| Costs::of(tempo)).collect();
        for at in 0..self.frames.max(Self::LEAD + 1) {
            if at > Self::LEAD {
                change_tempo(steps.at(at));
            }
            for (index, costs) in costs.iter().enumerate() {
                let cost = steps.get(at, index).cost;
                if cost < NEVER.cost {
                    let cost = cost - DOWNBEAT * i64::from(self.accents[at].min(8));
                    self.lay_bar(at, index, cost, costs, &mut steps);
                }
            }
        }
        let past_the_end = steps.steps[self.frames * tempos.len()..].iter().filter(|step| step.from != NOWHERE);
        (past_the_end.min_by_key(|step| step.cost).copied().unwrap_or(NEVER), steps)
    }

    /// Extends a way by a bar: as long as its rows, a little longer or shorter, or broken off.
    fn lay_bar(&self, at: usize, index: usize, cost: i64, costs: &Costs, steps: &mut Steps) {
        let mut reach = |to: usize, cost: i64| {
            if let Some(step) = steps.at(to).get_mut(index)
                && to > at
                && cost < step.cost
            {
                *step = Step { cost, from: at as u32, tempo: index as u8 };
            }
        };
        let mut on = 0;
        for (row, &start) in costs.starts.iter().enumerate().take(costs.rows) {
            if row > 0 && row % (costs.rows / 4).max(1) == 0 {
                let to = at + start;
                reach(to, cost + BROKEN + costs.bar(self.count(at, to), on));
            }
            on += self.onsets.get(at + start).copied().unwrap_or(0);
        }
        let length = costs.starts[costs.rows];
        for slip in -SLIPS..=SLIPS {
            let to = at + (length as i64 + slip).max(0) as usize;
            reach(to, cost + SLIP * slip.abs() + costs.bar(self.count(at, to), on));
        }
    }

    /// How many onsets lie from one frame up to another.
    fn count(&self, from: usize, to: usize) -> i32 {
        let last = self.before.len() - 1;
        self.before[to.min(last)] - self.before[from.min(last)]
    }
}

/// Lets every tempo begin where another one is cheaper by more than the change.
fn change_tempo(steps: &mut [Step]) {
    if let Some(&best) = steps.iter().min_by_key(|step| step.cost) {
        for own in steps {
            if best.cost + CHANGE < own.cost {
                *own = Step { cost: best.cost + CHANGE, ..best };
            }
        }
    }
}

/// What onsets cost in bars of a tempo.
struct Costs {
    rows: usize,
    /// Where each row begins; the last is the next bar.
    starts: Vec<usize>,
    on: i64,
    off: i64,
}

impl Costs {
    fn of(tempo: Tempo) -> Self {
        let row = f64::from(tempo.row) / f64::from(PARTS);
        let starts = (0..=tempo.rows).map(|row| tempo.row_start(row) as usize).collect();
        // The more rows, the more there is to choose from; off the rows, the frame must be chosen too.
        let on = -millibits(row);
        let groove = if tempo.swing > 0 { 60 } else { 0 };
        let broken = if tempo.is_whole() { 0 } else { 60 };
        Self { rows: usize::from(tempo.rows), starts, on: on + groove + broken, off: OFF }
    }

    fn bar(&self, onsets: i32, on: i32) -> i64 {
        i64::from(on.min(onsets)) * self.on + i64::from((onsets - on).max(0)) * self.off
    }
}
