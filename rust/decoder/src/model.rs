//! The weights of a model in the form in which its `Dtype` keeps them.

use std::sync::Arc;

use crate::dtype::Dtype;
use crate::element::{Bfloat16, Float32, Int8};
use crate::error::DecoderError;
use crate::form::Float32InHalf;
use crate::network::Network;
use crate::shape::Shape;
use crate::tensors::Tensors;

/// The weights of a model, shared by any number of [`SequenceState`](crate::SequenceState)s.
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

impl Model {
    /// Packs the weights of a model. Where all are 16-bit floats, as in a checkpoint that was stored so, [`Dtype::Float32`]
    /// reads half as much, with the same results to the bit.
    ///
    /// `tensor` gives the numbers of a weight, row by row, under the names of the checkpoint, such as
    /// `layers.0.attention.qkv_net.weight`.
    ///
    /// # Errors
    ///
    /// If a number of the shape is out of range, a weight is missing or has another size, or there is no room.
    pub fn new<'a>(
        shape: Shape,
        dtype: Dtype,
        tensor: impl Fn(&str) -> Option<&'a [f32]>,
    ) -> Result<Self, DecoderError> {
        shape.check()?;
        let tensors = Tensors { get: &tensor };
        let weights = match dtype {
            Dtype::Float32 if tensors.is_half(&shape) => {
                Weights::Float32InHalf(Arc::new(Network::new(shape, &tensors)?))
            }
            Dtype::Float32 => Weights::Float32(Arc::new(Network::new(shape, &tensors)?)),
            Dtype::Bfloat16 => Weights::Bfloat16(Arc::new(Network::new(shape, &tensors)?)),
            Dtype::Int8 => Weights::Int8(Arc::new(Network::new(shape, &tensors)?)),
        };
        Ok(Self { weights })
    }

    /// The same in 32-bit floats, whatever the weights are.
    #[cfg(test)]
    pub(crate) fn in_full<'a>(shape: Shape, tensor: impl Fn(&str) -> Option<&'a [f32]>) -> Result<Self, DecoderError> {
        let network = Network::new(shape, &Tensors { get: &tensor })?;
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
