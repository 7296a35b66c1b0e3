//! The keys and values of the last positions, in a ring: position t in slot t modulo the length of the window.

use std::collections::TryReserveError;

use crate::bits::whole;
use crate::element::Element;
use crate::matrix::{PANEL, product, room};
use crate::simd::{AHEAD, Line, Simd};
use crate::vector::lanes;

pub(crate) const LANES: usize = 16;

/// Keys and values of one head of one sequence.
pub(crate) struct Cache<E: Element> {
    keys: Vec<Line>,
    key_scales: Vec<f32>,
    key_shifts: Vec<i32>,
    pub(crate) values: Vec<Line>,
    value_scales: Vec<f32>,
    d_head: usize,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Cache<E> {
    pub(crate) fn new(window: usize, d_head: usize) -> Result<Self, TryReserveError> {
        let slots = window.next_multiple_of(LANES);
        let key_lines = slots / LANES * d_head.div_ceil(E::GROUP);
        let value_lines = d_head.div_ceil(PANEL) * (PANEL / LANES) * slots / E::GROUP;
        Ok(Self {
            keys: room(key_lines, Line::ZERO)?,
            key_scales: room(slots, 1.0)?,
            key_shifts: room(slots, 0)?,
            values: room(value_lines, Line::ZERO)?,
            value_scales: room(slots, 1.0)?,
            d_head,
            element: std::marker::PhantomData,
        })
    }

    /// Prefetches for a position that will be written to a slot, and for the reading of all.
    #[inline(always)]
    pub(crate) fn prefetch<S: Simd>(&self, simd: S, slot: usize) {
        let groups = self.d_head.div_ceil(E::GROUP);
        for line in &self.keys[slot / LANES * groups..][..groups] {
            simd.prefetch(line, 0);
        }
        for line in self.keys.iter().take(AHEAD / size_of::<Line>()) {
            simd.prefetch(line, 0);
        }
        for line in self.values.iter().skip(slot / E::GROUP * (PANEL / LANES)).take(PANEL / LANES) {
            simd.prefetch(line, 0);
        }
    }

    /// Stores the key and the value of a position.
    #[inline(always)]
    pub(crate) fn write(&mut self, slot: usize, key: &[f32], value: &[f32]) {
        let groups = self.d_head.div_ceil(E::GROUP);
        let (scale, inverse) = E::scale(key);
        self.key_scales[slot] = scale;
        let lines = &mut self.keys[slot / LANES * groups..][..groups];
        let mut shift = 0;
        for (line, numbers) in lines.iter_mut().zip(key.chunks(E::GROUP)) {
            for (place, &number) in numbers.iter().enumerate() {
                shift += E::put(line, slot % LANES, place, number, inverse);
            }
        }
        self.key_shifts[slot] = shift;

        let (scale, inverse) = E::scale(value);
        self.value_scales[slot] = scale;
        let groups = self.key_scales.len() / E::GROUP;
        for (panel, numbers) in value.chunks(PANEL).enumerate() {
            let lines = &mut self.values[(panel * groups + slot / E::GROUP) * (PANEL / LANES)..];
            for (line, numbers) in lines.iter_mut().zip(numbers.chunks(LANES)) {
                for (lane, &number) in numbers.iter().enumerate() {
                    E::put(line, lane, slot % E::GROUP, number, inverse);
                }
            }
        }
    }

    /// Copies the key and the value of a slot of another cache.
    pub(crate) fn copy_slot(&mut self, other: &Self, slot: usize) {
        let groups = self.d_head.div_ceil(E::GROUP);
        let keys = slot / LANES * groups..(slot / LANES + 1) * groups;
        for (line, other) in self.keys[keys.clone()].iter_mut().zip(&other.keys[keys]) {
            line.0.as_chunks_mut::<4>().0[slot % LANES] = other.0.as_chunks::<4>().0[slot % LANES];
        }
        self.key_scales[slot] = other.key_scales[slot];
        self.key_shifts[slot] = other.key_shifts[slot];

        let groups = self.key_scales.len() / E::GROUP;
        let (size, place) = (4 / E::GROUP, slot % E::GROUP);
        for panel in 0..self.d_head.div_ceil(PANEL) {
            let first = (panel * groups + slot / E::GROUP) * (PANEL / LANES);
            let lines = first..first + PANEL / LANES;
            for (line, other) in self.values[lines.clone()].iter_mut().zip(&other.values[lines]) {
                for (numbers, others) in line.0.chunks_exact_mut(4).zip(other.0.chunks_exact(4)) {
                    numbers[place * size..][..size].copy_from_slice(&others[place * size..][..size]);
                }
            }
        }
        self.value_scales[slot] = other.value_scales[slot];
    }

    /// The scores of the slots in use, rounded up to whole lines.
    #[inline(always)]
    pub(crate) fn scores<S: Simd>(&self, simd: S, query: &[E::Inputs], scale: f32, scores: &mut [f32]) {
        let groups = self.d_head.div_ceil(E::GROUP);
        let scales = self.key_scales.as_chunks::<LANES>().0;
        let shifts = self.key_shifts.as_chunks::<LANES>().0;
        let scores = scores.as_chunks_mut::<LANES>().0;
        let panels = scores.chunks_mut(AT_ONCE).zip(self.keys.chunks(AT_ONCE * groups));
        for ((targets, lines), (scales, shifts)) in panels.zip(scales.chunks(AT_ONCE).zip(shifts.chunks(AT_ONCE))) {
            if targets.len() == AT_ONCE {
                let sums = beside::<S, E>(simd, lines, groups, query);
                for (place, sums) in sums.into_iter().enumerate() {
                    targets[place] = E::finish(simd, sums, scale, &scales[place], &shifts[place]);
                }
                continue;
            }
            for (place, (target, lines)) in targets.iter_mut().zip(lines.chunks_exact(groups)).enumerate() {
                let [[sums]] = product::<S, E, 1, 1>(simd, lines, query);
                *target = E::finish(simd, sums, scale, &scales[place], &shifts[place]);
            }
        }
    }

    /// The sum of the values, each times its share; `shares` are those of whole lines.
    #[inline(always)]
    pub(crate) fn read<S: Simd>(&self, simd: S, shares: &mut [f32], scratch: &mut Vec<E::Inputs>, out: &mut [f32]) {
        let groups = self.key_scales.len() / E::GROUP;
        if !E::SCALED {
            scratch.clear();
            scratch.extend(shares.chunks_exact(E::GROUP).map(|group| E::inputs(group, 1.0)));
        }
        let unit = if E::SCALED { digits::<E>(shares, &self.value_scales, scratch) } else { 1.0 };
        let lines_each = groups * (PANEL / LANES);
        for (lines, out) in self.values.chunks_exact(lines_each).zip(out.chunks_mut(PANEL)) {
            if E::SCALED {
                let [high, low] = product::<S, E, { PANEL / LANES }, 2>(simd, lines, scratch);
                for ((high, low), target) in high.into_iter().zip(low).zip(out.chunks_mut(LANES)) {
                    let high = E::finish(simd, high, 256.0 * unit, &[1.0; LANES], &[0; LANES]);
                    let low = E::finish(simd, low, unit, &[1.0; LANES], &[0; LANES]);
                    for (target, (high, low)) in target.iter_mut().zip(high.into_iter().zip(low)) {
                        *target = high + low;
                    }
                }
            } else {
                let [sums] = product::<S, E, { PANEL / LANES }, 1>(simd, lines, scratch);
                for (sums, target) in sums.into_iter().zip(out.chunks_mut(LANES)) {
                    let numbers = E::finish(simd, sums, 1.0, &[1.0; LANES], &[0; LANES]);
                    target.copy_from_slice(&numbers[..target.len()]);
                }
            }
        }
    }
}

/// Lines of slots whose scores are computed at once: enough sums to hide the latency of an addition.
const AT_ONCE: usize = 4;

/// The sums of four lines of slots, whose groups follow each other.
#[inline(always)]
fn beside<S: Simd, E: Element>(simd: S, lines: &[Line], groups: usize, query: &[E::Inputs]) -> [E::Sums<S>; AT_ONCE] {
    let mut sums = [E::zero(simd); AT_ONCE];
    let (front, back) = lines.split_at(2 * groups);
    let (first, second) = front.split_at(groups);
    let (third, fourth) = back.split_at(groups);
    let lines = first.iter().zip(second).zip(third.iter().zip(fourth));
    for (((first, second), (third, fourth)), &inputs) in lines.zip(query) {
        for (sums, line) in sums.iter_mut().zip([first, second, third, fourth]) {
            simd.prefetch(line, AT_ONCE * groups * size_of::<Line>());
            *sums = E::accumulate(simd, *sums, line, inputs);
        }
    }
    sums
}

/// Shares times the scales of the values, as two digits of eight bits each: the high digits of a group, then the low.
///
/// One digit would lose all small shares beside a large one. Returns what one of the low digit is worth.
#[inline(always)]
fn digits<E: Element>(shares: &mut [f32], scales: &[f32], digits: &mut Vec<E::Inputs>) -> f32 {
    const LARGEST: f32 = 65_535.0;
    for (share, scale) in shares.iter_mut().zip(scales) {
        *share *= scale;
    }
    let largest = lanes(shares, 0.0, |share| share, f32::max);
    let inverse = if largest > 0.0 { LARGEST / largest } else { 0.0 };
    digits.clear();
    for group in shares.chunks_exact(E::GROUP) {
        let mut high = [0; 4];
        let mut low = [0; 4];
        for ((high, low), share) in high.iter_mut().zip(&mut low).zip(group) {
            [*low, *high] = (whole(share * inverse) as u16).to_le_bytes();
        }
        digits.push(E::digits(high));
        digits.push(E::digits(low));
    }
    largest / LARGEST
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
