//! What is fed: tokens, and what a model may read beside each.

/// Tokens, and beside each of them equally many rows of the table of states, which are added to its embedding, and equally
/// many tokens that are recalled, whose embeddings are added too, each element times that of a row of the table of weights.
///
/// Models without such tables take tokens alone, from any slice of ids.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Ids of the vocabulary.
    pub tokens: &'a [u32],
    /// Rows of the table: those of the first token, then those of the next; none for tokens alone.
    pub states: &'a [u32],
    /// Ids of what is recalled, each with its row of the table of weights; in the order of `states`.
    pub recalled: &'a [[u32; 2]],
}

impl Inputs<'_> {
    /// Some of the tokens, with what stands beside them.
    pub(crate) fn part(&self, tokens: std::ops::Range<usize>) -> Self {
        let all = self.tokens.len().max(1);
        let (states, recalled) = (self.states.len() / all, self.recalled.len() / all);
        Self {
            tokens: &self.tokens[tokens.clone()],
            states: &self.states[tokens.start * states..tokens.end * states],
            recalled: &self.recalled[tokens.start * recalled..tokens.end * recalled],
        }
    }
}

impl<'a> From<&'a [u32]> for Inputs<'a> {
    fn from(tokens: &'a [u32]) -> Self {
        Self { tokens, states: &[], recalled: &[] }
    }
}

impl<'a> From<&'a Vec<u32>> for Inputs<'a> {
    fn from(tokens: &'a Vec<u32>) -> Self {
        tokens.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for Inputs<'a> {
    fn from(tokens: &'a [u32; N]) -> Self {
        tokens.as_slice().into()
    }
}
