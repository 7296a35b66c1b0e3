//! The chip behind a [`LivePerformer`]: events in, samples out.

use lakhnes_apu::{Apu, ApuError, ApuOptions, TICK_RATE, Write};

use super::LivePerformer;
use crate::event::Event;
use crate::expression::Expression;

/// The longest wait that is played at once, in ticks: one minute.
pub const MAX_WAIT: u32 = 60 * TICK_RATE as u32;

/// Cycles between two writes of one tick, as when a whole log is rendered.
const WRITE_CYCLES: u64 = 4;

/// The longest stretch that the chip runs at once, in ticks: its buffers stay small.
const STRETCH: u64 = TICK_RATE / 4;

/// Plays events as they come.
///
/// ```
/// use lakhnes_apu::ApuOptions;
/// use lakhnes_tokenizer::{Event, Expression, LivePlayer, Pitch, Voice};
///
/// let mut player = LivePlayer::new(&ApuOptions::default(), Expression::Natural)?;
/// let mut samples = Vec::new();
/// player.push(Event::NoteOn(Voice::P1, Pitch::saturating(69)), &mut samples)?;
/// assert!(samples.is_empty());
/// player.push(Event::Wait(4_410), &mut samples)?;
/// assert!(samples.len() > 4_300 && samples.iter().any(|&sample| sample > 0.05));
/// # Ok::<(), lakhnes_apu::ApuError>(())
/// ```
#[derive(Debug)]
pub struct LivePlayer {
    performer: LivePerformer,
    apu: Apu,
    clock_hz: u32,
    writes: Vec<Write>,
    /// The cycle after which the next write may come.
    free: u64,
}

impl LivePlayer {
    /// A player before the first event.
    ///
    /// # Errors
    /// What [`Apu::new`] finds.
    pub fn new(options: &ApuOptions, expression: Expression) -> Result<Self, ApuError> {
        let apu = Apu::new(options)?;
        let performer = LivePerformer::new(expression);
        Ok(Self { performer, apu, clock_hz: options.clock_hz, writes: Vec::new(), free: 0 })
    }

    /// The time, in ticks of 1/44,100 s: the sum of the waits.
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.performer.tick()
    }

    /// Takes an event. A wait appends its samples, mono, in [-1, 1]: all up to its end less those that coming events can
    /// still touch (36 and what the rate leaves), which come with the next.
    ///
    /// # Errors
    /// [`ApuError::TooLong`] for a wait of more than [`MAX_WAIT`].
    pub fn push(&mut self, event: Event, samples: &mut Vec<f32>) -> Result<(), ApuError> {
        if let Event::Wait(ticks) = event
            && ticks > MAX_WAIT
        {
            return Err(ApuError::TooLong { found: ticks.into(), limit: MAX_WAIT.into() });
        }
        let start = self.performer.tick();
        let mut writes = std::mem::take(&mut self.writes);
        self.performer.push(event, &mut writes);
        let played = self.play(start, &writes, samples);
        writes.clear();
        self.writes = writes;
        played
    }

    /// Silences every voice, as at the end of a song; heard when the next wait begins.
    pub fn release(&mut self) {
        self.performer.release();
    }

    fn play(&mut self, start: u64, writes: &[Write], samples: &mut Vec<f32>) -> Result<(), ApuError> {
        let end = self.performer.tick();
        let (mut now, mut rest) = (start, writes);
        while now < end {
            now = end.min(now + STRETCH);
            let (due, later) = rest.split_at(rest.partition_point(|write| write.tick < now));
            for write in due {
                let cycle =
                    self.cycle_of(write.tick).max(self.free.min(self.cycle_of(write.tick + 1).saturating_sub(1)));
                self.apu.write(cycle, 0x4000 + u16::from(write.register), write.value)?;
                self.free = cycle + WRITE_CYCLES;
            }
            rest = later;
            self.apu.end_frame(self.cycle_of(now))?;
            self.apu.samples(samples);
        }
        Ok(())
    }

    /// The cycle at which a tick begins: the first one not before it.
    fn cycle_of(&self, tick: u64) -> u64 {
        let exact = u128::from(tick) * u128::from(self.clock_hz);
        u64::try_from(exact.div_ceil(u128::from(TICK_RATE))).unwrap_or(u64::MAX)
    }
}
