//! Corrections to the logits of a model that continues its own songs.
//!
//! A model knows how songs of people go on. Of its own it hears small deviations that nobody intended, takes the song for one
//! of a looser kind, and deviates more; and whatever leaves out the least likely tokens leaves out what is rare each time.
//! Each correction makes up for something that was measured so; where it stands among the filters, docs/composing.md says.

use super::grammar::Grammar;
use super::token::{Table, Token};
use crate::voice::Voice;

/// From how many frames on a note has sounded for long: 2 s. Of 200 songs of NES-MDB's train split, nine in ten have no note
/// of more than 3.2 s in any melodic voice, three in four none of more than 1.9 s.
const LONG: u64 = 120;

/// By how many nats a second a note that has sounded for long is more likely to end, and by how many at the most.
const RELEASE: (f32, f32) = (2.0, 6.0);

/// By how many nats a note is less likely that has the pitch of the other pulse. Of the notes that a pulse begins while the
/// other sounds, 17 % had its pitch in 100 composed songs, 8 % in 500 of NES-MDB's train split.
const UNISON: f32 = 1.0;

/// By how many nats a note is less likely that is a semitone from another voice, give or take octaves: 5 % between the
/// pulses, 3 % in the train split.
const SEMITONE: f32 = 0.7;

/// How much of both counts beside a voice that speaks later in a frame: it may leave its pitch in this very frame.
const LATER: f32 = 0.5;

/// By how many nats a note of a pulse is less likely that has the pitch of the one before it. In the medians of two times 200
/// composed songs 1.2 and 1.7 % of the notes have it, with 0.7 nats 0 and 0.5 %; in that of the train split 0.7 %.
const REPEATED: f32 = 0.35;

const MELODIC: [Voice; 3] = [Voice::P1, Voice::P2, Voice::Tr];

impl Grammar {
    /// Corrects what a model says of the next token by all that is known here: [`part`](Self::part), [`hold`](Self::hold)
    /// and [`release`](Self::release).
    ///
    /// `logits` are unnormalised log-probabilities; both are as long as the vocabulary.
    pub fn correct(&self, logits: &mut [f32], allowed: &mut [bool]) {
        self.part(logits, allowed);
        self.hold(logits, allowed);
        self.release(logits);
    }

    /// Keeps the melodic voices apart, and lines moving: notes in unison with the other pulse, at a semitone from another
    /// voice, and with the pitch that a pulse has just had are less likely, other notes of the same voice more, so that a
    /// note is as likely as before.
    ///
    /// `logits` are unnormalised log-probabilities; both are as long as the vocabulary.
    pub fn part(&self, logits: &mut [f32], allowed: &[bool]) {
        for voice in MELODIC {
            let others = self.sounding_beside(voice);
            let last = self.players()[voice.index()].last_pitch().filter(|_| voice != Voice::Tr);
            if others.is_empty() && last.is_none() {
                continue;
            }
            let (mut before, mut after) = (LogSum::default(), LogSum::default());
            for ((&token, logit), _) in notes_of(voice, logits, allowed) {
                let Token::NoteOn(_, pitch) = token else { continue };
                before.add(*logit);
                *logit -=
                    others.iter().map(|&(other, sounds)| lowered(voice, other, pitch.abs_diff(sounds))).sum::<f32>();
                *logit -= if last == Some(pitch) { REPEATED } else { 0.0 };
                after.add(*logit);
            }
            let (before, after) = (before.value(), after.value());
            if before.is_finite() {
                notes_of(voice, logits, allowed).for_each(|((_, logit), _)| *logit += (before - after) as f32);
            }
        }
    }

    /// The pitches that sound in the other melodic voices.
    fn sounding_beside(&self, voice: Voice) -> Vec<(Voice, u8)> {
        let others = MELODIC.into_iter().filter(|&other| other != voice);
        others.filter_map(|other| Some((other, self.players()[other.index()].pitch()?))).collect()
    }

    /// Lets a voice hold the pitch that it would strike once more: such tokens are no longer allowed, and their probability
    /// goes to what is no note of this voice. Left to all tokens, it would go to other pitches, and make trills.
    ///
    /// `logits` are unnormalised log-probabilities; both are as long as the vocabulary.
    pub fn hold(&self, logits: &mut [f32], allowed: &mut [bool]) {
        let tokens = &Table::get().tokens;
        for voice in Voice::ALL {
            if !self.sounds(voice) && !self.may_touch(voice) {
                continue;
            }
            let of_voice = |token: Token| matches!(token, Token::NoteOn(other, _) if other == voice);
            let mut struck = LogSum::default();
            for ((&token, &logit), allowed) in tokens.iter().zip(&*logits).zip(&mut *allowed) {
                if of_voice(token) && *allowed && self.restrikes(token) {
                    *allowed = false;
                    struck.add(logit);
                }
            }
            if !struck.value().is_finite() {
                continue; // as where it is not this voice's turn: what follows takes longer than all else here
            }
            let mut rest = LogSum::default();
            for ((&token, &logit), &allowed) in tokens.iter().zip(&*logits).zip(&*allowed) {
                if allowed && !of_voice(token) {
                    rest.add(logit);
                }
            }
            if !rest.value().is_finite() {
                continue;
            }
            let lack = struck.value() - rest.value(); // ln((rest + struck) / rest) follows
            let raise = (lack.max(0.0) + (-lack.abs()).exp().ln_1p()) as f32;
            for ((&token, logit), &allowed) in tokens.iter().zip(&mut *logits).zip(&*allowed) {
                if allowed && !of_voice(token) {
                    *logit += raise;
                }
            }
        }
    }

    /// Makes the end of a note more likely that has sounded for long, by NOTEOFF or another note of its voice.
    ///
    /// A model ends it with a small probability at each of many places. Where the least likely tokens are left out, as most
    /// samplers do, none of them would be taken, and the note would never end.
    ///
    /// `logits` are unnormalised log-probabilities, as long as the vocabulary.
    pub fn release(&self, logits: &mut [f32]) {
        let now = self.cursor().now();
        for (voice, player) in Voice::ALL.into_iter().zip(self.players()) {
            let Some(over) = player.sounding().and_then(|(_, piece)| now.checked_sub(piece + LONG)) else { continue };
            let raise = (RELEASE.0 * over as f32 / 60.0).min(RELEASE.1);
            for (&token, logit) in Table::get().tokens.iter().zip(&mut *logits) {
                if matches!(token, Token::NoteOff(other) | Token::NoteOn(other, _) if other == voice) {
                    *logit += raise;
                }
            }
        }
    }

    /// Whether a voice has sounded until now, so that a note could touch it.
    fn may_touch(&self, voice: Voice) -> bool {
        self.players()[voice.index()].has_ended(self.cursor().now())
    }
}

/// The notes of a voice that may come, with their log-probabilities.
fn notes_of<'a>(
    voice: Voice,
    logits: &'a mut [f32],
    allowed: &'a [bool],
) -> impl Iterator<Item = ((&'a Token, &'a mut f32), &'a bool)> {
    let notes = Table::get().tokens.iter().zip(logits).zip(allowed);
    notes.filter(move |((token, _), allowed)| **allowed && matches!(token, Token::NoteOn(of, _) if *of == voice))
}

/// The nats by which a note of a voice is lowered, `apart` semitones from the pitch that another voice sounds.
fn lowered(voice: Voice, other: Voice, apart: u8) -> f32 {
    let nats = match apart {
        0 if voice != Voice::Tr && other != Voice::Tr => UNISON,
        _ if apart % 12 == 1 => SEMITONE,
        _ => 0.0,
    };
    if other.index() > voice.index() { LATER * nats } else { nats }
}

/// The logarithm of a sum of numbers whose logarithms are given one after the other.
struct LogSum {
    most: f64,
    /// The sum, divided by the number of which `most` is the logarithm: it neither overflows nor vanishes.
    share: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self { most: f64::NEG_INFINITY, share: 0.0 }
    }
}

impl LogSum {
    fn add(&mut self, logit: f32) {
        let number = f64::from(logit);
        if number > self.most {
            self.share = self.share * (self.most - number).exp() + 1.0;
            self.most = number;
        } else if number > f64::NEG_INFINITY {
            self.share += (number - self.most).exp();
        }
    }

    /// Minus infinity of nothing.
    fn value(&self) -> f64 {
        self.most + self.share.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::LogSum;

    fn sum_of(logits: &[f32]) -> f64 {
        let mut sum = LogSum::default();
        for &logit in logits {
            sum.add(logit);
        }
        sum.value()
    }

    #[test]
    fn a_sum_of_logarithms_is_that_of_the_numbers_in_any_order_and_of_any_size() {
        let nothing = f32::NEG_INFINITY;
        for none in [&[][..], &[nothing, nothing]] {
            assert!(sum_of(none) < f64::MIN, "{none:?}");
        }
        assert!((sum_of(&[nothing, 3.0, f32::NAN]) - 3.0).abs() < 1e-14);
        for numbers in [[1.0, 2.0, -4.0, 2.0], [2.0, 2.0, 1.0, -4.0], [-4.0, 1.0, 2.0, 2.0]] {
            let plain: f64 = numbers.iter().map(|&number| f64::from(number).exp()).sum();
            assert!((sum_of(&numbers) - plain.ln()).abs() < 1e-14);
        }
        for far in [1e4, -1e4] {
            assert!((sum_of(&[far, far - 1e4, far]) - f64::from(far) - 2_f64.ln()).abs() < 1e-11);
        }
    }
}
