//! MIDI time to ticks of 1/44,100 s, exactly.

use midly::{Fps, Timing};

use super::{MICROSECONDS_PER_BEAT, TICKS_PER_BEAT};
use crate::limits::TICKS_PER_SECOND;

/// The tempo map of a file.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Where each tempo begins, by MIDI tick; not empty, unless MIDI ticks are ticks.
    segments: Vec<Segment>,
    /// The unit of `Segment::elapsed`, as a fraction of a second.
    units_per_second: u128,
    /// Whether MIDI ticks are ticks.
    identity: bool,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    /// MIDI tick of its beginning.
    start: u64,
    /// Time from the beginning of the song, in units.
    elapsed: u128,
    /// Units a MIDI tick.
    pace: u128,
}

impl Clock {
    /// `tempos` are (MIDI tick, microseconds a beat) in any order; of two at one MIDI tick the later in the list stands.
    pub(crate) fn new(timing: Timing, mut tempos: Vec<(u64, u32)>) -> Self {
        // A MIDI tick lasts tempo / (10⁶ · division) seconds, or 1 / (frames · subframes): so with the unit
        // 1 / (10⁶ · division) s, or 1 / (frames · subframes) s, it lasts a whole number of units.
        let (units_per_second, default_pace) = match timing {
            Timing::Metrical(division) => {
                // No file can mean a division of 0; 1 keeps the arithmetic defined.
                (1_000_000 * u128::from(division.as_int().max(1)), u128::from(MICROSECONDS_PER_BEAT))
            }
            Timing::Timecode(frames, subframes) => {
                tempos.clear();
                let subframes = u128::from(subframes.max(1));
                match frames {
                    Fps::Fps24 => (24 * subframes, 1),
                    Fps::Fps25 => (25 * subframes, 1),
                    Fps::Fps29 => (30_000 * subframes, 1_001),
                    Fps::Fps30 => (30 * subframes, 1),
                }
            }
        };
        tempos.sort_by_key(|&(start, _)| start);
        let mut segments = vec![Segment { start: 0, elapsed: 0, pace: default_pace }];
        // A tempo of 0 would let all that follows happen at once: players pass it over.
        for (start, tempo) in tempos.into_iter().filter(|&(_, tempo)| tempo > 0) {
            if let Some(&last) = segments.last() {
                let elapsed = last.elapsed + u128::from(start - last.start) * last.pace;
                segments.push(Segment { start, elapsed, pace: u128::from(tempo) });
            }
        }
        let identity = units_per_second == 1_000_000 * u128::from(TICKS_PER_BEAT)
            && segments.iter().all(|segment| segment.pace == u128::from(MICROSECONDS_PER_BEAT));
        Self { segments, units_per_second, identity }
    }

    /// The clock of files whose MIDI ticks are ticks.
    pub(crate) const fn of_samples() -> Self {
        Self { segments: Vec::new(), units_per_second: 1, identity: true }
    }

    /// The tick nearest to a MIDI tick (halves go up).
    pub(crate) fn tick(&self, midi_tick: u64) -> u64 {
        if self.identity {
            return midi_tick;
        }
        let after = self.segments.partition_point(|segment| segment.start <= midi_tick);
        let Some(segment) = self.segments.get(after.saturating_sub(1)) else {
            return 0;
        };
        let units = segment.elapsed + u128::from(midi_tick - segment.start) * segment.pace;
        let (dividend, divisor) =
            (units * u128::from(TICKS_PER_SECOND) + self.units_per_second / 2, self.units_per_second);
        if let (Ok(dividend), Ok(divisor)) = (u64::try_from(dividend), u64::try_from(divisor)) {
            return dividend / divisor; // nearly always, and several times as fast
        }
        let ticks = dividend / divisor;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midly::num::u15;

    #[test]
    fn a_beat_at_120_lasts_22_050_ticks_at_any_division() {
        for division in [1, 96, 480, 22_050, 32_767] {
            let clock = Clock::new(Timing::Metrical(u15::from(division)), vec![]);
            assert_eq!(clock.tick(u64::from(division) * 7), 7 * 22_050);
        }
    }

    #[test]
    fn each_tempo_counts_from_where_it_stands() {
        let clock = Clock::new(Timing::Metrical(u15::from(480)), vec![(960, 250_000), (0, 1_000_000), (960, 300_000)]);
        assert_eq!([480, 960, 1_440].map(|tick| clock.tick(tick)), [44_100, 88_200, 88_200 + 13_230]);
    }

    #[test]
    fn a_third_of_a_tick_rounds_to_the_nearest_without_drift() {
        // 66,150 MIDI ticks a second: three MIDI ticks are two ticks.
        let clock = Clock::new(Timing::Metrical(u15::from(32_767)), vec![(0, 495_344)]);
        for midi_tick in 0..1_000_000_u64 {
            let exact = midi_tick as f64 * 495_344.0 / 32_767e6 * 44_100.0;
            assert!((clock.tick(midi_tick) as f64 - exact).abs() <= 0.5 + 1e-6);
        }
    }

    #[test]
    fn frames_of_film_and_television_are_read() {
        let tick = |frames, subframes| Clock::new(Timing::Timecode(frames, subframes), vec![(0, 1)]).tick(3_000);
        assert_eq!(tick(Fps::Fps25, 40), 132_300);
        assert_eq!(tick(Fps::Fps29, 100), 44_144); // 1.001 s
        assert_eq!(tick(Fps::Fps30, 0), 4_410_000);
    }

    #[test]
    fn times_beyond_all_music_saturate() {
        let clock = Clock::new(Timing::Metrical(u15::from(0)), vec![(0, 0xFF_FFFF)]);
        assert_eq!(clock.tick(1 << 62), u64::MAX);
    }
}
