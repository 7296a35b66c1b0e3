//! The sound chip of the Nintendo Entertainment System: from register writes to samples.
//!
//! ```
//! use lakhnes_apu::{RegisterLog, RenderOptions, Standard, Write, render};
//!
//! let mut log = RegisterLog::new(Standard::Ntsc);
//! for (register, value) in [(0x15, 0x01), (0x00, 0xBF), (0x02, 0xFD), (0x03, 0x00)] {
//!     log.writes.push(Write { tick: 0, register, value }); // A4 on the first pulse
//! }
//! log.length = 44_100;
//! let audio = render(&log, &RenderOptions::default())?;
//! assert_eq!(audio.len(), 44_100);
//! # Ok::<(), lakhnes_apu::ApuError>(())
//! ```
#![forbid(unsafe_code)]

mod apu;
mod band_limited;
mod chip;
mod dmc;
mod envelope;
mod error;
mod filter;
pub mod formats;
mod frame_counter;
mod kernel;
mod length_counter;
mod mixer;
mod noise;
mod pulse;
mod register_log;
mod render;
mod shift_register;
mod sweep;
mod timer;
mod trace;
mod triangle;
mod voices;
mod window;

pub use apu::{Apu, ApuOptions, MAX_FRAME_CYCLES, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE};
pub use error::ApuError;
pub use filter::FilterMode;
pub use mixer::{Channels, MixerMode};
pub use register_log::{
    LoopScale, MAX_CLOCK, MAX_EVENTS, MAX_LENGTH, MIN_CLOCK, MemoryBlock, RegisterLog, Standard, TICK_RATE, Tags, Write,
};
pub use render::{DEFAULT_MAX_TICKS, MAX_PLAYED, RenderOptions, Renderer, render, render_i16, render_stems};
pub use trace::Trace;
pub use voices::VoiceState;
