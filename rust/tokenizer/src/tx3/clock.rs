//! The frame clock: at which tick each video frame of a song falls.
//!
//! A game's driver writes the registers once a video frame. NES-MDB has the writes to the sample, and so the frames of each
//! song can be found again: their period is one of five, and their phase is where most onsets lie.

use crate::limits::MAX_TICKS;
use crate::song::Song;

/// The frame periods that songs have, in millionths of a tick of 1/44,100 s; the first is understood where none is named.
///
/// A frame of an NTSC console takes 29,780.5 cycles of 1,789,773 Hz, of a PAL console 33,247.5 cycles of 1,662,607 Hz; VGM
/// files also count frames of 735 and 882 samples, and some programs that recorded NES-MDB's songs ran at 60.196 Hz.
pub(super) const PERIODS: [u64; 5] = [733_791_520, 735_000_000, 732_605_000, 881_880_000, 882_000_000];

/// The names of the periods, in ticks.
pub(super) const PERIOD_NAMES: [u16; 5] = [733, 735, 732, 881, 882];

/// The resolution of the phase: eighths of a frame.
const PHASES: i64 = 8;

/// A million ticks' parts and eighths of a frame: the unit in which frames are exact.
const UNIT: i64 = 1_000_000 * PHASES;

/// The shortest note, in ticks, by which the clock is found: three quarters of a frame. Shorter ones are artefacts between
/// two register writes.
const SHORTEST: u64 = 550;

/// When frames fall: frame *n* at tick (*n* + phase/8) × period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Clock {
    /// Index into [`PERIODS`].
    pub period: u8,
    /// In eighths of a frame, −4 to 3.
    pub phase: i8,
}

impl Clock {
    /// The clock whose phase is told as 0 to 7 eighths; 4 to 7 are −4 to −1.
    pub(super) const fn with_phase(self, eighths: u8) -> Self {
        Self { phase: if eighths < 4 { eighths as i8 } else { eighths as i8 - 8 }, ..self }
    }

    /// The phase as 0 to 7 eighths.
    pub(super) const fn eighths(self) -> u8 {
        self.phase.rem_euclid(8) as u8
    }

    /// How long a frame is, in ticks.
    pub(super) fn period_ticks(self) -> f64 {
        self.millionths() as f64 / 1e6
    }

    fn millionths(self) -> i64 {
        PERIODS[usize::from(self.period) % PERIODS.len()] as i64
    }

    /// The tick of a frame. The first frames of a negative phase begin with the song.
    pub(super) fn tick_of(self, frame: u64) -> u64 {
        let frame = frame.min(MAX_TICKS) as i64;
        let place = (PHASES * frame + i64::from(self.phase)) * self.millionths();
        (place + UNIT / 2).max(0).div_euclid(UNIT) as u64
    }

    /// The frame nearest to a tick.
    pub(super) fn frame_of(self, tick: u64) -> u64 {
        let tick = tick.min(2 * MAX_TICKS) as i64;
        let period = self.millionths();
        let place = tick * UNIT - i64::from(self.phase) * period + PHASES * period / 2;
        let frame = place.max(0).div_euclid(PHASES * period) as u64;
        // Frame 0 of a negative phase has moved to tick 0.
        if frame == 1 && 2 * tick < self.tick_of(1) as i64 { 0 } else { frame }
    }

    /// All clocks, the most common first.
    fn all() -> impl Iterator<Item = Self> {
        let periods = (0..PERIODS.len() as u8).map(|period| Self { period, phase: 0 });
        periods.flat_map(|clock| (0..8).map(move |eighths| clock.with_phase(eighths)))
    }

    /// The clock of a song: the one on whose frames all its notes lie, where there is one, else the one that fits best.
    pub(super) fn of(song: &Song) -> Self {
        Self::exact(song).unwrap_or_else(|| Self::estimate(song))
    }

    /// The first clock that has every onset, every end and the length of the song on a frame.
    pub(super) fn exact(song: &Song) -> Option<Self> {
        Self::all().find(|clock| {
            let on_frame = |tick: u64| clock.tick_of(clock.frame_of(tick)) == tick;
            let mut notes = song.tracks().iter().flat_map(|track| &track.notes);
            notes.all(|note| on_frame(note.start.get()) && on_frame(note.end.get())) && on_frame(song.length().get())
        })
    }

    /// The clock in which the onsets of the song agree best on a phase. Another period than the usual one must be clearly
    /// better, that of another country much better.
    fn estimate(song: &Song) -> Self {
        let notes = song.tracks().iter().flat_map(|track| &track.notes);
        let long: Vec<u64> =
            notes.clone().filter(|note| note.length() >= SHORTEST).map(|note| note.start.get()).collect();
        let onsets = if long.len() < 8 { notes.map(|note| note.start.get()).collect() } else { long };
        let mut best = (coherence(&onsets, PERIODS[0]), 0);
        for (index, &period) in PERIODS.iter().enumerate().skip(1) {
            let (strength, phase) = coherence(&onsets, period);
            let ahead = if index < 3 { 0.05 } else { 0.2 };
            if strength > best.0.0 + ahead {
                best = ((strength, phase), index);
            }
        }
        let ((_, phase), period) = best;
        let eighths = (phase * PHASES as f64).round() as i64;
        Self { period: period as u8, phase: 0 }.with_phase(eighths.rem_euclid(PHASES) as u8)
    }
}

/// How far the onsets agree on a phase of a period, 0 to 1, and on which, in frames from −0.5 to 0.5.
pub(super) fn coherence(onsets: &[u64], period: u64) -> (f64, f64) {
    let period = period as f64 / 1e6;
    let (mut x, mut y) = (0.0, 0.0);
    for &onset in onsets {
        let (sine, cosine) = (std::f64::consts::TAU * (onset as f64 / period).fract()).sin_cos();
        x += cosine;
        y += sine;
    }
    (x.hypot(y) / onsets.len().max(1) as f64, y.atan2(x) / std::f64::consts::TAU)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_the_frame_of_its_tick() {
        for clock in Clock::all() {
            for frame in (0..2_000).chain((0..2_000).map(|step| step * 1_201)) {
                assert_eq!(clock.frame_of(clock.tick_of(frame)), frame, "{clock:?}");
            }
        }
    }

    #[test]
    fn a_tick_is_at_most_half_a_frame_from_its_frame() {
        for clock in Clock::all() {
            for tick in (0..10_000).map(|step| step * 37 + 400) {
                let distance = clock.tick_of(clock.frame_of(tick)).abs_diff(tick);
                assert!(distance as f64 <= clock.period_ticks() / 2.0 + 1.0, "{clock:?} {tick}");
            }
        }
    }
}
