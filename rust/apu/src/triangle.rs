//! The triangle channel: 32 steps down and up, gated by the linear and the length counter.
//!
//! ```text
//! $4008  CRRR RRRR   length-counter halt / linear-counter control, linear-counter reload value
//! $400A  TTTT TTTT   timer, low bits
//! $400B  LLLL LTTT   length, timer high bits; sets the linear counter's reload flag
//! ```
//!
//! Source: nesdev wiki, "APU Triangle".

use crate::length_counter::LengthCounter;
use crate::timer::Timer;

/// The level at a position of the sequence: 15 down to 0, 0 up to 15.
#[inline]
pub(crate) const fn level_at(position: u8) -> u8 {
    let position = position & 31;
    if position < 16 { 15 - position } else { position - 16 }
}

/// The linear counter: quarter frames to silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct LinearCounter {
    control: bool,
    value: u8,
    reload: bool,
    count: u8,
}

impl LinearCounter {
    fn clock(&mut self) {
        if self.reload {
            self.count = self.value;
        } else {
            self.count = self.count.saturating_sub(1);
        }
        self.reload &= self.control;
    }
}

/// The triangle channel. It holds its level where it stops.
#[derive(Debug, Clone)]
pub(crate) struct Triangle {
    pub(crate) length: LengthCounter,
    linear: LinearCounter,
    period: u16,
    timer: Timer,
    /// Position in the sequence, 0 to 31.
    pub(crate) position: u8,
}

impl Triangle {
    pub(crate) fn new() -> Self {
        Self {
            length: LengthCounter::default(),
            linear: LinearCounter::default(),
            period: 0,
            timer: Timer::new(0, 1),
            position: 0,
        }
    }

    /// A write to the channel's register 0 to 3 on `cycle`.
    pub(crate) fn write(&mut self, cycle: u64, register: u8, value: u8) {
        match register {
            0 => {
                self.linear.control = value & 0x80 != 0;
                self.length.halt(self.linear.control);
                self.linear.value = value & 0x7F;
            }
            1 => {}
            2 => self.set_period(self.period & 0x700 | u16::from(value)),
            _ => {
                self.set_period(self.period & 0x0FF | u16::from(value & 7) << 8);
                self.length.load(cycle, value);
                self.linear.reload = true;
            }
        }
    }

    fn set_period(&mut self, period: u16) {
        self.period = period;
        self.timer.period = u64::from(period) + 1;
    }

    /// The 11 bits of the timer's period.
    pub(crate) const fn period(&self) -> u16 {
        self.period
    }

    /// The quarter-frame clock.
    pub(crate) fn clock_quarter(&mut self) {
        self.linear.clock();
    }

    /// Whether the sequence moves.
    pub(crate) const fn moves(&self) -> bool {
        self.linear.count > 0 && self.length.active()
    }

    /// The timer that moves it.
    pub(crate) const fn timer(&self) -> Timer {
        self.timer
    }

    /// Runs the timer to cycle `to`.
    pub(crate) fn advance(&mut self, to: u64) {
        let moves = self.moves();
        let clocks = self.timer.advance(to);
        if moves {
            self.position = ((u64::from(self.position) + clocks) & 31) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle(reload: u8) -> Triangle {
        let mut triangle = Triangle::new();
        triangle.length.enable(true);
        for (register, value) in [(0, reload), (2, 9), (3, 0x08)] {
            triangle.write(0, register, value);
        }
        triangle
    }

    #[test]
    fn the_sequence_falls_and_rises_with_both_ends_twice() {
        let levels: Vec<u8> = (0..34).map(level_at).collect();
        assert_eq!(levels[..4], [15, 14, 13, 12]);
        assert_eq!(levels[14..18], [1, 0, 0, 1]);
        assert_eq!(levels[30..], [14, 15, 15, 14]);
    }

    #[test]
    fn the_linear_counter_stops_the_sequence_after_its_quarter_frames() {
        let mut triangle = triangle(3);
        assert!(!triangle.moves(), "not before the first quarter frame");
        let quarters = (0..10).take_while(|_| {
            triangle.clock_quarter();
            triangle.moves()
        });
        assert_eq!(quarters.count(), 3);
    }

    #[test]
    fn the_control_flag_reloads_the_linear_counter_for_ever() {
        let mut triangle = triangle(0x83);
        for _ in 0..100 {
            triangle.clock_quarter();
            assert!(triangle.moves());
        }
    }

    #[test]
    fn a_stopped_triangle_holds_its_position() {
        let mut triangle = triangle(1);
        triangle.clock_quarter();
        triangle.advance(35);
        assert_eq!(triangle.position, 4);
        triangle.clock_quarter();
        triangle.advance(1_000);
        assert_eq!(triangle.position, 4);
    }
}
