//! What a song played at this place of earlier bars: which token would come next if it went on as then.
//!
//! Game music repeats its bars. A bar of before that agrees with what has been said since says what to expect, however
//! long ago it was: longer than a model's memory holds. Each earlier bar, by its distance, is followed through the bar;
//! those that have been right for longest are told.

use std::sync::Arc;

use super::token::Token;

/// The most bars that are looked back.
const BARS: usize = 128;

/// How many tokens are told, each of a bar that says another.
pub const RECALLED: usize = 2;

/// A token of a bar and its place in it: the row, the frame, and the turn of its kind.
pub(super) type Said = (u32, Token);

/// What earlier bars say about the next token.
#[derive(Debug, Clone, Default)]
pub(super) struct Recall {
    /// The bars before this one, the latest last.
    past: Arc<Vec<Arc<[Said]>>>,
    now: Vec<Said>,
    /// Of each distance in bars, from 1 on: how many tokens in succession it has known.
    known: Vec<u16>,
    /// What the bar of each distance says that comes next.
    next: Vec<Token>,
    best: [Option<Expected>; RECALLED],
}

/// A token that may come next, as the bar of some distance says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub token: Token,
    /// The tokens that this bar and those before it have known in succession.
    pub known: u16,
    /// How many bars ago.
    pub distance: u16,
}

impl Recall {
    /// Takes note of a token and its place; `admits` says whether a token may follow it.
    pub(super) fn advance(&mut self, token: Token, place: u32, admits: impl Fn(Token) -> bool) {
        for (known, &next) in self.known.iter_mut().zip(&self.next) {
            // A bar that is wrong once is a variation, and will be right again.
            *known = if next == token { known.saturating_add(1) } else { *known / 4 };
        }
        if token == Token::Bar && !self.now.is_empty() {
            let past = Arc::make_mut(&mut self.past);
            if past.len() == BARS {
                past.remove(0);
            }
            past.push(self.now.as_slice().into());
            self.now.clear();
            self.known.resize(past.len(), 0);
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

    /// The tokens that come next by the bars that have known the most: the first, and the first that is another. Of bars
    /// that have known as much, the latest counts.
    pub(super) fn expected(&self) -> [Option<Expected>; RECALLED] {
        self.best
    }

    fn choose(&self) -> [Option<Expected>; RECALLED] {
        let of = |(distance, (&known, &token))| Expected { token, known, distance };
        let all = || (1..).zip(self.known.iter().zip(&self.next)).map(of);
        let most = |most: Option<Expected>, here: Expected| match most {
            Some(most) if most.known >= here.known => Some(most),
            _ => Some(here),
        };
        let first = all().fold(None, most);
        let second = all().filter(|here| first.is_some_and(|first| first.token != here.token)).fold(None, most);
        [first, second]
    }
}

impl Default for Expected {
    /// Where there is no earlier bar.
    fn default() -> Self {
        Self { token: Token::Boundary, known: 0, distance: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx3;
    use crate::tx3::grammar::Grammar;
    use crate::voice::Voice;

    /// What is expected after each token of a text.
    fn expected(text: &str) -> Vec<[Option<Expected>; RECALLED]> {
        let (mut grammar, mut recall) = (Grammar::new(), Recall::default());
        let ids = tx3::encode(text).expect("TX3").into_iter();
        let tokens = ids.map(|id| tx3::token(id).expect("a token"));
        tokens
            .map(|token| {
                grammar.advance(token);
                recall.advance(token, grammar.place(), |token| grammar.admits(token));
                recall.expected()
            })
            .collect()
    }

    const HEADER: &str = "TEMPO_6\nMETER_16\n";
    const BAR: &str = "BAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4\nP1_NOTEON_71\nROW_8\nP1_NOTEON_72\n";

    #[test]
    fn in_the_first_bar_nothing_is_expected() {
        assert!(expected(&format!("{HEADER}{BAR}")).iter().flatten().all(Option::is_none));
    }

    #[test]
    fn a_bar_that_returns_is_known_token_by_token() {
        let text = format!("{HEADER}{BAR}{BAR}");
        let expected = expected(&text);
        let ids = tx3::encode(&text).expect("TX3");
        let second = 2 + 7;
        for (at, known) in (second..ids.len() - 1).zip(0..) {
            let [Some(first), None] = expected[at] else { panic!("{:?}", expected[at]) };
            assert_eq!(Some(first.token), tx3::token(ids[at + 1]), "after token {at}");
            assert_eq!((first.known, first.distance), (known, 1));
        }
        assert_eq!(expected.last().expect("one")[0].expect("expected").token, Token::Bar);
    }

    #[test]
    fn the_bar_that_agrees_for_longest_comes_first_and_one_that_says_another_second() {
        let other = "BAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4\nP1_NOTEON_60\n";
        let begun = "BAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4";
        let last = *expected(&format!("{HEADER}{BAR}{other}{BAR}{begun}")).last().expect("one");
        let [Some(first), Some(second)] = last else { panic!("{last:?}") };
        // Two bars take turns.
        assert_eq!((first.token, first.distance), (Token::NoteOn(Voice::P1, 60), 2));
        assert_eq!((second.token, second.distance), (Token::NoteOn(Voice::P1, 71), 1));
        assert!(first.known > second.known, "{first:?} {second:?}");
    }

    #[test]
    fn what_the_grammar_forbids_is_passed_over() {
        let named = "BAR\nP1_NOTEON_69\nP1_INST_9\nROW_4\nP1_NOTEON_71\n";
        let last = *expected(&format!("{HEADER}{named}BAR\nP1_NOTEON_69")).last().expect("one");
        assert_eq!(last[0].expect("expected").token, Token::Row(4), "the instrument is known already");
    }

    #[test]
    fn a_variation_is_forgiven() {
        let varied = BAR.replace("P1_NOTEON_71", "P1_NOTEON_67");
        let all = expected(&format!("{HEADER}{BAR}{BAR}{BAR}{varied}"));
        let [before, after] = [5, 3].map(|back| all[all.len() - back][0].expect("expected"));
        assert!(before.known > 8 && after.known >= before.known / 4, "{before:?} {after:?}");
        assert_eq!(after.token, Token::Row(8));
    }

    #[test]
    fn a_very_long_song_is_looked_back_over_its_latest_bars() {
        let text = format!("{HEADER}{}", BAR.repeat(BARS + 40));
        let last = expected(&text).last().expect("one")[0].expect("expected");
        assert_eq!((last.token, usize::from(last.known) > 7 * BARS), (Token::Bar, true));
    }
}
