//! Songs as text for trackers.

use lakhnes_apu::RegisterLog;
use lakhnes_tokenizer::{PerformOptions, Song, TrackerFormat, TrackerMode, TrackerReport, tracker};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::score_error;
use crate::options::refused;

/// A text, and what is in it.
pub(crate) type Written<'py> = (String, Bound<'py, PyDict>);

/// Writes a log as text.
pub(crate) fn export<'py>(py: Python<'py>, log: &RegisterLog, format: &str, mode: &str) -> PyResult<Written<'py>> {
    let (format, mode) = named(format, mode)?;
    let (text, report) = py.detach(|| tracker::export(log, format, mode)).map_err(score_error)?;
    Ok((text, report_of(py, &report)?))
}

/// Writes a song as text.
pub(crate) fn export_song<'py>(py: Python<'py>, song: &Song, format: &str, mode: &str) -> PyResult<Written<'py>> {
    let (format, mode) = named(format, mode)?;
    let written = py.detach(|| tracker::export_song(song, &PerformOptions::default(), format, mode));
    let (text, report) = written.map_err(score_error)?;
    Ok((text, report_of(py, &report)?))
}

fn named(format: &str, mode: &str) -> PyResult<(TrackerFormat, TrackerMode)> {
    let format = match format {
        "ftm" => TrackerFormat::FamiTracker,
        "fms" => TrackerFormat::FamiStudio,
        _ => return Err(refused("format", "ftm or fms", &format!("{format:?}"))),
    };
    let mode = match mode {
        "exact" => TrackerMode::Exact,
        "readable" => TrackerMode::Readable,
        _ => return Err(refused("mode", "exact or readable", &format!("{mode:?}"))),
    };
    Ok((format, mode))
}

fn report_of<'py>(py: Python<'py>, report: &TrackerReport) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let voices = PyDict::new(py);
    for (voice, count) in ["p1", "p2", "tr", "no"].iter().zip(report.differing) {
        voices.set_item(voice, count)?;
    }
    dict.set_item("frames", report.frames)?;
    dict.set_item("frame_clock", (report.clock.first, report.clock.period))?;
    dict.set_item("differing_frames", report.differing_frames)?;
    dict.set_item("differing", voices)?;
    dict.set_item("instruments", report.instruments)?;
    dict.set_item("rows", report.rows)?;
    dict.set_item("bars", report.bars)?;
    dict.set_item("patterns", report.patterns)?;
    dict.set_item("samples_left_out", report.samples_left_out)?;
    Ok(dict)
}
