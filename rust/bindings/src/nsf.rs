//! `NsfFile`: the tracks of a file; and albums.

use lakhnes_apu::formats::nsf::{self, AlbumSong, Ending, Nsf, RunOptions, Track};
use lakhnes_apu::{Standard, Tags};
use lakhnes_stub_docs::documented;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::chip_error;
use crate::hubs::PyRegisterLog;
use crate::options::{nsf_timing, refused, seconds, standard, standard_name, ticks};

/// A file that has been read.
#[documented]
#[pyclass(name = "NsfFile", module = "lakhnes", frozen)]
pub(crate) struct PyNsfFile(Nsf);

#[documented]
#[pymethods]
impl PyNsfFile {
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| nsf::read(data)).map(Self).map_err(chip_error)
    }

    fn __len__(&self) -> usize {
        self.0.tracks.len()
    }

    #[getter]
    fn title(&self) -> &str {
        &self.0.tags.title
    }

    #[getter]
    fn artist(&self) -> &str {
        &self.0.tags.artist
    }

    #[getter]
    fn copyright(&self) -> &str {
        &self.0.tags.date
    }

    #[getter]
    fn ripper(&self) -> &str {
        &self.0.tags.creator
    }

    #[getter]
    fn notes(&self) -> &str {
        &self.0.tags.notes
    }

    #[getter]
    fn track_titles(&self) -> Vec<&str> {
        (0..self.0.tracks.len()).map(|track| self.0.title(track)).collect()
    }

    #[getter]
    fn track_artists(&self) -> Vec<&str> {
        self.0.tracks.iter().map(|track| &*track.artist).collect()
    }

    #[getter]
    fn times(&self) -> Vec<Option<f64>> {
        self.seconds(|track| track.time_ms)
    }

    #[getter]
    fn fades(&self) -> Vec<Option<f64>> {
        self.seconds(|track| track.fade_ms)
    }

    #[getter]
    fn playlist(&self) -> Vec<usize> {
        from_one(&self.0.playlist)
    }

    #[getter]
    fn effects(&self) -> Vec<usize> {
        from_one(&self.0.effects)
    }

    #[getter]
    fn first(&self) -> usize {
        self.0.first + 1
    }

    #[getter]
    fn chips(&self) -> Vec<&'static str> {
        self.0.extra_chips()
    }

    #[getter]
    fn standards(&self) -> Vec<&'static str> {
        let region = self.0.region;
        let known = [(region.ntsc, Standard::Ntsc), (region.pal, Standard::Pal), (region.dendy, Standard::Dendy)];
        known.iter().filter(|(known, _)| *known).map(|&(_, name)| standard_name(name)).collect()
    }

    #[getter]
    fn standard(&self) -> &'static str {
        standard_name(self.0.region.preferred)
    }

    /// Calls of PLAY a second.
    #[pyo3(signature = (standard=None))]
    fn call_rate(&self, standard: Option<&str>) -> PyResult<f64> {
        let standard = standard.map(self::standard).transpose()?.unwrap_or(self.0.region.preferred);
        Ok(1e6 / f64::from(self.0.speed(standard)))
    }

    #[pyo3(signature = (
        track=1, *, standard=None, max_duration=300.0, file_times=true, find_loop=true, find_silence=true, gather=0,
        fade=0.0
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
    fn run(
        &self,
        py: Python<'_>,
        track: usize,
        standard: Option<&str>,
        max_duration: f64,
        file_times: bool,
        find_loop: bool,
        find_silence: bool,
        gather: u64,
        fade: f64,
    ) -> PyResult<(PyRegisterLog, &'static str, Vec<String>)> {
        let (max_ticks, fade_ticks) = (seconds("max_duration", max_duration)?, ticks("fade", fade, 0.0)?);
        let standard = standard.map(self::standard).transpose()?;
        let options = RunOptions { standard, max_ticks, file_times, find_loop, find_silence, gather, fade_ticks };
        let played = py.detach(|| self.0.run(track.wrapping_sub(1), &options)).map_err(chip_error)?;
        Ok((played.log.into(), ending_name(played.ending), played.warnings))
    }

    fn __repr__(&self) -> String {
        format!("NsfFile({:?}, {} tracks)", self.0.tags.title, self.0.tracks.len())
    }
}

impl PyNsfFile {
    fn seconds(&self, ms: impl Fn(&Track) -> Option<u32>) -> Vec<Option<f64>> {
        self.0.tracks.iter().map(|track| ms(track).map(|ms| f64::from(ms) / 1e3)).collect()
    }
}

/// Track numbers as players show them.
fn from_one(tracks: &[u8]) -> Vec<usize> {
    tracks.iter().map(|&track| usize::from(track) + 1).collect()
}

const fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Silence => "silence",
        Ending::Loop => "loop",
        Ending::Repetition => "repetition",
        Ending::MaxDuration => "max_duration",
        Ending::Halted => "halted",
    }
}

/// Writes several logs as the tracks of one file.
#[documented]
#[pyfunction]
#[pyo3(signature = (logs, *, format="nsf", names=None, title="", artist="", copyright="", ripper="", timing="exact"))]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
#[expect(clippy::needless_pass_by_value, reason = "as pyo3 extracts them")]
pub(crate) fn write_nsf_album<'py>(
    py: Python<'py>,
    logs: Vec<Py<PyRegisterLog>>,
    format: &str,
    names: Option<Vec<String>>,
    title: &str,
    artist: &str,
    copyright: &str,
    ripper: &str,
    timing: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let names = names.unwrap_or_default();
    if !names.is_empty() && names.len() != logs.len() {
        return Err(refused("names", "a name a log", &format!("{} for {} logs", names.len(), logs.len())));
    }
    let write = match format {
        "nsf" => nsf::write_album,
        "nsfe" => nsf::write_nsfe,
        _ => return Err(refused("format", "nsf or nsfe", format)),
    };
    let [title, artist, date, creator] = [title, artist, copyright, ripper].map(str::to_owned);
    let album = Tags { title, artist, date, creator, ..Tags::default() };
    let timing = nsf_timing(timing)?;
    let bytes = py.detach(|| {
        let name = |index: usize| names.get(index).map_or("", |name| &**name);
        let songs = logs.iter().enumerate().map(|(index, log)| AlbumSong { log: &log.get().log, name: name(index) });
        let songs: Vec<_> = songs.collect();
        write(&songs, timing, &album)
    });
    Ok(PyBytes::new(py, &bytes.map_err(chip_error)?))
}
