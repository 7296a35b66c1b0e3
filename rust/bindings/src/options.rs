//! The names that Python uses for options, and the keyword arguments that they are given as.

use std::collections::HashMap;

use lakhnes_apu::formats::nsf;
use lakhnes_apu::{Channels, FilterMode, MAX_LENGTH, MixerMode, Standard, TICK_RATE};
use lakhnes_files::{ExportOptions, FileTags, Level, MidiForm};
use lakhnes_tokenizer::arrange::PartName;
use lakhnes_tokenizer::{Expression, Voice};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::score_error;

/// The options of floats, of integers, of blocks and of stems; see `lakhnes.render`.
pub(crate) const RENDER: &[&str] = &["sample_rate", "mixer", "filter", "max_duration", "loops", "fade"];
pub(crate) const INTEGERS: &[&str] = &["sample_rate", "mixer", "filter", "max_duration", "loops", "fade", "dither"];
pub(crate) const BLOCKS: &[&str] =
    &["sample_rate", "mixer", "filter", "max_duration", "loops", "fade", "dither", "channel"];
pub(crate) const STEMS: &[&str] = &["sample_rate", "filter", "max_duration", "loops", "fade"];

/// The options of files; see `lakhnes.write`.
#[rustfmt::skip]
pub(crate) const EXPORT: &[&str] = &[
    "sample_rate", "mixer", "filter", "max_duration", "loops", "fade", "dither",
    "downsample", "expression", "score_rate", "exact", "long_waits", "title",
    "tags", "midi", "loop_start", "gain", "normalize",
];

/// How to export, as keyword arguments say, of which some are taken.
pub(crate) fn export_options(arguments: Option<&Bound<'_, PyDict>>, taken: &[&str]) -> PyResult<ExportOptions> {
    let mut options = ExportOptions::default();
    let (perform, render) = (&mut options.perform, &mut options.render);
    for (name, value) in arguments.into_iter().flatten() {
        let name: String = name.extract()?;
        if !taken.contains(&name.as_str()) {
            return Err(PyTypeError::new_err(format!("{name}: expected one of {}", taken.join(" "))));
        }
        match name.as_str() {
            "sample_rate" => render.sample_rate = value.extract()?,
            "mixer" => render.mixer = mixer_mode(value.extract()?)?,
            "filter" => render.filter = filter_mode(value.extract()?)?,
            "max_duration" => render.max_ticks = seconds("max_duration", value.extract()?)?,
            "loops" => render.loops = value.extract()?,
            "fade" => render.fade_ticks = ticks("fade", value.extract()?, 0.0)?,
            "dither" => render.dither = value.extract()?,
            "channel" => render.channels = channels_named(value.extract()?)?,
            "downsample" => perform.downsample = value.extract()?,
            "expression" => perform.expression = expression_named(value.extract()?)?,
            "score_rate" => options.score_rate = value.extract()?,
            "exact" => options.exact = value.extract()?,
            "long_waits" => options.long_waits = value.extract()?,
            "tags" => options.tags = tags_of(&value.extract()?)?,
            "midi" => options.midi = midi_form(value.extract()?)?,
            "loop_start" => options.loop_start = value.extract()?,
            "gain" => options.gain = finite("gain", value.extract()?)?,
            "normalize" => options.normalize = level_of(value.extract()?)?,
            _ => options.title = value.extract()?,
        }
    }
    if options.render.loops == 0 {
        return Err(refused("loops", "1 or more", "0"));
    }
    Ok(options)
}

/// The longest that something may last, in ticks.
pub(crate) fn seconds(option: &str, value: f64) -> PyResult<u64> {
    ticks(option, value, f64::MIN_POSITIVE)
}

/// A number of seconds in ticks, saturated to what the chip can take.
pub(crate) fn ticks(option: &str, seconds: f64, least: f64) -> PyResult<u64> {
    if seconds.is_nan() || seconds < least {
        let expected = if least > 0.0 { "a number of seconds above 0" } else { "a number of seconds, 0 or more" };
        return Err(refused(option, expected, &seconds.to_string()));
    }
    Ok(((seconds * TICK_RATE as f64) as u64).min(MAX_LENGTH))
}

/// The value of an option, of those that have names in Python.
pub(crate) fn one_of<T: Copy>(option: &str, known: &[(&str, T)], name: &str) -> PyResult<T> {
    let found = known.iter().find(|(known, _)| *known == name);
    found.map(|&(_, value)| value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|&(name, _)| name).collect();
        let (last, others) = names.split_last().unwrap_or((&"", &[]));
        refused(option, &format!("{} or {last}", others.join(", ")), name)
    })
}

/// ``nesmdb`` or ``gm``.
pub(crate) fn midi_form(name: &str) -> PyResult<MidiForm> {
    one_of("midi", &[("nesmdb", MidiForm::NesMdb), ("gm", MidiForm::General)], name)
}

/// Tags by name.
fn tags_of(given: &HashMap<String, String>) -> PyResult<FileTags> {
    let mut tags = FileTags::default();
    for (name, text) in given {
        match name.as_str() {
            "title" => tags.title.clone_from(text),
            "artist" => tags.artist.clone_from(text),
            "copyright" => tags.copyright.clone_from(text),
            _ => return Err(refused("tags", "title, artist and copyright", name)),
        }
    }
    Ok(tags)
}

/// A number and its unit, dBFS or LUFS.
fn level_of(given: Option<(f64, String)>) -> PyResult<Option<Level>> {
    let Some((number, unit)) = given else { return Ok(None) };
    let number = finite("normalize", number)?;
    match unit.as_str() {
        "dBFS" => Ok(Some(Level::Peak(number))),
        "LUFS" => Ok(Some(Level::Loudness(number))),
        _ => Err(refused("normalize", "a number and dBFS or LUFS", &unit)),
    }
}

fn finite(option: &str, number: f64) -> PyResult<f64> {
    if number.is_finite() { Ok(number) } else { Err(refused(option, "a finite number", &number.to_string())) }
}

pub(crate) fn mixer_mode(name: &str) -> PyResult<MixerMode> {
    one_of("mixer", &MixerMode::NAMED, name)
}

pub(crate) fn filter_mode(name: &str) -> PyResult<FilterMode> {
    one_of("filter", &FilterMode::NAMED, name)
}

pub(crate) fn nsf_timing(name: &str) -> PyResult<nsf::Timing> {
    one_of("timing", &[("exact", nsf::Timing::Exact), ("frame", nsf::Timing::Frame)], name)
}

/// The one channel of that name; all without one.
pub(crate) fn channels_named(name: Option<&str>) -> PyResult<Channels> {
    let Some(name) = name else { return Ok(Channels::ALL) };
    match Channels::NAMES.iter().position(|&known| known == name) {
        Some(index) => Ok(Channels::only(index)),
        None => Err(refused("channel", &Channels::NAMES.join(", "), name)),
    }
}

pub(crate) fn expression_named(name: &str) -> PyResult<Expression> {
    one_of("expression", &[("plain", Expression::Plain), ("natural", Expression::Natural)], name)
}

/// The parts of a MIDI file that are chosen for voices.
pub(crate) fn parts_of(given: Option<HashMap<String, String>>) -> PyResult<Vec<(Voice, PartName)>> {
    let mut parts = Vec::new();
    for (voice, part) in given.into_iter().flatten() {
        parts.push((voice_named(&voice)?, part.parse().map_err(score_error)?));
    }
    parts.sort_by_key(|&(voice, _)| voice);
    Ok(parts)
}

pub(crate) fn voice_named(name: &str) -> PyResult<Voice> {
    one_of("voice", &Voice::ALL.map(|voice| (voice.name(), voice)), name)
}

pub(crate) fn standard(name: &str) -> PyResult<Standard> {
    let known = [Standard::Ntsc, Standard::Pal, Standard::Dendy].map(|standard| (standard_name(standard), standard));
    one_of("standard", &known, name)
}

pub(crate) const fn standard_name(standard: Standard) -> &'static str {
    match standard {
        Standard::Ntsc => "ntsc",
        Standard::Pal => "pal",
        Standard::Dendy => "dendy",
    }
}

/// The exception for an option outside its range.
pub(crate) fn refused(option: &str, expected: &str, found: &str) -> PyErr {
    PyValueError::new_err(format!("{option}: expected {expected}, found {found}"))
}
