//! Bars: rows cut into pieces of one length, so that as many pieces as can be are alike.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::module::{Bar, CHANNELS, Cell, Pattern};

/// What a row of a channel holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    /// Equal for rows of equal content.
    pub(super) hash: u64,
    /// What it takes to write it down.
    pub(super) cells: u64,
}

/// What a pattern takes beside its cells.
const PATTERN_COST: u64 = 1;

/// What is asked of the bars.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Rows of a bar to choose from.
    pub(super) lengths: Range<usize>,
    /// The most bars.
    pub(super) bars: usize,
}

/// Rows that are cut into bars by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) rows: Range<usize>,
    /// Whether it may begin with a part of a bar; all such sections begin with the same.
    pub(super) upbeat: bool,
}

/// Cuts sections of rows into bars: with that length and that upbeat that need the fewest cells. Other lengths than multiples of 4 have to be better by some percents.
pub(super) fn choose(rows: &[Vec<Row>], sections: &[Section], limits: &Limits) -> Vec<Range<usize>> {
    let sums: Vec<Sums> = rows.iter().map(|channel| Sums::of(channel)).collect();
    let mut best: Option<(u64, Vec<Range<usize>>)> = None;
    for length in limits.lengths.clone() {
        let upbeats = if sections.iter().any(|section| section.upbeat) { length } else { 1 };
        for upbeat in 0..upbeats {
            let bars = cut(sections, length, upbeat);
            if bars.len() > limits.bars {
                continue;
            }
            let odd = if length % 16 == 0 || length % 12 == 0 { 100 } else { 103 + 5 * u64::from(length % 4 != 0) };
            let cost = odd * sums.iter().map(|channel| channel.cost(&bars)).sum::<u64>();
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, bars));
            }
        }
    }
    best.map(|(_, bars)| bars).unwrap_or_default()
}

/// Cuts sections into bars of one length; each ends with what is left.
pub(super) fn cut(sections: &[Section], length: usize, upbeat: usize) -> Vec<Range<usize>> {
    let mut bars = Vec::new();
    for Section { rows, upbeat: has_upbeat } in sections {
        let mut start = rows.start;
        let mut end = start + if *has_upbeat && upbeat > 0 { upbeat } else { length };
        while start < rows.end {
            bars.push(start..end.min(rows.end));
            (start, end) = (end, end + length);
        }
    }
    bars
}

/// Hashes and counts of all rows before each, from which those of any bar follow at once.
struct Sums {
    hashes: Vec<u64>,
    powers: Vec<u64>,
    cells: Vec<u64>,
}

impl Sums {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

    fn of(rows: &[Row]) -> Self {
        let (mut hashes, mut powers, mut cells) = (vec![0_u64], vec![1_u64], vec![0_u64]);
        for (index, row) in rows.iter().enumerate() {
            hashes.push(hashes[index].wrapping_mul(Self::BASE).wrapping_add(row.hash));
            powers.push(powers[index].wrapping_mul(Self::BASE));
            cells.push(cells[index] + row.cells);
        }
        Self { hashes, powers, cells }
    }

    fn cost(&self, bars: &[Range<usize>]) -> u64 {
        let mut seen = HashSet::with_capacity(bars.len());
        let mut cost = 0;
        for bar in bars {
            let before = self.hashes[bar.start].wrapping_mul(self.powers[bar.len()]);
            if seen.insert((self.hashes[bar.end].wrapping_sub(before), bar.len())) {
                cost += PATTERN_COST + self.cells[bar.end] - self.cells[bar.start];
            }
        }
        cost
    }
}

/// The patterns of each channel and the bars that play them. A cell's row is that in the song.
pub(super) fn patterns(
    cells: &[Vec<(usize, Cell)>; CHANNELS],
    bars: &[Range<usize>],
    row_length: impl Fn(usize) -> usize,
) -> ([Vec<Pattern>; CHANNELS], Vec<Bar>) {
    let row_lengths = |bar: &Range<usize>| bar.clone().map(|row| row_length(row) as u8).collect();
    let mut order: Vec<Bar> = bars.iter().map(|bar| Bar { patterns: [0; CHANNELS], rows: row_lengths(bar) }).collect();
    let patterns = std::array::from_fn(|channel| {
        let mut known: HashMap<(Pattern, usize), usize> = HashMap::new();
        let mut patterns = Vec::new();
        let mut rest = cells[channel].as_slice();
        for (range, bar) in bars.iter().zip(&mut order) {
            let count = rest.iter().take_while(|(row, _)| *row < range.end).count();
            let (now, later) = rest.split_at(count);
            rest = later;
            let pattern: Pattern =
                now.iter().map(|&(row, cell)| Cell { row: (row - range.start) as u16, ..cell }).collect();
            let next = patterns.len();
            bar.patterns[channel] = *known.entry((pattern.clone(), range.len())).or_insert(next);
            if bar.patterns[channel] == next {
                patterns.push(pattern);
            }
        }
        patterns
    });
    (patterns, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_what_repeats_and_an_upbeat_comes_first() {
        let content = |row: usize| if row < 5 { 100 + row } else { (row - 5) % 24 };
        let rows = (0..5 + 24 * 6).map(|row| Row { hash: content(row) as u64 * 77 + 1, cells: 1 }).collect();
        let limits = Limits { lengths: 8..65, bars: 128 };
        let bars = choose(&[rows], &[Section { rows: 0..149, upbeat: true }], &limits);
        assert_eq!(bars[..3], [0..5, 5..29, 29..53]);
    }

    #[test]
    fn each_section_ends_with_what_is_left() {
        let sections = [0..10, 10..25].map(|rows| Section { rows, upbeat: false });
        assert_eq!(cut(&sections, 8, 3), [0..8, 8..10, 10..18, 18..25]);
    }
}
