//! Runs a track of an NSF file and writes down what it tells the sound chip.
//!
//! INIT is called once with the track in A and the console in X (0 NTSC, 1 PAL, 2 Dendy); PLAY is then called on the
//! cycles of the file's period, counted from the call of INIT. A call that comes while the one before still runs waits
//! for its end; if more are due by then, they are left out. A routine may run for as long as it goes on to send writes;
//! without any, INIT has to return within 5 s and PLAY within 1 s.
//!
//! Source: nesdev wiki, "NSF", "NSF2" (INIT that does not return).

use std::collections::HashMap;

use lakhnes_cpu::{Cpu, Stop};

use super::console::Console;
use super::ending::{self, Ending, Outcome, Played};
use super::file::{Nsf, Track};
use super::sounding::sounds_within;
use crate::{ApuError, Standard, TICK_RATE, Tags};

/// Longest run unless the caller allows another: five minutes, in ticks.
pub const DEFAULT_MAX_TICKS: u64 = 300 * TICK_RATE;
/// Most states that are remembered to find a loop.
const MAX_STATES: usize = 1 << 19;
/// Seconds of silence that end a track.
const SILENCE: u64 = 5;
/// Seconds that a state must lie back: a program that does the same in each call comes back to its own at once. Loops of
/// less than a second are given as many times.
const MIN_LOOP: u64 = 4;
/// Seconds for which a note can sound on by itself: 254 half frames of the length counter and a bit.
const LAST_NOTE: u64 = 3;

/// A routine of the program: for how many seconds it may run without a write, and what to say of it.
struct Routine {
    patience: u64,
    jams: &'static str,
    stays: &'static str,
}

const INIT: Routine = Routine {
    patience: 5,
    jams: "INIT runs into an opcode that halts the processor",
    stays: "INIT does not return within 5 s",
};
const PLAY: Routine = Routine {
    patience: 1,
    jams: "PLAY runs into an opcode that halts the processor",
    stays: "PLAY does not return within 1 s",
};
const FULL: &str = "it sends more than a log may hold";

/// How to run a track. `RunOptions::default()` is what a listener wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunOptions {
    /// The console; `None` takes the one that the file prefers.
    pub standard: Option<Standard>,
    /// Longest run, in ticks of 1/44,100 s.
    pub max_ticks: u64,
    /// Whether a track for which the file gives a time ends after that and its fade.
    pub file_times: bool,
    /// Whether a loop ends the run.
    pub find_loop: bool,
    /// Whether silence does.
    pub find_silence: bool,
    /// Ticks within which a write that follows another gets its tick: what a routine sends in one go acts at once, as a
    /// transcription wants it. 0 leaves every write where it is.
    pub gather: u64,
    /// How long a track that goes on at the longest run fades before it is cut off there, in ticks.
    pub fade_ticks: u64,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            standard: None,
            max_ticks: DEFAULT_MAX_TICKS,
            file_times: true,
            find_loop: true,
            find_silence: true,
            gather: 0,
            fade_ticks: 0,
        }
    }
}

impl Nsf {
    /// Runs track `track`, counted from 0.
    ///
    /// # Errors
    /// [`ApuError::Track`] for a track that the file does not have.
    ///
    /// ```
    /// use lakhnes_apu::formats::nsf::{self, RunOptions, Timing};
    /// use lakhnes_apu::{RegisterLog, Write};
    ///
    /// let mut log = RegisterLog { length: 44_100, ..RegisterLog::default() };
    /// log.writes.push(Write { tick: 22_050, register: 0x00, value: 0xBF });
    /// let played = nsf::read(&nsf::write(&log, Timing::Exact)?)?.run(0, &RunOptions::default())?;
    /// let write = played.log.writes.iter().find(|write| write.value == 0xBF).unwrap();
    /// assert!(write.tick.abs_diff(22_050) < 45); // a millisecond
    /// # Ok::<(), lakhnes_apu::ApuError>(())
    /// ```
    pub fn run(&self, track: usize, options: &RunOptions) -> Result<Played, ApuError> {
        let Some(known) = self.tracks.get(track) else {
            return Err(ApuError::Track { found: (track as u64).wrapping_add(1), tracks: self.tracks.len() as u64 });
        };
        let standard = options.standard.unwrap_or(self.region.preferred);
        let Limit { ticks, fade_ticks } = Limit::of(known, options);
        let mut run = Run::new(self, standard, ticks);
        if options.gather > 0 {
            run.console.recorder.gather(options.gather);
        }
        let ending = run.play(track as u8, options);
        let mut warnings = run.warnings();
        let mut played = ending::finish(run.console.recorder, standard, ending, run.cpu.cycle.min(run.end));
        if ending == Outcome::Halted {
            warnings.push(format!("the track ends after {:.2} s: {}", seconds(played.log.length), run.fault));
        }
        if played.ending == Ending::MaxDuration {
            played.log.fade_ticks = fade_ticks.min(played.log.length);
        }
        played.log.tags = self.tags_of(track);
        played.warnings = warnings;
        Ok(played)
    }

    fn tags_of(&self, track: usize) -> Tags {
        let mut tags = self.tags.clone();
        if self.tracks.len() > 1 {
            tags.game = std::mem::take(&mut tags.title);
        }
        let known = self.tracks.get(track);
        if let Some(title) = known.map(|track| &track.title).filter(|title| !title.is_empty()) {
            tags.title.clone_from(title);
        }
        if let Some(artist) = known.map(|track| &track.artist).filter(|artist| !artist.is_empty()) {
            tags.artist.clone_from(artist);
        }
        tags
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICK_RATE as f64
}

/// How long a track runs at most, and for how long of that it fades.
struct Limit {
    ticks: u64,
    fade_ticks: u64,
}

impl Limit {
    fn of(track: &Track, options: &RunOptions) -> Self {
        let ticks = |ms: u32| u64::from(ms) * TICK_RATE / 1_000;
        let longest = Self { ticks: options.max_ticks.clamp(1, crate::MAX_LENGTH), fade_ticks: options.fade_ticks };
        let Some(time) = track.time_ms.filter(|_| options.file_times) else { return longest };
        let fade_ticks = track.fade_ms.map_or(0, ticks);
        let named = Self { ticks: (ticks(time) + fade_ticks).max(1), fade_ticks };
        if named.ticks <= longest.ticks { named } else { longest }
    }
}

/// The cycles of the calls at which the program was in a state.
struct Visit {
    first: u64,
    last: u64,
}

/// `number * factor / divisor`, rounded down; by 64 bits where they suffice, for that is much faster.
fn scaled(number: u64, factor: u64, divisor: u64) -> u64 {
    match number.checked_mul(factor) {
        Some(product) => product / divisor,
        None => u64::try_from(u128::from(number) * u128::from(factor) / u128::from(divisor)).unwrap_or(u64::MAX),
    }
}

/// A run in progress.
struct Run<'a> {
    nsf: &'a Nsf,
    standard: Standard,
    cpu: Cpu,
    console: Console,
    /// Cycles of the whole run.
    end: u64,
    fault: &'static str,
    /// States at calls of PLAY.
    states: HashMap<u64, Visit>,
    /// The cycle at which to look for silence, and how many writes there were the last time.
    next_look: u64,
    looked_at: usize,
}

impl<'a> Run<'a> {
    fn new(nsf: &'a Nsf, standard: Standard, ticks: u64) -> Self {
        let end = (u128::from(ticks) * u128::from(standard.clock_hz())).div_ceil(u128::from(TICK_RATE));
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        let clock = u64::from(standard.clock_hz());
        Self {
            nsf,
            standard,
            cpu: Cpu::new(),
            console: Console::new(nsf, standard),
            end,
            fault: "",
            states: HashMap::new(),
            next_look: 2 * SILENCE * clock,
            looked_at: 0,
        }
    }

    fn clock(&self) -> u64 {
        self.standard.clock_hz().into()
    }

    /// From one call of PLAY to the next, in millionths of a cycle.
    fn period(&self) -> u64 {
        u64::from(self.nsf.speed(self.standard)) * self.clock()
    }

    /// The cycle on which call `number` of PLAY is due.
    fn due(&self, number: u64) -> u64 {
        scaled(number, self.period(), 1_000_000)
    }

    /// The first call that is due at or after a cycle.
    fn call_at(&self, cycle: u64) -> u64 {
        let mut number = scaled(cycle, 1_000_000, self.period().max(1));
        while self.due(number) < cycle {
            number += 1;
        }
        number
    }

    /// Calls INIT and then PLAY until the track ends.
    fn play(&mut self, track: u8, options: &RunOptions) -> Outcome {
        self.registers(track, 0);
        if let Some(outcome) = self.call(&INIT, self.nsf.init) {
            return outcome;
        }
        let beside = self.nsf.features.non_returning_init;
        let options = RunOptions { find_loop: options.find_loop && !beside, ..*options };
        if beside {
            self.registers(track, 1);
            self.cpu.call(&mut self.console, self.nsf.init);
        }
        let mut init_runs = beside;
        let mut number = self.call_at(self.cpu.cycle).max(1);
        loop {
            let due = self.due(number).min(self.end);
            if init_runs {
                match self.cpu.run(&mut self.console, due) {
                    Stop::Returned => init_runs = false,
                    Stop::Deadline => {}
                    Stop::Jammed => return self.halted(INIT.jams),
                }
            }
            self.cpu.cycle = self.cpu.cycle.max(due);
            if self.cpu.cycle >= self.end {
                return Outcome::MaxDuration;
            }
            if let Some(outcome) = self.look(&options) {
                return outcome;
            }
            if !self.nsf.features.no_play
                && let Some(outcome) = self.call_play(init_runs)
            {
                return outcome;
            }
            number = (number + 1).max(self.call_at(self.cpu.cycle).saturating_sub(1));
        }
    }

    /// Calls PLAY, which interrupts INIT where that still runs.
    fn call_play(&mut self, init_runs: bool) -> Option<Outcome> {
        let Cpu { a, x, y, s, pc, .. } = self.cpu;
        let status = self.cpu.status();
        if !init_runs {
            (self.cpu.a, self.cpu.x, self.cpu.y, self.cpu.s) = (0, 0, 0, 0xFF);
        }
        self.console.recorder.begin_call();
        let outcome = self.call(&PLAY, self.nsf.play);
        if init_runs {
            (self.cpu.a, self.cpu.x, self.cpu.y, self.cpu.s, self.cpu.pc) = (a, x, y, s, pc);
            self.cpu.set_status(status);
        }
        outcome
    }

    fn registers(&mut self, track: u8, y: u8) {
        let x = match self.standard {
            Standard::Ntsc => 0,
            Standard::Pal => 1,
            Standard::Dendy => 2,
        };
        (self.cpu.a, self.cpu.x, self.cpu.y, self.cpu.s) = (track, x, y, 0xFF);
    }

    fn halted(&mut self, fault: &'static str) -> Outcome {
        self.fault = fault;
        Outcome::Halted
    }

    /// Calls a routine and runs it until it returns, as long as it sends a write now and then; or says why the track ends.
    fn call(&mut self, routine: &Routine, address: u16) -> Option<Outcome> {
        let patience = routine.patience * self.clock();
        self.cpu.call(&mut self.console, address);
        loop {
            let writes = self.console.recorder.writes.len();
            let until = (self.cpu.cycle + patience).min(self.end);
            match self.cpu.run(&mut self.console, until) {
                Stop::Returned => return None,
                Stop::Jammed => return Some(self.halted(routine.jams)),
                Stop::Deadline if self.console.recorder.full => return Some(self.halted(FULL)),
                Stop::Deadline if until == self.end => return Some(Outcome::MaxDuration),
                Stop::Deadline if self.console.recorder.writes.len() == writes => {
                    return Some(self.halted(routine.stays));
                }
                Stop::Deadline => {}
            }
        }
    }

    /// Whether the track ends here, before a call of PLAY.
    fn look(&mut self, options: &RunOptions) -> Option<Outcome> {
        let cycle = self.cpu.cycle;
        let recorder = &self.console.recorder;
        if recorder.full {
            return Some(self.halted(FULL));
        }
        let quiet = recorder.cycles.last().is_some_and(|last| cycle - last > SILENCE * self.clock());
        let newly_quiet = quiet && self.looked_at < recorder.writes.len();
        if options.find_silence && (newly_quiet || cycle >= self.next_look) {
            self.looked_at = recorder.writes.len();
            if !newly_quiet {
                self.next_look = 2 * cycle;
            }
            let (now, patience) = (recorder.tick(cycle), SILENCE * TICK_RATE);
            let sounds = sounds_within(&(now.saturating_sub(patience)..now), &recorder.writes);
            if !sounds && now - ending::last_sound(recorder, self.standard, now).min(now) >= patience {
                return Some(Outcome::Silence);
            }
        }
        if options.find_loop { self.find_loop(cycle) } else { None }
    }

    /// Whether the program has been in this state before, and with a sound that does not come from before the loop.
    fn find_loop(&mut self, cycle: u64) -> Option<Outcome> {
        if self.states.len() >= MAX_STATES {
            return None;
        }
        let visit = self.states.entry(self.console.state(cycle)).or_insert(Visit { first: cycle, last: cycle });
        let Visit { first: start, last: before } = *visit;
        visit.last = cycle;
        let clock = u64::from(self.standard.clock_hz());
        if cycle - start < MIN_LOOP * clock {
            return None;
        }
        let recorder = &self.console.recorder;
        let last = ending::last_sound(recorder, self.standard, recorder.tick(cycle));
        if last <= recorder.tick(start) {
            return Some(Outcome::Silence);
        }
        if last > recorder.tick(start + LAST_NOTE * clock) {
            let period = cycle - before;
            let end = if period < clock { cycle } else { start + period };
            return Some(Outcome::Loop { start, end });
        }
        // The sound may be the rest of a note from before. The next round will tell.
        visit.first = cycle;
        None
    }

    /// What the log lacks.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let chips = self.nsf.extra_chips();
        if !chips.is_empty() {
            warnings.push(format!("the voices of these chips are not played: {}", chips.join(", ")));
        }
        if self.nsf.features.irq {
            warnings.push("the program may use interrupts, which are not played".to_owned());
        }
        warnings
    }
}
