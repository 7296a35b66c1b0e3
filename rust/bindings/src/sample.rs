//! Sampling of the next token of some sequences.

use lakhnes_decoder::{ROWS, Sampler, SamplingParams, in_threads};
use lakhnes_stub_docs::documented;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::errors::decoder_error;
use crate::options::refused;

/// Tokens and losses.
type Samples<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f32>>);

#[documented]
#[pyfunction]
#[pyo3(signature = (logits, uniforms, temperatures, allowed=None, *, top_k=None, top_p=1.0, min_p=0.0, typical_p=1.0, threads=1))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn sample_tokens<'py>(
    py: Python<'py>,
    logits: PyReadonlyArray2<'_, f32>,
    uniforms: PyReadonlyArray1<'_, f32>,
    temperatures: PyReadonlyArray1<'_, f32>,
    allowed: Option<PyReadonlyArray2<'_, bool>>,
    top_k: Option<usize>,
    top_p: f32,
    min_p: f32,
    typical_p: f32,
    threads: usize,
) -> PyResult<Samples<'py>> {
    let [count, size] = [logits.shape()[0], logits.shape()[1]];
    let (logits, uniforms, temperatures) = (logits.as_slice()?, uniforms.as_slice()?, temperatures.as_slice()?);
    let allowed = allowed.as_ref().map_or(Ok(&[][..]), PyReadonlyArray2::as_slice)?;
    for (name, found) in [("uniforms", uniforms.len()), ("temperatures", temperatures.len())] {
        if found != count {
            return Err(refused(name, &format!("{count} numbers, one a sequence"), &found.to_string()));
        }
    }
    if ![0, count * size].contains(&allowed.len()) {
        return Err(refused("allowed", &format!("{count} rows of {size}"), &format!("{} entries", allowed.len())));
    }
    let (mut tokens, mut losses) = (vec![0_i64; count], vec![0.0_f32; count]);
    let draw = |(part, (tokens, losses)): (usize, (&mut [i64], &mut [f32]))| {
        let mut sampler = Sampler::default();
        for (place, (token, loss)) in tokens.iter_mut().zip(losses).enumerate() {
            let index = part * ROWS + place;
            let row = index * size..(index + 1) * size;
            let temperature = temperatures[index];
            let params = SamplingParams { temperature, top_k: top_k.unwrap_or(usize::MAX), top_p, min_p, typical_p };
            let allowed = allowed.get(row.clone()).unwrap_or_default();
            let sample = sampler.sample(&logits[row], allowed, uniforms[index], params)?;
            (*token, *loss) = (sample.token as i64, sample.loss);
        }
        Ok(())
    };
    let parts = tokens.chunks_mut(ROWS).zip(losses.chunks_mut(ROWS)).enumerate();
    py.detach(|| in_threads(parts, threads, draw)).map_err(decoder_error)?;
    Ok((tokens.into_pyarray(py), losses.into_pyarray(py)))
}
