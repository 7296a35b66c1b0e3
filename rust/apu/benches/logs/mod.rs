//! Logs that are made to be measured.

use lakhnes_apu::{RegisterLog, Standard, Write};

pub(crate) const SECONDS: u64 = 10;
pub(crate) const TICKS: u64 = 44_100;

/// A log of notes: each `every` ticks the writes that `note` gives for its number.
pub(crate) fn notes(every: u64, note: impl Fn(u8) -> Vec<(u8, u8)>) -> RegisterLog {
    let mut log = RegisterLog { length: SECONDS * TICKS, ..RegisterLog::new(Standard::Ntsc) };
    log.writes.push(Write { tick: 0, register: 0x15, value: 0x0F });
    for (number, tick) in (0..).zip((0..log.length).step_by(every as usize)) {
        let writes = note((number % 251) as u8).into_iter();
        log.writes.extend(writes.map(|(register, value)| Write { tick, register, value }));
    }
    log
}
