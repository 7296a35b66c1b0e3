//! The weights of a checkpoint, checked for their sizes as they are taken.

use crate::element::{Element, Float16};
use crate::error::DecoderError;
use crate::lines::NoRoom;
use crate::matrix::Matrix;
use crate::norm::Norm;
use crate::shape::Shape;

/// Weights by their names in the checkpoint, such as `layers.0.attention.qkv_net.weight`.
pub(crate) struct Tensors<'s, 'a> {
    pub(crate) get: &'s dyn Fn(&str) -> Option<&'a [f32]>,
}

impl<'a> Tensors<'_, 'a> {
    pub(crate) fn take(&self, name: &str, expected: usize) -> Result<&'a [f32], DecoderError> {
        let numbers = (self.get)(name).ok_or_else(|| DecoderError::MissingWeight { name: name.to_owned() })?;
        if numbers.len() != expected {
            return Err(DecoderError::WeightSize { name: name.to_owned(), expected, found: numbers.len() });
        }
        Ok(numbers)
    }

    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, DecoderError> {
        Ok(self.take(name, length)?.to_vec())
    }

    pub(crate) fn matrix<E: Element>(
        &self,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Matrix<E>, DecoderError> {
        Matrix::new(self.take(name, outputs * inputs)?, inputs).map_err(no_room)
    }

    /// Whether all matrices that a step reads are 16-bit floats, as in a checkpoint that was stored so.
    pub(crate) fn is_half(&self, shape: &Shape) -> bool {
        let parts = ["attention.qkv_net", "attention.o_net", "inner", "outer"];
        let names = (0..shape.n_layer).flat_map(|layer| parts.map(|part| format!("layers.{layer}.{part}.weight")));
        std::iter::once("embedding.weight".to_owned())
            .chain(names)
            .filter_map(|name| (self.get)(&name))
            .all(|numbers| numbers.iter().all(|&number| Float16::holds(number)))
    }

    pub(crate) fn norm(&self, name: &str, length: usize) -> Result<Norm, DecoderError> {
        let weight = self.vector(&format!("{name}.weight"), length)?;
        Ok(Norm { weight, bias: self.vector(&format!("{name}.bias"), length)? })
    }
}

/// The error of a weight that there is no room for.
pub(crate) fn no_room(_: NoRoom) -> DecoderError {
    DecoderError::OutOfMemory { what: "the weights".to_owned() }
}
