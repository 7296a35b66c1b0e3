//! `RegisterLog`: timed register writes, and the sound that the chip makes of them.

use lakhnes_apu::formats::disassembly::Field;
use lakhnes_apu::formats::{nsf, simplify, vgm};
use lakhnes_apu::{self as chip, ApuError, RegisterLog, RenderOptions, Renderer, TICK_RATE, Write};
use lakhnes_files::wav;
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::disassembly::Disassembly;
use lakhnes_tokenizer::{transcribe, transcribe_exactly};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyDict, PyString, PyTuple};

use crate::arrays;
use crate::errors::{FormatError, chip_error, score_error};
use crate::formats::played;
use crate::hubs::{PyRegisterLog, PySong};
use crate::options::{
    BLOCKS, INTEGERS, RENDER, STEMS, export_options, nsf_timing, one_of, refused, standard, standard_name,
};
use crate::tracker::export;

/// The longest name in a tuple.
const LONGEST_WORD: usize = 16;

/// Samples that a block of [`PySampleBlocks`] holds; the last holds fewer.
const BLOCK: usize = 1 << 16;

#[documented]
#[pymethods]
impl PyRegisterLog {
    #[new]
    #[pyo3(signature = (writes, length, *, standard="ntsc", clock_hz=None, loop_start=None))]
    fn new(
        writes: PyReadonlyArray2<'_, i64>,
        length: u64,
        standard: &str,
        clock_hz: Option<u32>,
        loop_start: Option<u64>,
    ) -> PyResult<Self> {
        let writes = writes.as_array();
        if writes.ncols() != 3 {
            return Err(refused("writes", "columns tick, register, value", &format!("{} columns", writes.ncols())));
        }
        let writes = writes.rows().into_iter().enumerate().map(|(index, row)| write_of(index, row[0], row[1], row[2]));
        let standard = self::standard(standard)?;
        let log = RegisterLog {
            clock_hz: clock_hz.unwrap_or(standard.clock_hz()),
            writes: writes.collect::<PyResult<_>>()?,
            length,
            loop_start,
            ..RegisterLog::new(standard)
        };
        log.validate().map_err(chip_error)?;
        Ok(log.into())
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8], format: &str) -> PyResult<Self> {
        Self::of(&played(py, data, format)?)
    }

    #[staticmethod]
    fn from_vgm(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let (log, warnings) = py.detach(|| vgm::read_and_warn(data)).map_err(chip_error)?;
        Ok(Self { log, warnings: warnings.to_string(), skipped_commands: warnings.skipped })
    }

    #[pyo3(signature = (*, long_waits=false))]
    fn to_vgm<'py>(&self, py: Python<'py>, long_waits: bool) -> PyResult<Bound<'py, PyBytes>> {
        let write = if long_waits { vgm::write_with_long_waits } else { vgm::write };
        let bytes = py.detach(|| write(&self.log)).map_err(chip_error)?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[pyo3(signature = (*, timing="exact", title=""))]
    fn to_nsf<'py>(&self, py: Python<'py>, timing: &str, title: &str) -> PyResult<Bound<'py, PyBytes>> {
        let timing = nsf_timing(timing)?;
        let bytes = py.detach(|| nsf::write_named(&self.log, timing, title)).map_err(chip_error)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The text of a disassembly.
    fn to_text(&self, py: Python<'_>, format: &str) -> PyResult<String> {
        let disassembly = disassembly_named(format)?;
        py.detach(|| disassembly.write(&self.log)).map_err(chip_error)
    }

    /// The JSON of a disassembly.
    fn to_json(&self, py: Python<'_>, format: &str) -> PyResult<String> {
        let disassembly = disassembly_named(format)?;
        py.detach(|| disassembly.write_json(&self.log)).map_err(chip_error)
    }

    /// The tuples of a disassembly.
    fn to_tuples<'py>(&self, py: Python<'py>, format: &str) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        disassembly_named(format)?.tuples(&self.log).map(|fields| tuple(py, &fields)).collect()
    }

    #[staticmethod]
    fn from_tuples(py: Python<'_>, tuples: &Bound<'_, PyAny>, format: &str) -> PyResult<Self> {
        let disassembly = disassembly_named(format)?;
        let rows = rows_of(tuples)?;
        py.detach(|| disassembly.read_rows(&rows)).map(Self::from).map_err(score_error)
    }

    #[pyo3(signature = (start=0, count=usize::MAX))]
    fn shorten(&self, py: Python<'_>, start: usize, count: usize) -> PyResult<Self> {
        py.detach(|| simplify::shorten(&self.log, start, count)).map(Self::from).map_err(chip_error)
    }

    #[staticmethod]
    fn simplify_vgm<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| simplify::simplify(data)).map_err(chip_error)?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[pyo3(signature = (format, *, mode="readable"))]
    fn to_tracker<'py>(&self, py: Python<'py>, format: &str, mode: &str) -> PyResult<(String, Bound<'py, PyDict>)> {
        export(py, &self.log, format, mode)
    }

    #[pyo3(signature = (*, exact=false))]
    fn transcribe(&self, py: Python<'_>, exact: bool) -> PyResult<PySong> {
        let transcribe = if exact { transcribe_exactly } else { transcribe };
        py.detach(|| transcribe(&self.log)).map(PySong).map_err(score_error)
    }

    #[getter]
    fn writes<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<i64>> {
        let writes = &self.log.writes;
        let column = |write: &Write| [write.tick as i64, i64::from(write.register), i64::from(write.value)];
        Array2::from_shape_fn((writes.len(), 3), |(row, index)| column(&writes[row])[index]).into_pyarray(py)
    }

    #[getter]
    fn length(&self) -> u64 {
        self.log.length
    }

    #[getter]
    fn duration(&self) -> f64 {
        self.log.length as f64 / TICK_RATE as f64
    }

    #[getter]
    fn tags<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.log.tags.known().collect::<Vec<_>>().into_py_dict(py)
    }

    #[getter]
    fn standard(&self) -> &'static str {
        standard_name(self.log.standard)
    }

    #[getter]
    fn clock_hz(&self) -> u32 {
        self.log.clock_hz
    }

    #[getter]
    fn skipped_commands(&self) -> u64 {
        self.skipped_commands
    }

    #[getter]
    fn warnings(&self) -> String {
        self.warnings.clone()
    }

    #[getter]
    fn fade(&self) -> f64 {
        self.log.fade_ticks as f64 / TICK_RATE as f64
    }

    #[getter]
    fn loop_start(&self) -> Option<u64> {
        self.log.loop_start
    }

    #[pyo3(signature = (**options))]
    fn render<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let samples = self.rendered(py, &export_options(options, RENDER)?.render, chip::render)?;
        Ok(samples.into_pyarray(py))
    }

    #[pyo3(signature = (**options))]
    fn render_int16<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyArray1<i16>>> {
        let samples = self.rendered(py, &export_options(options, INTEGERS)?.render, chip::render_i16)?;
        Ok(samples.into_pyarray(py))
    }

    #[pyo3(signature = (**options))]
    fn render_stems<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let stems = self.rendered(py, &export_options(options, STEMS)?.render, chip::render_stems)?;
        PyArray2::from_vec2(py, &stems).map_err(|error| refused("stems", "one length", &error.to_string()))
    }

    #[pyo3(signature = (*, sample_rate=44_100, loops=1))]
    fn loop_samples(&self, sample_rate: u32, loops: u32) -> Option<(u64, u64)> {
        let options = RenderOptions { sample_rate, loops, ..RenderOptions::default() };
        wav::loop_samples(&self.log, &options).map(|samples| (samples.start, samples.end))
    }

    #[pyo3(signature = (**options))]
    fn blocks(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<PySampleBlocks> {
        let options = export_options(options, BLOCKS)?.render;
        Renderer::new(self.log.clone(), &options).map(PySampleBlocks).map_err(chip_error)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((py.get_type::<Self>().getattr("from_vgm")?, (self.to_vgm(py, false)?,)))
    }

    #[pyo3(signature = (**options))]
    fn play<'py>(log: &Bound<'py, Self>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        log.py().import("lakhnes.notebook")?.call_method("play", (log,), options)
    }

    fn _repr_html_<'py>(log: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        log.py().import("lakhnes.notebook")?.call_method1("log_html", (log,))
    }

    fn __repr__(&self) -> String {
        let clock = match self.log.clock_hz {
            usual if usual == self.log.standard.clock_hz() => String::new(),
            other => format!(" at {other} Hz"),
        };
        let seconds = |tick: u64| tick as f64 / TICK_RATE as f64;
        let loops = self.log.loop_start.map(|start| format!(", loops from {:.3} s", seconds(start)));
        let facts = format!("{} writes, {:.3} s, {}", self.log.writes.len(), self.duration(), self.standard());
        format!("RegisterLog({facts}{clock}{})", loops.unwrap_or_default())
    }
}

impl PyRegisterLog {
    /// Renders with the interpreter released.
    fn rendered<T: Send>(
        &self,
        py: Python<'_>,
        options: &RenderOptions,
        render: fn(&RegisterLog, &RenderOptions) -> Result<T, ApuError>,
    ) -> PyResult<T> {
        arrays::ready(py)?;
        py.detach(|| render(&self.log, options)).map_err(chip_error)
    }
}

/// A log as it is played, 16-bit samples a block at a time.
#[documented]
#[pyclass(name = "SampleBlocks", module = "lakhnes")]
pub(crate) struct PySampleBlocks(Renderer<RegisterLog>);

#[documented]
#[pymethods]
impl PySampleBlocks {
    fn __iter__(blocks: PyRef<'_, Self>) -> PyRef<'_, Self> {
        blocks
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyArray1<i16>>> {
        let mut block = vec![0; BLOCK];
        let count = py.detach(|| self.0.read_i16(&mut block));
        block.truncate(count);
        (count > 0).then(|| block.into_pyarray(py))
    }

    #[getter]
    fn remaining(&self) -> u64 {
        self.0.remaining()
    }
}

/// Strings and integers.
fn tuple<'py>(py: Python<'py>, fields: &[Field]) -> PyResult<Bound<'py, PyTuple>> {
    let object = |field: &Field| match field {
        Field::Number(number) => number.into_pyobject(py).map(Bound::into_any).map_err(PyErr::from),
        word => word.to_string().into_pyobject(py).map(Bound::into_any).map_err(PyErr::from),
    };
    PyTuple::new(py, fields.iter().map(object).collect::<PyResult<Vec<_>>>()?)
}

/// Tuples as lines with commas between their fields.
fn rows_of(tuples: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut rows = String::new();
    for (index, tuple) in tuples.try_iter()?.enumerate() {
        for (place, field) in tuple?.try_iter()?.enumerate() {
            if place > 0 {
                rows.push(',');
            }
            let field = field?;
            let word = field
                .cast::<PyString>()
                .map_or_else(|_| field.extract::<i64>().map(|n| n.to_string()), |s| s.extract());
            let word = word.ok().filter(|word| !word.contains([',', '\n', '\r']) && word.len() <= LONGEST_WORD);
            let Some(word) = word else {
                return Err(FormatError::new_err(format!(
                    "tuple {}: expected names and integers, found another",
                    index + 1
                )));
            };
            rows.push_str(&word);
        }
        rows.push('\n');
    }
    Ok(rows)
}

fn write_of(index: usize, tick: i64, register: i64, value: i64) -> PyResult<Write> {
    let fault = |what: &str, expected: &str, found: i64| {
        Err(refused(&format!("write {index}, {what}"), expected, &found.to_string()))
    };
    let Ok(tick) = u64::try_from(tick) else { return fault("tick", "0 or more", tick) };
    let Ok(register) = u8::try_from(register) else { return fault("register", "0 to 23", register) };
    let Ok(value) = u8::try_from(value) else { return fault("value", "0 to 255", value) };
    Ok(Write { tick, register, value })
}

fn disassembly_named(name: &str) -> PyResult<Disassembly> {
    one_of("format", &[("ndr", Disassembly::Ndr), ("ndf", Disassembly::Ndf), ("nlm", Disassembly::Nlm)], name)
}
