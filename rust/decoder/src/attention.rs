//! What a head has read, and how it looks back.
//!
//! Keys and values of the last positions lie in a ring: position t in slot t modulo the length of the window. A score is
//! that of the content, by slot, plus that of the distance, by age: with all distances projected once, the relative shift
//! of Dai et al. (2019, appendix B) is only where the second list begins.

use crate::element::{Element, whole};
use crate::error::DecoderError;
use crate::matrix::{PANEL, product};
use crate::simd::{AHEAD, Kernel, Line, Simd};
use crate::vector::{exp, lanes};

const LANES: usize = 16;

/// Keys and values of one head of one song.
pub(crate) struct Cache<E: Element> {
    keys: Vec<Line>,
    key_scales: Vec<f32>,
    key_shifts: Vec<i32>,
    values: Vec<Line>,
    value_scales: Vec<f32>,
    d_head: usize,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Cache<E> {
    /// An empty cache, or nothing if there is no room.
    pub(crate) fn new(window: usize, d_head: usize) -> Option<Self> {
        let slots = window.next_multiple_of(LANES);
        let key_lines = slots / LANES * d_head.div_ceil(E::GROUP);
        let value_lines = d_head.div_ceil(PANEL) * (PANEL / LANES) * slots / E::GROUP;
        Some(Self {
            keys: room(key_lines, Line::ZERO)?,
            key_scales: room(slots, 1.0)?,
            key_shifts: room(slots, 0)?,
            values: room(value_lines, Line::ZERO)?,
            value_scales: room(slots, 1.0)?,
            d_head,
            element: std::marker::PhantomData,
        })
    }

    /// Tells the processor that a position will be written to a slot, and all be read.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, slot: usize) {
        let groups = self.d_head.div_ceil(E::GROUP);
        for line in &self.keys[slot / LANES * groups..][..groups] {
            S::prefetch(line, 0);
        }
        for line in self.keys.iter().take(AHEAD / size_of::<Line>()) {
            S::prefetch(line, 0);
        }
        for line in self.values.iter().skip(slot / E::GROUP * (PANEL / LANES)).take(PANEL / LANES) {
            S::prefetch(line, 0);
        }
    }

    /// Puts the key and the value of a position into its slot.
    #[inline(always)]
    fn write(&mut self, slot: usize, key: &[f32], value: &[f32]) {
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

    /// Takes the key and the value of a slot of another cache.
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
    fn scores<S: Simd>(&self, query: &[E::Inputs], scale: f32, scores: &mut [f32]) {
        let groups = self.d_head.div_ceil(E::GROUP);
        let scales = self.key_scales.as_chunks::<LANES>().0;
        let shifts = self.key_shifts.as_chunks::<LANES>().0;
        let scores = scores.as_chunks_mut::<LANES>().0;
        let panels = scores.chunks_mut(AT_ONCE).zip(self.keys.chunks(AT_ONCE * groups));
        for ((targets, lines), (scales, shifts)) in panels.zip(scales.chunks(AT_ONCE).zip(shifts.chunks(AT_ONCE))) {
            if targets.len() == AT_ONCE {
                let sums = beside::<S, E>(lines, groups, query);
                for (place, sums) in sums.into_iter().enumerate() {
                    targets[place] = E::finish::<S>(sums, scale, &scales[place], &shifts[place]);
                }
                continue;
            }
            for (place, (target, lines)) in targets.iter_mut().zip(lines.chunks_exact(groups)).enumerate() {
                let [[sums]] = product::<S, E, 1, 1>(lines, query);
                *target = E::finish::<S>(sums, scale, &scales[place], &shifts[place]);
            }
        }
    }

    /// The values, each times its share; `shares` are those of whole lines.
    #[inline(always)]
    fn read<S: Simd>(&self, shares: &mut [f32], scratch: &mut Vec<E::Inputs>, out: &mut [f32]) {
        let groups = self.key_scales.len() / E::GROUP;
        if !E::SCALED {
            scratch.clear();
            scratch.extend(shares.chunks_exact(E::GROUP).map(|group| E::inputs(group, 1.0)));
        }
        let unit = if E::SCALED { digits::<E>(shares, &self.value_scales, scratch) } else { 1.0 };
        let lines_each = groups * (PANEL / LANES);
        for (lines, out) in self.values.chunks_exact(lines_each).zip(out.chunks_mut(PANEL)) {
            if E::SCALED {
                let [high, low] = product::<S, E, { PANEL / LANES }, 2>(lines, scratch);
                for ((high, low), target) in high.into_iter().zip(low).zip(out.chunks_mut(LANES)) {
                    let high = E::finish::<S>(high, 256.0 * unit, &[1.0; LANES], &[0; LANES]);
                    let low = E::finish::<S>(low, unit, &[1.0; LANES], &[0; LANES]);
                    for (target, (high, low)) in target.iter_mut().zip(high.into_iter().zip(low)) {
                        *target = high + low;
                    }
                }
            } else {
                let [sums] = product::<S, E, { PANEL / LANES }, 1>(lines, scratch);
                for (sums, target) in sums.into_iter().zip(out.chunks_mut(LANES)) {
                    let numbers = E::finish::<S>(sums, 1.0, &[1.0; LANES], &[0; LANES]);
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
fn beside<S: Simd, E: Element>(lines: &[Line], groups: usize, query: &[E::Inputs]) -> [E::Sums<S>; AT_ONCE] {
    let mut sums = [E::zero::<S>(); AT_ONCE];
    let (front, back) = lines.split_at(2 * groups);
    let (first, second) = front.split_at(groups);
    let (third, fourth) = back.split_at(groups);
    let lines = first.iter().zip(second).zip(third.iter().zip(fourth));
    for (((first, second), (third, fourth)), &inputs) in lines.zip(query) {
        for (sums, line) in sums.iter_mut().zip([first, second, third, fourth]) {
            S::prefetch(line, AT_ONCE * groups * size_of::<Line>());
            *sums = E::accumulate::<S>(*sums, line, inputs);
        }
    }
    sums
}

/// Room for so many, or nothing.
fn room<T: Clone>(count: usize, empty: T) -> Option<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(count).ok()?;
    room.resize(count, empty);
    Some(room)
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

/// The place of a position in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its slot.
    pub(crate) slot: usize,
    /// Slots in use, its own among them.
    pub(crate) count: usize,
    pub(crate) window: usize,
}

impl Place {
    /// Position `time` with a window of so many.
    pub(crate) const fn of(time: u64, window: usize) -> Self {
        let count = if time < window as u64 { time as usize + 1 } else { window };
        Self { slot: (time % window as u64) as usize, count, window }
    }
}

/// Buffers of a head.
pub(crate) struct Scratch<E: Element> {
    scores: Vec<f32>,
    inputs: Vec<E::Inputs>,
}

impl<E: Element> Scratch<E> {
    pub(crate) const fn new() -> Self {
        Self { scores: Vec::new(), inputs: Vec::new() }
    }
}

/// One position of one song: its key and value are written, and what its query asks for is read.
pub(crate) struct Attend<'a, E: Element> {
    pub(crate) scratch: &'a mut Scratch<E>,
    pub(crate) cache: &'a mut Cache<E>,
    pub(crate) place: Place,
    pub(crate) query: &'a [f32],
    /// The scores of the distances down to the present position; of all that are in use, at least.
    pub(crate) by_age: &'a [f32],
    pub(crate) key: &'a [f32],
    pub(crate) value: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl<E: Element> Kernel for Attend<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { scratch: Scratch { scores, inputs }, cache, place, query, by_age, key, value, out } = self;
        cache.write(place.slot, key, value);
        let (scale, inverse) = E::scale(query);
        inputs.clear();
        inputs.extend(query.chunks(E::GROUP).map(|group| E::inputs(group, inverse)));
        scores.resize(place.count.next_multiple_of(LANES), 0.0);
        cache.scores::<S>(inputs, scale, scores);
        for line in cache.values.iter().take(AHEAD / size_of::<Line>()) {
            S::prefetch(line, 0);
        }
        add_by_age(&mut scores[..place.count], by_age, place);
        let total = exponentials(&mut scores[..place.count]);
        scores[place.count..].fill(0.0);
        cache.read::<S>(scores, inputs, out);
        for number in out {
            *number /= total;
        }
    }
}

/// A song whose turn comes next.
pub(crate) struct Prefetch<'a, E: Element> {
    pub(crate) cache: &'a Cache<E>,
    pub(crate) slot: usize,
}

impl<E: Element> Kernel for Prefetch<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        self.cache.prefetch::<S>(self.slot);
    }
}

/// Adds the scores of the distances to those of the slots.
#[inline(always)]
fn add_by_age(scores: &mut [f32], by_age: &[f32], place: Place) {
    let (young, old) = scores.split_at_mut(place.slot + 1);
    let passed = by_age.len() - young.len();
    for (score, by_age) in young.iter_mut().zip(&by_age[passed..]) {
        *score += by_age;
    }
    // Slots after the present one were written a turn of the ring ago.
    for (score, by_age) in old.iter_mut().zip(by_age) {
        *score += by_age;
    }
}

/// Replaces scores by their exponentials, the largest being 1; returns the sum.
#[inline(always)]
fn exponentials(scores: &mut [f32]) -> f32 {
    let largest = lanes(scores, f32::NEG_INFINITY, |score| score, f32::max);
    for score in scores.iter_mut() {
        *score = exp(*score - largest);
    }
    lanes(scores, 0.0, |share| share, |sum, share| sum + share)
}

/// No room for the caches of a batch.
pub(crate) const fn no_room(songs: usize, window: usize) -> DecoderError {
    DecoderError::Memory { songs, window }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_gets_the_score_of_its_distance() {
        let window = 5;
        let by_age: Vec<f32> = (0..window).map(|age| (window - 1 - age) as f32).collect(); // the distance itself
        for time in 0..17_u64 {
            let place = Place::of(time, window);
            let mut scores = vec![0.0; place.count];
            add_by_age(&mut scores, &by_age, place);
            for (slot, &distance) in scores.iter().enumerate() {
                let written = time - distance as u64;
                assert_eq!(written % window as u64, slot as u64, "time {time}, slot {slot}");
            }
        }
    }
}
