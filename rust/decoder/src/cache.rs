//! The keys and values of the last positions, in a ring: position t in slot t modulo the length of the window.

use std::marker::PhantomData;
use std::ops::Range;

use crate::bits::whole;
use crate::element::Element;
use crate::lines::{Lines, NoRoom};
use crate::lookahead::Lookahead;
use crate::matrix::PANEL;
use crate::simd::{AHEAD, Line, Simd};
use crate::vector::{lanes, larger};

pub(crate) const LANES: usize = 16;

/// Lines of a group of slots of a panel of values.
const LINES: usize = PANEL / LANES;

/// How the keys and values of a head of a sequence lie in their lines: in the order in which a step reads them.
///
/// ```text
/// keys     a panel for each 64 slots: four lines for each group of inputs, and for the scales of keys and of values
/// values   a panel for each 64 numbers: four lines for each group of slots
/// ```
#[derive(Clone, Copy)]
struct Layout<E: Element> {
    /// Groups of inputs of a key.
    groups: usize,
    /// Lines of a panel of keys.
    panel: usize,
    /// Lines of all keys.
    keys: usize,
    /// Lines of a panel of values.
    values: usize,
    /// Lines of all.
    all: usize,
    element: PhantomData<E>,
}

impl<E: Element> Layout<E> {
    const fn new(window: usize, d_head: usize) -> Self {
        let slots = window.next_multiple_of(PANEL);
        let groups = d_head.div_ceil(E::GROUP);
        let panel = (groups + if E::SCALED { 2 } else { 0 }) * LINES;
        let keys = slots / PANEL * panel;
        let values = slots / E::GROUP * LINES;
        Self { groups, panel, keys, values, all: keys + d_head.div_ceil(PANEL) * values, element: PhantomData }
    }

    /// The lines of the panel of keys that has a slot.
    const fn panel_of(self, slot: usize) -> Range<usize> {
        slot / PANEL * self.panel..(slot / PANEL + 1) * self.panel
    }

    /// The line of a slot among those of a group.
    const fn line_of(slot: usize) -> usize {
        slot % PANEL / LANES
    }

    /// The lines of each group of values that has a slot.
    fn values_of(self, slot: usize) -> impl Iterator<Item = Range<usize>> {
        let first = self.keys + slot / E::GROUP * LINES;
        (first..self.all).step_by(self.values).map(|first| first..first + LINES)
    }
}

/// The keys and values of some heads of some sequences.
pub(crate) struct Caches<E: Element> {
    layout: Layout<E>,
    lines: Lines,
}

impl<E: Element> Caches<E> {
    pub(crate) fn new(count: usize, window: usize, d_head: usize) -> Result<Self, NoRoom> {
        let layout = Layout::new(window, d_head);
        Ok(Self { layout, lines: Lines::zeros(count.checked_mul(layout.all).ok_or(NoRoom)?)? })
    }

    const fn range(&self, index: usize) -> Range<usize> {
        index * self.layout.all..(index + 1) * self.layout.all
    }

    /// One of them.
    pub(crate) fn get(&self, index: usize) -> Cache<'_, E> {
        Cache { layout: self.layout, lines: &self.lines[self.range(index)] }
    }

    /// Fetches the lines to which a position will be written, and those that are read first.
    #[inline(always)]
    pub(crate) fn prefetch<S: Simd>(&self, simd: S, index: usize, slot: usize) {
        const FIRST: usize = 64;
        let lines = &self.lines[self.range(index)];
        let keys = lines[self.layout.panel_of(slot)].iter().skip(Layout::<E>::line_of(slot)).step_by(LINES);
        let values = self.layout.values_of(slot).flat_map(|range| &lines[range]);
        for line in keys.chain(values).chain(lines.iter().take(FIRST)) {
            simd.prefetch(line, 0);
        }
    }

    /// Stores the key and the value of a position.
    #[inline(always)]
    pub(crate) fn write(&mut self, index: usize, slot: usize, key: &[f32], value: &[f32]) {
        let (layout, range) = (self.layout, self.range(index));
        let lines = &mut self.lines[range];
        let [(key_scale, key_inverse), (value_scale, inverse)] = [key, value].map(E::scale);
        let panel = &mut lines[layout.panel_of(slot)];
        let panel = panel.as_chunks_mut::<LINES>().0;
        for (lines, numbers) in panel.iter_mut().zip(key.chunks(E::GROUP)) {
            for (place, &number) in numbers.iter().enumerate() {
                E::put_key(&mut lines[Layout::<E>::line_of(slot)], slot % LANES, place, number, key_inverse);
            }
        }
        for (lines, scale) in panel[layout.groups..].iter_mut().zip([key_scale, value_scale]) {
            lines[Layout::<E>::line_of(slot)].as_chunks_mut::<4>().0[slot % LANES] = scale.to_le_bytes();
        }
        for (lines_of, numbers) in layout.values_of(slot).zip(value.chunks(PANEL)) {
            for (line, numbers) in lines[lines_of].iter_mut().zip(numbers.chunks(LANES)) {
                for (lane, &number) in numbers.iter().enumerate() {
                    E::put(line, lane, slot % E::GROUP, number, inverse);
                }
            }
        }
    }

    /// Copies the key and the value of a slot to another cache.
    pub(crate) fn copy_slot(&mut self, source: usize, target: usize, slot: usize) {
        let layout = self.layout;
        let ranges = [source, target].map(|index| self.range(index));
        let Ok([source, target]) = self.lines.get_disjoint_mut(ranges) else { return };
        let panel = layout.panel_of(slot);
        let lines = target[panel.clone()].iter_mut().zip(&source[panel]);
        for (target, source) in lines.skip(Layout::<E>::line_of(slot)).step_by(LINES) {
            target.as_chunks_mut::<4>().0[slot % LANES] = source.as_chunks::<4>().0[slot % LANES];
        }
        let (size, place) = (4 / E::GROUP, slot % E::GROUP);
        for lines in layout.values_of(slot) {
            for (target, source) in target[lines.clone()].iter_mut().zip(&source[lines]) {
                for (numbers, others) in target.chunks_exact_mut(4).zip(source.chunks_exact(4)) {
                    numbers[place * size..][..size].copy_from_slice(&others[place * size..][..size]);
                }
            }
        }
    }
}

/// Keys and values of one head of one sequence.
pub(crate) struct Cache<'a, E: Element> {
    layout: Layout<E>,
    lines: &'a [Line],
}

impl<'a, E: Element> Cache<'a, E> {
    /// The values of the slots in use, to be fetched.
    pub(crate) fn lookahead(&self, used: usize) -> Lookahead<'a> {
        let values = &self.lines[self.layout.keys..];
        Lookahead::new(&values[..used.next_multiple_of(LANES) / E::GROUP * LINES])
    }

    /// The scores of the slots in use, rounded up to whole lines.
    #[inline(always)]
    pub(crate) fn scores<S: Simd>(&self, simd: S, query: &[E::Inputs], scale: f32, scores: &mut [f32]) {
        let Layout { groups, panel, keys, .. } = self.layout;
        let scores = scores.as_chunks_mut::<LANES>().0;
        let start = E::start(simd, query);
        for (targets, panel) in scores.chunks_mut(LINES).zip(self.lines[..keys].chunks_exact(panel)) {
            let panel = panel.as_chunks::<LINES>().0;
            if let Ok(targets) = <&mut [[f32; LANES]; LINES]>::try_from(&mut *targets) {
                let sums = beside::<S, E>(simd, &panel[..groups], query, start);
                for (line, (target, sums)) in targets.iter_mut().zip(sums).enumerate() {
                    *target =
                        E::finish(simd, sums, scale, &scales::<S, E>(simd, &panel[groups..], 0, line), &[0; LANES]);
                }
                continue;
            }
            for (line, target) in targets.iter_mut().enumerate() {
                let mut sums = start;
                for (lines, &inputs) in panel.iter().zip(query) {
                    sums = E::accumulate_key(simd, sums, &lines[line], inputs);
                }
                *target = E::finish(simd, sums, scale, &scales::<S, E>(simd, &panel[groups..], 0, line), &[0; LANES]);
            }
        }
    }

    /// The sum of the values, each times its share; `shares` are those of whole lines.
    #[inline(always)]
    pub(crate) fn read<S: Simd>(
        &self,
        simd: S,
        ahead: &mut Lookahead,
        shares: &mut [f32],
        scratch: &mut Vec<E::Inputs>,
        out: &mut [f32],
    ) {
        let Layout { keys, values, .. } = self.layout;
        if !E::SCALED {
            scratch.clear();
            scratch.extend(shares.chunks_exact(E::GROUP).map(|group| E::inputs(group, 1.0)));
        }
        let unit = if E::SCALED { self.digits(simd, ahead, shares, scratch) } else { 1.0 };
        for (lines, out) in self.lines[keys..].chunks_exact(values).zip(out.chunks_mut(PANEL)) {
            if E::SCALED {
                let [high, low] = weigh::<S, E, 2>(simd, lines, scratch);
                for ((high, low), target) in high.into_iter().zip(low).zip(out.chunks_mut(LANES)) {
                    let high = E::finish(simd, high, 256.0 * unit, &[1.0; LANES], &[0; LANES]);
                    let low = E::finish(simd, low, unit, &[1.0; LANES], &[0; LANES]);
                    for (target, (high, low)) in target.iter_mut().zip(high.into_iter().zip(low)) {
                        *target = high + low;
                    }
                }
            } else {
                let [sums] = weigh::<S, E, 1>(simd, lines, scratch);
                for (sums, target) in sums.into_iter().zip(out.chunks_mut(LANES)) {
                    let numbers = E::finish(simd, sums, 1.0, &[1.0; LANES], &[0; LANES]);
                    target.copy_from_slice(&numbers[..target.len()]);
                }
            }
        }
    }

    /// Shares times the scales of the values, as two digits of eight bits each: the high digits of a group, then the low.
    ///
    /// One digit would lose all small shares beside a large one. Returns what one of the low digit is worth.
    #[inline(always)]
    fn digits<S: Simd>(&self, simd: S, ahead: &mut Lookahead, shares: &mut [f32], digits: &mut Vec<E::Inputs>) -> f32 {
        const LARGEST: f32 = 65_535.0;
        const FETCHED_BESIDE: usize = 2;
        let Layout { groups, panel, .. } = self.layout;
        digits.resize(shares.len() / E::GROUP * 2, E::digits([0; 4]));
        let chunks = shares.as_chunks_mut::<LANES>().0;
        for (shares, panel) in chunks.chunks_mut(LINES).zip(self.lines.chunks_exact(panel)) {
            let panel = panel.as_chunks::<LINES>().0;
            for (line, shares) in shares.iter_mut().enumerate() {
                // Also keeps the compiler from taking one lane of many lines at once, which is slower.
                ahead.fetch(simd, FETCHED_BESIDE);
                let scales = scales::<S, E>(simd, &panel[groups..], 1, line);
                for lane in 0..LANES {
                    shares[lane] *= scales[lane];
                }
            }
        }
        let largest = lanes(shares, 0.0, |share| share, larger);
        let inverse = if largest > 0.0 { LARGEST / largest } else { 0.0 };
        for (shares, digits) in shares.as_chunks::<LANES>().0.iter().zip(digits.as_chunks_mut::<8>().0) {
            ahead.fetch(simd, FETCHED_BESIDE);
            let (mut high, mut low) = ([0; LANES], [0; LANES]);
            for lane in 0..LANES {
                let whole = whole(shares[lane] * inverse);
                high[lane] = (whole >> 8) as u8;
                low[lane] = whole as u8;
            }
            for (place, digits) in digits.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                *digits = [high, low].map(|bytes| E::digits(bytes.as_chunks::<4>().0[place]));
            }
        }
        largest / LARGEST
    }
}

/// The scales of sixteen slots from the lines that hold them, of the keys (0) or of the values (1). Without scales: 1.
#[inline(always)]
fn scales<S: Simd, E: Element>(simd: S, lines: &[[Line; LINES]], which: usize, line: usize) -> [f32; LANES] {
    if E::SCALED { simd.store(simd.floats(&lines[which][line])) } else { [1.0; LANES] }
}

/// The sums of a panel of keys.
#[inline(always)]
fn beside<S: Simd, E: Element>(
    simd: S,
    lines: &[[Line; LINES]],
    query: &[E::Inputs],
    start: E::Sums<S>,
) -> [E::Sums<S>; LINES] {
    let mut sums = [start; LINES];
    for (lines, &inputs) in lines.iter().zip(query) {
        for line in lines {
            simd.prefetch(line, AHEAD);
        }
        for (sums, line) in sums.iter_mut().zip(lines) {
            *sums = E::accumulate_key(simd, *sums, line, inputs);
        }
    }
    sums
}

/// The sums of R rows of shares over a panel of values. The shares of R rows lie beside each other.
#[inline(always)]
fn weigh<S: Simd, E: Element, const R: usize>(
    simd: S,
    lines: &[Line],
    inputs: &[E::Inputs],
) -> [[E::Sums<S>; LINES]; R] {
    let mut sums = [[E::zero(simd); LINES]; R];
    for (group, inputs) in lines.as_chunks::<LINES>().0.iter().zip(inputs.as_chunks::<R>().0) {
        for (sums, &inputs) in sums.iter_mut().zip(inputs) {
            for (sums, line) in sums.iter_mut().zip(group) {
                *sums = E::accumulate(simd, *sums, line, inputs);
            }
        }
    }
    sums
}

/// Where a position lies in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) index: usize,
    /// Slots in use, this one among them.
    pub(crate) used: usize,
}

impl Slot {
    pub(crate) const fn of(position: u64, window: usize) -> Self {
        let used = if position < window as u64 { position as usize + 1 } else { window };
        Self { index: (position % window as u64) as usize, used }
    }
}
