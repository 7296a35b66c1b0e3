//! `Apu`: the chip for an emulator or a notebook to drive.

use lakhnes_apu::{Apu, ApuOptions};
use lakhnes_stub_docs::documented;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::errors::chip_error;
use crate::options::{channels_named, filter_mode, mixer_mode, standard, standard_name};

/// The sound chip: registers in, samples and interrupts out.
#[documented]
#[pyclass(name = "Apu", module = "lakhnes")]
pub(crate) struct PyApu {
    apu: Apu,
    options: ApuOptions,
}

#[documented]
#[pymethods]
impl PyApu {
    #[new]
    #[pyo3(signature = (*, standard="ntsc", clock_hz=None, sample_rate=44_100, mixer="nes", filter="nes", channel=None))]
    fn new(
        standard: &str,
        clock_hz: Option<u32>,
        sample_rate: u32,
        mixer: &str,
        filter: &str,
        channel: Option<&str>,
    ) -> PyResult<Self> {
        let standard = self::standard(standard)?;
        let options = ApuOptions {
            standard,
            clock_hz: clock_hz.unwrap_or(standard.clock_hz()),
            sample_rate,
            mixer: mixer_mode(mixer)?,
            filter: filter_mode(filter)?,
            channels: channels_named(channel)?,
        };
        let apu = Apu::new(&options).map_err(chip_error)?;
        Ok(Self { apu, options })
    }

    fn write(&mut self, cycle: u64, address: u16, value: u8) -> PyResult<()> {
        self.apu.write(cycle, address, value).map_err(chip_error)
    }

    fn read_status(&mut self, cycle: u64) -> PyResult<u8> {
        self.apu.read_status(cycle).map_err(chip_error)
    }

    fn irq(&mut self, cycle: u64) -> PyResult<bool> {
        self.apu.irq(cycle).map_err(chip_error)
    }

    fn next_fetch(&mut self, cycle: u64) -> PyResult<Option<u64>> {
        self.apu.next_fetch(cycle).map_err(chip_error)
    }

    fn reset(&mut self, cycle: u64) -> PyResult<()> {
        self.apu.reset(cycle).map_err(chip_error)
    }

    fn set_memory(&mut self, address: u16, data: &[u8]) {
        self.apu.set_memory(address, data);
    }

    fn end_frame(&mut self, py: Python<'_>, cycle: u64) -> PyResult<()> {
        py.detach(|| self.apu.end_frame(cycle)).map_err(chip_error)
    }

    fn samples<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        let mut samples = Vec::new();
        self.apu.samples(&mut samples);
        samples.into_pyarray(py)
    }

    #[getter]
    fn clock_hz(&self) -> u32 {
        self.options.clock_hz
    }

    #[getter]
    fn sample_rate(&self) -> u32 {
        self.options.sample_rate
    }

    fn __repr__(&self) -> String {
        let ApuOptions { standard, clock_hz, sample_rate, .. } = self.options;
        format!("Apu({}, {clock_hz} Hz, {sample_rate} samples a second)", standard_name(standard))
    }
}
