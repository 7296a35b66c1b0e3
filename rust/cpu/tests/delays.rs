//! Skipped delay loops: the same program, registers, memory and cycles as without skipping.

use lakhnes_cpu::{Bus, Cpu, Stop};
use proptest::prelude::*;

/// 64 KiB of memory; loops are skipped only where it may be looked at.
struct Ram {
    bytes: Vec<u8>,
    open: bool,
    reads: u64,
}

impl Bus for Ram {
    fn read(&mut self, address: u16, _cycle: u64) -> u8 {
        self.reads += 1;
        self.bytes[usize::from(address)]
    }

    fn write(&mut self, address: u16, value: u8, _cycle: u64) {
        self.bytes[usize::from(address)] = value;
    }

    fn peek(&self, address: u16) -> Option<u8> {
        self.open.then(|| self.bytes[usize::from(address)])
    }
}

/// Runs a program at $8000 with and without skipping, and gives the bytes that were read with it and without it.
fn both(program: &[u8], memory: &[(u16, u8)], until: u64) -> (u64, u64) {
    let run = |open| {
        let mut ram = Ram { bytes: vec![0; 0x1_0000], open, reads: 0 };
        ram.bytes[0x8000..0x8000 + program.len()].copy_from_slice(program);
        ram.bytes[0xFFF0] = 0x60; // an RTS to call
        for &(address, value) in memory {
            ram.bytes[usize::from(address)] = value;
        }
        let mut cpu = Cpu::new();
        cpu.call(&mut ram, 0x8000);
        let stop = cpu.run(&mut ram, until);
        (ram, (stop, cpu.a, cpu.x, cpu.y, cpu.s, cpu.status(), cpu.pc, cpu.cycle))
    };
    let ((skipped, registers), (slow, expected)) = (run(true), run(false));
    if expected.0 == Stop::Deadline {
        // A loop that never ends may be left one round later.
        assert_eq!((registers.0, registers.7 >= until), (Stop::Deadline, true));
    } else {
        assert_eq!(registers, expected);
        assert!(skipped.bytes == slow.bytes);
    }
    (skipped.reads, slow.reads)
}

#[test]
fn the_usual_delays_are_skipped() {
    let dex = [0xA2, 200, 0xCA, 0xD0, 0xFD, 0x60];
    let iny = [0xA0, 20, 0xC8, 0xD0, 0xFD, 0x60];
    let nested = [0xA2, 9, 0xA0, 0, 0x88, 0xD0, 0xFD, 0xCA, 0xD0, 0xF8, 0x60];
    let dey_bpl = [0xA0, 100, 0xEA, 0x88, 0x10, 0xFC, 0x60];
    for program in [&dex[..], &iny, &nested, &dey_bpl] {
        let (skipped, slow) = both(program, &[], 1_000_000);
        assert!(4 * skipped < slow, "{skipped} reads of {slow}");
    }
}

#[test]
fn the_delay_of_our_own_player_is_skipped() {
    // LDA $02, BNE, LDA $03, BEQ end, DEC $03, DEC $02, JSR, JSR, BIT $02, JMP
    let program = [
        0xA5, 2, 0xD0, 6, 0xA5, 3, 0xF0, 15, 0xC6, 3, 0xC6, 2, 0x20, 0xF0, 0xFF, 0x20, 0xF0, 0xFF, 0x24, 2, 0x4C, 0,
        0x80, 0x60,
    ];
    let (skipped, slow) = both(&program, &[(2, 0x34), (3, 0x12)], 10_000_000);
    assert!(20 * skipped < slow, "{skipped} reads of {slow}");
}

#[test]
fn a_delay_is_skipped_the_second_time_too() {
    // The end of a delay, where its head branches out, was once taken for proof that the loop does more.
    let mut program = vec![0xA2, 40]; // LDX #40: forty delays of 768 rounds
    program.extend([0xA9, 0, 0x85, 2, 0xA9, 3, 0x85, 3]);
    program.extend([0xA5, 2, 0xD0, 6, 0xA5, 3, 0xF0, 8, 0xC6, 3, 0xC6, 2, 0xEA, 0x4C, 0x0A, 0x80, 0xEA, 0xEA]);
    program.extend([0xCA, 0xD0, 0xE3, 0x60]); // DEX, BNE to the first LDA
    let (skipped, slow) = both(&program, &[], 10_000_000);
    assert!(20 * skipped < slow, "{skipped} reads of {slow}");
}

#[test]
fn what_waits_for_ever_is_over_at_once() {
    let (skipped, _) = both(&[0x4C, 0x00, 0x80], &[], 1_000_000);
    assert!(skipped < 100, "{skipped}");
}

/// Instructions of which loops are made: some that only pass time, and some that do more.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![0xEA]),
        (0_u8..4).prop_map(|at| vec![0xA5, at]),
        (0_u8..4).prop_map(|at| vec![0xA6, at]),
        (0_u8..4).prop_map(|at| vec![0x24, at]),
        (0_u8..4).prop_map(|at| vec![0xC6, at]),
        (0_u8..4).prop_map(|at| vec![0xE6, at]),
        Just(vec![0xCA]),
        Just(vec![0xE8]),
        Just(vec![0x88]),
        Just(vec![0x20, 0xF0, 0xFF]),
        prop_oneof![Just(0xD0), Just(0xF0), Just(0x10), Just(0x30)].prop_map(|branch| vec![branch, 2]),
        (0_u8..4).prop_map(|at| vec![0x85, at]),
        Just(vec![0x69, 1]),
        Just(vec![0xCE, 0x00, 0x03]),
        Just(vec![0x18]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_loop_ends_as_it_would_without_skipping(
        body in prop::collection::vec(instruction(), 1..7),
        branch in prop_oneof![Just(0xD0_u8), Just(0xF0), Just(0x10), Just(0x30), Just(0x4C)],
        start in any::<[u8; 6]>(),
    ) {
        // LDX, LDY, the body, a branch back to it, RTS; branches forward pass over two bytes.
        let mut program = vec![0xA2, start[4], 0xA0, start[5]];
        program.extend(body.concat());
        if branch == 0x4C {
            program.extend([0x4C, 0x04, 0x80]);
        } else {
            let distance = program.len() as i8 + 2 - 4;
            program.extend([branch, (-distance) as u8]);
        }
        program.extend([0x60; 4]);
        both(&program, &[(0, start[0]), (1, start[1]), (2, start[2]), (3, start[3]), (0x300, start[0])], 20_000);
    }
}
