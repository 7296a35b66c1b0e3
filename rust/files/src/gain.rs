//! How loud sound is made.
//!
//! Loudness is that of ITU-R BS.1770-4 (crate `ebur128`), of one channel; a peak is that of the samples.

use std::sync::atomic::{AtomicBool, Ordering};

use ebur128::{EbuR128, Mode};
use lakhnes_apu::{Channels, MixerMode, RegisterLog, RenderOptions, Renderer};

use crate::level::{Level, decibels};
use crate::sound::BLOCK;
use crate::{ExportOptions, FileError};

/// Half a step of 16 bits: what stays below is silence.
const INAUDIBLE: f64 = 0.5 / 32_767.0;

/// What was measured of a log.
struct Measured {
    /// The highest sample, 0 to 1.
    peak: f64,
    /// In LUFS, if there is enough that can be heard.
    loudness: Option<f64>,
}

/// The factor that makes a log as loud as the options say; stems of one song get one factor, that of their sum.
///
/// # Errors
/// [`FileError::Loud`] where that would go beyond full scale; [`FileError::Quiet`] for the loudness of silence; those of
/// [`Renderer::new`]; [`FileError::Stopped`].
pub(crate) fn factor_of(
    log: &RegisterLog,
    options: &ExportOptions,
    stems: bool,
    stop: &AtomicBool,
) -> Result<f64, FileError> {
    let gain = options.factor();
    if options.normalize.is_none() && gain <= 1.0 {
        return Ok(gain);
    }
    let render = RenderOptions { channels: Channels::ALL, ..options.render };
    let render = if stems { RenderOptions { mixer: MixerMode::Linear, ..render } } else { render };
    let measured = measure(log, &render, matches!(options.normalize, Some(Level::Loudness(_))), stop)?;
    if measured.peak < INAUDIBLE {
        return Ok(1.0);
    }
    let factor = gain
        * match options.normalize {
            None => 1.0,
            Some(Level::Peak(level)) => decibels(level) / measured.peak,
            Some(level @ Level::Loudness(target)) => {
                decibels(target - measured.loudness.ok_or(FileError::Quiet { level })?)
            }
        };
    // A rounding error is no overload.
    if factor * measured.peak > 1.0 + 1e-6 {
        return Err(FileError::Loud { over: 20.0 * (factor * measured.peak).log10() });
    }
    Ok(factor)
}

fn measure(
    log: &RegisterLog,
    options: &RenderOptions,
    loudness: bool,
    stop: &AtomicBool,
) -> Result<Measured, FileError> {
    let mut renderer = Renderer::new(log, options)?;
    let meter = loudness.then(|| EbuR128::new(1, options.sample_rate, Mode::I));
    let mut meter = meter.transpose().map_err(|error| FileError::Meter(error.to_string()))?;
    let mut block = vec![0.0_f32; BLOCK];
    let mut peak = 0.0_f32;
    while let count @ 1.. = renderer.read(&mut block) {
        if stop.load(Ordering::Relaxed) {
            return Err(FileError::Stopped);
        }
        let samples = block.get(..count).unwrap_or_default();
        peak = samples.iter().fold(peak, |peak, sample| peak.max(sample.abs()));
        if let Some(meter) = &mut meter {
            meter.add_frames_f32(samples).map_err(|error| FileError::Meter(error.to_string()))?;
        }
    }
    let loudness = meter.and_then(|meter| meter.loudness_global().ok()).filter(|loudness| loudness.is_finite());
    Ok(Measured { peak: peak.into(), loudness })
}
