//! Rows and bars: where in a bar each row begins.

use std::fmt;

/// The rows that a bar may have.
pub(super) const METERS: [u8; 12] = [4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32];

/// The resolution of the frames a row: 1/32.
pub(super) const PARTS: u32 = 32;

/// The frames a row, without their fraction.
pub(super) const FRAMES_A_ROW: std::ops::RangeInclusive<u8> = 2..=24;

/// By how many frames the odd rows may be late.
pub(super) const SWINGS: std::ops::RangeInclusive<u8> = 0..=4;

/// How a bar is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tempo {
    /// The frames a row, in parts of [`PARTS`].
    pub row: u32,
    /// By how many frames the odd rows are late: 1 makes rows of 6 frames a groove of 7 and 5.
    pub swing: u8,
    /// The rows of a bar.
    pub rows: u8,
}

impl Default for Tempo {
    fn default() -> Self {
        Self { row: 6 * PARTS, swing: 0, rows: 16 }
    }
}

impl Tempo {
    /// Whether a row is a whole number of frames.
    pub(super) const fn is_whole(self) -> bool {
        self.row.is_multiple_of(PARTS)
    }

    /// How many frames after the beginning of the bar a row begins; row [`Tempo::rows`] is the next bar.
    pub(super) fn row_start(self, row: u8) -> u64 {
        // Late by less than a row, so that the rows stay in order.
        let late = if row % 2 == 1 { u32::from(self.swing).min((self.row / PARTS).saturating_sub(1)) } else { 0 };
        u64::from((u32::from(row) * self.row + PARTS / 2) / PARTS + late)
    }

    /// The frames of a whole bar.
    pub(super) fn length(self) -> u64 {
        self.row_start(self.rows)
    }

    /// The row, and the frame in the row, of a frame of the bar. What lies behind the last row counts from there.
    pub(super) fn place(self, frame: u64) -> (u8, u64) {
        let guess = (frame * u64::from(PARTS) / u64::from(self.row.max(1))).min(u64::from(self.rows) - 1) as u8;
        let mut row = (guess + 1).min(self.rows - 1);
        while row > 0 && self.row_start(row) > frame {
            row -= 1;
        }
        (row, frame - self.row_start(row))
    }
}

impl fmt::Display for Tempo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames a row", f64::from(self.row) / f64::from(PARTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_of_a_bar_has_one_place() {
        for row in 2 * PARTS..=24 * PARTS {
            for swing in [0, 1] {
                let tempo = Tempo { row, swing, rows: 16 };
                for frame in 0..tempo.length() {
                    let (place, rest) = tempo.place(frame);
                    assert_eq!(tempo.row_start(place) + rest, frame);
                    assert!(place + 1 == 16 || frame < tempo.row_start(place + 1), "{tempo:?} {frame}");
                }
            }
        }
    }

    #[test]
    fn a_groove_makes_every_other_row_longer() {
        let tempo = Tempo { swing: 1, ..Tempo::default() };
        assert_eq!([0, 1, 2, 3].map(|row| tempo.row_start(row)), [0, 7, 12, 19]);
    }
}
