//! The mixer: from the five channels' levels to one, by the console's formulas or by their linear approximation.
//!
//! ```text
//! pulse =  95.88 / (8128 / (p1 + p2) + 100)
//! tnd   = 159.79 / (1 / (triangle / 8227 + noise / 12241 + dmc / 22638) + 100)
//! ```
//!
//! Source: nesdev wiki, "APU Mixer". Every level that can occur is computed once from the exact formula and kept as an
//! integer of [`ONE`]ths, so that sums of differences of levels are exact however long the song.

use std::sync::{Arc, LazyLock};

/// Full scale. Every level and every difference of levels is exact as an `f32`.
pub(crate) const ONE: i32 = 1 << 24;

const TND_LEVELS: usize = 128 * 16 * 16;

/// How the channels' levels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MixerMode {
    /// As the console does: the exact, non-linear formulas.
    #[default]
    Nes,
    /// The linear approximation, in which the mix is the sum of the stems.
    Linear,
}

impl MixerMode {
    /// All of them, with their names.
    pub const NAMED: [(&'static str, Self); 2] = [("nes", Self::Nes), ("linear", Self::Linear)];
}

/// Which channels are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channels {
    /// In the order of [`Self::NAMES`].
    heard: [bool; 5],
}

impl Channels {
    /// All five.
    pub const ALL: Self = Self { heard: [true; 5] };
    /// Short names of the channels, in their order: first and second pulse, triangle, noise, delta modulation.
    pub const NAMES: [&'static str; 5] = ["p1", "p2", "tr", "no", "dmc"];

    /// Only the channel of that index, 0 to 4; nothing for any other.
    #[must_use]
    pub fn only(index: usize) -> Self {
        let mut heard = [false; 5];
        if let Some(channel) = heard.get_mut(index) {
            *channel = true;
        }
        Self { heard }
    }

    /// The level that the mixer sees.
    fn hear(self, index: usize, level: usize) -> u32 {
        if self.heard.get(index) == Some(&true) { level as u32 } else { 0 }
    }
}

impl Default for Channels {
    fn default() -> Self {
        Self::ALL
    }
}

fn to_integer(level: f64) -> i32 {
    (level * f64::from(ONE) + 0.5) as i32
}

/// `numerator / (1 / conductance + 100)`, which is 0 at no conductance.
fn network(numerator: f64, conductance: f64) -> i32 {
    if conductance > 0.0 { to_integer(numerator / (1.0 / conductance + 100.0)) } else { 0 }
}

fn pulse_level(mode: MixerMode, p1: u32, p2: u32) -> i32 {
    match mode {
        MixerMode::Nes => network(95.88, f64::from(p1 + p2) / 8128.0),
        MixerMode::Linear => to_integer(0.00752 * f64::from(p1)) + to_integer(0.00752 * f64::from(p2)),
    }
}

fn tnd_level(mode: MixerMode, triangle: u32, noise: u32, dmc: u32) -> i32 {
    let [t, n, d] = [triangle, noise, dmc].map(f64::from);
    match mode {
        MixerMode::Nes => network(159.79, t / 8227.0 + n / 12241.0 + d / 22638.0),
        MixerMode::Linear => to_integer(0.00851 * t) + to_integer(0.00494 * n) + to_integer(0.00335 * d),
    }
}

fn tnd_table(mode: MixerMode, channels: Channels) -> Arc<[i32; TND_LEVELS]> {
    let level = |index: usize| {
        let [t, n, d] = [index & 15, index >> 4 & 15, index >> 8];
        tnd_level(mode, channels.hear(2, t), channels.hear(3, n), channels.hear(4, d))
    };
    Arc::new(std::array::from_fn(level))
}

/// The table that nearly every song is rendered with.
static NES_TND: LazyLock<Arc<[i32; TND_LEVELS]>> = LazyLock::new(|| tnd_table(MixerMode::Nes, Channels::ALL));

/// The levels of both groups, in units of 1 / [`ONE`].
#[derive(Debug, Clone)]
pub(crate) struct Mixer {
    pulses: [i32; 256],
    tnd: Arc<[i32; TND_LEVELS]>,
}

impl Mixer {
    pub(crate) fn new(mode: MixerMode, channels: Channels) -> Self {
        let pulses =
            std::array::from_fn(|index| pulse_level(mode, channels.hear(0, index & 15), channels.hear(1, index >> 4)));
        let usual = mode == MixerMode::Nes && channels == Channels::ALL;
        let tnd = if usual { Arc::clone(&NES_TND) } else { tnd_table(mode, channels) };
        Self { pulses, tnd }
    }

    /// The level of the pulse pair, each 0 to 15.
    #[inline]
    pub(crate) fn pulses(&self, p1: u8, p2: u8) -> i32 {
        self.pulses[usize::from(p1 & 15 | p2 << 4)]
    }

    /// The level of triangle (0 to 15), noise (0 to 15) and sample channel (0 to 127) together.
    #[inline]
    pub(crate) fn tnd(&self, triangle: u8, noise: u8, dmc: u8) -> i32 {
        let index = usize::from(dmc & 127) << 8 | usize::from(noise & 15) << 4 | usize::from(triangle & 15);
        self.tnd[index]
    }

    /// [`Self::tnd`] by the triangle's level.
    pub(crate) fn triangle(&self, noise: u8, dmc: u8) -> [i32; 16] {
        std::array::from_fn(|triangle| self.tnd(triangle as u8, noise, dmc))
    }

    /// The mean of [`Self::tnd`] over a whole period of the triangle.
    pub(crate) fn tnd_mean(&self, noise: u8, dmc: u8) -> i32 {
        let sum: i64 = self.triangle(noise, dmc).into_iter().map(i64::from).sum();
        (sum / 16) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(level: i32, expected: f64) -> bool {
        (f64::from(level) / f64::from(ONE) - expected).abs() < 1e-7
    }

    #[test]
    fn the_formulas_give_the_levels_of_the_wiki() {
        let mixer = Mixer::new(MixerMode::Nes, Channels::ALL);
        assert_eq!(mixer.pulses(0, 0), 0);
        assert!(close(mixer.pulses(15, 15), 95.88 / (8128.0 / 30.0 + 100.0)));
        assert!(close(mixer.pulses(3, 4), f64::from(mixer.pulses(7, 0)) / f64::from(ONE)));
        assert_eq!(mixer.tnd(0, 0, 0), 0);
        assert!(close(mixer.tnd(15, 0, 0), 159.79 / (8227.0 / 15.0 + 100.0)));
        assert!(close(
            mixer.tnd(15, 15, 127),
            159.79 / (1.0 / (15.0 / 8227.0 + 15.0 / 12241.0 + 127.0 / 22638.0) + 100.0)
        ));
    }

    #[test]
    fn all_channels_at_their_highest_reach_full_scale_and_no_more() {
        let mixer = Mixer::new(MixerMode::Nes, Channels::ALL);
        let highest = mixer.pulses(15, 15) + mixer.tnd(15, 15, 127);
        assert!((ONE - highest).abs() < ONE / 1_000);
    }

    #[test]
    fn two_channels_together_are_quieter_than_their_sum_except_when_linear() {
        let nes = Mixer::new(MixerMode::Nes, Channels::ALL);
        assert!(nes.pulses(15, 15) < 2 * nes.pulses(15, 0));
        assert!(nes.tnd(15, 15, 0) < nes.tnd(15, 0, 0) + nes.tnd(0, 15, 0));
        let linear = Mixer::new(MixerMode::Linear, Channels::ALL);
        assert_eq!(linear.pulses(9, 15), linear.pulses(9, 0) + linear.pulses(0, 15));
        assert_eq!(linear.tnd(7, 8, 9), linear.tnd(7, 0, 0) + linear.tnd(0, 8, 0) + linear.tnd(0, 0, 9));
    }

    #[test]
    fn an_unheard_channel_adds_nothing() {
        let mixer = Mixer::new(MixerMode::Linear, Channels::only(3));
        assert_eq!((mixer.pulses(15, 15), mixer.tnd(15, 0, 127)), (0, 0));
        assert!(mixer.tnd(0, 1, 0) > 0);
    }
}
