//! A match model over bars: the next token, if the song repeats an earlier bar.
//!
//! Each lag of 1 to 128 bars predicts the first token of the bar at that lag that stands behind the present place and that
//! the grammar admits, or BAR at its end. Its match length counts the tokens in succession that it has predicted rightly,
//! across bars. The prediction of the longest match is given to the model: it reaches further back than the model's
//! memory does. Programs for lossless compression have match models of the same kind, over bytes.

use std::sync::Arc;

use super::token::Token;

/// The largest lag, in bars.
const BARS: usize = 128;

/// The number of predictions: the best, and the best that differs from it.
pub(super) const PREDICTIONS: usize = 2;

/// A token of a bar and its place in it: the row, the frame, and the turn of its kind.
pub(super) type Said = (u32, Token);

/// The match model of a song.
#[derive(Debug, Clone, Default)]
pub(super) struct Recall {
    /// The bars before the present one, the latest last.
    past: Arc<Vec<Arc<[Said]>>>,
    now: Vec<Said>,
    /// The match length of each lag, from 1 bar on.
    lengths: Vec<u16>,
    /// The token that each lag predicts.
    next: Vec<Token>,
    best: [Option<Prediction>; PREDICTIONS],
}

/// The next token according to a lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prediction {
    pub token: Token,
    /// The match length: tokens in succession that this lag has predicted rightly.
    pub length: u16,
    /// In bars.
    pub lag: u16,
}

impl Recall {
    /// Takes note of a token and its place; `admits` says whether a token may follow it.
    pub(super) fn advance(&mut self, token: Token, place: u32, admits: impl Fn(Token) -> bool) {
        for (length, &next) in self.lengths.iter_mut().zip(&self.next) {
            // A wrong prediction is mostly a variation of one note: the lag keeps a quarter of its length.
            *length = if next == token { length.saturating_add(1) } else { *length / 4 };
        }
        if token == Token::Bar && !self.now.is_empty() {
            let past = Arc::make_mut(&mut self.past);
            if past.len() == BARS {
                past.remove(0);
            }
            past.push(self.now.as_slice().into());
            self.now.clear();
            self.lengths.resize(past.len(), 0);
        }
        if self.now.is_empty() && token != Token::Bar {
            return; // the header
        }
        self.now.push((place, token));
        self.next.clear();
        self.next.extend(self.past.iter().rev().map(|bar| {
            let first = bar.partition_point(|&(at, _)| at <= place);
            let next = bar[first..].iter().map(|&(_, token)| token).find(|&token| admits(token));
            next.unwrap_or(Token::Bar)
        }));
        self.best = self.choose();
    }

    /// The prediction of the longest match, and the longest match of those that predict another token; of equal lengths,
    /// that of the shortest lag.
    pub(super) fn predictions(&self) -> [Option<Prediction>; PREDICTIONS] {
        self.best
    }

    fn choose(&self) -> [Option<Prediction>; PREDICTIONS] {
        let of = |(lag, (&length, &token))| Prediction { token, length, lag };
        let all = || (1..).zip(self.lengths.iter().zip(&self.next)).map(of);
        let longest = |longest: Option<Prediction>, here: Prediction| match longest {
            Some(longest) if longest.length >= here.length => Some(longest),
            _ => Some(here),
        };
        let first = all().fold(None, longest);
        let second = all().filter(|here| first.is_some_and(|first| first.token != here.token)).fold(None, longest);
        [first, second]
    }
}

impl Default for Prediction {
    /// In the first bar.
    fn default() -> Self {
        Self { token: Token::Boundary, length: 0, lag: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx3;
    use crate::tx3::grammar::Grammar;
    use crate::voice::Voice;

    /// The predictions after each token of a text.
    fn predictions(text: &str) -> Vec<[Option<Prediction>; PREDICTIONS]> {
        let (mut grammar, mut recall) = (Grammar::new(), Recall::default());
        let ids = tx3::encode(text).expect("TX3").into_iter();
        let tokens = ids.map(|id| tx3::token(id).expect("a token"));
        tokens
            .map(|token| {
                grammar.advance(token);
                recall.advance(token, grammar.place(), |token| grammar.admits(token));
                recall.predictions()
            })
            .collect()
    }

    const HEADER: &str = "TEMPO_6\nMETER_16\n";
    const BAR: &str = "BAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4\nP1_NOTEON_71\nROW_8\nP1_NOTEON_72\n";

    #[test]
    fn in_the_first_bar_nothing_is_predicted() {
        assert!(predictions(&format!("{HEADER}{BAR}")).iter().flatten().all(Option::is_none));
    }

    #[test]
    fn a_bar_that_returns_is_predicted_token_by_token() {
        let text = format!("{HEADER}{BAR}{BAR}");
        let found = predictions(&text);
        let ids = tx3::encode(&text).expect("TX3");
        let second = 2 + 7;
        for (at, length) in (second..ids.len() - 1).zip(0..) {
            let [Some(first), None] = found[at] else { panic!("{:?}", found[at]) };
            assert_eq!(Some(first.token), tx3::token(ids[at + 1]), "after token {at}");
            assert_eq!((first.length, first.lag), (length, 1));
        }
        assert_eq!(found.last().expect("one")[0].expect("predicted").token, Token::Bar);
    }

    #[test]
    fn the_longest_match_comes_first_and_the_longest_that_differs_second() {
        let other = "BAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4\nP1_NOTEON_60\n";
        let begun = "BAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4";
        let last = *predictions(&format!("{HEADER}{BAR}{other}{BAR}{begun}")).last().expect("one");
        let [Some(first), Some(second)] = last else { panic!("{last:?}") };
        // Two bars take turns.
        assert_eq!((first.token, first.lag), (Token::NoteOn(Voice::P1, 60), 2));
        assert_eq!((second.token, second.lag), (Token::NoteOn(Voice::P1, 71), 1));
        assert!(first.length > second.length, "{first:?} {second:?}");
    }

    #[test]
    fn what_the_grammar_forbids_is_passed_over() {
        let named = "BAR\nP1_NOTEON_69\nP1_INST_9\nROW_4\nP1_NOTEON_71\n";
        let last = *predictions(&format!("{HEADER}{named}BAR\nP1_NOTEON_69")).last().expect("one");
        assert_eq!(last[0].expect("predicted").token, Token::Row(4), "the instrument is known already");
    }

    #[test]
    fn a_variation_is_forgiven() {
        let varied = BAR.replace("P1_NOTEON_71", "P1_NOTEON_67");
        let all = predictions(&format!("{HEADER}{BAR}{BAR}{BAR}{varied}"));
        let [before, after] = [5, 3].map(|back| all[all.len() - back][0].expect("predicted"));
        assert!(before.length > 8 && after.length >= before.length / 4, "{before:?} {after:?}");
        assert_eq!(after.token, Token::Row(8));
    }

    #[test]
    fn the_lag_is_limited_in_a_very_long_song() {
        let text = format!("{HEADER}{}", BAR.repeat(BARS + 40));
        let last = predictions(&text).last().expect("one")[0].expect("predicted");
        assert_eq!((last.token, usize::from(last.length) > 7 * BARS), (Token::Bar, true));
    }
}
