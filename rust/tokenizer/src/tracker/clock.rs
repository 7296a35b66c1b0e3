//! When the frames of a log are: the times at which its music engine runs, once a video frame.
//!
//! Trackers know nothing between two frames. A log becomes frames by a look at each of its voices in the middle between two
//! runs of the engine. Source of the rates: nesdev wiki, "Cycle reference chart" (29,780.5 and 33,247.5 cycles a frame).

use lakhnes_apu::{RegisterLog, Standard};

use crate::tx3::InstrumentedSong;

/// Fractions of a tick in which the times are counted.
const FRACTIONS: u64 = 1 << 16;

/// How well writes keep to a rate (0 to 1) before a rate other than the console's is believed.
const BELIEVED: f64 = 0.3;

/// By which share a frame may be longer or shorter than the console's.
const ALIKE: f64 = 0.01;

/// The frames of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameClock {
    /// When frame 0 is looked at, in 1/65,536 tick.
    pub first: u64,
    /// From one frame to the next, in 1/65,536 tick.
    pub period: u64,
}

impl FrameClock {
    /// Finds the frames of a log from the times of its writes: the rate to which they keep best (that of the console, or
    /// the round 60 or 50 Hz of VGM files), and when in a frame they come.
    #[must_use]
    pub fn of(log: &RegisterLog) -> Self {
        let mut ticks: Vec<u64> = log.writes.iter().map(|write| write.tick).filter(|&tick| tick < log.length).collect();
        ticks.dedup();
        let periods = match log.standard {
            Standard::Pal => [44_100.0 * 33_247.5 / 1_662_607.0, 882.0],
            // Trackers have no third console: what runs at 50 Hz is looked at 60 times a second.
            Standard::Ntsc | Standard::Dendy => [44_100.0 * 29_780.5 / 1_789_773.0, 735.0],
        };
        let [console, round] = periods.map(|period| (period, resultant(&ticks, period)));
        let (period, (strength, phase)) = if round.1.0 > console.1.0 && round.1.0 > BELIEVED { round } else { console };
        let phase = if strength > 0.0 { phase } else { 0.0 };
        let first = (phase + period / 2.0).rem_euclid(period);
        Self { first: (first * FRACTIONS as f64) as u64, period: (period * FRACTIONS as f64).round() as u64 }
    }

    /// The frames of TX3, if they are those of the console that plays them.
    pub(super) fn of_song(song: &InstrumentedSong) -> Option<Self> {
        let console = 44_100.0 * 29_780.5 / 1_789_773.0;
        let first = (song.phase + 0.5) * song.period;
        let is_played = (song.period / console - 1.0).abs() < ALIKE;
        let [first, period] = [first, song.period].map(|ticks| (ticks * FRACTIONS as f64).round() as u64);
        is_played.then_some(Self { first, period })
    }

    /// The tick at which a frame is looked at.
    #[must_use]
    pub const fn tick(&self, frame: u64) -> u64 {
        (self.first + frame * self.period) / FRACTIONS
    }

    /// How many frames there are before a tick; the frame that a tick begins.
    #[must_use]
    pub const fn frames(&self, tick: u64) -> u64 {
        (tick * FRACTIONS).saturating_sub(self.first).div_ceil(self.period)
    }
}

/// How well times keep to a period, 0 to 1, and where in it they lie: the mean of their places on its circle.
fn resultant(ticks: &[u64], period: f64) -> (f64, f64) {
    let (mut x, mut y) = (0.0, 0.0);
    for &tick in ticks {
        let angle = std::f64::consts::TAU * (tick as f64 / period).fract();
        x += angle.cos();
        y += angle.sin();
    }
    let phase = (y.atan2(x) / std::f64::consts::TAU).rem_euclid(1.0) * period;
    (x.hypot(y) / ticks.len().max(1) as f64, phase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakhnes_apu::Write;

    fn clock_of(ticks: impl Iterator<Item = u64>) -> FrameClock {
        let writes: Vec<_> = ticks.map(|tick| Write { tick, register: 0, value: 0 }).collect();
        let length = writes.last().map_or(0, |write| write.tick) + 100;
        FrameClock::of(&RegisterLog { writes, length, ..RegisterLog::default() })
    }

    #[test]
    fn frames_are_looked_at_between_two_runs_of_the_engine() {
        let clock = clock_of((0..500).map(|frame| 200 + frame * 735));
        assert_eq!(clock.period, 735 << 16);
        assert!((565..=570).contains(&clock.tick(0)), "{}", clock.tick(0));
        assert_eq!(clock.frames(clock.tick(7) + 1), 8);
    }

    #[test]
    fn the_rate_of_the_console_is_distinguished_from_round_sixty_hertz() {
        let clock = clock_of((0..2_000).map(|frame: u64| (frame * 29_780_500_000).div_ceil(40_584_422)));
        assert_eq!(clock.period / FRACTIONS, 733);
    }
}
