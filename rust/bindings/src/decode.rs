//! What is read of files: songs and logs.

use lakhnes_files::{Played, ReadOptions, read_track};
use lakhnes_stub_docs::documented;
use pyo3::prelude::*;

use crate::errors::{file_error_in, score_error};
use crate::formats::format_named;
use crate::hubs::{Hub, PyRegisterLog, PySong};
use crate::options::{seconds, ticks};

#[documented]
#[pyfunction]
#[pyo3(signature = (data, format, name=None, *, score=false, track=None, max_duration=None, fade=0.0))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub(crate) fn decode(
    py: Python<'_>,
    data: &[u8],
    format: &str,
    name: Option<String>,
    score: bool,
    track: Option<usize>,
    max_duration: Option<f64>,
    fade: f64,
) -> PyResult<(Hub, String)> {
    let format = format_named(format)?;
    let max_ticks = max_duration.map(|value| seconds("max_duration", value)).transpose()?;
    let options = ReadOptions { track, max_ticks, fade_ticks: ticks("fade", fade, 0.0)?, notes: score };
    let played = py.detach(|| read_track(data, format, &options)).map_err(|error| file_error_in(error, name))?;
    let hub = match &played {
        Played::Raw(_) if !score => Hub::Log(PyRegisterLog::of(&played)?),
        Played::Log { .. } | Played::Track { .. } => Hub::Log(PyRegisterLog::of(&played)?),
        _ => Hub::Song(PySong(played.song(false).map_err(score_error)?.into_owned())),
    };
    Ok((hub, played.warnings()))
}
