//! What can be measured of a song: tempo, key, how dense and how high each voice is, how long it lasts.

use super::beat::{Bar, bars};
use super::framed::{FramedSong, Line};
use super::piece::groups;
use super::tempo::{PARTS, Tempo};
use super::token::{DENSITIES, LENGTHS, REGISTERS, TONICS, Token};
use super::writer::onsets;
use crate::error::TokenizerError;
use crate::song::Song;
use crate::voice::Voice;

/// How strongly the keys of major and minor imply each semitone above their tonic (Krumhansl and Kessler, 1982).
const MAJOR: [f64; 12] = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88];
const MINOR: [f64; 12] = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17];

/// The onsets a second from which a voice is of middle and of high density: thirds of NES-MDB's train split.
pub const DENSITY: [[f64; 2]; 4] = [[2.6, 4.2], [2.5, 4.3], [2.7, 4.6], [3.4, 5.6]];
/// The median pitches from which a voice is of the middle and of the high register: thirds too.
pub const REGISTER: [[f64; 2]; 3] = [[67.0, 73.0], [64.0, 71.0], [50.0, 55.0]];

/// What is true of a song.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The frame period in ticks of 1/44,100 s, and the phase of the frames, −0.5 to 0.375.
    pub period: f64,
    /// In frames.
    pub phase: f64,
    /// The tempo of most of it: frames a row.
    pub frames_a_row: f64,
    /// By how many frames odd rows are late.
    pub swing: u8,
    /// Rows a bar, of most of it.
    pub rows_a_bar: u8,
    /// The number of bars, and of changes of tempo.
    pub bars: usize,
    /// How often the tempo changes.
    pub tempo_changes: usize,
    /// The share of onsets that lie on rows, 0 to 1.
    pub on_rows: f64,
    /// The key, 0 to 11 major from C, 12 to 23 minor; none if too few notes say it.
    pub key: Option<u8>,
    /// The correlation of the pitch classes with the key's profile.
    pub key_strength: f64,
    /// The onsets a second of each voice.
    pub density: [f64; 4],
    /// The median pitch of each voice.
    pub register: [Option<u8>; 4],
    /// In seconds.
    pub duration: f64,
    /// How far onsets of the song are moved to a frame, in ticks: the root of the mean square.
    pub error: f64,
    /// The notes that are shorter than half a frame and have no length on frames.
    pub dropped: usize,
}

/// Measures a song.
///
/// # Errors
/// [`TokenizerError::Limit`] if the song on its frames is longer than a song may be.
pub fn facts(song: &Song) -> Result<Facts, TokenizerError> {
    let framed = FramedSong::of(song)?;
    let facts = Facts::of(&framed, &bars(&onsets(&framed), framed.length));
    let notes: usize = song.tracks().iter().map(|track| track.notes.len()).sum();
    let kept: usize = framed.lines.iter().map(|line| line.notes.len()).sum();
    Ok(Facts { error: error_of(song, &framed), dropped: notes - kept.min(notes), ..facts })
}

/// How far the onsets of a song lie from their frames.
fn error_of(song: &Song, framed: &FramedSong) -> f64 {
    let onsets = song.tracks().iter().flat_map(|track| &track.notes).map(|note| note.start.get());
    let (mut sum, mut count) = (0.0, 0_u32);
    for onset in onsets {
        let distance = framed.clock.tick_of(framed.clock.frame_of(onset)).abs_diff(onset) as f64;
        sum += distance * distance;
        count += 1;
    }
    (sum / f64::from(count.max(1))).sqrt()
}

impl Facts {
    pub(super) fn of(framed: &FramedSong, bars: &[Bar]) -> Self {
        let tempo = usual_tempo(bars);
        let (key, key_strength) = key_of(framed);
        let duration = framed.clock.tick_of(framed.length) as f64 / crate::limits::TICKS_PER_SECOND as f64;
        let per_second = |line: &Line| groups(&line.notes).count() as f64 / duration.max(0.1);
        Self {
            period: framed.clock.period_ticks(),
            phase: f64::from(framed.clock.phase) / 8.0,
            frames_a_row: f64::from(tempo.row) / f64::from(PARTS),
            swing: tempo.swing,
            rows_a_bar: tempo.rows,
            bars: bars.len(),
            tempo_changes: bars.windows(2).filter(|pair| pair[0].tempo != pair[1].tempo).count(),
            on_rows: share_on_rows(framed, bars),
            key,
            key_strength,
            density: Voice::ALL.map(|voice| per_second(&framed.lines[voice.index()])),
            register: Voice::ALL.map(|voice| median_pitch(&framed.lines[voice.index()])),
            duration,
            error: 0.0,
            dropped: 0,
        }
    }

    /// The key's name, such as `A minor`.
    #[must_use]
    pub fn key_name(&self) -> Option<String> {
        let key = usize::from(self.key?);
        Some(format!("{} {}", TONICS[key % 12], if key < 12 { "major" } else { "minor" }))
    }

    /// `none`, `low`, `mid` or `high`.
    #[must_use]
    pub fn density_name(&self, voice: Voice) -> String {
        DENSITIES[usize::from(self.density_class(voice))].to_lowercase()
    }

    /// `low`, `mid` or `high`.
    #[must_use]
    pub fn register_name(&self, voice: Voice) -> Option<String> {
        Some(REGISTERS[usize::from(self.register_class(voice)?)].to_lowercase())
    }

    /// The tempo in beats a minute: of four rows, or of the two in which a bar of 8 or fewer rows counts.
    #[must_use]
    pub fn beats_a_minute(&self) -> f64 {
        let rows = if self.rows_a_bar >= 24 {
            8.0
        } else if self.rows_a_bar >= 12 {
            4.0
        } else {
            2.0
        };
        60.0 * crate::limits::TICKS_PER_SECOND as f64 / (rows * self.frames_a_row * self.period)
    }

    /// The facts as the tokens with which a song may begin.
    #[must_use]
    pub fn tokens(&self, loops: bool) -> Vec<Token> {
        let mut tokens: Vec<Token> = self.key.map(Token::Key).into_iter().collect();
        tokens.extend(Voice::ALL.map(|voice| Token::Density(voice, self.density_class(voice))));
        let pitched = [Voice::P1, Voice::P2, Voice::Tr];
        tokens.extend(pitched.iter().filter_map(|&voice| Some(Token::Register(voice, self.register_class(voice)?))));
        let length = LENGTHS.into_iter().find(|&seconds| self.duration <= f64::from(seconds));
        tokens.push(Token::Length(length.unwrap_or(LENGTHS[LENGTHS.len() - 1])));
        tokens.push(Token::Ending(u8::from(loops)));
        tokens
    }

    /// 0 to 3: silent, low, middle, high.
    #[must_use]
    pub fn density_class(&self, voice: Voice) -> u8 {
        let onsets = self.density[voice.index()];
        let above = DENSITY[voice.index()].iter().filter(|&&from| onsets >= from).count() as u8;
        if onsets > 0.0 { 1 + above } else { 0 }
    }

    /// 0 to 2: low, middle, high; none for the noise and a voice that is silent.
    #[must_use]
    pub fn register_class(&self, voice: Voice) -> Option<u8> {
        let pitch = f64::from(self.register[voice.index()]?);
        let from = REGISTER.get(voice.index())?;
        Some(from.iter().filter(|&&from| pitch >= from).count() as u8)
    }
}

/// The tempo of most bars; the first of several.
fn usual_tempo(bars: &[Bar]) -> Tempo {
    let mut counts: Vec<(Tempo, usize)> = Vec::new();
    for bar in bars {
        match counts.iter_mut().find(|(tempo, _)| *tempo == bar.tempo) {
            Some((_, count)) => *count += 1,
            None => counts.push((bar.tempo, 1)),
        }
    }
    counts.into_iter().rev().max_by_key(|&(_, count)| count).map_or_else(Tempo::default, |(tempo, _)| tempo)
}

fn share_on_rows(framed: &FramedSong, bars: &[Bar]) -> f64 {
    let onsets = onsets(framed);
    let mut rest = bars;
    let on = onsets.iter().filter(|onset| {
        while rest.len() > 1 && rest[1].start <= onset.frame as i64 {
            rest = &rest[1..];
        }
        rest.first().is_some_and(|bar| bar.tempo.place((onset.frame as i64 - bar.start).max(0) as u64).1 == 0)
    });
    on.count() as f64 / onsets.len().max(1) as f64
}

/// How well each pitch class, C first, fits a key, 0 to 11 major and 12 to 23 minor: ratings of listeners (Krumhansl and
/// Kessler 1982).
#[must_use]
pub fn key_profile(key: u8) -> [f64; 12] {
    let profile = if key < 12 { &MAJOR } else { &MINOR };
    let tonic = usize::from(key % 12);
    std::array::from_fn(|class| profile[(class + 12 - tonic) % 12])
}

/// The key whose profile agrees best with how long each pitch class sounds, and the correlation.
fn key_of(framed: &FramedSong) -> (Option<u8>, f64) {
    let mut classes = [0.0; 12];
    for voice in [Voice::P1, Voice::P2, Voice::Tr] {
        for note in &framed.lines[voice.index()].notes {
            // A long note says no more than one of half a second.
            classes[usize::from(note.pitch % 12)] += (note.end - note.start).min(30) as f64;
        }
    }
    if classes.iter().filter(|&&frames| frames > 0.0).count() < 3 {
        return (None, 0.0);
    }
    let strength = |key: u8| correlation(&classes, &key_profile(key));
    let best = (0..24).map(|key| (strength(key), key)).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    best.map_or((None, 0.0), |(strength, key)| (Some(key), strength))
}

fn correlation(a: &[f64; 12], b: &[f64; 12]) -> f64 {
    let mean = |values: &[f64; 12]| values.iter().sum::<f64>() / 12.0;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        both += x * y;
        of_a += x * x;
        of_b += y * y;
    }
    both / (of_a * of_b).sqrt().max(f64::MIN_POSITIVE)
}

fn median_pitch(line: &Line) -> Option<u8> {
    let mut pitches: Vec<u8> = groups(&line.notes).filter_map(|group| group.first()).map(|note| note.pitch).collect();
    pitches.sort_unstable();
    pitches.get(pitches.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_in_its_key() {
        let scale = |tonic: u8, steps: [u8; 7]| {
            let notes = steps.iter().chain([&0, &steps[2], &steps[4], &0]);
            let text: Vec<String> =
                notes.map(|step| format!("P1_NOTEON_{}\nWT_8805\nP1_NOTEOFF", 60 + tonic + step)).collect();
            facts(&crate::tx1::read(&text.join("\n")).expect("a song")).expect("facts").key
        };
        assert_eq!(scale(0, [0, 2, 4, 5, 7, 9, 11]), Some(0));
        assert_eq!(scale(7, [0, 2, 4, 5, 7, 9, 11]), Some(7));
        assert_eq!(scale(9, [0, 2, 3, 5, 7, 8, 11]), Some(12 + 9));
    }
}
