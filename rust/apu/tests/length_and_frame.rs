//! What Blargg's `apu_test` (1 to 3) and `blargg_apu_2005.07.30` (01 to 03) assert, against the register interface; and
//! what their programs for single cycles, which are in `test_roms.rs`, leave out: the interrupt line, and PAL.

mod common;

use common::Machine;
use lakhnes_apu::Standard;

/// Channels with a length counter: base address, bit in $4015, value of the first register that halts the length.
const CHANNELS: [(u16, u8, u8); 4] = [(0x4000, 1, 0x30), (0x4004, 2, 0x30), (0x4008, 4, 0x80), (0x400C, 8, 0x30)];
const LENGTH_2: u8 = 0x18;

/// A machine whose channel is enabled and not halted, with interrupts off.
fn machine(base: u16, bit: u8) -> Machine {
    let mut machine = Machine::new(Standard::Ntsc);
    machine.set(0x4017, 0x40);
    machine.set(0x4015, bit);
    machine.set(base, 0x10);
    machine.set(base + 1, 0x7F);
    machine.set(base + 2, 0xFF);
    machine
}

/// Number of half-frame clocks until the channel falls silent.
fn count_length(machine: &mut Machine, bit: u8) -> u32 {
    let mut count = 0;
    while machine.status() & bit != 0 {
        machine.set(0x4017, 0xC0);
        machine.delay(4); // INY, BEQ: the clock comes up to 4 cycles after the write
        count += 1;
    }
    count
}

#[test]
fn a_loaded_length_sounds_and_runs_out() {
    for (base, bit, _) in CHANNELS {
        let mut machine = machine(base, bit);
        machine.set(base + 3, LENGTH_2);
        assert_eq!(machine.status() & bit, bit);
        machine.delay_ms(30);
        assert_eq!(machine.status() & bit, 0);
    }
}

#[test]
fn writing_80_to_4017_clocks_the_length_at_once_and_writing_0_does_not() {
    for (base, bit, _) in CHANNELS {
        for (value, left) in [(0x80, 0), (0x00, bit)] {
            let mut machine = machine(base, bit);
            machine.set(0x4017, 0);
            machine.set(base + 3, LENGTH_2);
            machine.set(0x4017, value);
            machine.set(0x4017, value);
            assert_eq!(machine.status() & bit, left, "${base:04X}, {value:02X}");
        }
    }
}

#[test]
fn disabling_a_channel_empties_its_length_and_keeps_it_empty() {
    for (base, bit, _) in CHANNELS {
        let mut machine = machine(base, bit);
        machine.set(base + 3, LENGTH_2);
        machine.set(0x4015, 0);
        assert_eq!(machine.status() & bit, 0);
        machine.set(base + 3, LENGTH_2);
        assert_eq!(machine.status() & bit, 0);
        machine.set(0x4015, bit);
        assert_eq!(machine.status() & bit, 0);
    }
}

#[test]
fn the_halt_bit_stops_the_length() {
    for (base, bit, halt) in CHANNELS {
        let mut machine = machine(base, bit);
        machine.set(base, halt);
        machine.set(base + 3, LENGTH_2);
        machine.set(0x4017, 0x80);
        machine.set(0x4017, 0x80);
        assert_eq!(machine.status() & bit, bit);
    }
}

#[test]
fn the_length_table_is_that_of_the_chip() {
    const TABLE: [u32; 32] = [
        10, 254, 20, 2, 40, 4, 80, 6, 160, 8, 60, 10, 14, 12, 26, 14, //
        12, 16, 24, 18, 48, 20, 96, 22, 192, 24, 72, 26, 16, 28, 32, 30,
    ];
    for (base, bit, _) in CHANNELS {
        for (index, length) in TABLE.into_iter().enumerate() {
            let mut machine = machine(base, bit);
            machine.set(0x4017, 0x00);
            machine.set(base + 3, (index as u8) << 3);
            assert_eq!(count_length(&mut machine, bit), length, "${base:04X}, entry {index}");
        }
    }
}

#[test]
fn the_frame_flag_is_set_in_mode_0_only() {
    for (value, flag) in [(0x40, 0), (0x80, 0), (0xC0, 0), (0x00, 0x40)] {
        let mut machine = Machine::new(Standard::Ntsc);
        machine.set(0x4017, value);
        machine.delay_ms(20);
        assert_eq!(machine.status() & 0x40, flag, "{value:02X}");
        assert_eq!(machine.status() & 0x40, 0, "reading clears it");
    }
}

#[test]
fn the_frame_flag_survives_writes_of_00_and_80_but_not_of_40_and_c0() {
    for (value, flag) in [(0x00, 0x40), (0x80, 0x40), (0x40, 0), (0xC0, 0)] {
        let mut machine = Machine::new(Standard::Ntsc);
        machine.set(0x4017, 0);
        machine.delay_ms(20);
        machine.set(0x4017, value);
        assert_eq!(machine.status() & 0x40, flag, "{value:02X}");
    }
}

#[test]
fn the_interrupt_line_follows_the_flag() {
    let mut machine = Machine::new(Standard::Ntsc);
    machine.set(0x4017, 0x40);
    machine.sync();
    let write = machine.set(0x4017, 0x00);
    assert!(!machine.apu.irq(write + 29_830).unwrap());
    assert!(machine.apu.irq(write + 29_831).unwrap());
    assert!(machine.apu.irq(write + 40_000).unwrap());
    machine.apu.read_status(write + 40_001).unwrap();
    assert!(!machine.apu.irq(write + 40_002).unwrap());
}

#[test]
fn pal_lengths_are_clocked_later() {
    for (after, sounds) in [(16_629, true), (16_630, false)] {
        let mut machine = Machine::new(Standard::Pal);
        machine.set(0x4015, 1);
        machine.set(0x4003, LENGTH_2);
        machine.sync();
        machine.set(0x4017, 0xC0);
        machine.sync();
        let write = machine.set(0x4017, 0x40);
        assert_eq!(machine.apu.read_status(write + after).unwrap() & 1 != 0, sounds, "{after}");
    }
}
