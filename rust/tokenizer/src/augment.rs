//! The variations of a song under which LakhNES trained (Donahue et al., ISMIR 2019, section 4.3), and the compact form
//! of a song on which they work.
//!
//! That form is an `i32` an event: a wait of `w` samples is `-w`, exact and not rounded to a token; any other event is its
//! id in the vocabulary (greater than 0). It holds a text one to one, so that a corpus is read once and varied every epoch.

use std::sync::LazyLock;

use crate::error::TokenizerError;
use crate::event::{self, Dialect, Event};
use crate::quantize::wait_id;
use crate::tx3;
use crate::vocabulary::Vocabulary;
use crate::voice::Voice;

/// Which variation of a song to make. The default leaves it as it is, but that adjoining waits merge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AugmentOptions {
    /// Semitones by which the pulses and the triangle move; the noise stays. −6 to 6 in LakhNES.
    pub transpose: i8,
    /// The factor of every wait; 0.95 to 1.05 in LakhNES.
    pub stretch: f64,
    /// Whether P1 and P2 exchange their parts.
    pub switch_pulses: bool,
    /// Which voices stay, by [`Voice::index`] before any switch.
    pub keep: [bool; 4],
    /// Whether the silence before the first event and after the last goes.
    pub trim: bool,
    /// Frames by which the rows of a TX3 song become longer; other vocabularies have no rows.
    pub tempo: i8,
    /// Whether a TX3 song begins with its facts; other vocabularies have no tokens for them.
    pub controls: bool,
}

impl Default for AugmentOptions {
    fn default() -> Self {
        Self {
            transpose: 0,
            stretch: 1.0,
            switch_pulses: false,
            keep: [true; 4],
            trim: false,
            tempo: 0,
            controls: false,
        }
    }
}

/// Reads a TX text into the compact form, an element an event.
///
/// # Errors
/// [`TokenizerError::Token`] naming the line of the first event that the vocabulary's dialect does not have (`<S>` is none:
/// boundaries are for [`quantize_events`] to set), [`TokenizerError::Empty`] for a text without events, and
/// [`TokenizerError::Limit`].
pub fn events_from_text(text: &str, vocabulary: &Vocabulary) -> Result<Vec<i32>, TokenizerError> {
    TokenizerError::check_input(text.len())?;
    let dialect = vocabulary.dialect();
    if dialect == Dialect::Tx3 {
        return Ok(tx3::without_clock(&tx3::encode(text)?).into_iter().map(i32::from).collect());
    }
    let mut events = Vec::with_capacity(text.len() / 10);
    let mut length = 0;
    for (line, token) in event::tokens(text) {
        let event = Event::parse(token, dialect, line)?;
        events.push(match event {
            Event::Wait(ticks) => {
                length += u64::from(ticks);
                TokenizerError::check_ticks(length).map_err(|error| error.at("line", line))?;
                -(ticks as i32) // at most MAX_TICKS, which fits
            }
            other => i32::from(
                vocabulary
                    .id_of(other)
                    .ok_or_else(|| TokenizerError::token(line, "a symbol of the vocabulary", token))?,
            ),
        });
        TokenizerError::check_events(events.len()).map_err(|error| error.at("line", line))?;
    }
    if events.is_empty() {
        return Err(TokenizerError::Empty { expected: "events, one a line" });
    }
    Ok(events)
}

/// Turns the compact form into ids of the vocabulary, waits rounded to tokens as [`crate::quantize`] says.
///
/// With `frame`, as LakhNES trained and evaluated: one wait at the beginning and one at the end are dropped and the rest
/// stands between two boundaries, `<S> … <S>`.
#[must_use]
pub fn quantize_events(events: &[i32], frame: bool) -> Vec<u16> {
    let is_wait = |event: Option<&i32>| event.is_some_and(|&event| event < 0);
    let mut events = events;
    if frame {
        if is_wait(events.first()) {
            events = events.get(1..).unwrap_or_default();
        }
        if is_wait(events.last()) {
            events = events.get(..events.len() - 1).unwrap_or_default();
        }
    }
    let boundary = frame.then_some(0);
    let ids = events.iter().map(|&event| if event < 0 { wait_id(event.unsigned_abs()) } else { event as u16 });
    let mut framed = Vec::with_capacity(events.len() + 2);
    framed.extend(boundary.into_iter().chain(ids).chain(boundary));
    framed
}

/// Varies a TX1 song; [`augment_with`] for other vocabularies.
#[must_use]
pub fn augment(events: &[i32], options: &AugmentOptions) -> Vec<i32> {
    static TX1: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::tx1);
    vary_events(events, options, &TX1)
}

/// Varies a song in the compact form, of any vocabulary.
///
/// # Errors
/// Of TX3 those of [`tx3::vary`].
pub fn augment_with(
    events: &[i32],
    options: &AugmentOptions,
    vocabulary: &Vocabulary,
) -> Result<Vec<i32>, TokenizerError> {
    if vocabulary.dialect() == Dialect::Tx3 {
        return vary_rows(events, options);
    }
    Ok(vary_events(events, options, vocabulary))
}

/// A song of TX3 is varied as a song: see [`tx3::vary`].
fn vary_rows(events: &[i32], options: &AugmentOptions) -> Result<Vec<i32>, TokenizerError> {
    let AugmentOptions { transpose, switch_pulses, keep, tempo, controls, .. } = *options;
    let ids: Vec<u16> = events.iter().map(|&id| id as u16).collect(); // what is no id is refused as such
    let varied = tx3::vary(&ids, &tx3::Variation { transpose, switch_pulses, keep, tempo, controls })?;
    Ok(varied.into_iter().map(i32::from).collect())
}

/// Varies a song in the compact form.
///
/// In this order: the events of the voices that do not stay are taken out, the pulses switched, notes transposed, adjoining
/// waits merged, those at the ends trimmed, and each multiplied by the stretch (rounded to the nearest sample, at least 1).
///
/// A note that leaves its voice's range is dropped together with its note-off; where it followed another note directly,
/// that note still ends there, so a note-off takes its place. (LakhNES left such note-offs where they were.) A note-off
/// that had no note-on before the variation stays as it is: the events may be a piece cut out of a song.
fn vary_events(events: &[i32], options: &AugmentOptions, vocabulary: &Vocabulary) -> Vec<i32> {
    let plan = Plan::new(options, vocabulary);
    let mut varied = Vec::with_capacity(events.len());
    let mut waiting = 0_i64;
    let mut held = [false; 5]; // in what comes in
    let mut sounding = [false; 5]; // in what goes out
    for &event in events {
        if event < 0 {
            waiting += -i64::from(event);
            continue;
        }
        let step = plan.step(event);
        let (was_held, was_sounding) = (held[step.voice], sounding[step.voice]);
        let output = match step.kind {
            Kind::NoteOn => {
                held[step.voice] = true;
                sounding[step.voice] = step.output.is_some();
                step.output.or(if was_sounding { plan.note_offs[step.voice] } else { None })
            }
            Kind::NoteOff => {
                held[step.voice] = false;
                sounding[step.voice] = false;
                step.output.filter(|_| was_sounding || !was_held)
            }
            Kind::Other => step.output,
        };
        if let Some(output) = output {
            if waiting > 0 && !(options.trim && varied.is_empty()) {
                varied.push(stretched(waiting, options.stretch));
            }
            waiting = 0;
            varied.push(output);
        }
    }
    if waiting > 0 && !options.trim {
        varied.push(stretched(waiting, options.stretch));
    }
    varied
}

fn stretched(wait: i64, factor: f64) -> i32 {
    // The bound also catches a factor that is no number; f64 to i32 saturates.
    -((wait as f64 * factor).round().max(1.0) as i32)
}

#[derive(Clone, Copy)]
enum Kind {
    NoteOn,
    NoteOff,
    Other,
}

/// What becomes of one id.
#[derive(Clone, Copy)]
struct Step {
    kind: Kind,
    /// The voice before a switch; 4 for none.
    voice: usize,
    /// The id that takes its place; `None` if it is dropped.
    output: Option<i32>,
}

/// What becomes of every id under some options.
struct Plan {
    steps: Vec<Step>,
    /// What ends a note of each (incoming) voice.
    note_offs: [Option<i32>; 5],
}

impl Plan {
    fn new(options: &AugmentOptions, vocabulary: &Vocabulary) -> Self {
        let step_of = |id: u16| {
            let Some(event) = vocabulary.event(id) else {
                return Step { kind: Kind::Other, voice: 4, output: Some(i32::from(id)) };
            };
            let (kind, voice) = match event {
                Event::NoteOn(voice, _) => (Kind::NoteOn, voice.index()),
                Event::NoteOff(voice) => (Kind::NoteOff, voice.index()),
                Event::Velocity(voice, _) | Event::Timbre(voice, _) => (Kind::Other, voice.index()),
                Event::Wait(_) => (Kind::Other, 4),
            };
            Step { kind, voice, output: vary(event, options).and_then(|event| vocabulary.id_of(event)).map(i32::from) }
        };
        let steps = (0..vocabulary.len() as u16).map(step_of).collect();
        let mut note_offs = [None; 5];
        for voice in Voice::ALL {
            let note_off = vary(Event::NoteOff(voice), options).and_then(|event| vocabulary.id_of(event));
            note_offs[voice.index()] = note_off.map(i32::from);
        }
        Self { steps, note_offs }
    }

    /// What becomes of an id; one that the vocabulary does not have stays.
    fn step(&self, id: i32) -> Step {
        let unknown = Step { kind: Kind::Other, voice: 4, output: Some(id) };
        self.steps.get(id as usize).copied().unwrap_or(unknown)
    }
}

/// The event under the options; `None` if its voice does not stay or its pitch does not exist.
fn vary(event: Event, options: &AugmentOptions) -> Option<Event> {
    let switched = |voice: Voice| {
        let other = match voice {
            Voice::P1 if options.switch_pulses => Voice::P2,
            Voice::P2 if options.switch_pulses => Voice::P1,
            stays => stays,
        };
        options.keep[voice.index()].then_some(other)
    };
    Some(match event {
        Event::Wait(ticks) => Event::Wait(ticks),
        Event::NoteOff(voice) => Event::NoteOff(switched(voice)?),
        Event::NoteOn(Voice::No, pitch) => Event::NoteOn(switched(Voice::No)?, pitch),
        Event::NoteOn(voice, pitch) => Event::NoteOn(switched(voice)?, pitch.transposed(options.transpose)?),
        Event::Velocity(voice, value) => Event::Velocity(switched(voice)?, value),
        Event::Timbre(voice, value) => Event::Timbre(switched(voice)?, value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varied(text: &str, options: &AugmentOptions) -> String {
        let vocabulary = Vocabulary::tx1();
        let events = events_from_text(text, &vocabulary).expect("a legal text");
        spelled(&augment(&events, options))
    }

    fn spelled(events: &[i32]) -> String {
        let vocabulary = Vocabulary::tx1();
        let spell = |&event: &i32| {
            if event < 0 { format!("WT_{}", -event) } else { vocabulary.symbol(event as u16).expect("an id") }
        };
        events.iter().map(spell).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn exact_waits_survive_and_the_defaults_only_merge_them() {
        let text = "WT_1234567\nP1_NOTEON_60\nWT_1\nWT_2\nP1_NOTEOFF";
        assert_eq!(varied(text, &AugmentOptions::default()), "WT_1234567\nP1_NOTEON_60\nWT_3\nP1_NOTEOFF");
    }

    #[test]
    fn transposition_moves_the_pitched_voices_and_leaves_the_noise() {
        let options = AugmentOptions { transpose: -5, ..AugmentOptions::default() };
        let text = "P1_NOTEON_60\nP2_NOTEON_64\nTR_NOTEON_36\nNO_NOTEON_9";
        assert_eq!(varied(text, &options), "P1_NOTEON_55\nP2_NOTEON_59\nTR_NOTEON_31\nNO_NOTEON_9");
    }

    #[test]
    fn a_note_out_of_range_takes_its_note_off_with_it() {
        let options = AugmentOptions { transpose: 6, ..AugmentOptions::default() };
        let text = "P1_NOTEON_107\nWT_10\nP1_NOTEOFF\nWT_10\nP1_NOTEON_60\nWT_10\nP1_NOTEOFF";
        assert_eq!(varied(text, &options), "WT_20\nP1_NOTEON_66\nWT_10\nP1_NOTEOFF");
    }

    #[test]
    fn a_note_before_one_out_of_range_still_ends_where_it_did() {
        let options = AugmentOptions { transpose: -6, ..AugmentOptions::default() };
        let text = "TR_NOTEON_30\nWT_10\nTR_NOTEON_22\nWT_10\nTR_NOTEOFF\nWT_10\nTR_NOTEON_40";
        assert_eq!(varied(text, &options), "TR_NOTEON_24\nWT_10\nTR_NOTEOFF\nWT_20\nTR_NOTEON_34");
    }

    #[test]
    fn a_stretch_rounds_each_wait_and_never_drops_one() {
        let options = AugmentOptions { stretch: 0.95, ..AugmentOptions::default() };
        assert_eq!(
            varied("P1_NOTEON_60\nWT_1000\nP1_NOTEOFF\nWT_1", &options),
            "P1_NOTEON_60\nWT_950\nP1_NOTEOFF\nWT_1"
        );
        let senseless = AugmentOptions { stretch: f64::NAN, ..AugmentOptions::default() };
        assert!(augment(&[-5, 400], &senseless)[0] <= -1);
    }

    #[test]
    fn switched_pulses_exchange_their_parts() {
        let options = AugmentOptions { switch_pulses: true, ..AugmentOptions::default() };
        let text = "P1_NOTEON_60\nP2_NOTEON_33\nTR_NOTEON_40\nWT_5\nP1_NOTEOFF";
        assert_eq!(varied(text, &options), "P2_NOTEON_60\nP1_NOTEON_33\nTR_NOTEON_40\nWT_5\nP2_NOTEOFF");
    }

    #[test]
    fn trimming_takes_the_silence_at_the_ends_with_that_of_voices_that_do_not_stay() {
        let options = AugmentOptions { trim: true, keep: [true, false, true, true], ..AugmentOptions::default() };
        let text = "WT_3\nP2_NOTEON_64\nWT_4\nP1_NOTEON_60\nWT_5\nP1_NOTEOFF\nWT_6\nP2_NOTEOFF\nWT_7";
        assert_eq!(varied(text, &options), "P1_NOTEON_60\nWT_5\nP1_NOTEOFF");
        assert_eq!(varied("WT_3", &options), "");
    }

    #[test]
    fn voices_that_do_not_stay_leave_one_wait_behind() {
        let options = AugmentOptions { keep: [true, false, true, false], ..AugmentOptions::default() };
        let text =
            "P1_NOTEON_60\nWT_5\nP2_NOTEON_64\nWT_6\nP2_NOTEOFF\nWT_7\nNO_NOTEON_3\nP1_NOTEOFF\nWT_1\nNO_NOTEOFF\nWT_1";
        assert_eq!(varied(text, &options), "P1_NOTEON_60\nWT_18\nP1_NOTEOFF\nWT_2");
    }

    #[test]
    fn a_piece_cut_out_of_a_song_keeps_the_note_off_of_its_first_note() {
        let text = "WT_5\nP1_NOTEOFF\nWT_1";
        assert_eq!(varied(text, &AugmentOptions { transpose: 3, ..AugmentOptions::default() }), text);
    }

    #[test]
    fn framing_drops_one_wait_at_each_end() {
        assert_eq!(quantize_events(&[-5, -7, 400, -104, 371, -9], true), [0, 7, 400, 100, 371, 0]);
        assert_eq!(quantize_events(&[-5, 400, -9], false), [5, 400, 9]);
        assert_eq!(quantize_events(&[-5], true), [0, 0]);
        assert_eq!(quantize_events(&[], true), [0, 0]);
    }

    #[test]
    fn a_text_longer_than_a_song_may_be_is_refused_as_everywhere() {
        let error = events_from_text("WT_1905120000\nWT_1", &Vocabulary::tx1()).expect_err("too long");
        assert!(error.to_string().starts_with("line 2: length in ticks"), "{error}");
    }

    #[test]
    fn an_empty_text_is_refused() {
        let error = events_from_text(" \n\n", &Vocabulary::tx1()).expect_err("no events");
        assert_eq!(error.to_string(), "expected events, one a line, found an empty text");
    }
}
