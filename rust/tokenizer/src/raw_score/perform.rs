//! A raw score as the register writes that play it.
//!
//! Every voice holds its level by constant volume, and every change is one or two writes at its very tick:
//!
//! ```text
//! $4015  ---- NT21   which voices sound
//! $4000  DD11 VVVV   timbre and volume of a pulse ($4004 of the second, $400C of the noise without DD)
//! $4002  LLLL LLLL   its timer, low, and ($4003) high
//! $4008  1111 1111   the triangle's linear counter, halted once at its highest
//! $400A  LLLL LLLL   the triangle's timer, low, and ($400B) high
//! $400E  M--- PPPP   timbre and period of the noise
//! ```
//! These are the writes, in this order, of nesmdb 0.1.8 (raw score → functional disassembly → VGM).

use lakhnes_apu::{RegisterLog, Standard, Write};

use super::{RawFrame, RawRuns};
use crate::voice::Voice;

pub(super) fn perform(runs: &RawRuns) -> RegisterLog {
    let mut log = RegisterLog { clock_hz: runs.clock_hz, ..RegisterLog::new(Standard::nearest(runs.clock_hz)) };
    log.length = runs.nsamps;
    let mut performer = Performer::default();
    if runs.starts.is_empty() {
        performer.play(0, &RawFrame::default(), &mut log.writes);
    }
    for (&tick, frame) in runs.starts.iter().zip(&runs.values) {
        performer.play(tick, frame, &mut log.writes);
    }
    log
}

/// What is written before the first note: every voice silent, at constant volume, without sweep.
const OPENING: [(u8, u8); 6] = [(0x00, 0x30), (0x01, 0x07), (0x04, 0x30), (0x05, 0x07), (0x08, 0xFF), (0x0C, 0x30)];

/// Turns frames into writes, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Performer {
    opened: bool,
    /// The voices that sound, as $4015 has them.
    status: u8,
    before: RawFrame,
    /// The last volume of each voice that was written.
    volumes: [u8; 4],
    /// The period of the noise that was last written.
    period: u8,
}

/// Whether a voice sounds.
const fn sounds([high, low, ..]: [u8; 4]) -> bool {
    high != 0 || low != 0
}

/// Whether the volume is to be written: not the 0 of a rest, in which the voice keeps its volume unheard.
const fn is_new_volume(now: [u8; 4], before: [u8; 4]) -> bool {
    now[2] != before[2] && (sounds(now) || now[2] != 0)
}

impl Performer {
    /// Appends the writes that make the voices play `frame` from `tick` on.
    pub(crate) fn play(&mut self, tick: u64, frame: &RawFrame, writes: &mut Vec<Write>) {
        let mut write = |(register, value)| writes.push(Write { tick, register, value });
        let status = Voice::ALL.into_iter().filter(|&voice| sounds(frame[voice.index()]));
        let status = status.fold(0, |status, voice| status | 1 << voice.index());
        if !self.opened {
            write((0x15, status));
            OPENING.into_iter().for_each(&mut write);
            (self.opened, self.status) = (true, status);
        }
        for voice in Voice::ALL {
            // $4015 is written once, with the first voice that begins or ends.
            if (status ^ self.status) >> voice.index() & 1 != 0 {
                write((0x15, status));
                self.status = status;
            }
            let (now, before) = (frame[voice.index()], self.before[voice.index()]);
            match voice {
                Voice::P1 => self.pulse(voice, 0x00, now, before, &mut write),
                Voice::P2 => self.pulse(voice, 0x04, now, before, &mut write),
                Voice::Tr => triangle(now, before, &mut write),
                Voice::No => self.noise(now, before, &mut write),
            }
        }
        self.before = *frame;
    }

    fn pulse(&mut self, voice: Voice, base: u8, now: [u8; 4], before: [u8; 4], write: &mut impl FnMut((u8, u8))) {
        let ([high, low, volume, timbre], [last_high, last_low, _, last_timbre]) = (now, before);
        let written = &mut self.volumes[voice.index()];
        let louder_or_softer = is_new_volume(now, before);
        if louder_or_softer {
            *written = volume;
        }
        if louder_or_softer || timbre != last_timbre {
            write((base, timbre << 6 | 0x30 | *written));
        }
        if low != last_low {
            write((base + 2, low));
        }
        if high != last_high || (sounds(now) && !sounds(before)) {
            write((base + 3, high)); // also restarts the length counter, without which the onset would be silent
        }
    }

    fn noise(&mut self, now: [u8; 4], before: [u8; 4], write: &mut impl FnMut((u8, u8))) {
        let ([_, note, volume, timbre], [_, last, _, last_timbre]) = (now, before);
        if is_new_volume(now, before) {
            write((0x0C, 0x30 | volume));
        }
        let begins = note != 0 && note != last;
        if begins {
            self.period = 16_u8.saturating_sub(note);
        }
        if begins || timbre != last_timbre {
            write((0x0E, timbre << 7 | self.period));
        }
        if begins {
            write((0x0F, 0x00)); // also restarts the length counter
        }
    }
}

fn triangle([high, low, ..]: [u8; 4], [last_high, last_low, ..]: [u8; 4], write: &mut impl FnMut((u8, u8))) {
    if (high, low) != (last_high, last_low) {
        write((0x0A, low));
        write((0x0B, high));
    }
}
