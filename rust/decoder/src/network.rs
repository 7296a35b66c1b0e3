//! The layers of a Transformer-XL, their matrices in the order in which they are read.

use crate::error::DecoderError;
use crate::form::Form;
use crate::matrix::Matrix;
use crate::norm::Norm;
use crate::projection::Projection;
use crate::shape::Shape;
use crate::tensors::{Tensors, no_room};

/// Query, key and value of one head.
pub(crate) struct Head<F: Form> {
    pub(crate) query: Matrix<F::Weight>,
    pub(crate) key: Matrix<F::Weight>,
    pub(crate) value: Matrix<F::Weight>,
    /// `r_w_bias` and `r_r_bias` of the paper's code, scaled like queries: added before the product with keys, and with
    /// distances.
    pub(crate) content_bias: Vec<f32>,
    pub(crate) position_bias: Vec<f32>,
}

pub(crate) struct Layer<F: Form> {
    pub(crate) heads: Vec<Head<F>>,
    /// Of the distances, for all heads; not read by a step.
    pub(crate) distance: Projection,
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
    /// Looked up as inputs; `output` holds the same numbers packed for the product.
    pub(crate) embedding: Vec<f32>,
    /// What is added to that: of each state that comes with a token, a row.
    pub(crate) states: Vec<f32>,
    /// The weights of the embeddings of what is recalled.
    pub(crate) recall: Vec<f32>,
    pub(crate) layers: Vec<Layer<F>>,
    pub(crate) final_norm: Option<Norm>,
    pub(crate) output: Matrix<F::Weight>,
    pub(crate) output_bias: Vec<f32>,
}

impl<F: Form> Network<F> {
    pub(crate) fn new(shape: Shape, tensors: &Tensors) -> Result<Self, DecoderError> {
        let Shape { vocab_size, n_layer, d_model, pre_norm, state_rows, recall_rows, .. } = shape;
        let table = |name: &str, rows: usize| {
            if rows > 0 { tensors.vector(name, rows * d_model) } else { Ok(Vec::new()) }
        };
        let layers = (0..n_layer).map(|index| Layer::new(&shape, tensors, &format!("layers.{index}")));
        Ok(Self {
            shape,
            embedding: tensors.vector("embedding.weight", vocab_size * d_model)?,
            states: table("score_state.weight", state_rows)?,
            recall: table("recall.weight", recall_rows)?,
            layers: layers.collect::<Result<_, _>>()?,
            final_norm: if pre_norm { Some(tensors.norm("final_norm", d_model)?) } else { None },
            output: tensors.matrix("embedding.weight", vocab_size, d_model)?,
            output_bias: tensors.vector("output_bias", vocab_size)?,
        })
    }
}

impl<F: Form> Layer<F> {
    fn new(shape: &Shape, tensors: &Tensors, name: &str) -> Result<Self, DecoderError> {
        let &Shape { d_model, d_head, d_inner, n_head, .. } = shape;
        let width = shape.heads_width();
        let all = tensors.take(&format!("{name}.attention.qkv_net.weight"), 3 * width * d_model)?;
        let content = tensors.take(&format!("{name}.attention.r_w_bias"), width)?;
        let position = tensors.take(&format!("{name}.attention.r_r_bias"), width)?;
        let distance = tensors.take(&format!("{name}.attention.r_net.weight"), width * d_model)?;
        let scale = query_scale(d_head);
        let head = |head: usize| {
            let rows = |part: usize| {
                let first = (part * width + head * d_head) * d_model;
                Matrix::new(&all[first..][..d_head * d_model], d_model).map_err(no_room)
            };
            let scaled = |bias: &[f32]| bias[head * d_head..][..d_head].iter().map(|bias| bias * scale).collect();
            Ok(Head {
                query: rows(0)?,
                key: rows(1)?,
                value: rows(2)?,
                content_bias: scaled(content),
                position_bias: scaled(position),
            })
        };
        Ok(Self {
            heads: (0..n_head).map(head).collect::<Result<_, _>>()?,
            distance: Projection::new(distance, d_model).map_err(no_room)?,
            output: tensors.matrix(&format!("{name}.attention.o_net.weight"), d_model, width)?,
            attention_norm: tensors.norm(&format!("{name}.attention_norm"), d_model)?,
            inner: tensors.matrix(&format!("{name}.inner.weight"), d_inner, d_model)?,
            inner_bias: tensors.vector(&format!("{name}.inner.bias"), d_inner)?,
            outer: tensors.matrix(&format!("{name}.outer.weight"), d_model, d_inner)?,
            outer_bias: tensors.vector(&format!("{name}.outer.bias"), d_model)?,
            feed_forward_norm: tensors.norm(&format!("{name}.feed_forward_norm"), d_model)?,
        })
    }
}

/// Queries are scaled instead of scores.
pub(crate) fn query_scale(d_head: usize) -> f32 {
    1.0 / (d_head as f32).sqrt()
}
