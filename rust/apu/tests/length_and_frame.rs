//! What Blargg's `apu_test` (1 to 6) and `blargg_apu_2005.07.30` (1 to 11) assert, against the register interface.
//! Cycles are those of the tests: counted from the write to $4017 that starts the frame.

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

/// The flag as a read `after` cycles after the write to $4017 sees it, and as the next instruction's read does.
fn flag_after(after: u64, even: bool) -> [bool; 2] {
    let mut machine = Machine::new(Standard::Ntsc);
    machine.set(0x4017, 0x40);
    machine.sync();
    machine.cycle += u64::from(even);
    let write = machine.set(0x4017, 0x00);
    let mut read = |cycle: u64| machine.apu.read_status(cycle).unwrap() & 0x40 != 0;
    [read(write + after), read(write + after + 4)]
}

#[test]
fn the_frame_flag_is_first_set_after_29831_cycles_and_last_after_29833() {
    assert!(!flag_after(29_830, false)[0]);
    assert!(flag_after(29_831, false)[0]);
    assert_eq!(flag_after(29_832, false), [true, true]);
    assert_eq!(flag_after(29_833, false), [true, false]);
}

#[test]
fn a_write_one_cycle_later_starts_the_frame_one_cycle_later() {
    assert!(!flag_after(29_831, true)[0]);
    assert!(flag_after(29_832, true)[0]);
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
fn at_power_up_the_frame_has_begun_before_the_first_instruction() {
    let mut machine = Machine::new(Standard::Ntsc);
    assert_eq!(machine.status(), 0);
    let mut read = |cycle: u64| machine.apu.read_status(cycle).unwrap();
    assert_eq!([read(29_817), read(29_823), read(29_827)], [0x00, 0x40, 0x00]);
}

/// Whether pulse 1, loaded with a length, still sounds `after` cycles after the last of the writes to $4017.
fn sounds_after(length: u8, modes: &[u8], after: u64) -> bool {
    let mut machine = machine(0x4000, 1);
    machine.delay_ms(40);
    machine.set(0x4003, length);
    let mut write = 0;
    for &mode in modes {
        machine.sync();
        write = machine.set(0x4017, mode);
    }
    machine.apu.read_status(write + after).unwrap() & 1 != 0
}

#[test]
fn lengths_are_clocked_on_their_cycles_in_both_modes() {
    const LENGTH_4: u8 = 0x28;
    let cases: [(u8, &[u8], u64); 6] = [
        (LENGTH_2, &[0xC0, 0x00], 14_916),
        (LENGTH_2, &[0x00], 29_832),
        (LENGTH_4, &[0xC0, 0x00], 44_746),
        (LENGTH_2, &[0x80], 14_916),
        (LENGTH_4, &[0xC0, 0x80], 37_284),
        (LENGTH_4, &[0x80], 52_198),
    ];
    for (length, modes, cycle) in cases {
        assert!(sounds_after(length, modes, cycle - 1), "{modes:02X?}: too soon");
        assert!(!sounds_after(length, modes, cycle), "{modes:02X?}: too late");
    }
}

/// Loads length 2 and has it clocked once; writes `first` to $4000 and, `after` cycles after the write to $4017, `then`.
fn sounds_with_halt(first: u8, then: u8, after: u64) -> bool {
    let mut machine = machine(0x4000, 1);
    machine.set(0x4003, LENGTH_2);
    machine.set(0x4000, 0x10);
    machine.sync();
    let write = machine.set(0x4017, 0xC0);
    machine.set(0x4000, first);
    machine.apu.write(write + after, 0x4000, then).unwrap();
    machine.apu.read_status(write + after + 4).unwrap() & 1 != 0
}

#[test]
fn a_change_of_the_halt_bit_on_the_cycle_of_the_clock_comes_too_late() {
    const HALT: u8 = 0x30;
    const GO: u8 = 0x10;
    assert!(sounds_with_halt(GO, HALT, 14_914), "halted in time");
    assert!(!sounds_with_halt(GO, HALT, 14_915), "halted too late");
    assert!(!sounds_with_halt(HALT, GO, 14_914), "released in time");
    assert!(sounds_with_halt(HALT, GO, 14_915), "released too late");
}

/// Loads `length` (nothing if 0), starts a frame, loads length 2 `after` cycles later, and counts what is left.
fn left_after_reload(length: u8, after: u64) -> u32 {
    let mut machine = machine(0x4000, 1);
    if length > 0 {
        machine.set(0x4003, length);
    }
    machine.sync();
    let write = machine.set(0x4017, 0x40);
    machine.apu.write(write + after, 0x4003, LENGTH_2).unwrap();
    machine.cycle = write + after + 1;
    count_length(&mut machine, 1)
}

#[test]
fn a_reload_on_the_cycle_of_the_clock_is_lost_unless_the_counter_is_empty() {
    const LENGTH_6: u8 = 0x38;
    assert_eq!(left_after_reload(LENGTH_6, 14_914), 1, "before: reloaded, then clocked");
    assert_eq!(left_after_reload(LENGTH_6, 14_916), 2, "after: clocked, then reloaded");
    assert_eq!(left_after_reload(0, 14_915), 2, "on the cycle, empty: reloaded and not clocked");
    assert_eq!(left_after_reload(LENGTH_6, 14_915), 5, "on the cycle, counting: not reloaded");
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
