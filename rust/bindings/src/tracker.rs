//! Songs as text for trackers.

use lakhnes_apu::RegisterLog;
use lakhnes_tokenizer::{TrackerFormat, TrackerMode, TrackerReport, tracker};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::score_error;
use crate::options::refused;

/// Writes a log as text, and tells what is in it.
pub(crate) fn export<'py>(
    py: Python<'py>,
    log: &RegisterLog,
    format: &str,
    mode: &str,
) -> PyResult<(String, Bound<'py, PyDict>)> {
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
    let (text, report) = py.detach(|| tracker::export(log, format, mode)).map_err(score_error)?;
    Ok((text, report_of(py, &report)?))
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
