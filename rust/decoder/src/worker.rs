//! One worker's share of a step.
//!
//! A worker has some heads, with the keys and values of all sequences, and some outputs of every other matrix. It writes
//! what it computes into a partial result of the session; after a barrier every worker gathers what the next product needs.
//! What costs little (normalisation, residual path) each computes for itself.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use crate::attention::{Attend, Place, Scratch};
use crate::cache::{Caches, Slot};
use crate::error::DecoderError;
use crate::form::Form;
use crate::matrix::{Matrix, PANEL, multiply_three};
use crate::network::{Head, Layer, query_scale};
use crate::norm::{Norm, Residual};
use crate::rows::Rows;
use crate::session::{Job, Partial, Row, Session, read};
use crate::simd::Simd;
use crate::vector::{Rectify, add, add_weighed};

/// What a worker does between two barriers, in a layer if it has a number.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    Heads(usize),
    Attention(usize),
    Inner(usize),
    Outer(usize),
    Logits,
}

impl Stage {
    /// The stages of a step in order.
    pub(crate) fn all(n_layer: usize) -> impl Iterator<Item = Self> {
        let layer = |layer| [Self::Heads(layer), Self::Attention(layer), Self::Inner(layer), Self::Outer(layer)];
        (0..n_layer).flat_map(layer).chain([Self::Logits])
    }
}

/// Buffers of a thread; in each, a row each token.
struct Buffers<F: Form> {
    hidden: Vec<f32>,
    normed: Vec<f32>,
    gathered: Vec<f32>,
    query: Vec<f32>,
    position: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    by_age: Vec<f32>,
    rows: Rows<F::Weight>,
    positions: Rows<F::Memory>,
    scratch: Scratch<F::Memory>,
}

pub(crate) struct Worker<F: Form, S: Simd> {
    session: Arc<Session<F>>,
    thread: usize,
    heads: Range<usize>,
    /// By layer, then by head of this thread, then by sequence.
    caches: Caches<F::Memory>,
    buffers: Buffers<F>,
    simd: S,
}

impl<F: Form, S: Simd> Worker<F, S> {
    pub(crate) fn new(simd: S, session: &Arc<Session<F>>, thread: usize) -> Result<Self, DecoderError> {
        let shape = session.network.shape;
        let heads = share(shape.n_head, thread, session.threads);
        let window = session.distances.window;
        let count = shape.n_layer * heads.len() * session.sequences;
        let caches = Caches::new(count, window, shape.d_head);
        let what = || format!("the keys and values of {} sequences of {window} positions", session.sequences);
        Ok(Self {
            session: Arc::clone(session),
            thread,
            heads,
            caches: caches.map_err(|_| DecoderError::OutOfMemory { what: what() })?,
            buffers: Buffers {
                hidden: Vec::new(),
                normed: Vec::new(),
                gathered: Vec::new(),
                query: Vec::new(),
                position: Vec::new(),
                key: Vec::new(),
                value: Vec::new(),
                by_age: Vec::new(),
                rows: Rows::new(),
                positions: Rows::new(),
                scratch: Scratch::new(),
            },
            simd,
        })
    }

    /// Does this worker's share of a stage, after all have done theirs of the stages before.
    pub(crate) fn work(&mut self, stage: Stage) {
        let session = Arc::clone(&self.session);
        let network = &session.network;
        let job = read(&session.job);
        let (rows, d_model) = (job.rows.len(), network.shape.d_model);
        match stage {
            Stage::Heads(index) => {
                match index.checked_sub(1) {
                    None => self.embed(&job),
                    Some(before) => self.end_layer(&network.layers[before], rows),
                }
                self.attend(index, &network.layers[index], &job);
            }
            Stage::Attention(index) => {
                session.gather(Partial::Heads, rows, &mut self.buffers.gathered);
                self.multiply(Partial::Attention, &network.layers[index].output, network.shape.heads_width());
            }
            Stage::Inner(index) => {
                let layer = &network.layers[index];
                self.residual(Partial::Attention, &layer.attention_norm, rows);
                self.pack_hidden(&layer.feed_forward_norm);
                self.multiply_packed(Partial::Inner, &layer.inner, Some(&layer.inner_bias));
            }
            Stage::Outer(index) => {
                session.gather(Partial::Inner, rows, &mut self.buffers.gathered);
                self.multiply(Partial::Outer, &network.layers[index].outer, network.shape.d_inner);
            }
            Stage::Logits => {
                self.end_layer(&network.layers[network.shape.n_layer - 1], rows);
                self.buffers.hidden.drain(..(rows - job.wanted) * d_model);
                if let Some(norm) = &network.final_norm {
                    self.simd.vectorize(Residual { numbers: &mut self.buffers.hidden, others: &[], norm: Some(norm) });
                }
                self.buffers.rows.pack(self.simd, &self.buffers.hidden, d_model);
                self.multiply_packed(Partial::Logits, &network.output, None);
            }
        }
    }

    /// Copies some positions of a sequence to another.
    pub(crate) fn copy(&mut self, source: usize, target: usize, positions: Range<u64>) {
        let window = self.session.distances.window;
        let first = positions.start.max(positions.end.saturating_sub(window as u64)); // each slot once
        for head in 0..self.session.network.shape.n_layer * self.heads.len() {
            let [source, target] = [source, target].map(|sequence| head * self.session.sequences + sequence);
            for position in first..positions.end {
                self.caches.copy_slot(source, target, Slot::of(position, window).index);
            }
        }
    }

    fn embed(&mut self, job: &Job) {
        let network = &self.session.network;
        let width = network.shape.d_model;
        let scale = (width as f32).sqrt();
        let [states, recalled] = [job.states.len(), job.recalled.len()].map(|all| all / job.rows.len().max(1));
        let hidden = &mut self.buffers.hidden;
        hidden.clear();
        for (index, row) in job.rows.iter().enumerate() {
            hidden.extend_from_slice(&network.embedding[row.token as usize * width..][..width]);
            let embedded = &mut hidden[index * width..];
            for &state in &job.states[index * states..][..states] {
                add(embedded, &network.states[state as usize * width..][..width]);
            }
            for &[token, row] in &job.recalled[index * recalled..][..recalled] {
                let weights = &network.recall[row as usize * width..][..width];
                add_weighed(embedded, &network.embedding[token as usize * width..][..width], weights);
            }
            for number in embedded {
                *number *= scale;
            }
        }
    }

    /// Attention of this thread's heads.
    fn attend(&mut self, index: usize, layer: &Layer<F>, job: &Job) {
        self.pack_hidden(&layer.attention_norm);
        let session = &self.session;
        let Self { heads, caches, buffers, simd, .. } = self;
        let simd = *simd;
        let (sequences, window, d_head) = (session.sequences, session.distances.window, session.network.shape.d_head);
        let rows = job.rows.len();
        let width = heads.len() * d_head;
        // While the memory fills, the largest distances are not in use.
        let most = job.rows.iter().map(|row| Slot::of(row.position, window).used).max().unwrap_or(window);
        let oldest = (window - most) / PANEL;
        let ages = window - oldest * PANEL;
        let mut out =
            session.partials[self.thread][Partial::Heads as usize].write().unwrap_or_else(PoisonError::into_inner);
        out.resize(rows * width, 0.0);
        for (place, head) in heads.clone().enumerate() {
            buffers.project(simd, &layer.heads[head], rows, d_head);
            let distances = &session.distances.heads[index][head];
            buffers.by_age.resize(rows * ages, 0.0);
            distances.multiply(simd, oldest..distances.panels(), &buffers.positions, &mut buffers.by_age);
            let first = (index * heads.len() + place) * sequences;
            let place_of = |row: &Row| Place { cache: first + row.sequence, slot: Slot::of(row.position, window) };
            for (row, here) in job.rows.iter().enumerate() {
                simd.vectorize(Attend {
                    scratch: &mut buffers.scratch,
                    caches,
                    here: place_of(here),
                    next: job.rows.get(row + 1).map(place_of),
                    query: &buffers.query[row * d_head..][..d_head],
                    by_age: &buffers.by_age[row * ages..][..ages],
                    key: &buffers.key[row * d_head..][..d_head],
                    value: &buffers.value[row * d_head..][..d_head],
                    out: &mut out[row * width + place * d_head..][..d_head],
                });
            }
        }
    }

    /// Packs the hidden states as inputs, normalised first in a pre-norm model.
    fn pack_hidden(&mut self, norm: &Norm) {
        let Buffers { hidden, normed, rows, .. } = &mut self.buffers;
        let width = norm.weight.len();
        if !self.session.network.shape.pre_norm {
            return rows.pack(self.simd, hidden, width);
        }
        normed.clone_from(hidden);
        self.simd.vectorize(Residual { numbers: normed, others: &[], norm: Some(norm) });
        rows.pack(self.simd, normed, width);
    }

    fn multiply(&mut self, partial: Partial, matrix: &Matrix<F::Weight>, width: usize) {
        self.buffers.rows.pack(self.simd, &self.buffers.gathered, width);
        self.multiply_packed(partial, matrix, None);
    }

    /// Shares this thread's outputs of a matrix, with a bias added and rectified if one is given.
    fn multiply_packed(&self, partial: Partial, matrix: &Matrix<F::Weight>, rectified: Option<&[f32]>) {
        let panels = share(matrix.panels(), self.thread, self.session.threads);
        let outputs = matrix.outputs(&panels);
        let lock = &self.session.partials[self.thread][partial as usize];
        let mut out = lock.write().unwrap_or_else(PoisonError::into_inner);
        out.resize(self.buffers.rows.count() * outputs.len(), 0.0);
        matrix.multiply(self.simd, panels, &self.buffers.rows, &mut out);
        let Some(bias) = rectified else { return };
        if outputs.is_empty() {
            return;
        }
        self.simd.vectorize(Rectify { numbers: &mut out, bias: &bias[outputs] });
    }

    /// Adds a result to the hidden states, and normalises them in a post-norm model.
    fn residual(&mut self, partial: Partial, norm: &Norm, rows: usize) {
        self.session.gather(partial, rows, &mut self.buffers.gathered);
        let Buffers { hidden, gathered, .. } = &mut self.buffers;
        let norm = (!self.session.network.shape.pre_norm).then_some(norm);
        self.simd.vectorize(Residual { numbers: hidden, others: gathered, norm });
    }

    /// Adds the result of the feed-forward half.
    fn end_layer(&mut self, layer: &Layer<F>, rows: usize) {
        for row in self.buffers.hidden.chunks_exact_mut(layer.outer_bias.len()) {
            add(row, &layer.outer_bias);
        }
        self.residual(Partial::Outer, &layer.feed_forward_norm, rows);
    }
}

impl<F: Form> Buffers<F> {
    /// Query of content and of position, key and value of a head.
    fn project<S: Simd>(&mut self, simd: S, head: &Head<F>, rows: usize, d_head: usize) {
        let Self { query, position, key, value, positions, .. } = self;
        for target in [&mut *query, key, value] {
            target.resize(rows * d_head, 0.0);
        }
        multiply_three(simd, [&head.query, &head.key, &head.value], &self.rows, [query, key, value]);
        let scale = query_scale(d_head);
        position.clear();
        for row in query.chunks_exact_mut(d_head) {
            for (number, bias) in row.iter_mut().zip(&head.position_bias) {
                *number *= scale;
                position.push(*number + bias);
            }
            add(row, &head.content_bias);
        }
        positions.pack(simd, position, d_head);
    }
}

/// The part of some things that falls to a thread: in order, and even to within one.
pub(crate) const fn share(things: usize, thread: usize, threads: usize) -> std::ops::Range<usize> {
    things * thread / threads..things * (thread + 1) / threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_each_other_and_are_even() {
        for (things, threads) in [(8, 2), (7, 3), (1, 4), (0, 2), (96, 5)] {
            let mut next = 0;
            for thread in 0..threads {
                let share = share(things, thread, threads);
                assert_eq!(share.start, next);
                assert!(share.len().abs_diff(things / threads) <= 1);
                next = share.end;
            }
            assert_eq!(next, things);
        }
    }
}
