//! `DecoderModel`: the weights of a Transformer-XL, packed for reading token by token.

use std::collections::HashMap;

use lakhnes_decoder::{Decoder, Dtype, Model, Shape};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::decoder_state::PyDecoderState;
use crate::errors::decoder_error;
use crate::options::refused;

/// The weights of a Transformer-XL, packed for reading token by token.
#[pyclass(name = "DecoderModel", module = "lakhnes._native", frozen)]
pub(crate) struct PyDecoderModel(Model);

#[pymethods]
impl PyDecoderModel {
    #[new]
    #[pyo3(signature = (tensors, *, vocab_size, n_layer, n_head, d_model, d_head, d_inner, pre_norm, dtype))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
    fn new(
        py: Python<'_>,
        tensors: HashMap<String, PyReadonlyArray1<'_, f32>>,
        vocab_size: usize,
        n_layer: usize,
        n_head: usize,
        d_model: usize,
        d_head: usize,
        d_inner: usize,
        pre_norm: bool,
        dtype: &str,
    ) -> PyResult<Self> {
        let shape = Shape { vocab_size, n_layer, n_head, d_model, d_head, d_inner, pre_norm };
        let dtype = match dtype {
            "float32" => Dtype::Float32,
            "bfloat16" => Dtype::Bfloat16,
            "int8" => Dtype::Int8,
            _ => return Err(refused("dtype", "float32, bfloat16 or int8", dtype)),
        };
        let mut slices = HashMap::new();
        for (name, tensor) in &tensors {
            slices.insert(name.as_str(), tensor.as_slice()?);
        }
        let model = py.detach(|| Model::new(shape, dtype, |name| slices.get(name).copied()));
        Ok(Self(model.map_err(|error| decoder_error(&error))?))
    }

    #[pyo3(signature = (distances, *, songs, threads))]
    fn begin(
        &self,
        py: Python<'_>,
        distances: PyReadonlyArray1<'_, f32>,
        songs: usize,
        threads: usize,
    ) -> PyResult<PyDecoderState> {
        let distances = distances.as_slice()?;
        let decoder = py.detach(|| Decoder::new(&self.0, distances, songs, threads));
        Ok(PyDecoderState(decoder.map_err(|error| decoder_error(&error))?))
    }
}
