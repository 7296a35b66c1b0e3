//! Incremental decoding of a Transformer-XL (Dai et al. 2019) on the CPU, and sampling.
//!
//! A step of one sequence reads every weight once and computes little with it, so its time is that of reading the weights
//! from memory. They lie in the order in which they are read, in 32, 16 or 8 bits ([`Dtype`]); keys, values and projected
//! distances are cached in the same format; and all threads read all the time. A batch reads the weights once for all its
//! sequences ([`SequenceState`]).
//!
//! The [`Sampler`] takes the next token from any logits.
//!
//! The logits of a sequence are the same, to the bit, in any batch and with any number of threads: each sum is taken in one
//! order.
//!
//! ```
//! use lakhnes_decoder::{Dtype, Model, Sampler, SamplingParams, SequenceState, Shape};
//!
//! let shape = Shape {
//!     vocab_size: 5, n_layer: 1, n_head: 2, d_model: 8, d_head: 4, d_inner: 16, pre_norm: false, clamp_len: 0,
//!     state_rows: 0,
//!     recall_rows: 0,
//! };
//! let weights = vec![0.1; 512];
//! let model = Model::new(shape, Dtype::Float32, |name| {
//!     Some(match name {
//!         "embedding.weight" => &weights[..5 * 8],
//!         "output_bias" => &weights[..5],
//!         "layers.0.attention.qkv_net.weight" => &weights[..24 * 8],
//!         "layers.0.attention.r_net.weight" | "layers.0.attention.o_net.weight" => &weights[..8 * 8],
//!         "layers.0.inner.weight" | "layers.0.outer.weight" => &weights[..16 * 8],
//!         "layers.0.inner.bias" => &weights[..16],
//!         _ => &weights[..8],
//!     })
//! })?;
//! let memory = 3;
//! let mut state = SequenceState::new(&model, memory + 1, 1, 1)?;
//! let mut logits = Vec::new();
//! state.feed(&[0], false, &mut logits)?;
//! assert_eq!(logits.len(), 5);
//! let params = SamplingParams { temperature: 0.95, top_k: 3, ..Default::default() };
//! let sample = Sampler::default().sample(&logits, &[], 0.5, params)?;
//! assert!(sample.token < 5);
//! # Ok::<(), lakhnes_decoder::DecoderError>(())
//! ```

mod attention;
mod bits;
mod cache;
#[cfg(test)]
#[path = "../tests/decoding/mod.rs"]
mod decoding;
mod distances;
mod dtype;
mod element;
mod error;
mod form;
mod in_threads;
mod inputs;
mod lines;
mod lookahead;
mod matrix;
mod model;
mod network;
mod norm;
mod projection;
mod rows;
mod sampler;
mod sequence_state;
mod serial_fallback;
mod session;
mod shape;
mod simd;
mod step_barrier;
mod team;
mod tensors;
mod vector;
mod worker;

pub use distances::MAX_WINDOW;
pub use dtype::Dtype;
pub use error::DecoderError;
pub use in_threads::{ROWS, in_threads};
pub use inputs::Inputs;
pub use model::Model;
pub use sampler::{Sample, Sampler, SamplingParams};
pub use sequence_state::{MAX_SEQUENCES, MAX_THREADS, SequenceState};
pub use shape::{MAX_SIDE, Shape};

/// The instructions that the kernels use on this processor: `avx512`, `avx2` or `portable`.
///
/// They are the best that the processor has, and none better than the one that the variable `LAKHNES_SIMD` of the
/// environment names: so they can be compared.
#[must_use]
pub fn instructions() -> &'static str {
    simd::InstructionSet::detect().name()
}
