//! What TX3 knows of a song beside its notes: rows and bars, and which instrument plays each stretch of sound.

use super::framed::FramedSong;
use super::instrument::Codebook;
use super::piece::Divider;
use super::{beat, decode_song, encode_song, writer};
use crate::error::TokenizerError;
use crate::song::Song;
use crate::voice::Voice;

/// A stretch of sound that an instrument plays from its beginning. Times are frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether another sound, or the end of the song, follows at once.
    pub(crate) joined: bool,
    /// The number of INST; the triangle has none.
    pub(crate) instrument: Option<u8>,
    /// That of VOL.
    pub(crate) loudness: u8,
}

/// A song that TX3 holds as it is.
#[derive(Debug, Clone)]
pub(crate) struct InstrumentedSong {
    /// How long a frame is, in ticks, and by what share of one frame 0 is late.
    pub(crate) period: f64,
    pub(crate) phase: f64,
    /// Its length.
    pub(crate) frames: usize,
    /// The frames with which rows and bars begin: ascending, the first 0.
    pub(crate) rows: Vec<usize>,
    pub(crate) bars: Vec<usize>,
    /// What each voice plays, in order.
    pub(crate) voices: [Vec<Stretch>; 4],
}

impl InstrumentedSong {
    /// The song with its instruments, if it is one that was read from TX3: writing it loses nothing.
    ///
    /// # Errors
    /// [`TokenizerError::Limit`] if the song is longer than a song may be.
    pub(crate) fn of(song: &Song) -> Result<Option<Self>, TokenizerError> {
        if decode_song(&encode_song(song)?)? != *song {
            return Ok(None);
        }
        let framed = FramedSong::of(song)?;
        let bars = beat::bars(&writer::onsets(&framed), framed.length);
        let (rows, bars) = places(&bars, framed.length);
        let mut divider = Divider::default();
        let voices = Voice::ALL.map(|voice| {
            let pieces = divider.pieces(voice, &framed.lines[voice.index()], framed.length);
            let has_instruments = voice.velocities().is_some();
            let stretch = |piece: &super::piece::Piece| Stretch {
                start: piece.start as usize,
                end: piece.end as usize,
                joined: piece.joined,
                instrument: has_instruments.then_some(piece.voicing.instrument),
                loudness: piece.voicing.loudness,
            };
            pieces.iter().map(stretch).collect()
        });
        let (period, phase) = (framed.clock.period_ticks(), f64::from(framed.clock.phase) / 8.0);
        Ok(Some(Self { period, phase, frames: framed.length as usize, rows, bars, voices }))
    }
}

/// The volumes and timbres of an instrument, a value a frame, at full loudness; the last is held.
pub(crate) fn course_of(voice: Voice, instrument: u8) -> (Vec<u8>, Vec<u8>) {
    let instruments = Codebook::get().instruments(voice);
    let sounds = instruments.get(usize::from(instrument)).map(super::instrument::Instrument::sounds);
    sounds.unwrap_or_default().iter().map(|sound| (sound.level, sound.timbre)).unzip()
}

/// The frames with which rows and bars begin.
fn places(bars: &[beat::Bar], length: u64) -> (Vec<usize>, Vec<usize>) {
    let (mut rows, mut starts) = (vec![0], vec![0]);
    let ends = bars.iter().skip(1).map(|bar| bar.start).chain([length as i64]);
    for (bar, end) in bars.iter().zip(ends) {
        let begin = |row: u8| bar.start + bar.tempo.row_start(row) as i64;
        let within = (0..bar.tempo.rows).map(begin).filter(|&frame| (0..end).contains(&frame));
        rows.extend(within.map(|frame| frame as usize));
        starts.extend(usize::try_from(bar.start));
    }
    for places in [&mut rows, &mut starts] {
        places.retain(|&frame| frame == 0 || frame < length as usize);
        places.dedup();
    }
    (rows, starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tx1, tx3};

    const TEXT: &str = "TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_69\nP1_INST_3\nP1_VOL_12\nTR_NOTEON_45\nTR_LEN_5\nROW_4\n\
                        P1_NOTEON_72\nTR_NOTEON_45\nROW_8\nP1_ATTACK\nNO_NOTEON_9\nNO_INST_2\nNO_LEN_3\nROW_12\nP1_NOTEOFF\nBAR";

    #[test]
    fn a_song_of_tx3_has_the_instruments_that_its_text_names() {
        let song = tx3::read(TEXT).unwrap();
        let found = InstrumentedSong::of(&song).unwrap().expect("a song of TX3");
        assert_eq!((found.frames, &found.bars[..], &found.rows[..3]), (96, &[0][..], &[0, 12, 24][..]));
        let [p1, p2, tr, no] = &found.voices;
        let stretch = |start, end, joined, instrument, loudness| Stretch { start, end, joined, instrument, loudness };
        assert_eq!(p1[0], stretch(0, 24, true, Some(3), 12));
        assert_eq!(p1.last().map(|last| (last.end, last.joined)), Some((72, false)));
        assert_eq!((p2.len(), tr[0].instrument, tr[0].end, no[0]), (0, None, 5, stretch(48, 51, false, Some(2), 15)));
    }

    #[test]
    fn a_song_that_tx3_would_change_has_none() {
        let song = tx1::read("P1_NOTEON_69\nWT_1000\nP1_NOTEOFF\nWT_333\nP1_NOTEON_70\nWT_9999\nP1_NOTEOFF").unwrap();
        assert!(InstrumentedSong::of(&song).unwrap().is_none());
    }

    #[test]
    fn the_course_of_an_instrument_is_its_line_of_the_codebook() {
        let lines = include_str!("instruments.txt").lines().filter(|line| line.starts_with("pulse ")).count();
        let (volumes, timbres) = course_of(Voice::P1, 0);
        assert!(!volumes.is_empty() && volumes.len() == timbres.len() && volumes.iter().all(|&volume| volume <= 15));
        assert!(!course_of(Voice::P2, lines as u8 - 1).0.is_empty());
        assert!(course_of(Voice::P2, lines as u8).0.is_empty() && course_of(Voice::Tr, 0).0.is_empty());
    }
}
