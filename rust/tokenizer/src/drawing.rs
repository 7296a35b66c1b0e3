//! The piano roll of a song as a drawing (SVG 1.1), for pages that show songs.
//!
//! One path a voice, a stroke a note: a minute of music takes some 10 kB. Coordinates are integers, tenths of a pixel.
//! Lines and letters have the colour of the text around the drawing, so that it fits bright and dark pages.

use std::fmt::Write as _;

use crate::limits::TICKS_PER_SECOND;
use crate::song::Song;
use crate::voice::Voice;

/// The colour of each voice, by [`Voice::index`].
pub const VOICE_COLORS: [&str; 4] = ["#c8102e", "#e98300", "#0057b7", "#5b6770"];

/// The drawing: 900 x 250 pixels where there is room, else as wide as there is.
const WIDTH: u64 = 9_000;
const HEIGHT: u64 = 2_500;
/// Where time begins and ends: left of it are the names of the octaves.
const LEFT: u64 = 360;
const RIGHT: u64 = WIDTH - 40;
/// The pitched voices: their place, and how many semitones they have at least.
const PITCHED_TOP: u64 = 180;
const PITCHED_HEIGHT: u64 = 1_680;
const LEAST_SEMITONES: u8 = 24;
/// The noise: its place, and the height of each of its 16 rows.
const NOISE_TOP: u64 = 1_940;
const NOISE_ROW: u64 = 22;
const NOISE_BOTTOM: u64 = NOISE_TOP + 16 * NOISE_ROW;
/// The width of the narrowest note, and the gap that parts a note from the next.
const NARROWEST: u64 = 8;
const GAP: u64 = 4;
/// Seconds between two lines of time, and the most lines that are drawn.
const STEPS: [u64; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];
const MOST_LINES: u64 = 12;

/// Draws the piano roll of a song: the pulses and the triangle by pitch, the noise below them by its number.
///
/// Of notes that begin within the same tenth of a pixel only the first of a voice is drawn, so that the drawing of the
/// longest song has less than 1 MB.
#[must_use]
pub fn piano_roll_svg(song: &Song) -> String {
    let view = View::of(song);
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"900\" role=\"img\" \
         aria-label=\"Piano roll, {:.1} seconds\" style=\"max-width:100%;height:auto\" font-family=\"sans-serif\" \
         font-size=\"110\" fill=\"currentColor\">",
        song.duration()
    );
    view.draw_octaves(&mut svg);
    view.draw_times(&mut svg);
    View::draw_names(&mut svg);
    for (voice, color) in Voice::ALL.into_iter().zip(VOICE_COLORS) {
        view.draw_voice(&mut svg, song, voice, color);
    }
    svg.push_str("</svg>");
    svg
}

/// Where ticks and pitches lie.
struct View {
    length: u64,
    high: u8,
    low: u8,
    row: u64,
}

impl View {
    fn of(song: &Song) -> Self {
        let pitched = song.voices().filter(|(voice, _)| *voice != Voice::No);
        let pitches = pitched.flat_map(|(_, track)| track.notes.iter().map(|note| note.pitch.get()));
        let (mut low, mut high) = pitches
            .fold(None, |range, pitch| match range {
                None => Some((pitch, pitch)),
                Some((low, high)) => Some((pitch.min(low), pitch.max(high))),
            })
            .unwrap_or((60, 60));
        while high - low < LEAST_SEMITONES {
            (low, high) = (low.saturating_sub(1), high + 1); // pitches are below 128
        }
        let row = PITCHED_HEIGHT / (u64::from(high - low) + 1);
        Self { length: song.length().get().max(1), high, low, row }
    }

    fn x(&self, tick: u64) -> u64 {
        LEFT + tick * (RIGHT - LEFT) / self.length // at most 12 hours: below 2^45
    }

    /// The middle of the row of a pitch.
    fn y(&self, voice: Voice, pitch: u8) -> u64 {
        match voice {
            Voice::No => NOISE_TOP + u64::from(16 - pitch.min(16)) * NOISE_ROW + NOISE_ROW / 2,
            _ => PITCHED_TOP + u64::from(self.high - pitch) * self.row + self.row / 2,
        }
    }

    /// A line and a name at every C.
    fn draw_octaves(&self, svg: &mut String) {
        for pitch in (self.low..=self.high).filter(|pitch| pitch % 12 == 0) {
            let y = self.y(Voice::P1, pitch);
            let _ = write!(
                svg,
                "<path d=\"M{LEFT} {y}H{RIGHT}\" stroke=\"currentColor\" stroke-opacity=\".2\" stroke-width=\"6\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\">C{}</text>",
                LEFT - 60,
                y + 40,
                i32::from(pitch / 12) - 1,
            );
        }
    }

    /// Lines of time, and the minutes and seconds below them.
    fn draw_times(&self, svg: &mut String) {
        let seconds = self.length / TICKS_PER_SECOND;
        let step = STEPS.into_iter().find(|step| seconds / step < MOST_LINES).unwrap_or(STEPS[STEPS.len() - 1]);
        for second in (0..=seconds).step_by(step as usize) {
            let x = self.x(second * TICKS_PER_SECOND);
            let _ = write!(
                svg,
                "<path d=\"M{x} {PITCHED_TOP}V{NOISE_BOTTOM}\" stroke=\"currentColor\" stroke-opacity=\".2\" \
                 stroke-width=\"6\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}:{:02}</text>",
                HEIGHT - 60,
                second / 60,
                second % 60,
            );
        }
    }

    /// The names of the voices, in their colours.
    fn draw_names(svg: &mut String) {
        for (voice, color) in Voice::ALL.into_iter().zip(VOICE_COLORS) {
            let (x, y) = match voice {
                Voice::No => (LEFT - 60, NOISE_TOP + 10 * NOISE_ROW),
                _ => (RIGHT - 480 + 240 * voice.index() as u64, PITCHED_TOP - 60),
            };
            let name = voice.name();
            let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\" fill=\"{color}\">{name}</text>");
        }
    }

    fn draw_voice(&self, svg: &mut String, song: &Song, voice: Voice, color: &str) {
        let notes = &song.tracks()[voice.index()].notes;
        if notes.is_empty() {
            return;
        }
        let width = if voice == Voice::No { 2 * NOISE_ROW } else { self.row }; // 20 at the least
        let name = voice.name();
        let _ =
            write!(svg, "<path fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" data-voice=\"{name}\" d=\"");
        let mut last = None;
        for note in notes {
            let (start, end) = (self.x(note.start.get()), self.x(note.end.get()));
            if last == Some(start) {
                continue;
            }
            last = Some(start);
            let width = (end - start).saturating_sub(GAP).max(NARROWEST);
            let _ = write!(svg, "M{start} {}h{width}", self.y(voice, note.pitch.get()));
        }
        svg.push_str("\"/>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx1;

    /// The path of a voice.
    fn path(svg: &str, voice: Voice) -> Option<&str> {
        let (_, rest) = svg.split_once(&format!("data-voice=\"{}\" d=\"", voice.name()))?;
        rest.split_once('"').map(|(path, _)| path)
    }

    fn drawn(text: &str) -> String {
        piano_roll_svg(&tx1::read(text).expect("a song"))
    }

    #[test]
    fn each_note_is_a_stroke_of_its_voice_at_its_time_and_pitch() {
        // Two seconds: the first half of the drawing and the last quarter.
        let svg =
            drawn("P1_NOTEON_72\nNO_NOTEON_16\nWT_44100\nP1_NOTEOFF\nNO_NOTEOFF\nWT_22050\nP1_NOTEON_60\nWT_22050");
        // 24 semitones up and down from 60 and 72: 54 to 78 and rows of 67.
        assert_eq!(path(&svg, Voice::P1), Some("M360 615h4296M6810 1419h2146"));
        assert_eq!(path(&svg, Voice::No), Some("M360 1951h4296"));
        assert_eq!(path(&svg, Voice::Tr), None);
    }

    #[test]
    fn the_lines_of_time_are_at_most_thirteen_whatever_the_length() {
        for (waits, step) in [(1, "0:01"), (60, "0:10"), (3_600, "10:00"), (12 * 3_600 - 1, "60:00")] {
            let svg = drawn(&format!("P1_NOTEON_60\n{}", vec!["WT_44100"; waits].join("\n")));
            let labels = svg.matches("text-anchor=\"middle\"").count();
            assert!((2..=13).contains(&labels), "{waits}: {labels}");
            assert!(svg.contains(&format!(">{step}<")), "{waits}");
        }
    }

    #[test]
    fn a_song_of_many_short_notes_has_a_small_drawing() {
        let text: Vec<_> =
            (0..200_000).flat_map(|index| [format!("P1_NOTEON_{}", 33 + index % 76), "WT_1".into()]).collect();
        assert!(drawn(&text.join("\n")).len() < 250_000);
    }

    #[test]
    fn a_song_without_notes_is_drawn_all_the_same() {
        let svg = drawn("WT_4410");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    }
}
