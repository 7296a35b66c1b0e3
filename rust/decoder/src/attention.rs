//! Attention with relative positions (Dai et al. 2019, section 3.3).
//!
//! A score is that of the content, by slot of the cache, plus that of the distance, by age: with all distances projected
//! once, the relative shift of the paper (appendix B) is only where the second list begins.

use crate::cache::{Caches, LANES, Slot};
use crate::element::Element;
use crate::lookahead::Lookahead;
use crate::simd::{Kernel, Simd};
use crate::vector::{exp, lanes, larger};

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

/// Attention of one position of one sequence.
pub(crate) struct Attend<'a, E: Element> {
    pub(crate) scratch: &'a mut Scratch<E>,
    pub(crate) caches: &'a mut Caches<E>,
    pub(crate) here: Place,
    /// Who reads next.
    pub(crate) next: Option<Place>,
    pub(crate) query: &'a [f32],
    /// The scores of the distances down to 0, at least of all in use.
    pub(crate) by_age: &'a [f32],
    pub(crate) key: &'a [f32],
    pub(crate) value: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

/// A position of a sequence, as a head sees it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The index of the cache.
    pub(crate) cache: usize,
    pub(crate) slot: Slot,
}

impl<E: Element> Kernel for Attend<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { scratch, caches, here, next, query, by_age, key, value, out } = self;
        let Scratch { scores, inputs } = scratch;
        let Place { cache, slot } = here;
        caches.write(cache, slot.index, key, value);
        if let Some(next) = next.filter(|next| next.cache != cache) {
            caches.prefetch(simd, next.cache, next.slot.index);
        }
        let cache = caches.get(cache);
        let mut ahead = cache.lookahead(slot.used);
        let (scale, inverse) = E::scale(query);
        inputs.clear();
        inputs.extend(query.chunks(E::GROUP).map(|group| E::query(group, inverse)));
        scores.resize(slot.used.next_multiple_of(LANES), 0.0);
        cache.scores(simd, inputs, scale, scores);
        add_by_age(&mut scores[..slot.used], by_age, slot);
        let total = exponentials(simd, &mut ahead, &mut scores[..slot.used]);
        scores[slot.used..].fill(0.0);
        cache.read(simd, &mut ahead, scores, inputs, out);
        for number in out {
            *number /= total;
        }
    }
}

/// Adds the scores of the distances to those of the slots.
#[inline(always)]
fn add_by_age(scores: &mut [f32], by_age: &[f32], slot: Slot) {
    let (young, old) = scores.split_at_mut(slot.index + 1);
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
fn exponentials<S: Simd>(simd: S, ahead: &mut Lookahead, scores: &mut [f32]) -> f32 {
    const FETCHED_BESIDE: usize = 4;
    let largest = lanes(scores, f32::NEG_INFINITY, |score| score, larger);
    for scores in scores.chunks_mut(LANES) {
        ahead.fetch(simd, FETCHED_BESIDE);
        for score in scores {
            *score = exp(*score - largest);
        }
    }
    lanes(scores, 0.0, |share| share, |sum, share| sum + share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_gets_the_score_of_its_distance() {
        let window = 5;
        let by_age: Vec<f32> = (0..window).map(|age| (window - 1 - age) as f32).collect(); // the distance itself
        for position in 0..17_u64 {
            let slot = Slot::of(position, window);
            let mut scores = vec![0.0; slot.used];
            add_by_age(&mut scores, &by_age, slot);
            for (index, &distance) in scores.iter().enumerate() {
                let written = position - distance as u64;
                assert_eq!(written % window as u64, index as u64, "position {position}, slot {index}");
            }
        }
    }
}
