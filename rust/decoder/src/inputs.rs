//! What is fed: tokens, and what a model may read beside each.

/// Tokens, and beside each of them equally many rows of the table of states, which are added to its embedding.
///
/// Models without such a table take tokens alone, from any slice of ids.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Ids of the vocabulary.
    pub tokens: &'a [u32],
    /// Rows of the table: those of the first token, then those of the next; none for tokens alone.
    pub states: &'a [u32],
}

impl<'a> Inputs<'a> {
    /// The states of some of the tokens.
    pub(crate) fn states_of(&self, tokens: std::ops::Range<usize>) -> &'a [u32] {
        let count = self.states.len() / self.tokens.len().max(1);
        &self.states[tokens.start * count..tokens.end * count]
    }
}

impl<'a> From<&'a [u32]> for Inputs<'a> {
    fn from(tokens: &'a [u32]) -> Self {
        Self { tokens, states: &[] }
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
