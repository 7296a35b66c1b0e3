//! The chip for others to drive: from an emulator, a notebook or a player.
//!
//! Cycles never go back. Cycle 0 is the first of the first instruction, after the processor's reset sequence. A read or an
//! interrupt sees what happened before its cycle; a write comes after what happens on its cycle.

use crate::band_limited::Synthesizer;
use crate::chip::Chip;
use crate::filter::{Filter, FilterMode};
use crate::mixer::{Channels, Mixer, MixerMode, ONE};
use crate::register_log::{MAX_CLOCK, MIN_CLOCK, MemoryBlock};
use crate::{ApuError, Standard};

/// Lowest output rate, in Hz.
pub const MIN_SAMPLE_RATE: u32 = 8_000;
/// Highest output rate, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 192_000;
/// Most cycles between two calls of [`Apu::end_frame`]: about 37 s, and 7 MB of samples at 48 kHz.
pub const MAX_FRAME_CYCLES: u64 = 1 << 26;

/// What an [`Apu`] is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApuOptions {
    /// The console.
    pub standard: Standard,
    /// The clock in Hz; usually [`Standard::clock_hz`].
    pub clock_hz: u32,
    /// Output rate in Hz.
    pub sample_rate: u32,
    /// How the channels are mixed.
    pub mixer: MixerMode,
    /// What follows the mixer.
    pub filter: FilterMode,
    /// Which channels are heard.
    pub channels: Channels,
}

impl Default for ApuOptions {
    fn default() -> Self {
        Self {
            standard: Standard::Ntsc,
            clock_hz: Standard::Ntsc.clock_hz(),
            sample_rate: 44_100,
            mixer: MixerMode::Nes,
            filter: FilterMode::Nes,
            channels: Channels::ALL,
        }
    }
}

/// The sound chip: registers in, samples and interrupts out.
///
/// ```
/// use lakhnes_apu::{Apu, ApuOptions};
///
/// let mut apu = Apu::new(&ApuOptions::default())?;
/// apu.write(0, 0x4015, 0x01)?;
/// apu.write(4, 0x4000, 0xBF)?;
/// apu.write(8, 0x4002, 0xFD)?;
/// apu.write(12, 0x4003, 0x00)?;
/// assert_eq!(apu.read_status(100)? & 1, 1);
/// apu.end_frame(29_780)?;
/// let mut samples = Vec::new();
/// apu.samples(&mut samples);
/// assert!(samples.len() > 690);
/// # Ok::<(), lakhnes_apu::ApuError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Apu {
    chip: Chip,
    synthesizer: Synthesizer,
    filter: Filter,
    /// The cycle of the last call.
    last: u64,
    /// The cycle of the last `end_frame`.
    frame: u64,
}

impl Apu {
    /// The chip at power-up, on cycle 0: the first of the first instruction, after the processor's reset sequence.
    ///
    /// # Errors
    /// [`ApuError::ClockRate`] and [`ApuError::SampleRate`] outside their ranges.
    pub fn new(options: &ApuOptions) -> Result<Self, ApuError> {
        let ApuOptions { standard, clock_hz, sample_rate, mixer, filter, channels } = *options;
        if !(MIN_CLOCK..=MAX_CLOCK).contains(&clock_hz) {
            return Err(ApuError::ClockRate { found: clock_hz, min: MIN_CLOCK, max: MAX_CLOCK });
        }
        if !(MIN_SAMPLE_RATE..=MAX_SAMPLE_RATE).contains(&sample_rate) {
            return Err(ApuError::SampleRate { found: sample_rate, min: MIN_SAMPLE_RATE, max: MAX_SAMPLE_RATE });
        }
        let chip = Chip::new(standard, Mixer::new(mixer, channels), clock_hz, sample_rate);
        let mut synthesizer = Synthesizer::new(sample_rate, clock_hz);
        synthesizer.set_initial_level(chip.level());
        let mut filter = Filter::new(filter, sample_rate);
        filter.settle(chip.level() as f32 / ONE as f32);
        Ok(Self { chip, synthesizer, filter, last: 0, frame: 0 })
    }

    /// Takes note of a call on `cycle`.
    fn reach(&mut self, cycle: u64) -> Result<(), ApuError> {
        if cycle < self.last {
            return Err(ApuError::CycleOrder { found: cycle, now: self.last });
        }
        if cycle - self.frame > MAX_FRAME_CYCLES {
            return Err(ApuError::FrameTooLong { found: cycle, now: self.frame, limit: MAX_FRAME_CYCLES });
        }
        self.last = cycle;
        self.synthesizer.reserve(cycle + 1);
        Ok(())
    }

    /// Writes `value` to `address`, $4000 to $4017, on `cycle`. ($4014 and $4016 belong to other units and are ignored.)
    ///
    /// # Errors
    /// An address that is not the chip's, a cycle before that of an earlier call, or one more than
    /// [`MAX_FRAME_CYCLES`] after the last [`Self::end_frame`].
    pub fn write(&mut self, cycle: u64, address: u16, value: u8) -> Result<(), ApuError> {
        let register = address.checked_sub(0x4000).and_then(|register| u8::try_from(register).ok());
        let register = register.filter(|&register| register <= 0x17).ok_or(ApuError::Address { found: address })?;
        self.reach(cycle)?;
        self.chip.write(&mut self.synthesizer, cycle, register, value);
        Ok(())
    }

    /// Reads $4015 on `cycle`, which clears the frame counter's interrupt flag: the interrupt line at once, for reads from
    /// the next even cycle on. Bit 5 (open bus) is 0.
    ///
    /// # Errors
    /// A cycle out of order, as for [`Self::write`].
    pub fn read_status(&mut self, cycle: u64) -> Result<u8, ApuError> {
        self.reach(cycle)?;
        Ok(self.chip.read_status(&mut self.synthesizer, cycle))
    }

    /// Whether the chip pulls the interrupt line on `cycle`.
    ///
    /// # Errors
    /// A cycle out of order, as for [`Self::write`].
    pub fn irq(&mut self, cycle: u64) -> Result<bool, ApuError> {
        self.reach(cycle)?;
        Ok(self.chip.irq(&mut self.synthesizer, cycle))
    }

    /// The cycle of the sample channel's first fetch from memory that is not before `cycle`, if nothing is written until
    /// then; `None` if no fetch is to come.
    ///
    /// The processor of a console stands still for up to four cycles at each (nesdev wiki, "DMA"); bytes are taken from
    /// the memory of [`Self::set_memory`]. The fetch with which a write to $4015 starts the channel is on the cycle of
    /// the write: ask with that cycle after it.
    ///
    /// # Errors
    /// A cycle out of order, as for [`Self::write`].
    pub fn next_fetch(&mut self, cycle: u64) -> Result<Option<u64>, ApuError> {
        self.reach(cycle)?;
        Ok(self.chip.next_fetch(&mut self.synthesizer, cycle))
    }

    /// The console's reset; `cycle` is the first of the first instruction after it.
    ///
    /// $4015 is cleared, and $4017 is written again as it was. The sample channel's level keeps its lowest bit only, the
    /// halt bits of pulses and noise are cleared; all else stays, the triangle's phase too (nesdev wiki, "CPU power up
    /// state"; Blargg's `apu_reset`).
    ///
    /// # Errors
    /// A cycle out of order, as for [`Self::write`].
    pub fn reset(&mut self, cycle: u64) -> Result<(), ApuError> {
        self.reach(cycle)?;
        self.chip.reset(&mut self.synthesizer, cycle);
        Ok(())
    }

    /// Puts bytes where the sample channel reads them; what lies outside $8000–$FFFF is dropped.
    pub fn set_memory(&mut self, address: u16, bytes: &[u8]) {
        self.chip.set_memory(&mut self.synthesizer, address, bytes);
    }

    /// Runs the chip to `cycle` and makes the samples up to there ready, less the 36 that coming steps can still touch.
    ///
    /// # Errors
    /// A cycle out of order, as for [`Self::write`].
    pub fn end_frame(&mut self, cycle: u64) -> Result<(), ApuError> {
        self.reach(cycle)?;
        self.chip.run(&mut self.synthesizer, cycle);
        self.frame = cycle;
        Ok(())
    }

    /// Appends all samples that the last [`Self::end_frame`] made ready: mono, in [-1, 1].
    pub fn samples(&mut self, samples: &mut Vec<f32>) {
        let start = samples.len();
        samples.resize(start + self.synthesizer.ready(self.frame), 0.0);
        self.take(samples.get_mut(start..).unwrap_or_default());
    }

    /// The next samples, of which as many must be ready.
    fn take(&mut self, samples: &mut [f32]) {
        self.synthesizer.read(samples);
        self.filter.run(samples);
        // Band-limited steps overshoot.
        for sample in samples {
            *sample = sample.clamp(-1.0, 1.0);
        }
    }

    /// What [`Self::read_status`] would see on `cycle`, without its effect.
    pub(crate) fn peek_status(&mut self, cycle: u64) -> Result<u8, ApuError> {
        self.reach(cycle)?;
        self.chip.run(&mut self.synthesizer, cycle);
        Ok(self.chip.status(cycle))
    }

    /// Cycles from the last [`Self::end_frame`] to `cycle`.
    pub(crate) fn cycles_in_frame(&self, cycle: u64) -> u64 {
        cycle.saturating_sub(self.frame)
    }

    // What a player of checked logs needs, without the checks.

    /// The cycle to which the chip must run before sample `sample` and all before it are ready.
    pub(crate) fn cycle_of_sample(&self, sample: u64) -> u64 {
        self.synthesizer.cycle_of(sample + crate::band_limited::LOOK_AHEAD + 1)
    }

    pub(crate) fn reserve(&mut self, cycle: u64) {
        self.synthesizer.reserve(cycle + 1);
    }

    pub(crate) fn write_register(&mut self, cycle: u64, register: u8, value: u8) {
        self.chip.write(&mut self.synthesizer, cycle, register, value);
    }

    /// Puts a block into memory once all before `cycle` has been played.
    pub(crate) fn load_memory(&mut self, cycle: u64, block: &MemoryBlock) {
        self.chip.run(&mut self.synthesizer, cycle);
        self.chip.dmc.memory.set(block.address, &block.bytes);
    }

    pub(crate) fn run(&mut self, cycle: u64, samples: &mut [f32]) {
        self.chip.run(&mut self.synthesizer, cycle);
        self.take(samples);
    }
}
