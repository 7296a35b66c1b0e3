//! The names that Python uses for the options of the chip.

use lakhnes_apu::formats::nsf;
use lakhnes_apu::{Channels, FilterMode, MAX_LENGTH, MixerMode, RenderOptions, Standard, TICK_RATE};
use lakhnes_tokenizer::{Expression, Voice};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How to render, as keyword arguments say.
pub(crate) fn render_options(
    sample_rate: u32,
    mixer: &str,
    filter: &str,
    max_duration: f64,
    loops: u32,
    fade: f64,
) -> PyResult<RenderOptions> {
    if max_duration.is_nan() || max_duration <= 0.0 {
        return Err(refused("max_duration", "a number of seconds above 0", &max_duration.to_string()));
    }
    if loops == 0 {
        return Err(refused("loops", "1 or more", "0"));
    }
    if fade.is_nan() || fade < 0.0 {
        return Err(refused("fade", "a number of seconds, 0 or more", &fade.to_string()));
    }
    Ok(RenderOptions {
        sample_rate,
        mixer: mixer_mode(mixer)?,
        filter: filter_mode(filter)?,
        max_ticks: ticks(max_duration),
        loops,
        fade_ticks: ticks(fade),
        ..RenderOptions::default()
    })
}

/// A number of ticks, saturated to what the chip can take.
pub(crate) fn ticks(seconds: f64) -> u64 {
    ((seconds * TICK_RATE as f64) as u64).min(MAX_LENGTH)
}

pub(crate) fn mixer_mode(name: &str) -> PyResult<MixerMode> {
    match name {
        "nes" => Ok(MixerMode::Nes),
        "linear" => Ok(MixerMode::Linear),
        _ => Err(refused("mixer", "nes or linear", name)),
    }
}

pub(crate) fn filter_mode(name: &str) -> PyResult<FilterMode> {
    match name {
        "nes" => Ok(FilterMode::Nes),
        "famicom" => Ok(FilterMode::Famicom),
        "none" => Ok(FilterMode::None),
        _ => Err(refused("filter", "nes, famicom or none", name)),
    }
}

pub(crate) fn nsf_timing(name: &str) -> PyResult<nsf::Timing> {
    match name {
        "exact" => Ok(nsf::Timing::Exact),
        "frame" => Ok(nsf::Timing::Frame),
        _ => Err(refused("timing", "exact or frame", name)),
    }
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
    match name {
        "plain" => Ok(Expression::Plain),
        "natural" => Ok(Expression::Natural),
        _ => Err(refused("expression", "plain or natural", name)),
    }
}

pub(crate) fn voice_named(name: &str) -> PyResult<Voice> {
    let voice = Voice::ALL.into_iter().find(|voice| voice.name() == name);
    voice.ok_or_else(|| refused("voice", "p1, p2, tr or no", name))
}

pub(crate) fn standard(name: &str) -> PyResult<Standard> {
    match name {
        "ntsc" => Ok(Standard::Ntsc),
        "pal" => Ok(Standard::Pal),
        "dendy" => Ok(Standard::Dendy),
        _ => Err(refused("standard", "ntsc, pal or dendy", name)),
    }
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
