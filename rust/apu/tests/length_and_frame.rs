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

/// A chip after some writes `(cycle, address, value)`.
fn after(writes: &[(u64, u16, u8)]) -> lakhnes_apu::Apu {
    let mut machine = Machine::new(Standard::Ntsc);
    for &(cycle, address, value) in writes {
        machine.apu.write(cycle, address, value).unwrap();
    }
    machine.apu
}

#[test]
fn a_frame_step_and_the_clock_of_a_reset_within_two_cycles_are_one_clock() {
    let length = [(20_000, 0x4015, 1), (20_004, 0x4003, LENGTH_2)];
    for (mode, last, sounds) in [
        (0x00, 30_030, 1),
        (0x00, 30_031, 1),
        (0x00, 30_032, 0), // three cycles later: two clocks
        (0x00, 30_028, 1), // before the step: it does not come any more
        (0x80, 37_482, 1),
        (0x80, 37_483, 1),
        (0x80, 37_484, 0),
    ] {
        let mut apu = after(&[(200, 0x4017, mode), length[0], length[1], (last, 0x4017, 0x80)]);
        assert_eq!(apu.read_status(last + 70).unwrap() & 1, sounds, "{mode:02X}, {last}");
    }
}

#[test]
fn the_clock_of_a_write_of_80_is_seen_four_cycles_after_an_even_one() {
    for (first, second, read) in [(100, 104, 108), (101, 105, 109), (101, 105, 108)] {
        let writes = [(10, 0x4015, 1), (20, 0x4003, LENGTH_2), (first, 0x4017, 0x80), (second, 0x4017, 0x80)];
        assert_eq!(after(&writes).read_status(read).unwrap() & 1, 0, "{first}");
        assert_eq!(after(&writes).read_status(read - 1).unwrap() & 1, u8::from(read % 2 == 0), "{first}");
    }
}

#[test]
fn an_inhibited_frame_flag_reads_as_1_on_two_cycles_and_pulls_no_line() {
    for (offset, flag) in [(29_827, 0), (29_828, 0x40), (29_829, 0x40), (29_830, 0)] {
        let mut apu = after(&[(100, 0x4017, 0x40)]);
        assert!(!apu.irq(104 + offset).unwrap());
        assert_eq!(apu.read_status(104 + offset).unwrap() & 0x40, flag, "{offset}");
    }
}

#[test]
fn a_read_on_an_even_cycle_clears_the_frame_flag_at_the_next_even_one() {
    for (first, flags) in [(40_000, [0x40, 0x40, 0]), (40_001, [0x40, 0, 0])] {
        let mut apu = after(&[(100, 0x4017, 0)]);
        let read = |offset: u64| apu.read_status(first + offset).unwrap() & 0x40;
        assert_eq!([0, 1, 2].map(read), flags);
    }
}

#[test]
fn the_consoles_reset_silences_all_and_keeps_the_mode_of_the_frame_counter() {
    for (mode, flag) in [(0x00, 0x40), (0x80, 0), (0x40, 0)] {
        let mut apu = after(&[(10, 0x4015, 0x0F), (14, 0x4000, 0x3F), (18, 0x4003, 0), (22, 0x4017, mode)]);
        assert_eq!(apu.read_status(30_000).unwrap() & 0x0F, 1);
        apu.reset(50_000).unwrap();
        assert_eq!(apu.read_status(50_000).unwrap(), 0);
        // The halt bit of the pulse is gone: its length runs out.
        apu.write(50_010, 0x4015, 1).unwrap();
        apu.write(50_014, 0x4003, LENGTH_2).unwrap();
        assert_eq!(apu.read_status(50_020).unwrap(), 1);
        assert_eq!(apu.read_status(50_000 - 8 + 29_828).unwrap() & 0x40, if mode == 0x40 { 0x40 } else { flag });
        assert_eq!(apu.read_status(50_000 + 40_000).unwrap() & 1, 0);
        assert!(!apu.irq(90_000).unwrap());
    }
}

#[test]
fn fetches_of_the_sample_channel_are_foretold() {
    let mut apu = after(&[(0, 0x4010, 0x0F), (4, 0x4013, 1), (8, 0x4015, 0x10)]);
    assert_eq!(apu.next_fetch(8).unwrap(), Some(8)); // the write itself
    let mut fetches = vec![8];
    while let Some(cycle) = apu.next_fetch(fetches.last().unwrap() + 1).unwrap() {
        fetches.push(cycle);
    }
    assert_eq!(fetches.len(), 17);
    let gaps: Vec<u64> = fetches[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, vec![54 * 8; 15]);
    assert_eq!(apu.read_status(fetches[16] + 1).unwrap() & 0x10, 0);
}
