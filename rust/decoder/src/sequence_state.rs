//! Sequences that are fed token by token, in step or each at its own pace.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use crate::distances::Distances;
use crate::error::DecoderError;
use crate::form::Form;
use crate::inputs::Inputs;
use crate::model::{Model, Weights};
use crate::network::Network;
use crate::session::{Row, Session};
use crate::shape::in_range;
use crate::simd::{InstructionSet, Portable, Simd};
use crate::team::{Steps, Team};

/// The most sequences of a batch.
pub const MAX_SEQUENCES: usize = 65_536;

/// The most threads. More than a model has heads, or than this process may use processors, are not started.
pub const MAX_THREADS: usize = 256;

/// Rows that are computed at once when several tokens a sequence are fed.
const BLOCK: usize = 48;

/// The state of some sequences, each with a memory of its own: what an incremental decoder keeps of the tokens so far.
pub struct SequenceState {
    team: Box<dyn Steps>,
    vocab_size: usize,
    state_rows: usize,
    recall_rows: usize,
    window: u64,
    sequences: Vec<Progress>,
}

/// How far a sequence has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Tokens fed.
    length: u64,
    /// Whether a token was fed since the last rewind.
    can_rewind: bool,
}

impl SequenceState {
    /// Begins some sequences.
    ///
    /// Each position attends to `window` positions, itself among them: `mem_len + 1`, or `mem_len` in a model with
    /// `same_length`.
    ///
    /// The logits of a sequence depend neither on the number of sequences nor on that of threads. While other processes
    /// keep the processors so busy that the threads wait more than they help, one thread does the work of all.
    ///
    /// # Errors
    ///
    /// If a number is out of range, or there is no room for the keys and values.
    pub fn new(model: &Model, window: usize, sequences: usize, threads: usize) -> Result<Self, DecoderError> {
        in_range("threads", threads, MAX_THREADS)?;
        // In a container its share of the processors, however many the machine has.
        let available = thread::available_parallelism().map_or(threads, NonZero::get);
        Self::with(InstructionSet::detect(), model, window, sequences, threads.min(available))
    }

    pub(crate) fn with(
        instructions: InstructionSet,
        model: &Model,
        window: usize,
        sequences: usize,
        threads: usize,
    ) -> Result<Self, DecoderError> {
        in_range("sequences", sequences, MAX_SEQUENCES)?;
        let shape = model.shape();
        let threads = threads.min(shape.n_head);
        let team = match &model.weights {
            Weights::Float32(network) => team(instructions, network, window, sequences, threads),
            Weights::Float32InHalf(network) => team(instructions, network, window, sequences, threads),
            Weights::Bfloat16(network) => team(instructions, network, window, sequences, threads),
            Weights::Int8(network) => team(instructions, network, window, sequences, threads),
        };
        Ok(Self {
            team: team?,
            vocab_size: shape.vocab_size,
            state_rows: shape.state_rows,
            recall_rows: shape.recall_rows,
            window: window as u64,
            sequences: vec![Progress::default(); sequences],
        })
    }

    /// Feeds T tokens to each of B sequences: `tokens` is (T, B), one token of every sequence, then the next of every
    /// sequence.
    ///
    /// `logits` becomes (B, V), those of the next token of every sequence; with `all` (T * B, V), those after each token.
    ///
    /// # Errors
    ///
    /// If the number of tokens is 0 or no multiple of B, an id is outside the vocabulary, or the states do not fit.
    pub fn feed<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a>>,
        all: bool,
        logits: &mut Vec<f32>,
    ) -> Result<(), DecoderError> {
        let inputs = inputs.into();
        let (tokens, count) = (inputs.tokens, self.sequences.len());
        if tokens.is_empty() || !tokens.len().is_multiple_of(count) {
            let expected = format!("a multiple of {count} sequences, at least that");
            return Err(DecoderError::Range { name: "tokens", expected, found: tokens.len() });
        }
        let sequences: Vec<_> = (0..tokens.len()).map(|index| index % count).collect();
        self.feed_rows(&sequences, inputs, if all { tokens.len() } else { count }, logits)
    }

    /// Feeds N tokens, each to the sequence at the same index of `sequences`; one that appears again is fed one token after
    /// the other. `logits` becomes (N, V), those after each token.
    ///
    /// # Errors
    ///
    /// If the lists are empty or differ in length, there is no such sequence, an id is outside the vocabulary, or the
    /// states do not fit.
    pub fn feed_some<'a>(
        &mut self,
        sequences: &[usize],
        inputs: impl Into<Inputs<'a>>,
        logits: &mut Vec<f32>,
    ) -> Result<(), DecoderError> {
        let inputs = inputs.into();
        let tokens = inputs.tokens;
        if tokens.is_empty() || tokens.len() != sequences.len() {
            let expected = format!("one for each of {} sequences, at least one", sequences.len());
            return Err(DecoderError::Range { name: "tokens", expected, found: tokens.len() });
        }
        for &sequence in sequences {
            self.check(sequence)?;
        }
        self.feed_rows(sequences, inputs, tokens.len(), logits)
    }

    fn feed_rows(
        &mut self,
        sequences: &[usize],
        inputs: Inputs<'_>,
        wanted: usize,
        logits: &mut Vec<f32>,
    ) -> Result<(), DecoderError> {
        let tokens = inputs.tokens;
        below("tokens", tokens.iter().copied(), self.vocab_size)?;
        self.check_beside(inputs)?;
        logits.clear();
        // Whole steps of all sequences, so that the last block has all the logits that are wanted.
        let block = (BLOCK / self.sequences.len()).max(1) * self.sequences.len();
        let (mut rows, mut part) = (Vec::new(), Vec::new());
        let mut left = tokens.len();
        for (sequences, here) in sequences.chunks(block).zip(tokens.chunks(block)) {
            let first = tokens.len() - left;
            let inputs = inputs.part(first..first + here.len());
            rows.clear();
            let mut lengths: Vec<u64> = self.sequences.iter().map(|progress| progress.length).collect();
            for (&sequence, &token) in sequences.iter().zip(here) {
                rows.push(Row { sequence, token, position: lengths[sequence] });
                lengths[sequence] += 1;
            }
            left -= rows.len();
            let here = wanted.saturating_sub(left).min(rows.len());
            self.team.step(&rows, inputs, here.max(1), &mut part)?;
            if here > 0 {
                logits.extend_from_slice(&part);
            }
            for row in &rows {
                // Only now: a step that failed may have fed nothing.
                self.sequences[row.sequence] = Progress { length: row.position + 1, can_rewind: true };
            }
        }
        Ok(())
    }

    /// Forgets the last token of a sequence; the next one takes its position.
    ///
    /// # Errors
    ///
    /// If there is no such sequence, or nothing was fed to it since its last rewind: what a token displaced from a full
    /// memory is lost.
    pub fn rewind(&mut self, sequence: usize) -> Result<(), DecoderError> {
        self.check(sequence)?;
        let progress = &mut self.sequences[sequence];
        if !std::mem::take(&mut progress.can_rewind) {
            return Err(DecoderError::NothingToRewind);
        }
        progress.length -= 1;
        Ok(())
    }

    /// Gives the sequence `target` the state of `source`. The first `common` tokens of both are the same: only what was fed
    /// since is copied.
    ///
    /// # Errors
    ///
    /// If there is no such sequence, or one of them is shorter than `common`.
    pub fn fork(&mut self, source: usize, target: usize, common: u64) -> Result<(), DecoderError> {
        self.check(source)?;
        self.check(target)?;
        let lengths = [source, target].map(|sequence| self.sequences[sequence].length);
        let shorter = lengths[0].min(lengths[1]);
        if common > shorter {
            let expected = format!("0 to {shorter}, the length of the shorter sequence");
            return Err(DecoderError::Range { name: "common", expected, found: common as usize });
        }
        if source != target {
            // What was fed to the target, a token that it forgot included, may have displaced older positions that the
            // source still attends to.
            let fed = lengths[1] + 1;
            let differs = common..if fed > self.window { lengths[0].max(fed) } else { lengths[0] };
            let read = lengths[0].saturating_sub(self.window)..lengths[0];
            let shorter = if read.end - read.start < differs.end - differs.start { read } else { differs };
            self.team.copy(source, target, shorter);
            self.sequences[target] = self.sequences[source];
        }
        Ok(())
    }

    /// Refuses what stands beside tokens where a model has no table for it, nothing where it has one, and unknown rows.
    fn check_beside(&self, inputs: Inputs<'_>) -> Result<(), DecoderError> {
        let Inputs { tokens, states, recalled } = inputs;
        let count = |name, found: usize, rows: usize| {
            if (found == 0) == (rows == 0) && found.is_multiple_of(tokens.len()) {
                return Ok(());
            }
            let expected = if rows == 0 { "none" } else { "equally many for every token" }.to_owned();
            Err(DecoderError::Range { name, expected, found })
        };
        count("states", states.len(), self.state_rows)?;
        count("recalled", recalled.len(), self.recall_rows)?;
        below("states", states.iter().copied(), self.state_rows)?;
        below("recalled", recalled.iter().map(|&[token, _]| token), self.vocab_size)?;
        below("recalled", recalled.iter().map(|&[_, row]| row), self.recall_rows)
    }

    fn check(&self, sequence: usize) -> Result<(), DecoderError> {
        if sequence < self.sequences.len() {
            return Ok(());
        }
        let expected = format!("indices below {}", self.sequences.len());
        Err(DecoderError::Range { name: "sequences", expected, found: sequence })
    }

    #[cfg(test)]
    pub(crate) fn work_alone(&mut self, time: std::time::Duration) {
        self.team.work_alone(time);
    }

    #[cfg(test)]
    pub(crate) fn pretend_forked(&mut self) {
        self.team.pretend_forked();
    }
}

fn team<F: Form>(
    instructions: InstructionSet,
    network: &Arc<Network<F>>,
    window: usize,
    sequences: usize,
    threads: usize,
) -> Result<Box<dyn Steps>, DecoderError> {
    fn start<F: Form, S: Simd>(
        simd: S,
        network: &Arc<Network<F>>,
        window: usize,
        sequences: usize,
        threads: usize,
    ) -> Result<Box<dyn Steps>, DecoderError> {
        let distances = Distances::new(simd, network, window)?;
        let session = Session::new(Arc::clone(network), distances, sequences, threads);
        Ok(Box::new(Team::new(simd, Arc::new(session))?))
    }
    match instructions {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512(simd) => start(simd, network, window, sequences, threads),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2(simd) => start(simd, network, window, sequences, threads),
        InstructionSet::Portable => start(Portable, network, window, sequences, threads),
    }
}

/// Refuses numbers that are not below a bound.
fn below(name: &'static str, mut numbers: impl Iterator<Item = u32>, bound: usize) -> Result<(), DecoderError> {
    let Some(found) = numbers.find(|&number| number as usize >= bound) else { return Ok(()) };
    let expected = format!("{} below {bound}", if name == "tokens" { "ids" } else { "rows" });
    Err(DecoderError::Range { name, expected, found: found as usize })
}
