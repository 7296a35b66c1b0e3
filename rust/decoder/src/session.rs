//! What the threads of a decoder share: the model, the tokens to be fed, and the results that each computes a part of.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::distances::Distances;
use crate::form::Form;
use crate::network::Network;
use crate::step_barrier::StepBarrier;
use crate::vector::add;

/// What the workers compute parts of. Each has a buffer of its own, so that one barrier a stage is enough.
#[derive(Clone, Copy)]
pub(crate) enum Partial {
    Heads,
    Attention,
    Inner,
    Outer,
    Logits,
}

const PARTIALS: usize = 5;

/// A token of a sequence, and its position there.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) sequence: usize,
    pub(crate) token: u32,
    pub(crate) position: u64,
}

/// The tokens to be fed, in order.
#[derive(Default)]
pub(crate) struct Job {
    pub(crate) rows: Vec<Row>,
    /// Rows of the table of states: of each token equally many, one token's after the other's.
    pub(crate) states: Vec<u32>,
    /// Ids of what is recalled, each with its row of the table of weights, in the same order.
    pub(crate) recalled: Vec<[u32; 2]>,
    /// Logits are wanted after this many of the last rows.
    pub(crate) wanted: usize,
}

/// What the threads of a decoder share.
pub(crate) struct Session<F: Form> {
    pub(crate) network: Arc<Network<F>>,
    pub(crate) distances: Distances<F::Memory>,
    pub(crate) sequences: usize,
    pub(crate) threads: usize,
    pub(crate) job: RwLock<Job>,
    pub(crate) barrier: StepBarrier,
    pub(crate) partials: Vec<[RwLock<Vec<f32>>; PARTIALS]>,
}

impl<F: Form> Session<F> {
    pub(crate) fn new(
        network: Arc<Network<F>>,
        distances: Distances<F::Memory>,
        sequences: usize,
        threads: usize,
    ) -> Self {
        Self {
            network,
            distances,
            sequences,
            threads,
            job: RwLock::default(),
            barrier: StepBarrier::new(threads),
            partials: (0..threads).map(|_| std::array::from_fn(|_| RwLock::default())).collect(),
        }
    }

    /// Puts the rows of all threads together.
    pub(crate) fn gather(&self, partial: Partial, rows: usize, into: &mut Vec<f32>) {
        let parts: Vec<_> = self.partials.iter().map(|partials| read(&partials[partial as usize])).collect();
        into.clear();
        for row in 0..rows {
            for part in &parts {
                let width = part.len() / rows;
                into.extend_from_slice(&part[row * width..][..width]);
            }
        }
    }

    /// The logits of the last step, a row each token.
    pub(crate) fn logits(&self, into: &mut Vec<f32>) {
        let rows = self.partials.iter().map(|partials| read(&partials[Partial::Logits as usize]).len()).sum::<usize>();
        self.gather(Partial::Logits, rows / self.network.shape.vocab_size, into);
        for row in into.chunks_exact_mut(self.network.shape.vocab_size) {
            add(row, &self.network.output_bias);
        }
    }
}

/// Reads what no thread writes meanwhile; a panic of the writer is reported by the barrier.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
