//! The sampler compared with a plain restatement of its filters.

use proptest::prelude::*;

use super::*;

fn sample(logits: &[f32], allowed: &[bool], uniform: f32, params: SamplingParams) -> Option<Sample> {
    Sampler::default().sample(logits, allowed, uniform, params).ok()
}

/// The parameters in 64 bits, and an error of the entropy.
#[derive(Clone, Copy)]
struct Exact {
    temperature: f64,
    top_k: usize,
    top_p: f64,
    min_p: f64,
    typical_p: f64,
    error: f64,
}

impl From<SamplingParams> for Exact {
    fn from(params: SamplingParams) -> Self {
        let SamplingParams { temperature, top_k, top_p, min_p, typical_p } = params;
        let [temperature, top_p, min_p, typical_p] = [temperature, top_p, min_p, typical_p].map(f64::from);
        Self { temperature, top_k, top_p, min_p, typical_p, error: 0.0 }
    }
}

fn normalised(mut tokens: Vec<(f64, usize)>) -> Vec<(f64, usize)> {
    let sum: f64 = tokens.iter().map(|token| token.0).sum();
    for token in &mut tokens {
        token.0 /= sum;
    }
    tokens
}

fn reaching(mut tokens: Vec<(f64, usize)>, share: f64) -> Vec<(f64, usize)> {
    let sums = tokens.iter().scan(0.0, |sum, token| {
        *sum += token.0;
        Some(*sum)
    });
    let count = sums.take_while(|&sum| sum < share).count() + 1;
    tokens.truncate(count);
    normalised(tokens)
}

/// The probabilities and tokens that the filters leave, each filter as its paper states it.
fn filtered(logits: &[f32], allowed: &[bool], params: Exact) -> Vec<(f64, usize)> {
    let by_probability = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let allowed = (0..logits.len()).filter(|&token| allowed[token]);
    let mut tokens: Vec<_> =
        allowed.map(|token| ((f64::from(logits[token]) / params.temperature).exp(), token)).collect();
    tokens.sort_by(by_probability);
    tokens.truncate(params.top_k);
    tokens = normalised(tokens);
    if params.top_p < 1.0 {
        tokens = reaching(tokens, params.top_p);
    }
    let least = params.min_p * tokens[0].0;
    tokens.retain(|token| token.0 >= least);
    tokens = normalised(tokens);
    if params.typical_p < 1.0 {
        let entropy = tokens.iter().map(|token| -token.0 * token.0.ln()).sum::<f64>() + params.error;
        let deviation = |token: &(f64, usize)| (-token.0.ln() - entropy).abs();
        tokens.sort_by(|a, b| deviation(a).total_cmp(&deviation(b)));
        tokens = reaching(tokens, params.typical_p);
        tokens.sort_by(by_probability);
    }
    tokens
}

fn taken(tokens: &[(f64, usize)], uniform: f64) -> usize {
    let mut sum = 0.0;
    let exceeds = tokens.iter().find(|token| {
        sum += token.0;
        sum > uniform
    });
    exceeds.unwrap_or(&tokens[tokens.len() - 1]).1
}

proptest! {
    #[test]
    fn samples_are_those_of_the_filters_as_stated_in_their_order_and_in_64_bits(
        logits in prop::collection::vec(-12.0_f32..12.0, 1..700),
        seed in any::<u64>(),
        temperature in 0.2_f32..3.0,
        uniform in 0.0_f32..1.0,
        top_k in prop_oneof![Just(1), Just(5), Just(32), Just(usize::MAX)],
        top_p in prop_oneof![Just(1.0_f32), 0.05_f32..1.0],
        min_p in prop_oneof![Just(0.0_f32), 0.0_f32..0.5],
        typical_p in prop_oneof![Just(1.0_f32), 0.05_f32..1.0],
    ) {
        let mut allowed: Vec<bool> = (0..logits.len()).map(|token| seed >> (token % 64) & 1 == 1).collect();
        allowed[0] = true;
        let params = SamplingParams { temperature, top_k, top_p, min_p, typical_p };
        let exact = Exact::from(params);
        // Where a token is at the edge of a filter, or two meet, rounding decides.
        let mut accepted = Vec::new();
        for error in [-2e-5, 2e-5] {
            accepted.push(taken(&filtered(&logits, &allowed, exact), f64::from(uniform) + error));
            for nudged in [
                Exact { top_p: exact.top_p + error, ..exact },
                Exact { min_p: exact.min_p + error, ..exact },
                Exact { typical_p: exact.typical_p + error, ..exact },
                Exact { error, ..exact },
            ] {
                accepted.push(taken(&filtered(&logits, &allowed, nudged), f64::from(uniform)));
            }
        }
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        for instructions in InstructionSet::available() {
            let sample = Sampler::with(instructions).sample(&logits, &allowed, uniform, params);
            let Sample { token, loss } = sample.unwrap();
            prop_assert!(accepted.contains(&token), "{token}, {accepted:?}");
            prop_assert!((f64::from(loss) - (sum.ln() - f64::from(logits[token]))).abs() < 1e-5);
        }
    }

    #[test]
    fn a_forbidden_token_is_never_sampled(uniform in 0.0_f32..=1.0, only in 0..631_usize) {
        let mut allowed = vec![false; 631];
        allowed[only] = true;
        let logits: Vec<f32> = (0..631_u16).map(|token| f32::from(token % 37)).collect();
        let sampled = sample(&logits, &allowed, uniform, SamplingParams::default()).unwrap();
        prop_assert_eq!(sampled.token, only);
    }
}

#[test]
fn temperature_0_takes_the_most_probable_allowed_token_and_the_first_of_equals() {
    let logits = [0.5, 2.0, 3.0, 2.0, 1.999_999_9];
    let params = SamplingParams { temperature: 0.0, top_p: 0.9, min_p: 0.1, typical_p: 0.9, ..Default::default() };
    for uniform in [0.0, 0.5] {
        assert_eq!(sample(&logits, &[], uniform, params).unwrap().token, 2);
        let allowed = [true, true, false, true, true];
        assert_eq!(sample(&logits, &allowed, uniform, params).unwrap().token, 1);
    }
}

#[test]
fn the_typical_token_is_kept_before_the_most_probable_one() {
    let logits = [0.5_f32, 0.3, 0.2].map(f32::ln); // entropy 1.03; information 0.69, 1.20 and 1.61 nats
    let with = |typical_p| SamplingParams { typical_p, ..Default::default() };
    for uniform in [0.0, 0.5, 1.0] {
        assert_eq!(sample(&logits, &[], uniform, with(0.25)).unwrap().token, 1);
        assert_eq!(sample(&logits, &[], uniform, with(0.7)).unwrap().token, usize::from(uniform > 0.625));
    }
}

#[test]
fn top_p_is_a_share_of_what_top_k_leaves() {
    let logits = [0.4_f32, 0.3, 0.2, 0.1].map(f32::ln);
    let params = SamplingParams { top_k: 2, top_p: 0.5, ..Default::default() };
    assert_eq!(sample(&logits, &[], 1.0, params).unwrap().token, 0); // 0.4 of 0.7
}

#[test]
fn numbers_out_of_range_are_errors_and_nan_counts_as_minus_infinity() {
    let params = SamplingParams::default();
    assert_eq!(sample(&[f32::NAN; 3], &[], 0.5, params), None);
    assert_eq!(sample(&[0.0, 1.0], &[false, false], 0.5, params), None);
    assert_eq!(sample(&[0.0, 1.0], &[true], 0.5, params), None);
    assert_eq!(sample(&[f32::NAN, 1.0, f32::NEG_INFINITY], &[], 1.0, params).unwrap().token, 1);
    assert_eq!(sample(&[0.0, f32::INFINITY, 3.0], &[], 1.0, params).unwrap().token, 1);
    for (wrong, message) in [
        (SamplingParams { temperature: -1.0, ..params }, "temperature: expected 0 or more, found -1"),
        (SamplingParams { top_k: 0, ..params }, "top_k: expected 1 or more, found 0"),
        (SamplingParams { top_p: 0.0, ..params }, "top_p: expected more than 0 and at most 1, found 0"),
        (SamplingParams { min_p: f32::NAN, ..params }, "min_p: expected 0 to 1, found NaN"),
        (SamplingParams { typical_p: 1.5, ..params }, "typical_p: expected more than 0 and at most 1, found 1.5"),
    ] {
        assert_eq!(wrong.check().unwrap_err().to_string(), message);
    }
}
