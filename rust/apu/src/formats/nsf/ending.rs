//! Where a run's log ends, and where it repeats.

use super::recorder::{Recorder, tick_of};
use crate::{MemoryBlock, RegisterLog, Standard, TICK_RATE, Trace, Write};

/// Why a run ended, and with it how its log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Nothing has sounded for five seconds; the log ends with the last sound.
    Silence,
    /// The program came back to a state that it had been in: from the log's loop point on everything repeats.
    Loop,
    /// The last writes repeat those before them for at least two rounds and 15 s: the loop point is likely, not certain.
    Repetition,
    /// The longest time.
    MaxDuration,
    /// The processor has halted, a routine does not return, or more was written than a log may hold.
    Halted,
}

/// What a track sends to the sound chip.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Played {
    /// The writes, in ticks, from the call of INIT on.
    pub log: RegisterLog,
    /// The cycle of each write, at the log's clock.
    pub cycles: Vec<u64>,
    /// Why the run ended.
    pub ending: Ending,
    /// What the log lacks, a line each: chips that are not played, features that are not there.
    pub warnings: Vec<String>,
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Silence,
    /// The cycles of two calls of PLAY in the same state.
    Loop {
        start: u64,
        end: u64,
    },
    MaxDuration,
    Halted,
}

/// Ticks of a log after its last sound: a video frame.
const TAIL: u64 = 735;
/// A timer of the triangle below which it is out of hearing.
const ULTRASONIC: u16 = 2;
/// Ticks by which the rounds of a repetition may differ: a video frame.
const TOLERANCE: u64 = 735;
/// Ticks for which a repetition has to last beyond its first round.
const REPEATED: u64 = 15 * TICK_RATE;

/// The tick of the last sound before `now`.
pub(super) fn last_sound(recorder: &Recorder, standard: Standard, now: u64) -> u64 {
    let log = RegisterLog { writes: recorder.writes.clone(), length: now, ..RegisterLog::new(standard) };
    last_sound_of(&log, recorder)
}

fn last_sound_of(log: &RegisterLog, recorder: &Recorder) -> u64 {
    let (mut last, mut sounds) = (0, false);
    for (tick, states) in Trace::exact(log) {
        if sounds {
            last = tick;
        }
        let heard =
            |(voice, state): (usize, &crate::VoiceState)| state.sounds && (voice != 2 || state.timer >= ULTRASONIC);
        sounds = states.iter().enumerate().any(heard);
    }
    if sounds {
        last = log.length;
    }
    let samples = recorder.sample_end.max(recorder.last_level);
    last.max(tick_of(samples, log.standard).min(log.length))
}

/// The log of a run that reached cycle `now`, cut to its end.
pub(super) fn finish(recorder: Recorder, standard: Standard, outcome: Outcome, now: u64) -> Played {
    let mut log = RegisterLog { length: recorder.tick(now).max(1), ..RegisterLog::new(standard) };
    let mut writes = recorder.writes.len();
    let ending = match outcome {
        Outcome::Silence => {
            let last = last_sound(&recorder, standard, log.length);
            log.length = log.length.min(last + TAIL);
            Ending::Silence
        }
        Outcome::Loop { start, end } => {
            (log.loop_start, log.length) = (Some(recorder.tick(start)), recorder.tick(end));
            Ending::Loop
        }
        Outcome::MaxDuration => match repetition(&recorder.writes) {
            Some(round) => {
                (log.loop_start, log.length, writes) = (Some(round.start), round.end, round.writes);
                Ending::Repetition
            }
            None => Ending::MaxDuration,
        },
        Outcome::Halted => Ending::Halted,
    };
    let Recorder { writes: all, mut cycles, memory, .. } = recorder;
    log.writes = all;
    log.writes.truncate(writes);
    let heard = log.writes.partition_point(|write| write.tick < log.length);
    log.writes.truncate(heard);
    cycles.truncate(heard);
    log.memory = memory;
    log.memory.retain(|block| block.tick < log.length);
    restore_memory(&mut log);
    Played { log, cycles, ending, warnings: Vec::new() }
}

/// The first round of a repetition.
struct Round {
    start: u64,
    end: u64,
    /// Writes up to its end.
    writes: usize,
}

/// The first round of what the last writes repeat, if they go on to repeat it until the end.
///
/// From the end backwards, the prefix function of Knuth, Morris and Pratt (1977) gives the period of each stretch of
/// writes that reaches the end; the longest stretch of two periods and more counts.
fn repetition(writes: &[Write]) -> Option<Round> {
    let same = |a: &Write, b: &Write| (a.register, a.value) == (b.register, b.value);
    let count = writes.len();
    let back = |index: usize| writes.get(count - 1 - index);
    let mut borders: Vec<u32> = Vec::with_capacity(count);
    let mut best = None;
    for index in 0..count {
        let mut border = borders.last().map_or(0, |&border| border as usize);
        if index > 0 {
            while !back(border).zip(back(index)).is_some_and(|(a, b)| same(a, b)) {
                if border == 0 {
                    break;
                }
                border = borders.get(border - 1).map_or(0, |&border| border as usize);
            }
            border += usize::from(back(border).zip(back(index)).is_some_and(|(a, b)| same(a, b)));
        }
        borders.push(border as u32);
        let (length, period) = (index + 1, index + 1 - border);
        if border > 0 && length >= 2 * period {
            best = Some((length, period));
        }
    }
    let (length, period) = best?;
    let tick = |index: usize| writes.get(index).map_or(0, |write| write.tick);
    let first = count - length;
    let rounds = (length - 1) / period;
    let duration = (tick(count - 1) - tick(count - 1 - rounds * period)) / rounds as u64;
    let even = |index: usize| (tick(index + period) - tick(index)).abs_diff(duration) <= TOLERANCE;
    let lasts = tick(count - 1) - tick(first) >= duration + REPEATED;
    if duration == 0 || !lasts || !(first..count - period).all(even) {
        return None;
    }
    let end = (tick(first) + duration).max(tick(first + period - 1) + 1);
    Some(Round { start: tick(first), end, writes: first + period })
}

/// Puts sample memory back at the loop point, where it changes in the loop.
fn restore_memory(log: &mut RegisterLog) {
    let Some(start) = log.loop_start else { return };
    let first = log.memory.partition_point(|block| block.tick < start);
    let (before, within) = log.memory.split_at(first);
    let mut image = vec![0; 0x1_0000];
    for block in before {
        put(&mut image, block);
    }
    let mut blocks = Vec::new();
    for block in within {
        let place = usize::from(block.address);
        let bytes = image.get(place..place + block.bytes.len()).unwrap_or_default().to_vec();
        blocks.push(MemoryBlock { tick: start, address: block.address, bytes });
    }
    blocks.sort_by_key(|block| (block.address, block.bytes.len()));
    blocks.dedup();
    log.memory.splice(first..first, blocks);
}

fn put(image: &mut [u8], block: &MemoryBlock) {
    let place = usize::from(block.address);
    if let Some(room) = image.get_mut(place..place + block.bytes.len()) {
        room.copy_from_slice(&block.bytes);
    }
}
