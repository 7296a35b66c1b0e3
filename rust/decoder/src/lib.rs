//! Transformer-XL (Dai et al. 2019), one token a step, at the speed of the memory.
//!
//! A step of one song reads every weight once and computes little with it: it can be no faster than the weights come from
//! memory. So they lie in the order in which they are read, in 32, 16 or 8 bits ([`Dtype`]); keys, values and projected
//! distances are kept likewise and never computed again; and all threads read all the time. A batch of songs reads the
//! weights once for all.
//!
//! What comes next is drawn from the logits by a [`Drawer`], whatever computed them.
//!
//! The numbers of a song are the same, to the bit, in any batch and with any number of threads: each sum is taken in one
//! order.
//!
//! ```
//! use lakhnes_decoder::{Decoder, Dtype, Model, Shape};
//!
//! let shape = Shape { vocab_size: 5, n_layer: 1, n_head: 2, d_model: 8, d_head: 4, d_inner: 16, pre_norm: false };
//! let weights = vec![0.1; 512];
//! let model = Model::new(shape, Dtype::Float32, |name| {
//!     Some(match name {
//!         "embedding.weight" => &weights[..5 * 8],
//!         "output_bias" => &weights[..5],
//!         "layers.0.attention.qkv_net.weight" => &weights[..24 * 8],
//!         "layers.0.attention.o_net.weight" => &weights[..8 * 8],
//!         "layers.0.inner.weight" | "layers.0.outer.weight" => &weights[..16 * 8],
//!         "layers.0.inner.bias" => &weights[..16],
//!         _ => &weights[..8],
//!     })
//! })?;
//! let memory = 3;
//! let distances = vec![0.5; 2 * 4 * (memory + 1)];
//! let mut decoder = Decoder::new(&model, &distances, 1, 1)?;
//! let mut logits = Vec::new();
//! decoder.read(&[0], false, &mut logits)?;
//! assert_eq!(logits.len(), 5);
//! # Ok::<(), lakhnes_decoder::DecoderError>(())
//! ```

mod attention;
mod decoder;
mod draw;
mod element;
mod error;
mod half;
mod matrix;
mod model;
#[cfg(test)]
mod reference;
mod shape;
mod simd;
mod team;
mod vector;
mod worker;

pub use decoder::{Decoder, MAX_SONGS, MAX_THREADS};
pub use draw::{Chances, Choice, Drawer, Drawn};
pub use error::DecoderError;
pub use model::{MAX_WINDOW, Model};
pub use shape::{Dtype, MAX_SIDE, Shape};
