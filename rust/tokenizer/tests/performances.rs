//! Songs as register writes.

use lakhnes_tokenizer::{PerformOptions, TokenizerError, perform, tx2};

/// The writes of a TX2 text whose events stand between spaces, as tick, register and value; without those of the opening.
fn writes(events: &str, downsample: Option<f64>) -> Vec<(u64, u8, u8)> {
    let song = tx2::read(&events.replace(' ', "\n")).expect("a song");
    let log = perform(&song, &PerformOptions { downsample, ..PerformOptions::default() }).expect("a log");
    let writes: Vec<_> = log.writes.iter().map(|write| (write.tick, write.register, write.value)).collect();
    assert_eq!(
        writes[1..7],
        [(0, 0x00, 0x30), (0, 0x01, 0x07), (0, 0x04, 0x30), (0, 0x05, 0x07), (0, 0x08, 0xFF), (0, 0x0C, 0x30)]
    );
    assert_eq!((writes[0].0, writes[0].1), (0, 0x15));
    writes[7..].to_vec()
}

#[test]
fn a_pulse_sounds_its_note_at_constant_volume() {
    // A4: 1,789,773 / (16 · 440) − 1 = 253.2
    assert_eq!(
        writes("WT_9 P2_NOTEON_69 P2_VELOCITY_7 P2_TIMBRE_2 WT_10 P2_VELOCITY_3 WT_10 P2_NOTEOFF WT_1", None),
        [(9, 0x15, 2), (9, 4, 0xB7), (9, 6, 253), (9, 7, 0), (19, 4, 0xB3), (29, 0x15, 0), (29, 6, 0)]
    );
}

#[test]
fn a_change_of_pitch_writes_only_the_bytes_that_change() {
    // C4 and C♯4 have timers 0x1AB and 0x193, C3 has 0x356.
    assert_eq!(
        writes("P1_NOTEON_60 WT_5 P1_NOTEON_61 WT_5 P1_NOTEON_48 WT_5", None)[3..],
        [(5, 2, 0x93), (10, 2, 0x56), (10, 3, 0x03)]
    );
}

#[test]
fn the_triangle_sounds_an_octave_lower_for_the_same_timer() {
    assert_eq!(
        writes("WT_1 TR_NOTEON_57 WT_5 TR_NOTEOFF WT_1", None),
        [(1, 0x15, 4), (1, 0x0A, 253), (1, 0x0B, 0), (6, 0x15, 0), (6, 0x0A, 0), (6, 0x0B, 0)]
    );
}

#[test]
fn the_noise_has_sixteen_periods_and_a_mode() {
    assert_eq!(
        writes("WT_1 NO_NOTEON_16 NO_TIMBRE_1 WT_5 NO_NOTEON_1 WT_5 NO_NOTEOFF WT_1", None),
        [(1, 0x15, 8), (1, 0x0C, 0x3F), (1, 0x0E, 0x80), (1, 0x0F, 0), (6, 0x0E, 0x8F), (6, 0x0F, 0), (11, 0x15, 0)]
    );
}

#[test]
fn a_slow_performance_moves_only_on_its_frames() {
    // At 100 Hz frames are 441 ticks long.
    assert_eq!(
        writes("WT_10 P1_NOTEON_60 WT_900 P1_NOTEOFF WT_1000", Some(100.0)),
        [(0, 0, 0x3F), (0, 2, 0xAB), (0, 3, 1), (1_323, 0x15, 0), (1_323, 2, 0), (1_323, 3, 0)]
    );
}

#[test]
fn a_rate_that_is_none_is_refused() {
    let song = tx2::read("WT_1").expect("a song");
    for rate in [0.0, -5.0, f64::NAN, 50_000.0] {
        let error = perform(&song, &PerformOptions { downsample: Some(rate), ..PerformOptions::default() });
        assert!(matches!(error, Err(TokenizerError::Option { .. })), "{rate}");
    }
}
