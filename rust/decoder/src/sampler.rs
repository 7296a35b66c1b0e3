//! From logits to the next token.

use crate::error::DecoderError;
use crate::simd::{InstructionSet, Kernel, Simd};
use crate::vector::{exp, lanes};

/// How the next token is sampled.
///
/// The probabilities of the allowed tokens pass through these filters, in this order:
///
/// 1. `temperature`,
/// 2. `top_k` (Fan et al. 2018),
/// 3. `top_p` (Holtzman et al. 2020),
/// 4. `min_p` (Nguyen et al. 2024),
/// 5. `typical_p` (Meister et al. 2023).
///
/// Each works on the result of the ones before, renormalised, as in Hugging Face's `transformers`: so `top_p` = 0.9 means
/// 90 % of what would otherwise be sampled from, whatever `top_k` has removed. Each leaves at least one token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits, 0 or more; 0 takes the most probable token, of equals the first.
    pub temperature: f32,
    /// Keeps this many of the most probable tokens, at least 1.
    pub top_k: usize,
    /// Keeps the fewest of the most probable tokens whose probabilities reach this sum, above 0; 1 keeps all.
    pub top_p: f32,
    /// Keeps the tokens that are at least this many times as probable as the most probable one; 0 keeps all, 1 is the most.
    pub min_p: f32,
    /// Keeps the fewest tokens whose probabilities reach this sum, above 0, those first whose information content is the
    /// closest to its mean, the entropy; 1 keeps all.
    pub typical_p: f32,
}

impl Default for SamplingParams {
    /// Temperature 1, and no filter.
    fn default() -> Self {
        Self { temperature: 1.0, top_k: usize::MAX, top_p: 1.0, min_p: 0.0, typical_p: 1.0 }
    }
}

impl SamplingParams {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// If a number is outside its range.
    pub fn check(&self) -> Result<(), DecoderError> {
        let &Self { temperature, top_k, top_p, min_p, typical_p } = self;
        let checks = [
            ("temperature", temperature, (0.0..f32::INFINITY).contains(&temperature), "0 or more"),
            ("top_k", top_k as f32, top_k > 0, "1 or more"),
            ("top_p", top_p, top_p > 0.0 && top_p <= 1.0, "more than 0 and at most 1"),
            ("min_p", min_p, (0.0..=1.0).contains(&min_p), "0 to 1"),
            ("typical_p", typical_p, typical_p > 0.0 && typical_p <= 1.0, "more than 0 and at most 1"),
        ];
        let wrong = checks.into_iter().find(|check| !check.2);
        wrong.map_or(Ok(()), |(name, found, _, expected)| Err(DecoderError::Parameter { name, expected, found }))
    }
}

/// A token that was sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Its id.
    pub token: usize,
    /// Its negative log-likelihood in nats under the logits alone: at temperature 1, unfiltered, with nothing forbidden.
    pub loss: f32,
}

/// Samples tokens; keeps its buffers from one to the next.
#[derive(Debug)]
pub struct Sampler {
    instructions: InstructionSet,
    /// By token: its probability, divided by that of the most probable one that is allowed.
    weights: Vec<f32>,
    /// The tokens that are left, the most probable first.
    kept: Vec<u32>,
    /// By token: how far its information content is from the entropy.
    deviations: Vec<f32>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::with(InstructionSet::detect())
    }
}

impl Sampler {
    const fn with(instructions: InstructionSet) -> Self {
        Self { instructions, weights: Vec::new(), kept: Vec::new(), deviations: Vec::new() }
    }

    /// Samples the next token of a sequence.
    ///
    /// # Arguments
    ///
    /// * `logits`: (V,), finite or minus infinity for what is never sampled; NaN counts as minus infinity.
    /// * `allowed`: (V,), or empty if all are.
    /// * `uniform`: in [0, 1], of the tokens that the filters leave, most probable first, the first one is taken with which
    ///   the cumulated probability exceeds it.
    ///
    /// # Errors
    ///
    /// If no allowed token has a logit above minus infinity, `allowed` has another length, or a parameter is out of range.
    pub fn sample(
        &mut self,
        logits: &[f32],
        allowed: &[bool],
        uniform: f32,
        params: SamplingParams,
    ) -> Result<Sample, DecoderError> {
        params.check()?;
        if !allowed.is_empty() && allowed.len() != logits.len() {
            let expected = format!("{}, one for each logit", logits.len());
            return Err(DecoderError::Range { name: "allowed", expected, found: allowed.len() });
        }
        let instructions = self.instructions;
        instructions.run(Run { sampler: self, logits, allowed, uniform, params }).ok_or(DecoderError::NoToken)
    }

    /// Weighs every token.
    #[inline(always)]
    fn weigh(&mut self, logits: &[f32], allowed: &[bool], temperature: f32) -> Option<()> {
        self.weights.clear();
        self.weights.extend_from_slice(logits);
        for weight in self.weights.iter_mut().filter(|weight| weight.is_nan()) {
            *weight = f32::NEG_INFINITY;
        }
        for (weight, &allowed) in self.weights.iter_mut().zip(allowed) {
            *weight = if allowed { *weight } else { f32::NEG_INFINITY };
        }
        let largest = largest(&self.weights);
        if largest == f32::NEG_INFINITY {
            return None;
        }
        // Infinite logits are equally probable, and nothing else is.
        let largest = largest.min(f32::MAX);
        for weight in &mut self.weights {
            let below = (*weight - largest).min(0.0);
            // At temperature 0 whatever is below the largest gets a weight of 0.
            *weight = exp(below / temperature.max(f32::MIN_POSITIVE));
        }
        Some(())
    }

    /// Keeps the most probable tokens.
    #[inline(always)]
    fn keep_top_k(&mut self, top_k: usize) {
        let Self { weights, kept, .. } = self;
        kept.clear();
        kept.extend((0..weights.len() as u32).filter(|&token| weights[token as usize] > 0.0));
        let count = top_k.clamp(1, kept.len());
        if count < kept.len() {
            kept.select_nth_unstable_by(count - 1, |a, b| by_weight(weights, *a, *b));
            kept.truncate(count);
        }
        kept.sort_unstable_by(|a, b| by_weight(weights, *a, *b));
    }

    /// Keeps the shortest beginning of the list whose weights reach a share of their sum.
    fn keep_share(&mut self, share: f32) {
        let enough = share * self.sum();
        let mut sum = 0.0;
        let reached = self.kept.iter().position(|&token| {
            sum += self.weights[token as usize];
            sum >= enough
        });
        self.kept.truncate(reached.map_or(usize::MAX, |last| last + 1));
    }

    fn keep_min_p(&mut self, min_p: f32) {
        let least = min_p * self.weights[self.kept[0] as usize];
        let count = self.kept.partition_point(|&token| self.weights[token as usize] >= least);
        self.kept.truncate(count);
    }

    fn keep_typical(&mut self, typical_p: f32) {
        let sum = self.sum();
        let information = |weight: f32| (sum / weight).ln();
        let content = |&token: &u32| self.weights[token as usize] / sum * information(self.weights[token as usize]);
        let entropy: f32 = self.kept.iter().map(content).sum();
        self.deviations.clear();
        self.deviations.extend(self.weights.iter().map(|&weight| (information(weight) - entropy).abs()));
        // Stable: of equals the more probable one stays first.
        self.kept.sort_by(|&a, &b| self.deviations[a as usize].total_cmp(&self.deviations[b as usize]));
        self.keep_share(typical_p);
        self.kept.sort_unstable_by(|a, b| by_weight(&self.weights, *a, *b));
    }

    /// The sum of the weights that are left.
    #[inline(always)]
    fn sum(&self) -> f32 {
        self.kept.iter().map(|&token| self.weights[token as usize]).sum()
    }

    /// The token at a share of the sum.
    #[inline(always)]
    fn at(&self, uniform: f32) -> usize {
        let threshold = uniform * self.sum();
        let mut sum = 0.0;
        let exceeds = self.kept.iter().position(|&token| {
            sum += self.weights[token as usize];
            sum > threshold
        });
        self.kept[exceeds.unwrap_or(self.kept.len() - 1)] as usize // at a share of 1, the last one
    }
}

/// One sample.
struct Run<'a> {
    sampler: &'a mut Sampler,
    logits: &'a [f32],
    allowed: &'a [bool],
    uniform: f32,
    params: SamplingParams,
}

impl Kernel for Run<'_> {
    type Output = Option<Sample>;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Option<Sample> {
        let Self { sampler, logits, allowed, uniform, params } = self;
        sampler.weigh(logits, allowed, params.temperature)?;
        sampler.keep_top_k(if params.temperature > 0.0 { params.top_k } else { 1 });
        if params.top_p < 1.0 {
            sampler.keep_share(params.top_p);
        }
        if params.min_p > 0.0 {
            sampler.keep_min_p(params.min_p);
        }
        if params.typical_p < 1.0 {
            sampler.keep_typical(params.typical_p);
        }
        let token = sampler.at(uniform);
        Some(Sample { token, loss: loss(logits, token) })
    }
}

/// The order of two tokens: the more probable first, of equals the one with the lower id.
#[inline(always)]
fn by_weight(weights: &[f32], a: u32, b: u32) -> std::cmp::Ordering {
    weights[b as usize].total_cmp(&weights[a as usize]).then(a.cmp(&b))
}

#[inline(always)]
fn largest(numbers: &[f32]) -> f32 {
    lanes(numbers, f32::NEG_INFINITY, |number| number, f32::max)
}

/// The negative log-likelihood of a token.
#[inline(always)]
fn loss(logits: &[f32], token: usize) -> f32 {
    let largest = largest(logits);
    let sum = lanes(logits, 0.0, |logit| exp((logit - largest).min(0.0)), |sum, part| sum + part);
    sum.ln() + largest - logits[token]
}

#[cfg(test)]
#[path = "../tests/sampling/mod.rs"]
mod tests;
