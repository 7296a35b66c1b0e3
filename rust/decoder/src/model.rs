//! A model as the decoder keeps it: its matrices in the order in which they are read.

use std::sync::Arc;

use crate::element::{Element, Float32, Float32InHalf, Form, Int8};
use crate::error::DecoderError;
use crate::half::{Bfloat16, Float16};
use crate::matrix::Matrix;
use crate::shape::{Dtype, Shape, in_range};

/// The most positions that a step can see: sums of so many products of 8 bits fit into 32 bits.
pub const MAX_WINDOW: usize = 65_536;

/// The weights of a model, for any number of decoders.
#[derive(Clone)]
pub struct Model {
    pub(crate) weights: Weights,
}

#[derive(Clone)]
pub(crate) enum Weights {
    Float32(Arc<Network<Float32>>),
    Float32InHalf(Arc<Network<Float32InHalf>>),
    Bfloat16(Arc<Network<Bfloat16>>),
    Int8(Arc<Network<Int8>>),
}

/// Scale and offset of a normalisation.
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Query, key and value of one head.
pub(crate) struct Head<F: Form> {
    pub(crate) query: Matrix<F::Weight>,
    pub(crate) key: Matrix<F::Weight>,
    pub(crate) value: Matrix<F::Weight>,
    /// What is added to the query that meets the keys and to the one that meets the distances, scaled like queries.
    pub(crate) content_bias: Vec<f32>,
    pub(crate) position_bias: Vec<f32>,
}

pub(crate) struct Layer<F: Form> {
    pub(crate) heads: Vec<Head<F>>,
    pub(crate) output: Matrix<F::Weight>,
    pub(crate) attention_norm: Norm,
    pub(crate) inner: Matrix<F::Weight>,
    pub(crate) inner_bias: Vec<f32>,
    pub(crate) outer: Matrix<F::Weight>,
    pub(crate) outer_bias: Vec<f32>,
    pub(crate) feed_forward_norm: Norm,
}

pub(crate) struct Network<F: Form> {
    pub(crate) shape: Shape,
    /// Inputs are looked up as they are; only the product of the output takes the other form of the same numbers.
    pub(crate) embedding: Vec<f32>,
    pub(crate) layers: Vec<Layer<F>>,
    pub(crate) final_norm: Option<Norm>,
    pub(crate) output: Matrix<F::Weight>,
    pub(crate) output_bias: Vec<f32>,
}

impl Model {
    /// Takes the weights of a model. Where all are 16-bit floats, as those of a checkpoint that was stored so,
    /// [`Dtype::Float32`] reads half as much, with the same results to the bit.
    ///
    /// `tensor` gives the numbers of a weight, row by row, under the names of the checkpoint, such as
    /// `layers.0.attention.qkv_net.weight`.
    ///
    /// # Errors
    ///
    /// If a number of the shape is out of range, or a weight is missing or has another size.
    pub fn new<'a>(
        shape: Shape,
        dtype: Dtype,
        tensor: impl Fn(&str) -> Option<&'a [f32]>,
    ) -> Result<Self, DecoderError> {
        shape.check()?;
        let source = Source { tensor: &tensor };
        let weights = match dtype {
            Dtype::Float32 if source.is_half(&shape) => Weights::Float32InHalf(Arc::new(Network::new(shape, &source)?)),
            Dtype::Float32 => Weights::Float32(Arc::new(Network::new(shape, &source)?)),
            Dtype::Bfloat16 => Weights::Bfloat16(Arc::new(Network::new(shape, &source)?)),
            Dtype::Int8 => Weights::Int8(Arc::new(Network::new(shape, &source)?)),
        };
        Ok(Self { weights })
    }

    /// The same in 32-bit floats, whatever the weights are.
    #[cfg(test)]
    pub(crate) fn in_full<'a>(shape: Shape, tensor: impl Fn(&str) -> Option<&'a [f32]>) -> Result<Self, DecoderError> {
        let network = Network::new(shape, &Source { tensor: &tensor })?;
        Ok(Self { weights: Weights::Float32(Arc::new(network)) })
    }

    /// The shape of the model.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match &self.weights {
            Weights::Float32(network) => network.shape,
            Weights::Float32InHalf(network) => network.shape,
            Weights::Bfloat16(network) => network.shape,
            Weights::Int8(network) => network.shape,
        }
    }
}

struct Source<'s, 'a> {
    tensor: &'s dyn Fn(&str) -> Option<&'a [f32]>,
}

impl<'a> Source<'_, 'a> {
    fn take(&self, name: &str, expected: usize) -> Result<&'a [f32], DecoderError> {
        let numbers = (self.tensor)(name).ok_or_else(|| DecoderError::Missing { name: name.to_owned() })?;
        if numbers.len() != expected {
            return Err(DecoderError::Size { name: name.to_owned(), expected, found: numbers.len() });
        }
        Ok(numbers)
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, DecoderError> {
        Ok(self.take(name, length)?.to_vec())
    }

    fn matrix<E: Element>(&self, name: &str, outputs: usize, inputs: usize) -> Result<Matrix<E>, DecoderError> {
        Ok(Matrix::new(self.take(name, outputs * inputs)?, inputs))
    }

    /// Whether all matrices could be kept in 16 bits, as they are where a checkpoint was stored so.
    fn is_half(&self, shape: &Shape) -> bool {
        let parts = ["attention.qkv_net", "attention.o_net", "inner", "outer"];
        let names = (0..shape.n_layer).flat_map(|layer| parts.map(|part| format!("layers.{layer}.{part}.weight")));
        std::iter::once("embedding.weight".to_owned())
            .chain(names)
            .filter_map(|name| (self.tensor)(&name))
            .all(|numbers| numbers.iter().all(|&number| Float16::holds(number)))
    }

    fn norm(&self, name: &str, length: usize) -> Result<Norm, DecoderError> {
        let weight = self.vector(&format!("{name}.weight"), length)?;
        Ok(Norm { weight, bias: self.vector(&format!("{name}.bias"), length)? })
    }
}

impl<F: Form> Network<F> {
    fn new(shape: Shape, source: &Source) -> Result<Self, DecoderError> {
        let Shape { vocab_size, n_layer, d_model, pre_norm, .. } = shape;
        let layers = (0..n_layer).map(|index| Layer::new(&shape, source, &format!("layers.{index}")));
        Ok(Self {
            shape,
            embedding: source.vector("embedding.weight", vocab_size * d_model)?,
            layers: layers.collect::<Result<_, _>>()?,
            final_norm: if pre_norm { Some(source.norm("final_norm", d_model)?) } else { None },
            output: source.matrix("embedding.weight", vocab_size, d_model)?,
            output_bias: source.vector("output_bias", vocab_size)?,
        })
    }
}

impl<F: Form> Layer<F> {
    fn new(shape: &Shape, source: &Source, name: &str) -> Result<Self, DecoderError> {
        let &Shape { d_model, d_head, d_inner, n_head, .. } = shape;
        let width = shape.heads_width();
        let all = source.take(&format!("{name}.attention.qkv_net.weight"), 3 * width * d_model)?;
        let content = source.take(&format!("{name}.attention.r_w_bias"), width)?;
        let position = source.take(&format!("{name}.attention.r_r_bias"), width)?;
        let scale = query_scale(d_head);
        let head = |head: usize| {
            let rows = |part: usize| {
                Matrix::new(&all[(part * width + head * d_head) * d_model..][..d_head * d_model], d_model)
            };
            let scaled = |bias: &[f32]| bias[head * d_head..][..d_head].iter().map(|bias| bias * scale).collect();
            Head {
                query: rows(0),
                key: rows(1),
                value: rows(2),
                content_bias: scaled(content),
                position_bias: scaled(position),
            }
        };
        Ok(Self {
            heads: (0..n_head).map(head).collect(),
            output: source.matrix(&format!("{name}.attention.o_net.weight"), d_model, width)?,
            attention_norm: source.norm(&format!("{name}.attention_norm"), d_model)?,
            inner: source.matrix(&format!("{name}.inner.weight"), d_inner, d_model)?,
            inner_bias: source.vector(&format!("{name}.inner.bias"), d_inner)?,
            outer: source.matrix(&format!("{name}.outer.weight"), d_model, d_inner)?,
            outer_bias: source.vector(&format!("{name}.outer.bias"), d_model)?,
            feed_forward_norm: source.norm(&format!("{name}.feed_forward_norm"), d_model)?,
        })
    }
}

/// Queries are scaled instead of scores.
pub(crate) fn query_scale(d_head: usize) -> f32 {
    1.0 / (d_head as f32).sqrt()
}

/// The projected distances of a model, from the largest that a step sees down to 0, a matrix a head of each layer.
pub(crate) struct Distances<E: Element> {
    pub(crate) window: usize,
    pub(crate) heads: Vec<Vec<Matrix<E>>>,
}

impl<E: Element> Distances<E> {
    /// Takes numbers by layer, head, distance and `d_head`.
    pub(crate) fn new(shape: &Shape, numbers: &[f32]) -> Result<Self, DecoderError> {
        let each = shape.n_layer * shape.heads_width();
        let window = numbers.len() / each;
        in_range("distances", window, MAX_WINDOW)?;
        if !numbers.len().is_multiple_of(each) {
            let (name, expected) = ("distances".to_owned(), window * each);
            return Err(DecoderError::Size { name, expected, found: numbers.len() });
        }
        let layers = numbers.chunks_exact(shape.heads_width() * window);
        let heads = |layer: &[f32]| {
            layer.chunks_exact(shape.d_head * window).map(|head| Matrix::new(head, shape.d_head)).collect()
        };
        Ok(Self { window, heads: layers.map(heads).collect() })
    }
}
