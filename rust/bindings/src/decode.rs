//! What is read of files: songs and logs.

use lakhnes_files::{Played, read};
use lakhnes_stub_docs::documented;
use pyo3::prelude::*;

use crate::errors::{file_error_in, score_error};
use crate::formats::format_named;
use crate::hubs::{Hub, PyRegisterLog, PySong};

#[documented]
#[pyfunction]
#[pyo3(signature = (data, format, name=None, *, score=false))]
pub(crate) fn decode(
    py: Python<'_>,
    data: &[u8],
    format: &str,
    name: Option<String>,
    score: bool,
) -> PyResult<(Hub, String)> {
    let format = format_named(format)?;
    let played = py.detach(|| read(data, format)).map_err(|error| file_error_in(error, name))?;
    let hub = match &played {
        Played::Raw(_) if !score => Hub::Log(PyRegisterLog::of(&played)?),
        Played::Log { .. } => Hub::Log(PyRegisterLog::of(&played)?),
        _ => Hub::Song(PySong(played.song(false).map_err(score_error)?.into_owned())),
    };
    Ok((hub, played.warnings()))
}
