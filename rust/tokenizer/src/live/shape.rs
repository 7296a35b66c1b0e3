//! The natural shape of notes whose length is not known yet.
//!
//! A voice's note is taken to become as long as its last one (a drum: as the last of its pitch) and gets that length's
//! envelope and duty. When it turns out longer, it goes on as a longer note does, but no louder than it has become. It sways
//! as soon as it is long enough to. What would have to begin before the end of a note is left out, save the triangle's
//! breaks, which stand after the new onset instead.

use crate::expression::curves::{self, Curve};
use crate::expression::vibrato::{SWAYING_FROM, low_byte, sways};
use crate::expression::{FRAME, LOUDEST, SHORT, frames, scaled};
use crate::voice::Voice;

/// The length that the first note of a voice is taken to have, in frames: an eighth note at 150 beats a minute.
const FIRST_GUESS: u32 = 12;

/// One voice.
#[derive(Debug)]
pub(super) struct Shape {
    voice: Voice,
    /// The pitch that sounds, 0 for none, and when its note and its gesture began.
    pitch: u8,
    start: u64,
    gesture: u64,
    /// The length of the last gesture, in frames: of each drum, or of the one pitched voice (at 0).
    lengths: [u32; 17],
    /// The length for which the curve was taken, and the level that it may not exceed.
    guess: u32,
    curve: Option<Curve>,
    ceiling: u8,
    level: u8,
    timbre: u8,
    /// The tick up to which the voice rests although a note has begun.
    silent_until: u64,
}

impl Shape {
    pub(super) const fn new(voice: Voice) -> Self {
        Self {
            voice,
            pitch: 0,
            start: 0,
            gesture: 0,
            lengths: [FIRST_GUESS; 17],
            guess: FIRST_GUESS,
            curve: None,
            ceiling: LOUDEST,
            level: LOUDEST,
            timbre: 0,
            silent_until: 0,
        }
    }

    /// Where the length of a gesture that begins with a pitch is kept.
    fn length_of(&mut self, pitch: u8) -> Option<&mut u32> {
        self.lengths.get_mut(if self.voice == Voice::No { usize::from(pitch) } else { 0 })
    }

    /// A note begins, or with pitch 0 the last one ends.
    pub(super) fn note(&mut self, tick: u64, pitch: u8) {
        let (before, last) = (self.pitch, frames(self.start, tick));
        let sounded = before != 0;
        if sounded {
            let gesture = frames(self.gesture, tick);
            if let Some(length) = self.length_of(before) {
                *length = gesture;
            }
        }
        (self.pitch, self.start) = (pitch, tick);
        if pitch == 0 {
            return;
        }
        // Whether this note will be short, and so part of the gesture, is not known: it is taken to be if the last one was.
        let joined = sounded && last <= SHORT;
        if !joined {
            self.gesture = tick;
            self.guess = self.length_of(pitch).map_or(FIRST_GUESS, |length| *length);
            self.curve = curves::curve(self.voice, pitch, self.guess);
            self.ceiling = LOUDEST;
            self.timbre = curves::duty(self.voice, self.guess).unwrap_or(0);
        }
        if self.voice == Voice::Tr && before == pitch && last > SHORT {
            self.silent_until = tick + FRAME;
        }
    }

    /// What the voice plays from a tick on: `[timer high, timer low, volume, timbre]`.
    pub(super) fn play(&mut self, tick: u64, plain: [u8; 4]) -> [u8; 4] {
        let [high, low, volume, timbre] = plain;
        if self.pitch == 0 {
            return if self.voice == Voice::No || self.voice == Voice::Tr { plain } else { [0, 0, 0, self.timbre] };
        }
        if tick < self.silent_until {
            return [0, 0, 0, timbre];
        }
        let age = ((tick - self.gesture) / FRAME) as u32;
        if age >= self.guess && self.curve.is_some() {
            // Longer than it was taken to be.
            self.guess = age + 1;
            let longer = curves::curve(self.voice, self.pitch, self.guess);
            if longer != self.curve {
                (self.curve, self.ceiling) = (longer, self.level);
            }
        }
        let Some(curve) = self.curve else { return plain };
        self.level = scaled(curves::level(curve, age).min(self.ceiling), volume);
        let low = match ((tick - self.start) / FRAME) as u32 {
            age @ SWAYING_FROM.. if self.voice != Voice::No && sways(self.pitch) => {
                low_byte(u16::from_be_bytes([high, low]), age - SWAYING_FROM)
            }
            _ => low,
        };
        [high, low, self.level, if self.voice == Voice::No { timbre } else { self.timbre }]
    }

    /// The first tick after `tick` at which the voice may sound otherwise although no event comes.
    pub(super) fn next_frame(&self, tick: u64) -> u64 {
        if self.pitch == 0 {
            return u64::MAX;
        }
        if tick < self.silent_until {
            return self.silent_until;
        }
        if self.curve.is_none() {
            return u64::MAX;
        }
        self.gesture + ((tick - self.gesture) / FRAME + 1) * FRAME
    }
}
