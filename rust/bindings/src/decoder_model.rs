//! `DecoderModel`: the weights of a Transformer-XL, packed for incremental decoding.

use std::collections::HashMap;

use lakhnes_decoder::{Dtype, Model, SequenceState, Shape};
use lakhnes_stub_docs::documented;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::errors::decoder_error;
use crate::options::one_of;
use crate::sequence_state::PySequenceState;

/// The weights of a Transformer-XL, packed for incremental decoding.
#[documented]
#[pyclass(name = "DecoderModel", module = "lakhnes._native", frozen)]
pub(crate) struct PyDecoderModel(Model);

#[documented]
#[pymethods]
impl PyDecoderModel {
    #[new]
    #[pyo3(signature = (tensors, *, vocab_size, n_layer, n_head, d_model, d_head, d_inner, pre_norm, clamp_len, state_rows=0, recall_rows=0, dtype))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
    fn new(
        py: Python<'_>,
        tensors: &Bound<'_, PyMapping>,
        vocab_size: usize,
        n_layer: usize,
        n_head: usize,
        d_model: usize,
        d_head: usize,
        d_inner: usize,
        pre_norm: bool,
        clamp_len: usize,
        state_rows: usize,
        recall_rows: usize,
        dtype: &str,
    ) -> PyResult<Self> {
        let shape = Shape {
            vocab_size,
            n_layer,
            n_head,
            d_model,
            d_head,
            d_inner,
            pre_norm,
            clamp_len,
            state_rows,
            recall_rows,
        };
        let known = [("float32", Dtype::Float32), ("bfloat16", Dtype::Bfloat16), ("int8", Dtype::Int8)];
        let dtype = one_of("dtype", &known, dtype)?;
        let tensors: Vec<(String, PyReadonlyArray1<'_, f32>)> = tensors.items()?.extract()?;
        let mut slices = HashMap::new();
        for (name, tensor) in &tensors {
            slices.insert(name.as_str(), tensor.as_slice()?);
        }
        let model = py.detach(|| Model::new(shape, dtype, |name| slices.get(name).copied()));
        Ok(Self(model.map_err(decoder_error)?))
    }

    #[pyo3(signature = (*, window, sequences, threads))]
    fn begin(&self, py: Python<'_>, window: usize, sequences: usize, threads: usize) -> PyResult<PySequenceState> {
        let state = py.detach(|| SequenceState::new(&self.0, window, sequences, threads));
        Ok(PySequenceState(state.map_err(decoder_error)?))
    }
}
