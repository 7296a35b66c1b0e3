//! Music as it comes: events in, samples out, before anyone knows how the song goes on.
//!
//! [`LivePerformer`] is [`perform`](crate::perform()) for a song of which only the past is known; [`LivePlayer`] puts the
//! chip behind it. A plain performance is that of the whole song, write for write. A natural one has to guess how long a
//! note will be (`shape`).

mod player;
mod shape;

pub use player::{LivePlayer, MAX_WAIT};

use lakhnes_apu::Write;

use crate::event::Event;
use crate::expression::Expression;
use crate::raw_score::{Performer, raw};
use crate::score::Frame;
use crate::voice::Voice;
use shape::Shape;

/// Performs a song of which only the past is known.
#[derive(Debug, Default)]
pub struct LivePerformer {
    tick: u64,
    /// What the voices play, as the events say.
    frame: Frame,
    performer: Performer,
    /// How the notes are shaped; none where they are played as they are written.
    shapes: Option<[Shape; 4]>,
}

impl LivePerformer {
    /// A performer before the first event. With [`Expression::Natural`] notes are shaped until an event says a velocity or a
    /// timbre: from there on the song has its own.
    #[must_use]
    pub fn new(expression: Expression) -> Self {
        let shapes = (expression == Expression::Natural).then(|| Voice::ALL.map(Shape::new));
        Self { shapes, ..Self::default() }
    }

    /// The time, in ticks of 1/44,100 s: the sum of the waits.
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.tick
    }

    /// Takes an event. A wait appends the writes that come before its end; all else is heard when the next wait begins.
    pub fn push(&mut self, event: Event, writes: &mut Vec<Write>) {
        match event {
            Event::Wait(ticks) => self.wait(u64::from(ticks), writes),
            Event::NoteOff(voice) => self.note(voice, 0),
            Event::NoteOn(voice, pitch) => self.note(voice, pitch.get()),
            Event::Velocity(voice, velocity) => self.change(voice, 1, velocity.get()),
            Event::Timbre(voice, timbre) => self.change(voice, 2, timbre.get()),
        }
    }

    /// Silences every voice, as at the end of a song.
    pub fn release(&mut self) {
        for voice in Voice::ALL {
            self.note(voice, 0);
        }
    }

    fn note(&mut self, voice: Voice, pitch: u8) {
        let velocity = if pitch == 0 || voice.velocities().is_none() { 0 } else { voice.default_velocity().get() };
        let [note, level, _] = &mut self.frame[voice.index()];
        (*note, *level) = (pitch, velocity);
        if let Some(shapes) = &mut self.shapes {
            shapes[voice.index()].note(self.tick, pitch);
        }
    }

    fn change(&mut self, voice: Voice, place: usize, value: u8) {
        self.frame[voice.index()][place] = value;
        self.shapes = None;
    }

    fn wait(&mut self, ticks: u64, writes: &mut Vec<Write>) {
        let end = self.tick.saturating_add(ticks);
        while self.tick < end {
            let mut played = raw(&self.frame);
            let mut next = end;
            if let Some(shapes) = &mut self.shapes {
                for (shape, voice) in shapes.iter_mut().zip(&mut played) {
                    *voice = shape.play(self.tick, *voice);
                    next = next.min(shape.next_frame(self.tick));
                }
            }
            self.performer.play(self.tick, &played, writes);
            self.tick = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Dialect;
    use crate::expression::FRAME;
    use crate::{PerformOptions, perform, tx1, tx2};

    const TX1: &str = "P1_NOTEON_69\nTR_NOTEON_45\nWT_7000\nP1_NOTEON_72\nNO_NOTEON_5\nWT_400\nNO_NOTEOFF\nWT_30000\n\
        P1_NOTEOFF\nTR_NOTEON_45\nWT_9000\nTR_NOTEOFF\nWT_100";

    fn writes_of(text: &str, dialect: Dialect, expression: Expression) -> Vec<Write> {
        let (mut performer, mut writes) = (LivePerformer::new(expression), Vec::new());
        for (line, token) in text.lines().enumerate() {
            performer.push(Event::parse(token, dialect, line).expect("an event"), &mut writes);
        }
        writes
    }

    #[test]
    fn plain_performances_are_those_of_the_whole_song() {
        let song = tx1::read(TX1).expect("a song");
        let whole = perform(&song, &PerformOptions::default()).expect("a performance");
        assert_eq!(writes_of(TX1, Dialect::Tx1, Expression::Plain), whole.writes);
    }

    #[test]
    fn songs_with_dynamics_keep_them() {
        let text = "P1_NOTEON_69\nP1_VELOCITY_9\nP1_TIMBRE_2\nWT_900\nP1_VELOCITY_4\nWT_5000\nP1_NOTEOFF\nWT_10";
        let whole = perform(&tx2::read(text).expect("a song"), &PerformOptions::default()).expect("a performance");
        for expression in [Expression::Plain, Expression::Natural] {
            assert_eq!(writes_of(text, Dialect::Tx2, expression), whole.writes);
        }
    }

    #[test]
    fn natural_notes_fall_and_their_pitches_and_onsets_stay() {
        let plain = writes_of(TX1, Dialect::Tx1, Expression::Plain);
        let natural = writes_of(TX1, Dialect::Tx1, Expression::Natural);
        let of = |writes: &[Write], register| -> Vec<(u64, u8)> {
            writes.iter().filter(|write| write.register == register).map(|write| (write.tick, write.value)).collect()
        };
        assert_eq!(of(&plain, 0x03), of(&natural, 0x03));
        assert_eq!(of(&plain, 0x02).first(), of(&natural, 0x02).first());
        let levels: Vec<u8> = of(&natural, 0x00).iter().skip(1).map(|&(_, value)| value & 15).collect();
        assert!(levels.len() > 4 && levels.iter().all(|&level| (1..15).contains(&level)), "{levels:?}");
        assert!(
            of(&natural, 0x00)
                .iter()
                .all(|&(tick, _)| [0, 7_000].iter().any(|&onset| { tick >= onset && (tick - onset) % FRAME == 0 }))
        );
    }

    #[test]
    fn the_triangle_leaves_a_frame_between_two_notes_of_one_pitch() {
        let natural = writes_of(TX1, Dialect::Tx1, Expression::Natural);
        let status: Vec<(u64, bool)> = natural
            .iter()
            .filter(|write| write.register == 0x15)
            .map(|write| (write.tick, write.value & 4 != 0))
            .collect();
        assert!(status.contains(&(37_400, false)) && status.contains(&(37_400 + FRAME, true)), "{status:?}");
    }
}
