//! The draw of the next token of some songs.

use lakhnes_decoder::{Chances, Choice, Drawer};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::errors::decoder_error;
use crate::options::refused;

/// Tokens and losses.
type Drawn<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f32>>);

#[pyfunction]
#[pyo3(signature = (logits, uniforms, temperatures, allowed=None, *, top_k=None, top_p=1.0, min_p=0.0))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn draw_tokens<'py>(
    py: Python<'py>,
    logits: PyReadonlyArray2<'_, f32>,
    uniforms: PyReadonlyArray1<'_, f32>,
    temperatures: PyReadonlyArray1<'_, f32>,
    allowed: Option<PyReadonlyArray2<'_, bool>>,
    top_k: Option<usize>,
    top_p: f32,
    min_p: f32,
) -> PyResult<Drawn<'py>> {
    let [songs, size] = [logits.shape()[0], logits.shape()[1]];
    let (logits, uniforms, temperatures) = (logits.as_slice()?, uniforms.as_slice()?, temperatures.as_slice()?);
    let allowed = allowed.as_ref().map_or(Ok(&[][..]), PyReadonlyArray2::as_slice)?;
    for (name, found) in [("uniforms", uniforms.len()), ("temperatures", temperatures.len())] {
        if found != songs {
            return Err(refused(name, &format!("{songs} numbers, one a song"), &found.to_string()));
        }
    }
    if ![0, songs * size].contains(&allowed.len()) {
        return Err(refused("allowed", &format!("{songs} rows of {size}"), &format!("{} entries", allowed.len())));
    }
    let choice = Choice { top_k: top_k.unwrap_or(usize::MAX), top_p, min_p };
    let mut drawer = Drawer::default();
    let (mut tokens, mut losses) = (Vec::with_capacity(songs), Vec::with_capacity(songs));
    for song in 0..songs {
        let row = song * size..(song + 1) * size;
        let chances = Chances {
            logits: &logits[row.clone()],
            allowed: allowed.get(row).unwrap_or_default(),
            temperature: temperatures[song],
            uniform: uniforms[song],
        };
        let drawn = drawer.draw(chances, choice).map_err(|error| decoder_error(&error))?;
        tokens.push(drawn.token as i64);
        losses.push(drawn.loss);
    }
    Ok((tokens.into_pyarray(py), losses.into_pyarray(py)))
}
