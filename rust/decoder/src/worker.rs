//! One worker's share of a step.
//!
//! A worker has some heads, with the keys and values of all songs, and some outputs of every other matrix. What it has
//! computed it lays open for all; when all have done so, each gathers what the next product needs. What costs little
//! (normalisation, residual path) each does for itself.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use crate::attention::{Attend, Cache, Place, Prefetch, Scratch, no_room};
use crate::element::Form;
use crate::error::DecoderError;
use crate::matrix::{Matrix, PANEL, Rows, multiply_three};
use crate::model::{Distances, Layer, Network, Norm, query_scale};
use crate::simd::Simd;
use crate::team::{Meeting, share};
use crate::vector::{Rectify, Residual, add};

/// What is gathered in turn: each has a buffer of its own, so that one meeting a stage is enough.
#[derive(Clone, Copy)]
enum Stage {
    Heads,
    Attention,
    Inner,
    Outer,
    Logits,
}

const STAGES: usize = 5;

/// What a worker does between two meetings; of a layer, if it has a number.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Heads(usize),
    Attention(usize),
    Inner(usize),
    Outer(usize),
    Logits,
}

impl Part {
    /// The parts of a step in order.
    pub(crate) fn all(n_layer: usize) -> impl Iterator<Item = Self> {
        let layer = |layer| [Self::Heads(layer), Self::Attention(layer), Self::Inner(layer), Self::Outer(layer)];
        (0..n_layer).flat_map(layer).chain([Self::Logits])
    }
}

/// A token of a song, and how many that song has read before.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) song: usize,
    pub(crate) token: u32,
    pub(crate) time: u64,
}

/// What is read: of a song, one token after the other.
#[derive(Default)]
pub(crate) struct Job {
    pub(crate) rows: Vec<Row>,
    /// After how many of the last rows logits are wanted.
    pub(crate) wanted: usize,
}

/// What the threads of a decoder share.
pub(crate) struct Session<F: Form> {
    pub(crate) network: Arc<Network<F>>,
    pub(crate) distances: Distances<F::Memory>,
    pub(crate) songs: usize,
    pub(crate) threads: usize,
    pub(crate) job: RwLock<Job>,
    pub(crate) meeting: Meeting,
    open: Vec<[RwLock<Vec<f32>>; STAGES]>,
}

impl<F: Form> Session<F> {
    pub(crate) fn new(network: Arc<Network<F>>, distances: Distances<F::Memory>, songs: usize, threads: usize) -> Self {
        Self {
            network,
            distances,
            songs,
            threads,
            job: RwLock::default(),
            meeting: Meeting::new(threads),
            open: (0..threads).map(|_| std::array::from_fn(|_| RwLock::default())).collect(),
        }
    }

    /// Puts the rows of all threads together.
    fn gather(&self, stage: Stage, rows: usize, into: &mut Vec<f32>) {
        let parts: Vec<_> = self.open.iter().map(|stages| read(&stages[stage as usize])).collect();
        into.clear();
        for row in 0..rows {
            for part in &parts {
                let width = part.len() / rows;
                into.extend_from_slice(&part[row * width..][..width]);
            }
        }
    }

    /// The logits of the last step, a row a song and time.
    pub(crate) fn logits(&self, into: &mut Vec<f32>) {
        let rows = self.open.iter().map(|stages| read(&stages[Stage::Logits as usize]).len()).sum::<usize>();
        self.gather(Stage::Logits, rows / self.network.shape.vocab_size, into);
        for row in into.chunks_exact_mut(self.network.shape.vocab_size) {
            add(row, &self.network.output_bias);
        }
    }
}

/// A lock that nobody holds for longer than its stage; a thread that panicked is told of elsewhere.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Buffers of a thread; of each, a row a song and time.
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
    /// By layer, then by head of this thread, then by song.
    caches: Vec<Cache<F::Memory>>,
    buffers: Buffers<F>,
    simd: PhantomData<S>,
}

impl<F: Form, S: Simd> Worker<F, S> {
    pub(crate) fn new(session: &Arc<Session<F>>, thread: usize) -> Result<Self, DecoderError> {
        let shape = session.network.shape;
        let heads = share(shape.n_head, thread, session.threads);
        let window = session.distances.window;
        let count = shape.n_layer * heads.len() * session.songs;
        let caches = (0..count).map(|_| Cache::new(window, shape.d_head)).collect::<Option<_>>();
        Ok(Self {
            session: Arc::clone(session),
            thread,
            heads,
            caches: caches.ok_or_else(|| no_room(session.songs, window))?,
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
            simd: PhantomData,
        })
    }

    /// Does this worker's share of a part of a step, for which all have done their shares of the parts before.
    pub(crate) fn work(&mut self, part: Part) {
        let session = Arc::clone(&self.session);
        let network = &session.network;
        let job = read(&session.job);
        let (rows, d_model) = (job.rows.len(), network.shape.d_model);
        match part {
            Part::Heads(index) => {
                match index.checked_sub(1) {
                    None => self.embed(&job.rows),
                    Some(before) => self.end_layer(&network.layers[before], rows),
                }
                self.attend(index, &network.layers[index], &job);
            }
            Part::Attention(index) => {
                session.gather(Stage::Heads, rows, &mut self.buffers.gathered);
                self.multiply(Stage::Attention, &network.layers[index].output, network.shape.heads_width());
            }
            Part::Inner(index) => {
                let layer = &network.layers[index];
                self.residual(Stage::Attention, &layer.attention_norm, rows);
                self.pack_hidden(&layer.feed_forward_norm);
                self.multiply_packed(Stage::Inner, &layer.inner, Some(&layer.inner_bias));
            }
            Part::Outer(index) => {
                session.gather(Stage::Inner, rows, &mut self.buffers.gathered);
                self.multiply(Stage::Outer, &network.layers[index].outer, network.shape.d_inner);
            }
            Part::Logits => {
                self.end_layer(&network.layers[network.shape.n_layer - 1], rows);
                self.buffers.hidden.drain(..(rows - job.wanted) * d_model);
                if let Some(norm) = &network.final_norm {
                    S::vectorize(Residual { numbers: &mut self.buffers.hidden, others: &[], norm: Some(norm) });
                }
                self.buffers.rows.pack::<S>(&self.buffers.hidden, d_model);
                self.multiply_packed(Stage::Logits, &network.output, None);
            }
        }
    }

    /// Gives a song the positions of another that lie in the slots of some times.
    pub(crate) fn copy(&mut self, source: usize, target: usize, times: Range<u64>) {
        let window = self.session.distances.window;
        let first = times.start.max(times.end.saturating_sub(window as u64)); // each slot once
        for caches in self.caches.chunks_exact_mut(self.session.songs) {
            if let Ok([source, target]) = caches.get_disjoint_mut([source, target]) {
                for time in first..times.end {
                    target.copy_slot(source, Place::of(time, window).slot);
                }
            }
        }
    }

    fn embed(&mut self, rows: &[Row]) {
        let network = &self.session.network;
        let width = network.shape.d_model;
        let scale = (width as f32).sqrt();
        self.buffers.hidden.clear();
        for row in rows {
            let row = &network.embedding[row.token as usize * width..][..width];
            self.buffers.hidden.extend(row.iter().map(|number| number * scale));
        }
    }

    /// What the heads of this thread read.
    fn attend(&mut self, index: usize, layer: &Layer<F>, job: &Job) {
        self.pack_hidden(&layer.attention_norm);
        let session = &self.session;
        let Self { heads, caches, buffers, .. } = self;
        let (songs, window, d_head) = (session.songs, session.distances.window, session.network.shape.d_head);
        let rows = job.rows.len();
        let width = heads.len() * d_head;
        // While the memory fills, the largest distances are not in use.
        let most = job.rows.iter().map(|row| Place::of(row.time, window).count).max().unwrap_or(window);
        let first = (window - most) / PANEL;
        let ages = window - first * PANEL;
        let mut out = session.open[self.thread][Stage::Heads as usize].write().unwrap_or_else(PoisonError::into_inner);
        out.resize(rows * width, 0.0);
        for (place, head) in heads.clone().enumerate() {
            buffers.project::<S>(&layer.heads[head], rows, d_head);
            let distances = &session.distances.heads[index][head];
            buffers.by_age.resize(rows * ages, 0.0);
            distances.multiply::<S>(first..distances.panels(), &buffers.positions, &mut buffers.by_age);
            let caches = &mut caches[(index * heads.len() + place) * songs..][..songs];
            for (row, here) in job.rows.iter().enumerate() {
                let next = job.rows[(row + 1) % rows];
                S::vectorize(Prefetch { cache: &caches[next.song], slot: Place::of(next.time, window).slot });
                S::vectorize(Attend {
                    scratch: &mut buffers.scratch,
                    cache: &mut caches[here.song],
                    place: Place::of(here.time, window),
                    query: &buffers.query[row * d_head..][..d_head],
                    by_age: &buffers.by_age[row * ages..][..ages],
                    key: &buffers.key[row * d_head..][..d_head],
                    value: &buffers.value[row * d_head..][..d_head],
                    out: &mut out[row * width + place * d_head..][..d_head],
                });
            }
        }
    }

    /// Takes the hidden states as inputs: normalised first where the model does so.
    fn pack_hidden(&mut self, norm: &Norm) {
        let Buffers { hidden, normed, rows, .. } = &mut self.buffers;
        let width = norm.weight.len();
        if !self.session.network.shape.pre_norm {
            return rows.pack::<S>(hidden, width);
        }
        normed.clone_from(hidden);
        S::vectorize(Residual { numbers: normed, others: &[], norm: Some(norm) });
        rows.pack::<S>(normed, width);
    }

    fn multiply(&mut self, stage: Stage, matrix: &Matrix<F::Weight>, width: usize) {
        self.buffers.rows.pack::<S>(&self.buffers.gathered, width);
        self.multiply_packed(stage, matrix, None);
    }

    /// Computes this thread's outputs of a matrix and lays them open, with a bias added and rectified if one is given.
    fn multiply_packed(&self, stage: Stage, matrix: &Matrix<F::Weight>, rectified: Option<&[f32]>) {
        let panels = share(matrix.panels(), self.thread, self.session.threads);
        let outputs = matrix.outputs(&panels);
        let lock = &self.session.open[self.thread][stage as usize];
        let mut out = lock.write().unwrap_or_else(PoisonError::into_inner);
        out.resize(self.buffers.rows.count() * outputs.len(), 0.0);
        matrix.multiply::<S>(panels, &self.buffers.rows, &mut out);
        let Some(bias) = rectified else { return };
        if outputs.is_empty() {
            return;
        }
        S::vectorize(Rectify { numbers: &mut out, bias: &bias[outputs] });
    }

    /// Adds what was computed to the hidden states, and normalises them where the model does so here.
    fn residual(&mut self, stage: Stage, norm: &Norm, rows: usize) {
        self.session.gather(stage, rows, &mut self.buffers.gathered);
        let Buffers { hidden, gathered, .. } = &mut self.buffers;
        let norm = (!self.session.network.shape.pre_norm).then_some(norm);
        S::vectorize(Residual { numbers: hidden, others: gathered, norm });
    }

    /// Adds what the last products of a layer gave.
    fn end_layer(&mut self, layer: &Layer<F>, rows: usize) {
        for row in self.buffers.hidden.chunks_exact_mut(layer.outer_bias.len()) {
            add(row, &layer.outer_bias);
        }
        self.residual(Stage::Outer, &layer.feed_forward_norm, rows);
    }
}

impl<F: Form> Buffers<F> {
    /// Query of content and of position, key and value of a head.
    fn project<S: Simd>(&mut self, head: &crate::model::Head<F>, rows: usize, d_head: usize) {
        let Self { query, position, key, value, positions, .. } = self;
        for target in [&mut *query, key, value] {
            target.resize(rows * d_head, 0.0);
        }
        multiply_three::<S, _>([&head.query, &head.key, &head.value], &self.rows, [query, key, value]);
        let scale = query_scale(d_head);
        position.clear();
        for row in query.chunks_exact_mut(d_head) {
            for (number, bias) in row.iter_mut().zip(&head.position_bias) {
                *number *= scale;
                position.push(*number + bias);
            }
            add(row, &head.content_bias);
        }
        positions.pack::<S>(position, d_head);
    }
}
