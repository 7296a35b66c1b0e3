//! What Blargg's `apu_test` 7 and 8 (`dmc_basics`, `dmc_rates`) assert, against the register interface.

mod common;

use common::Machine;
use lakhnes_apu::Standard;

const PLAY: u8 = 0x10;
const FLAG: u8 = 0x80;

impl Machine {
    /// Lets `bytes` bytes pass at the highest rate.
    fn delay_bytes(&mut self, bytes: u64) {
        self.delay(54 * 8 * bytes);
    }

    fn playing(&mut self) -> bool {
        self.status() & PLAY != 0
    }

    fn flagged(&mut self) -> bool {
        self.status() & FLAG != 0
    }
}

/// A chip at the highest rate, with `control` in the high bits of $4010 and a sample of 17 bytes, started.
fn started(control: u8) -> Machine {
    let mut machine = Machine::new(Standard::Ntsc);
    machine.set(0x4017, 0x40);
    machine.set(0x4010, 0x0F);
    machine.delay(428 * 9);
    machine.set(0x4010, 0x0F | control);
    machine.set(0x4013, 1);
    machine.set(0x4015, PLAY);
    machine
}

#[test]
fn a_sample_of_17_bytes_lasts_17_bytes() {
    let mut machine = started(0);
    machine.delay_bytes(10);
    assert!(machine.playing());
    machine.delay_bytes(10);
    assert!(!machine.playing());
}

#[test]
fn starting_again_after_the_end_or_a_stop_plays_the_whole_sample() {
    let mut machine = started(0);
    machine.delay_bytes(20);
    machine.set(0x4015, PLAY);
    assert!(machine.playing());
    machine.set(0x4015, 0);
    machine.set(0x4015, PLAY);
    machine.delay_bytes(10);
    assert!(machine.playing());
    machine.delay_bytes(10);
    assert!(!machine.playing());
}

#[test]
fn starting_a_playing_sample_changes_nothing() {
    let mut machine = started(0);
    machine.delay_bytes(10);
    machine.set(0x4015, PLAY);
    assert!(machine.playing());
    machine.delay_bytes(10);
    assert!(!machine.playing());
}

#[test]
fn writing_0_to_4015_stops_the_sample_at_once() {
    let mut machine = started(0);
    machine.delay_bytes(10);
    machine.set(0x4015, 0);
    assert!(!machine.playing());
}

#[test]
fn a_new_length_is_for_the_next_sample() {
    let mut machine = started(0);
    machine.set(0x4013, 2);
    machine.delay_bytes(20);
    assert!(!machine.playing());
    machine.set(0x4015, PLAY);
    machine.set(0x4013, 1);
    machine.delay_bytes(30);
    assert!(machine.playing());
    machine.delay_bytes(6);
    assert!(!machine.playing());
}

#[test]
fn the_end_of_a_sample_sets_the_flag_only_where_it_is_enabled() {
    let mut machine = started(0);
    machine.delay_bytes(20);
    assert!(!machine.flagged());
    let mut machine = started(0x80);
    assert!(!machine.flagged());
    machine.delay_bytes(20);
    assert!(machine.flagged());
    assert!(machine.flagged(), "reading does not clear it");
    assert!(machine.apu.irq(machine.cycle).unwrap());
}

#[test]
fn a_write_to_4015_or_a_cleared_enable_bit_clears_the_flag() {
    let mut machine = started(0x80);
    machine.delay_bytes(20);
    machine.set(0x4015, PLAY);
    assert!(!machine.flagged());
    let mut machine = started(0x80);
    machine.delay_bytes(20);
    machine.set(0x4010, 0x0F);
    machine.set(0x4010, 0x8F);
    assert!(!machine.flagged());
}

#[test]
fn a_looped_sample_goes_on_without_a_flag_until_it_is_stopped() {
    let mut machine = started(0xC0);
    machine.delay_bytes(100);
    assert!(machine.playing() && !machine.flagged());
    machine.set(0x4010, 0x8F);
    machine.set(0x4010, 0xCF);
    machine.delay_bytes(100);
    assert!(machine.playing() && !machine.flagged());
    machine.set(0x4015, 0);
    assert!(!machine.playing() && !machine.flagged());
}

#[test]
fn clearing_the_loop_flag_lets_the_sample_end() {
    let mut machine = started(0xC0);
    machine.delay_bytes(17 * 3 + 10);
    machine.set(0x4010, 0x8F);
    assert!(machine.playing() && !machine.flagged());
    machine.delay_bytes(10);
    assert!(!machine.playing() && machine.flagged());
}

#[test]
fn a_looped_sample_takes_its_length_anew_each_time() {
    let mut machine = started(0xC0);
    machine.delay_bytes(17 * 3 + 10);
    machine.set(0x4013, 2);
    machine.delay_bytes(10);
    machine.set(0x4010, 0x8F);
    machine.delay_bytes(23);
    assert!(machine.playing() && !machine.flagged());
    machine.delay_bytes(10);
    assert!(!machine.playing() && machine.flagged());
}

#[test]
fn an_empty_buffer_is_filled_at_once() {
    let mut machine = started(0x80);
    machine.set(0x4013, 0);
    machine.set(0x4015, 0);
    machine.delay_bytes(4);
    machine.set(0x4015, PLAY);
    assert_eq!(machine.status() & (PLAY | FLAG), FLAG, "the only byte is in the buffer");
    machine.set(0x4015, PLAY);
    assert!(machine.playing(), "the second has to wait");
    machine.delay_bytes(4);
    assert!(!machine.playing());
}

#[test]
fn the_rates_are_those_of_the_chips() {
    let ntsc = [428, 380, 340, 320, 286, 254, 226, 214, 190, 160, 142, 128, 106, 84, 72, 54];
    let pal = [398, 354, 316, 298, 276, 236, 210, 198, 176, 148, 132, 118, 98, 78, 66, 50];
    for (standard, periods) in [(Standard::Ntsc, ntsc), (Standard::Pal, pal), (Standard::Dendy, ntsc)] {
        for (rate, period) in (0..).zip(periods) {
            let mut machine = Machine::new(standard);
            machine.set(0x4010, 0x0F);
            machine.set(0x4015, PLAY);
            machine.set(0x4015, PLAY);
            // The buffer is full and a byte waits: it is taken when an output cycle begins.
            while machine.playing() {}
            machine.delay(14); // until the routine that waits has returned
            machine.set(0x4013, 1);
            machine.set(0x4010, rate);
            machine.set(0x4015, PLAY);
            machine.delay(period * 8 * 17 - period - 65);
            assert!(machine.playing(), "{standard:?}, rate {rate}: too short");
            machine.delay(90);
            assert!(!machine.playing(), "{standard:?}, rate {rate}: too long");
        }
    }
}
