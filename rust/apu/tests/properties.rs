//! Whatever is written: no panic, samples in range, and the same ones however they are asked for.

mod common;

use common::Random;
use lakhnes_apu::formats::vgm;
use lakhnes_apu::{
    Apu, ApuError, ApuOptions, FilterMode, MAX_FRAME_CYCLES, MemoryBlock, MixerMode, RegisterLog, RenderOptions,
    Renderer, Standard, Write, render, render_i16, render_stems,
};
use proptest::prelude::*;

fn logs() -> impl Strategy<Value = RegisterLog> {
    let standard = prop_oneof![Just(Standard::Ntsc), Just(Standard::Pal), Just(Standard::Dendy)];
    let writes = prop::collection::vec((0_u64..400, 0_u8..0x18, any::<u8>()), 0..120);
    let memory = prop::collection::vec((0_u64..6_000, any::<u16>(), prop::collection::vec(any::<u8>(), 0..300)), 0..4);
    (standard, 1_000_000_u32..4_000_000, writes, memory, 1_u64..9_000, prop::option::of(0_u64..9_000)).prop_map(
        |(standard, clock_hz, writes, mut memory, length, loop_start)| {
            memory.sort();
            let mut tick = 0;
            let mut delayed = |wait: u64| {
                // Many writes on one tick, and long pauses.
                tick += wait.saturating_sub(200);
                tick
            };
            let writes =
                writes.into_iter().map(|(wait, register, value)| Write { tick: delayed(wait), register, value });
            RegisterLog {
                clock_hz,
                writes: writes.collect(),
                length,
                loop_start: loop_start.filter(|&start| start < length),
                memory: memory.into_iter().map(|(tick, address, bytes)| MemoryBlock { tick, address, bytes }).collect(),
                ..RegisterLog::new(standard)
            }
        },
    )
}

fn options() -> impl Strategy<Value = RenderOptions> {
    let filter = prop_oneof![Just(FilterMode::Nes), Just(FilterMode::Famicom), Just(FilterMode::None)];
    let mixer = prop_oneof![Just(MixerMode::Nes), Just(MixerMode::Linear)];
    (8_000_u32..=192_000, filter, mixer, 0_u32..4, 0_u64..3_000, any::<bool>()).prop_map(
        |(sample_rate, filter, mixer, loops, fade_ticks, dither)| RenderOptions {
            sample_rate,
            filter,
            mixer,
            loops,
            fade_ticks,
            dither,
            ..RenderOptions::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn samples_are_finite_and_in_range(log in logs(), options in options()) {
        let samples = render(&log, &options).unwrap();
        prop_assert!(samples.iter().all(|sample| (-1.0..=1.0).contains(sample)));
    }

    #[test]
    fn blocks_of_any_size_give_the_same_samples(log in logs(), options in options(), seed in any::<u64>()) {
        let whole = render_i16(&log, &options).unwrap();
        let exact = render(&log, &options).unwrap();
        let mut random = Random(seed);
        let (mut integers, mut floats) = (Renderer::new(&log, &options).unwrap(), Renderer::new(&log, &options).unwrap());
        let (mut by_integers, mut by_floats) = (Vec::new(), Vec::new());
        loop {
            let most = if random.next(4) == 0 { 4_000 } else { 40 };
            let size = 1 + random.next(most) as usize;
            let mut block = vec![0; size];
            let count = integers.read_i16(&mut block);
            by_integers.extend(&block[..count]);
            let mut block = vec![0.0; size];
            prop_assert_eq!(floats.read(&mut block), count);
            by_floats.extend(&block[..count]);
            if count < size {
                break;
            }
        }
        prop_assert_eq!(whole, by_integers);
        prop_assert!(exact.iter().map(|sample| sample.to_bits()).eq(by_floats.iter().map(|sample: &f32| sample.to_bits())));
    }

    #[test]
    fn stems_sum_to_the_linear_mix(log in logs(), options in options()) {
        let options = RenderOptions { mixer: MixerMode::Linear, ..options };
        let stems = render_stems(&log, &options).unwrap();
        for (n, mixed) in render(&log, &options).unwrap().into_iter().enumerate() {
            let sum: f32 = stems.iter().map(|stem| stem[n]).sum();
            prop_assert!((sum - mixed).abs() < 2e-5 || mixed.abs() >= 1.0, "sample {}: {} and {}", n, sum, mixed);
        }
    }

    #[test]
    fn vgm_keeps_every_write_wait_and_loop_point(log in logs()) {
        let written = vgm::write(&log).unwrap();
        let read = vgm::read(&written).unwrap();
        prop_assert_eq!(read.length, log.length);
        prop_assert_eq!(read.loop_start, log.loop_start);
        prop_assert_eq!(read.clock_hz, log.clock_hz);
        let kept: Vec<Write> = log.writes.into_iter().filter(|write| write.tick <= log.length).collect();
        prop_assert_eq!(&read.writes, &kept);
        prop_assert_eq!(vgm::write(&read).unwrap(), written);
    }

    #[test]
    fn a_damaged_vgm_is_an_error_or_a_log_but_never_a_panic(log in logs(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>()) {
        let mut bytes = vgm::write(&log).unwrap();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if cut.index(3) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(log) = vgm::read(&bytes) {
            prop_assert!(log.validate().is_ok());
        }
    }

    #[test]
    fn a_chip_that_is_run_to_each_write_gives_the_same_samples(
        writes in prop::collection::vec((1_u64..12_000, 0_u8..0x18, any::<u8>()), 1..80),
    ) {
        let played = |at_once: bool| {
            let mut apu = Apu::new(&ApuOptions::default()).unwrap();
            let (mut samples, mut cycle) = (Vec::new(), 0);
            for &(wait, register, value) in &writes {
                cycle += wait;
                apu.write(cycle, 0x4000 + u16::from(register), value).unwrap();
                if at_once {
                    apu.end_frame(cycle + 1).unwrap();
                    apu.samples(&mut samples);
                }
                if value & 7 == 5 {
                    apu.set_memory(0xC000, &[value; 0x400]);
                }
            }
            apu.end_frame(cycle + 40_000).unwrap();
            apu.samples(&mut samples);
            samples.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        prop_assert_eq!(played(false), played(true));
    }

    #[test]
    fn an_apu_takes_any_calls(calls in prop::collection::vec((0_u64..3_000, 0_u8..8, any::<u16>(), any::<u8>()), 0..200)) {
        let mut apu = Apu::new(&ApuOptions::default()).unwrap();
        let (mut cycle, mut samples) = (0, Vec::new());
        for (wait, call, address, value) in calls {
            cycle += wait;
            match call {
                0 => { apu.read_status(cycle).unwrap(); }
                1 => { apu.irq(cycle).unwrap(); }
                2 => apu.set_memory(address, &[value; 99]),
                3 => { apu.end_frame(cycle).unwrap(); apu.samples(&mut samples); }
                _ => apu.write(cycle, 0x4000 + address % 0x18, value).unwrap(),
            }
        }
        apu.end_frame(cycle).unwrap();
        apu.samples(&mut samples);
        prop_assert!(samples.len() as u64 >= (cycle * 44_100 / 1_789_773).saturating_sub(70));
        prop_assert!(samples.iter().all(|sample| (-1.0..=1.0).contains(sample)));
    }
}

#[test]
fn an_apu_refuses_foreign_addresses_and_times_that_go_back() {
    let mut apu = Apu::new(&ApuOptions::default()).unwrap();
    apu.write(100, 0x4000, 0).unwrap();
    assert_eq!(apu.write(100, 0x3FFF, 0), Err(ApuError::Address { found: 0x3FFF }));
    assert_eq!(apu.write(100, 0x4018, 0), Err(ApuError::Address { found: 0x4018 }));
    assert_eq!(apu.read_status(99), Err(ApuError::CycleOrder { found: 99, now: 100 }));
    let far = MAX_FRAME_CYCLES + 1;
    assert_eq!(apu.end_frame(far), Err(ApuError::FrameTooLong { found: far, now: 0, limit: MAX_FRAME_CYCLES }));
    assert!(matches!(apu.irq(u64::MAX), Err(ApuError::FrameTooLong { .. })));
}

#[test]
fn rates_out_of_range_and_audio_over_the_limit_are_refused_before_memory_is_taken() {
    let log = RegisterLog { length: 1 << 39, loop_start: Some(0), ..RegisterLog::default() };
    for sample_rate in [0, 7_999, 192_001, u32::MAX] {
        let options = RenderOptions { sample_rate, max_ticks: u64::MAX, ..RenderOptions::default() };
        assert!(matches!(render(&log, &options), Err(ApuError::SampleRate { .. })));
    }
    assert!(matches!(render(&log, &RenderOptions::default()), Err(ApuError::TooLong { .. })));
    let options = RenderOptions { loops: u32::MAX, fade_ticks: u64::MAX, ..RenderOptions::default() };
    assert!(matches!(render(&log, &options), Err(ApuError::TooLong { found: u64::MAX, .. })));
    let options = RenderOptions { max_ticks: u64::MAX, ..options };
    assert!(matches!(render(&log, &options), Err(ApuError::TooLong { found: u64::MAX, .. })));
}

#[test]
fn an_apu_and_a_renderer_play_the_same() {
    let writes =
        [(0, 0x15, 0x0F), (0, 0x00, 0xBF), (0, 0x02, 0x80), (0, 0x03, 0x01), (900, 0x0C, 0x3A), (900, 0x0E, 5)];
    let log = common::log(&writes, 8_000);
    let rendered = render(&log, &RenderOptions::default()).unwrap();
    let mut apu = Apu::new(&ApuOptions::default()).unwrap();
    for (n, &(tick, register, value)) in writes.iter().enumerate() {
        let spread = 4 * writes[..n].iter().filter(|write| write.0 == tick).count() as u64;
        apu.write(log.cycle_of(tick) + spread, 0x4000 + u16::from(register), value).unwrap();
    }
    let mut played = Vec::new();
    for tick in (0..9_000).step_by(735).filter(|&tick| tick > 900) {
        apu.end_frame(log.cycle_of(tick)).unwrap();
        apu.samples(&mut played);
    }
    assert!(rendered.iter().any(|sample| sample.abs() > 0.05));
    assert!(rendered.iter().zip(&played).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert!(played.len() >= rendered.len());
}
