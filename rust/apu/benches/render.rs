//! How fast logs become 16-bit audio. Throughput is in samples: 44,100 a second are real time.
#![allow(missing_docs, reason = "the macros' functions have no place for them")]

mod logs;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lakhnes_apu::{RegisterLog, RenderOptions, render_i16};
use logs::{SECONDS, TICKS, notes};

/// Pulses and triangle in quavers.
fn tune(number: u8) -> Vec<(u8, u8)> {
    let period = 0x70 + (number.wrapping_mul(37) & 0x7F);
    let pulses = [(0x00, 0xBC), (0x02, period), (0x03, 0x08), (0x04, 0x7A), (0x06, period ^ 0x55), (0x07, 0x08)];
    let triangle = [(0x08, 0xFF), (0x0A, period), (0x0B, 0x09)];
    [&pulses[..], &triangle].concat()
}

/// The tune and a drum of the given period.
fn drums(number: u8, period: u8) -> Vec<(u8, u8)> {
    [tune(number), vec![(0x0C, 0x3A), (0x0E, period), (0x0F, 0x08)]].concat()
}

fn logs() -> [(&'static str, RegisterLog); 6] {
    [
        ("silence", notes(TICKS, |_| Vec::new())),
        ("sparse: three voices in quavers", notes(TICKS / 4, tune)),
        ("dense: new notes every 5 ms", notes(TICKS / 200, tune)),
        ("slow noise", notes(TICKS / 8, |number| drums(number, 9))),
        ("noise-heavy: 28,000 changes a second", notes(TICKS / 8, |number| drums(number, 3))),
        ("noise-heavy: 224,000 changes a second", notes(TICKS / 8, |number| drums(number, 0))),
    ]
}

fn rendering(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render to 16 bits");
    group.throughput(Throughput::Elements(SECONDS * TICKS)).sample_size(20);
    for (name, log) in logs() {
        group.bench_function(name, |bencher| {
            bencher.iter(|| render_i16(black_box(&log), &RenderOptions::default()));
        });
    }
    group.finish();
}

criterion_group!(benches, rendering);
criterion_main!(benches);
