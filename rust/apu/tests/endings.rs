//! How logs end: fades of what was cut off, and the loops that fit into a time.

mod common;

use common::log;
use lakhnes_apu::formats::nsf::{Ending, Nsf, RunOptions, Track};
use lakhnes_apu::{FilterMode, LoopScale, RegisterLog, RenderOptions, TICK_RATE, render};

const RAW: RenderOptions = RenderOptions {
    sample_rate: 44_100,
    mixer: lakhnes_apu::MixerMode::Linear,
    filter: FilterMode::None,
    max_ticks: 1 << 30,
    loops: 1,
    fade_ticks: 0,
    dither: false,
    channels: lakhnes_apu::Channels::ALL,
};

#[test]
fn a_log_that_was_cut_off_fades_at_its_end() {
    let song = log(&[(0, 0x15, 1), (0, 0, 0xBF), (0, 2, 0x40), (0, 3, 0)], 20_000);
    let plain = render(&song, &RAW).unwrap();
    let faded = render(&RegisterLog { fade_ticks: 5_000, ..song.clone() }, &RAW).unwrap();
    assert_eq!(plain[..15_000], faded[..15_000]);
    let level = |samples: &[f32]| samples.iter().map(|sample| f64::from(sample.abs())).sum::<f64>();
    let share = level(&faded[17_000..18_000]) / level(&plain[17_000..18_000]);
    assert!((share - 0.5).abs() < 0.02, "{share}");
    assert!(level(&faded[19_900..]) < 0.03 * level(&plain[19_900..]));
    // The fade after loops is the listener's.
    let looped = RegisterLog { loop_start: Some(0), ..song };
    let both = [0, 5_000].map(|fade_ticks| render(&RegisterLog { fade_ticks, ..looped.clone() }, &RAW).unwrap());
    assert_eq!(both[0], both[1]);
}

#[test]
fn as_many_loops_are_played_as_fit() {
    let song = RegisterLog { loop_start: Some(10_000), ..log(&[(0, 0x15, 1)], 40_000) };
    let fitted = |max_ticks, loops, fade_ticks| {
        let options = RenderOptions { max_ticks, loops, fade_ticks, ..RAW }.fitting(&song);
        assert!(max_ticks < 40_000 || render(&song, &options).unwrap().len() as u64 <= max_ticks);
        (options.loops, options.fade_ticks)
    };
    assert_eq!(fitted(200_000, 3, 9_000), (3, 9_000));
    assert_eq!(fitted(105_000, 9, 9_000), (3, 5_000));
    assert_eq!(fitted(69_999, 9, 9_000), (1, 9_000));
    assert_eq!(fitted(40_000, 2, 9_000), (1, 0));
    assert_eq!(fitted(30_000, 2, 9_000), (1, 0));
    let whole = RegisterLog { loop_start: None, ..song.clone() };
    assert_eq!(RenderOptions { loops: 5, ..RAW }.fitting(&whole).loops, 5);
    // A file that asks for twice the loops.
    let scaled = RegisterLog { loop_scale: LoopScale { base: 0, modifier: 32 }, ..song };
    assert_eq!(RenderOptions { max_ticks: 130_000, loops: 5, ..RAW }.fitting(&scaled).loops, 2);
}

#[test]
fn a_track_that_goes_on_fades_as_its_file_or_its_listener_says() {
    // INIT: RTS; PLAY: INC $10, BNE, INC $11, LDA $10, STA $4011, RTS.
    let mut program = vec![0x60; 0x20];
    program.extend([0xE6, 0x10, 0xD0, 2, 0xE6, 0x11, 0xA5, 0x10, 0x8D, 0x11, 0x40, 0xA5, 0x11, 0x8D, 0x02, 0x40, 0x60]);
    let track = Track { time_ms: Some(3_000), fade_ms: Some(1_000), ..Track::default() };
    let nsf = Nsf { play: 0x8020, program, tracks: vec![track, Track::default()], ..Nsf::default() };
    let run = |track: usize, options: RunOptions| {
        let played = nsf.run(track, &options).unwrap();
        assert_eq!(played.ending, Ending::MaxDuration);
        (played.log.length, played.log.fade_ticks)
    };
    let short = RunOptions { max_ticks: 5 * TICK_RATE, fade_ticks: 7_000, find_loop: false, ..RunOptions::default() };
    assert_eq!(run(0, short), (4 * TICK_RATE, TICK_RATE));
    assert_eq!(run(1, short), (5 * TICK_RATE, 7_000));
    assert_eq!(run(0, RunOptions { file_times: false, ..short }), (5 * TICK_RATE, 7_000));
    assert_eq!(run(0, RunOptions { max_ticks: TICK_RATE, ..short }), (TICK_RATE, 7_000));
    assert_eq!(run(1, RunOptions { max_ticks: 3_000, ..short }), (3_000, 3_000));
}
