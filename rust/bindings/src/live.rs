//! `LivePlayer`: the chip for events as they come.

use lakhnes_apu::ApuOptions;
use lakhnes_stub_docs::documented;
use lakhnes_tokenizer::{Dialect, Event, LivePlayer};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::errors::{chip_error, score_error};
use crate::options::{expression_named, filter_mode, mixer_mode};

/// Plays the events of a song as they come.
#[documented]
#[pyclass(name = "LivePlayer", module = "lakhnes")]
pub(crate) struct PyLivePlayer {
    player: LivePlayer,
    sample_rate: u32,
}

#[documented]
#[pymethods]
impl PyLivePlayer {
    #[new]
    #[pyo3(signature = (*, sample_rate=44_100, mixer="nes", filter="nes", expression="natural"))]
    fn new(sample_rate: u32, mixer: &str, filter: &str, expression: &str) -> PyResult<Self> {
        let (mixer, filter) = (mixer_mode(mixer)?, filter_mode(filter)?);
        let options = ApuOptions { sample_rate, mixer, filter, ..ApuOptions::default() };
        let player = LivePlayer::new(&options, expression_named(expression)?).map_err(chip_error)?;
        Ok(Self { player, sample_rate })
    }

    fn push<'py>(&mut self, py: Python<'py>, event: &str) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let event = Event::parse(event, Dialect::Tx2, 1).map_err(score_error)?;
        let mut samples = Vec::new();
        py.detach(|| self.player.push(event, &mut samples)).map_err(chip_error)?;
        Ok(samples.into_pyarray(py))
    }

    fn release(&mut self) {
        self.player.release();
    }

    #[getter]
    fn tick(&self) -> u64 {
        self.player.tick()
    }

    #[getter]
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn __repr__(&self) -> String {
        format!("LivePlayer(tick {}, {} samples a second)", self.player.tick(), self.sample_rate)
    }
}
