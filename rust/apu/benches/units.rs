//! How long each unit of the chip takes: logs in which it alone does something. The frame counter, the samples and the filter
//! take their part of each; `nothing but the frame counter` says how much.
#![allow(missing_docs, reason = "the macros' functions have no place for them")]

mod logs;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lakhnes_apu::formats::{nsf, vgm};
use lakhnes_apu::{FilterMode, MemoryBlock, RegisterLog, RenderOptions, render_i16};
use logs::{SECONDS, TICKS, notes};

/// A log of writes at its start.
fn held(writes: &[(u8, u8)]) -> RegisterLog {
    notes(SECONDS * TICKS, |_| writes.to_vec())
}

/// A sample that loops at the fastest rate.
fn sampled() -> RegisterLog {
    let mut log = held(&[(0x10, 0x4F), (0x12, 0x00), (0x13, 0x40), (0x15, 0x10)]);
    let bytes = (0..0x401_u32).map(|n| ((n * n) >> 3) as u8).collect();
    log.memory.push(MemoryBlock { tick: 0, address: 0xC000, bytes });
    log
}

fn units() -> [(&'static str, RegisterLog); 11] {
    let pulse = |number: u8| vec![(0x00, 0xBC), (0x02, 0x70 + (number & 0x7F)), (0x03, 0x08)];
    [
        ("nothing but the frame counter", held(&[])),
        ("pulse, 440 Hz", held(&[(0x00, 0xBF), (0x02, 0xFD), (0x03, 0x08)])),
        ("pulse, 3.5 kHz", held(&[(0x00, 0xBF), (0x02, 0x1F), (0x03, 0x08)])),
        ("pulse with envelope", notes(TICKS / 8, |number| [pulse(number), vec![(0x00, 0x81)]].concat())),
        ("pulse with sweep", notes(TICKS / 8, |number| [vec![(0x01, 0x8F)], pulse(number)].concat())),
        ("triangle, 110 Hz", held(&[(0x08, 0xFF), (0x0A, 0xFB), (0x0B, 0x09)])),
        ("noise, by means of each sample", held(&[(0x0C, 0x3F), (0x0E, 0x00), (0x0F, 0x08)])),
        ("noise, change by change", held(&[(0x0C, 0x3F), (0x0E, 0x05), (0x0F, 0x08)])),
        ("noise of the short sequence", held(&[(0x0C, 0x3F), (0x0E, 0x85), (0x0F, 0x08)])),
        ("sample channel, 33 kHz", sampled()),
        ("sharp steps, 4,410 a second", notes(10, |number| vec![(0x11, number & 0x7F)])),
    ]
}

fn rendering(criterion: &mut Criterion) {
    let nes = RenderOptions::default();
    let raw = RenderOptions { filter: FilterMode::None, ..nes };
    let mut group = criterion.benchmark_group("unit");
    group.throughput(Throughput::Elements(SECONDS * TICKS)).sample_size(20);
    for (name, log) in units() {
        group.bench_function(name, |bencher| bencher.iter(|| render_i16(black_box(&log), &raw)));
    }
    let silence = held(&[]);
    let famicom = RenderOptions { filter: FilterMode::Famicom, ..nes };
    for (name, options) in [("filter of the Famicom", famicom), ("filter of the NES", nes)] {
        group.bench_function(name, |bencher| bencher.iter(|| render_i16(black_box(&silence), &options)));
    }
    let dithered = RenderOptions { dither: true, ..raw };
    group.bench_function("dither", |bencher| bencher.iter(|| render_i16(black_box(&silence), &dithered)));
    group.finish();
}

fn formats(criterion: &mut Criterion) {
    let log = notes(TICKS / 60, |number| vec![(0x00, 0xB0 | number & 15), (0x02, number), (0x0C, 0x30 | number & 15)]);
    let file = vgm::write(&log).unwrap_or_default();
    let mut group = criterion.benchmark_group("writes");
    group.throughput(Throughput::Elements(log.writes.len() as u64)).sample_size(20);
    group.bench_function("read VGM", |bencher| bencher.iter(|| vgm::read(black_box(&file))));
    group.bench_function("write VGM", |bencher| bencher.iter(|| vgm::write(black_box(&log))));
    group.bench_function("write NSF", |bencher| bencher.iter(|| nsf::write(black_box(&log), nsf::Timing::Exact)));
    group.finish();
}

criterion_group!(benches, rendering, formats);
criterion_main!(benches);
