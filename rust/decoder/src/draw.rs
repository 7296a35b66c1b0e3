//! From logits to one token a song.

use crate::error::DecoderError;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Kernel, Kind, Portable, Simd};
use crate::vector::{exp, lanes};

/// Which tokens may be drawn, of those that a song may go on with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Only so many of the most probable tokens.
    pub top_k: usize,
    /// Only the most probable tokens whose probabilities together reach so much (Holtzman et al. 2020).
    pub top_p: f32,
    /// Only tokens that are at least so many times as probable as the most probable one (Nguyen et al. 2024).
    pub min_p: f32,
}

/// What one song is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Chances<'a> {
    /// A logit a token.
    pub logits: &'a [f32],
    /// Which tokens may come; all, if empty.
    pub allowed: &'a [bool],
    /// Divides the logits; 0 takes the most probable token.
    pub temperature: f32,
    /// A number in [0, 1]: the place in the cumulated probabilities that is taken.
    pub uniform: f32,
}

/// A token, and its negative log-likelihood in nats at temperature 1 with nothing forbidden.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// Its id.
    pub token: usize,
    /// Nats.
    pub loss: f32,
}

/// Draws tokens; keeps its buffers from one to the next.
#[derive(Debug, Default)]
pub struct Drawer {
    weights: Vec<f32>,
    order: Vec<u32>,
}

impl Drawer {
    /// Draws the next token of a song.
    ///
    /// The probabilities are those of the allowed tokens at the temperature; of what `choice` leaves of them, most probable
    /// first, the first token is taken with which the cumulated probabilities pass the share `uniform` of their sum.
    ///
    /// # Errors
    ///
    /// If no allowed token has a logit above minus infinity, or the numbers of both lists differ.
    pub fn draw(&mut self, chances: Chances, choice: Choice) -> Result<Drawn, DecoderError> {
        let Chances { logits, allowed, .. } = chances;
        if !allowed.is_empty() && allowed.len() != logits.len() {
            let expected = format!("{}, one for each logit", logits.len());
            return Err(DecoderError::Range { name: "allowed", expected, found: allowed.len() });
        }
        let draw = Draw { drawer: self, chances, choice };
        let drawn = match Kind::detect() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => Avx512::vectorize(draw),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => Avx2::vectorize(draw),
            Kind::Portable => Portable::vectorize(draw),
        };
        drawn.ok_or(DecoderError::Nothing)
    }

    /// Weighs every token, the most probable allowed one 1.
    #[inline(always)]
    fn weigh(&mut self, chances: &Chances) -> Option<()> {
        let &Chances { logits, allowed, temperature, .. } = chances;
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
        // Of infinite logits each is as probable as the other, and nothing else is.
        let largest = largest.min(f32::MAX);
        for weight in &mut self.weights {
            let below = (*weight - largest).min(0.0);
            // At temperature 0 what is below the largest by anything is out of reach.
            *weight = exp(below / temperature.max(f32::MIN_POSITIVE));
        }
        Some(())
    }

    /// The place in `order` of what is drawn from it.
    #[inline(always)]
    fn rank(&self, uniform: f32, choice: Choice) -> usize {
        let weight = |&token: &u32| self.weights[token as usize];
        let all = lanes(&self.weights, 0.0, |weight| weight, |sum, weight| sum + weight);
        let least = choice.min_p * weight(&self.order[0]);
        // The most probable one always stays.
        let mut kept = 1;
        let mut sum = weight(&self.order[0]);
        for token in &self.order[1..] {
            if choice.top_p < 1.0 && sum >= choice.top_p * all || weight(token) < least {
                break;
            }
            sum += weight(token);
            kept += 1;
        }
        let threshold = uniform * sum;
        let mut cumulated = 0.0;
        let passes = self.order[..kept].iter().position(|token| {
            cumulated += weight(token);
            cumulated > threshold
        });
        passes.unwrap_or(kept - 1) // a share of 1, or of less by less than a float can tell
    }
}

/// One draw.
struct Draw<'a> {
    drawer: &'a mut Drawer,
    chances: Chances<'a>,
    choice: Choice,
}

impl Kernel for Draw<'_> {
    type Output = Option<Drawn>;

    #[inline(always)]
    fn run<S: Simd>(self) -> Option<Drawn> {
        let Self { drawer, chances, choice } = self;
        drawer.weigh(&chances)?;
        let Drawer { weights, order } = &mut *drawer;
        order.clear();
        order.extend((0..weights.len() as u32).filter(|&token| weights[token as usize] > 0.0));
        let by_weight = |a: &u32, b: &u32| weights[*b as usize].total_cmp(&weights[*a as usize]).then(a.cmp(b));
        let top_k = if chances.temperature > 0.0 { choice.top_k } else { 1 };
        let count = top_k.clamp(1, order.len());
        if count < order.len() {
            order.select_nth_unstable_by(count - 1, by_weight);
            order.truncate(count);
        }
        order.sort_unstable_by(by_weight);
        let rank = drawer.rank(chances.uniform, choice);
        let token = drawer.order[rank] as usize;
        Some(Drawn { token, loss: loss(chances.logits, token) })
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Choice = Choice { top_k: usize::MAX, top_p: 1.0, min_p: 0.0 };

    fn draw(logits: &[f32], allowed: &[bool], temperature: f32, uniform: f32, choice: Choice) -> Option<Drawn> {
        let chances = Chances { logits, allowed, temperature, uniform };
        Drawer::default().draw(chances, choice).ok()
    }

    /// The same in double precision, by sorting everything.
    fn plainly(logits: &[f32], allowed: &[bool], temperature: f32, uniform: f32, choice: Choice) -> usize {
        let mut ranked: Vec<(f64, usize)> = (0..logits.len())
            .filter(|&token| allowed[token])
            .map(|token| ((f64::from(logits[token]) / f64::from(temperature)).exp(), token))
            .collect();
        let all: f64 = ranked.iter().map(|&(weight, _)| weight).sum();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.truncate(choice.top_k);
        let mut before = 0.0;
        let first = ranked[0].0;
        ranked.retain(|&(weight, _)| {
            let stays = before < f64::from(choice.top_p) * all && weight >= f64::from(choice.min_p) * first;
            before += weight;
            stays
        });
        let sum: f64 = ranked.iter().map(|&(weight, _)| weight).sum();
        let mut cumulated = 0.0;
        let passes = ranked.iter().find(|&&(weight, _)| {
            cumulated += weight;
            cumulated > f64::from(uniform) * sum
        });
        passes.unwrap_or_else(|| ranked.last().expect("the most probable one stays")).1
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_what_sorting_everything_in_double_precision_gives(
            logits in prop::collection::vec(-12.0_f32..12.0, 1..700),
            seed in any::<u64>(),
            temperature in 0.2_f32..3.0,
            uniform in 0.0_f32..1.0,
            top_k in prop_oneof![Just(1), Just(5), Just(32), Just(usize::MAX)],
            top_p in prop_oneof![Just(1.0_f32), 0.05_f32..1.0],
            min_p in prop_oneof![Just(0.0_f32), 0.0_f32..0.5],
        ) {
            let mut allowed: Vec<bool> = (0..logits.len()).map(|token| seed >> (token % 64) & 1 == 1).collect();
            allowed[0] = true;
            let choice = Choice { top_k, top_p, min_p };
            let near = [uniform - 1e-5, uniform + 1e-5].map(|near| near.clamp(0.0, 1.0));
            let Drawn { token, loss } = draw(&logits, &allowed, temperature, uniform, choice).unwrap();
            // Where two tokens meet, rounding may decide.
            let around = near.map(|near| plainly(&logits, &allowed, temperature, near, choice));
            let edge = plainly(&logits, &allowed, temperature, uniform, Choice { top_p: top_p - 1e-5, min_p: min_p + 1e-6, top_k });
            prop_assert!(around.contains(&token) || around[0] != around[1] || edge == token, "{token}, {around:?}");
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            prop_assert!((f64::from(loss) - (sum.ln() - f64::from(logits[token]))).abs() < 1e-5);
        }

        #[test]
        fn what_is_forbidden_is_never_drawn(uniform in 0.0_f32..=1.0, only in 0..631_usize) {
            let mut allowed = vec![false; 631];
            allowed[only] = true;
            let logits: Vec<f32> = (0..631_u16).map(|token| f32::from(token % 37)).collect();
            prop_assert_eq!(draw(&logits, &allowed, 1.0, uniform, ALL).unwrap().token, only);
        }
    }

    #[test]
    fn the_coldest_draw_is_the_most_probable_allowed_token_and_the_first_of_equals() {
        let logits = [0.5, 2.0, 3.0, 2.0, 1.999_999_9];
        for uniform in [0.0, 0.5] {
            assert_eq!(draw(&logits, &[], 0.0, uniform, ALL).unwrap().token, 2);
            let allowed = [true, true, false, true, true];
            assert_eq!(draw(&logits, &allowed, 0.0, uniform, ALL).unwrap().token, 1);
        }
    }

    #[test]
    fn numbers_that_are_none_give_an_error_or_are_passed_over() {
        assert_eq!(draw(&[f32::NAN; 3], &[], 1.0, 0.5, ALL), None);
        assert_eq!(draw(&[0.0, 1.0], &[false, false], 1.0, 0.5, ALL), None);
        assert_eq!(draw(&[0.0, 1.0], &[true], 1.0, 0.5, ALL), None);
        assert_eq!(draw(&[f32::NAN, 1.0, f32::NEG_INFINITY], &[], 1.0, 1.0, ALL).unwrap().token, 1);
        assert_eq!(draw(&[0.0, f32::INFINITY, 3.0], &[], 1.0, 1.0, ALL).unwrap().token, 1);
    }
}
