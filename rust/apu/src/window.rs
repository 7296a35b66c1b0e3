//! Means of a level over the time around each sample, for what changes so fast that it need not be followed.

use crate::noise::PARTS;

/// Bits after the point of [`Window::scale`] and of a window's edges.
const SCALE_BITS: u32 = 56;
const EDGE_BITS: u32 = 32;

/// The time around one sample, for which a mean is taken. Sums are exact, so it does not matter in how many parts they
/// are made.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// The number of the sample.
    pub(crate) sample: u64,
    /// Where the window ends, in parts of a cycle with [`EDGE_BITS`] bits after the point.
    edge: u128,
    /// Half the width of a window, likewise.
    half: u128,
    /// The inverse of the width.
    scale: i64,
    /// The sum of level times time so far.
    pub(crate) sum: i64,
}

impl Window {
    pub(crate) fn new(sample_rate: u32, clock_hz: u32) -> Self {
        let (rate, parts) = (u128::from(sample_rate.max(1)), u128::from(clock_hz.max(1)) * u128::from(PARTS));
        let half = (parts << EDGE_BITS) / (2 * rate);
        Self { sample: 0, edge: half, half, scale: ((rate << SCALE_BITS) / parts) as i64, sum: 0 }
    }

    /// The part of a cycle with which the next window begins.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        (self.edge >> EDGE_BITS) as u64
    }

    /// The mean of the window, which begins anew.
    #[inline]
    pub(crate) fn take(&mut self) -> i32 {
        let sum = std::mem::take(&mut self.sum);
        ((i128::from(sum) * i128::from(self.scale)) >> SCALE_BITS) as i32
    }

    /// Goes to the window of the next sample.
    #[inline]
    pub(crate) fn next(&mut self) {
        self.sample += 1;
        self.edge += 2 * self.half;
    }

    /// Goes to the window of a time, which is that of sample `near` or beside it.
    pub(crate) fn seek(&mut self, time: u64, near: u64) {
        self.sample = near.saturating_sub(1);
        self.edge = (2 * u128::from(self.sample) + 1) * self.half;
        while self.end() <= time {
            self.next();
        }
    }
}
