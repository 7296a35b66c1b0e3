//! Blargg's test programs, instruction by instruction: what a 6502 that runs `apu_test` (`4-jitter`, `5-len_timing`,
//! `6-irq_flag_timing`) and `blargg_apu_2005.07.30` (`04` to `11`) does to the chip on each of its cycles.
//!
//! Each case runs from four cycles in turn, for the chip's halves of the clock are where they are when a program starts.
//! The other assertions of these families do not depend on single cycles; they are in `length_and_frame.rs` and `dmc.rs`.

mod common;

use common::Machine;
use lakhnes_apu::Standard;

const FRAME_FLAG: u8 = 0x40;
const LENGTH_2: u8 = 0x18;
const LENGTH_4: u8 = 0x28;
const LENGTH_6: u8 = 0x38;

impl Machine {
    /// `LDA #value`, `STA address,X`: a cycle longer than without an index.
    fn set_indexed(&mut self, address: u16, value: u8) {
        self.cycle += 1;
        self.set(address, value);
    }

    /// `JSR sync_apu`: comes back so that a write of `STA $4017`, an even number of cycles later, starts the frame counter
    /// without an extra cycle. It looks for the frame flag on the one cycle on which that depends on the alignment.
    fn sync_with_chip(&mut self) {
        self.cycle += 6 + 3 + 2; // JSR, PHA, SEI
        self.set(0x4017, 0x40);
        self.set(0x4017, 0x00);
        self.delay(29_825 + 2); // LDA #$40
        let aligned = self.status() & FRAME_FLAG == 0; // BIT $4015
        self.cycle += if aligned { 2 } else { 3 }; // BNE
        self.cycle += 4; // STA $4017
        self.apu.write(self.cycle - 1, 0x4017, 0x40).unwrap();
        self.cycle += 4 + 6; // PLA, RTS
    }

    /// The frame flag as `LDA $4015` sees it.
    fn flag(&mut self) -> bool {
        self.status() & FRAME_FLAG != 0
    }

    /// Whether an interrupt comes after an instruction of so many cycles: the processor looks on the last but one.
    fn interrupted_after(&mut self, cycles: u64) -> bool {
        self.cycle += cycles;
        self.apu.irq(self.cycle - 2).unwrap()
    }
}

/// What a program asserts, in words, and whether it holds.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Machine) -> bool);

/// Runs each case from four cycles in turn.
fn run(cases: &[Case<'_>]) {
    for &(sentence, holds) in cases {
        for start in 0..4 {
            let mut machine = Machine::new(Standard::Ntsc);
            machine.cycle = start;
            assert!(holds(&mut machine), "from cycle {start}: {sentence}");
        }
    }
}

/// The flag, read so many cycles after a write of $00 to $4017.
fn flag_read_after(machine: &mut Machine, cycles: u64) -> bool {
    machine.set(0x4017, 0x40);
    machine.set(0x4017, 0x00);
    machine.delay(cycles - 4);
    machine.flag()
}

#[test]
fn the_frame_counter_starts_a_cycle_later_for_every_other_cycle_of_the_write() {
    /// What `get_jitter` gives; it takes an even number of cycles.
    fn jitter(machine: &mut Machine) -> bool {
        machine.cycle += 6 + 3; // JSR, delay
        let flag = flag_read_after(machine, 29_831);
        machine.cycle += 2 + 6; // AND, RTS
        flag
    }
    run(&[
        ("29,830 cycles after the write the frame flag is not set", &|machine| !flag_read_after(machine, 29_830)),
        ("29,832 cycles after the write it is set", &|machine| flag_read_after(machine, 29_832)),
        ("after an even number of cycles the delay is the same", &|machine| {
            let first = jitter(machine);
            machine.cycle += 3 + 3; // STA temp, delay
            first == jitter(machine)
        }),
        ("after an odd number of cycles the delay is another", &|machine| {
            let first = jitter(machine);
            machine.cycle += 3; // STA temp
            first != jitter(machine)
        }),
    ]);
}

/// Whether a channel still counts so many cycles after the write of `mode`, having been clocked before if `clocked`.
fn counts(machine: &mut Machine, channel: u16, length: u8, clocked: bool, mode: u8, after: u64) -> bool {
    machine.set_indexed(0x4000 + 4 * channel, 0x11);
    machine.set(0x4015, 1 << channel);
    machine.sync_with_chip();
    machine.cycle += 3;
    machine.set_indexed(0x4003 + 4 * channel, length);
    machine.set(0x4017, if clocked { 0xC0 } else { 0x00 });
    machine.set(0x4017, mode);
    machine.delay(after - 4);
    machine.status() & 1 << channel != 0
}

#[test]
fn each_channels_length_is_clocked_on_its_cycles_in_both_modes() {
    const CASES: [(&str, u8, bool, u8, u64); 6] = [
        ("first length of mode 0", LENGTH_2, true, 0x00, 14_916),
        ("second length of mode 0", LENGTH_2, false, 0x00, 29_832),
        ("third length of mode 0", LENGTH_4, true, 0x00, 44_746),
        ("first length of mode 1", LENGTH_2, false, 0x80, 14_916),
        ("second length of mode 1", LENGTH_4, true, 0x80, 37_284),
        ("third length of mode 1", LENGTH_4, false, 0x80, 52_198),
    ];
    for (name, length, clocked, mode, cycle) in CASES {
        for channel in 0..4 {
            run(&[
                (&format!("channel {channel}: {name} too soon"), &|machine| {
                    counts(machine, channel, length, clocked, mode, cycle - 1)
                }),
                (&format!("channel {channel}: {name} too late"), &|machine| {
                    !counts(machine, channel, length, clocked, mode, cycle)
                }),
            ]);
        }
    }
}

#[test]
fn the_frame_flag_is_set_on_three_cycles_in_a_row() {
    fn after_sync(machine: &mut Machine, cycles: u64) -> bool {
        machine.sync_with_chip();
        flag_read_after(machine, cycles)
    }
    run(&[
        ("at 29,830 it is clear", &|machine| !after_sync(machine, 29_830)),
        ("at 29,831 it is set", &|machine| after_sync(machine, 29_831)),
        ("read at 29,832 it is set again", &|machine| after_sync(machine, 29_832) && machine.flag()),
        ("read at 29,833 it stays clear", &|machine| after_sync(machine, 29_833) && !machine.flag()),
    ]);
}

#[test]
fn the_interrupt_comes_29_833_cycles_after_the_write_at_the_earliest() {
    // The instruction that ends on the cycle before that is the last one; two programs, as the shortest instruction takes
    // two cycles.
    for phase in 0..2 {
        run(&[("after the second instruction and not after the first", &|machine| {
            machine.sync_with_chip();
            machine.set(0x4017, 0x40);
            machine.set(0x4017, 0x00);
            machine.cycle += 29_823 + 3 + 2 + phase; // delay, LDX phase, BNE
            !machine.interrupted_after(2) && machine.interrupted_after(2)
        })]);
    }
}

#[test]
fn at_power_up_the_frame_counter_has_run_as_after_a_write_9_to_12_cycles_before_the_program() {
    let mut machine = Machine::new(Standard::Ntsc);
    assert_eq!(machine.status(), 0x00); // LDX $4015
    machine.cycle += 2 + 3 + 2 + 2; // LDA, STA result, CPX, BNE
    machine.cycle += 29_797 + 2 + 3; // delay, LDA, STA result
    let first = machine.status();
    machine.cycle += 2; // NOP
    assert_eq!([first, machine.status(), machine.status()], [0x00, FRAME_FLAG, 0x00]);
}

#[test]
fn a_change_of_the_halt_bit_comes_after_the_clock_of_its_cycle() {
    /// Whether the first pulse still counts when `first` has been written in time and `then` so many cycles after $4017.
    fn counts(machine: &mut Machine, first: u8, then: u8, after: u64) -> bool {
        machine.set(0x4015, 1);
        machine.cycle += 3; // STA result
        machine.sync_with_chip();
        machine.set(0x4003, LENGTH_2);
        machine.set(0x4000, 0x10);
        machine.set(0x4017, 0xC0);
        machine.cycle += 6; // RTS
        machine.set(0x4000, first);
        machine.delay(after - 18);
        machine.set(0x4000, then);
        machine.status() & 1 != 0
    }
    const HALT: u8 = 0x30;
    const GO: u8 = 0x10;
    run(&[
        ("halted at 14,914 it is not clocked", &|machine| counts(machine, GO, HALT, 14_914)),
        ("halted at 14,915 it is clocked", &|machine| !counts(machine, GO, HALT, 14_915)),
        ("released at 14,914 it is clocked", &|machine| !counts(machine, HALT, GO, 14_914)),
        ("released at 14,915 it is not clocked", &|machine| counts(machine, HALT, GO, 14_915)),
    ]);
}

#[test]
fn a_reload_on_the_cycle_of_the_clock_is_lost_unless_the_counter_is_empty() {
    /// What is left when length 2 is loaded so many cycles after $4017: clocks until silence.
    fn left(machine: &mut Machine, length: u8, after: u64) -> u32 {
        machine.set(0x4015, 1);
        machine.sync_with_chip();
        if length > 0 {
            machine.set(0x4003, length);
        } else {
            machine.set(0x4015, 0);
            machine.set(0x4015, 1);
        }
        machine.set(0x4017, 0x40);
        machine.delay(after - 6);
        machine.set(0x4003, LENGTH_2);
        let mut clocks = 0;
        while machine.status() & 1 != 0 {
            machine.set(0x4017, 0xC0);
            machine.cycle += 2 + 2; // INY, BEQ: the clock comes up to 4 cycles after the write
            clocks += 1;
        }
        clocks
    }
    run(&[
        ("just before: reloaded, then clocked", &|machine| left(machine, LENGTH_6, 14_914) == 1),
        ("just after: clocked, then reloaded", &|machine| left(machine, LENGTH_6, 14_916) == 2),
        ("on the cycle, empty: reloaded and not clocked", &|machine| left(machine, 0, 14_915) == 2),
        ("on the cycle, counting: not reloaded", &|machine| left(machine, LENGTH_6, 14_915) == 5),
    ]);
}
