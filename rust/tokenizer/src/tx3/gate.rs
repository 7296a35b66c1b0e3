//! Gates: after how many frames notes end by themselves.
//!
//! A voice keeps its gate until another is named, and a note that is shorter is ended by a NOTEOFF. Which gates are named
//! where is what makes the fewest tokens, found by dynamic programming over each slot's pieces.

use super::piece::{Piece, SLOTS};
use super::token::LONGEST_GATE;

/// What a change of gate costs, in tenths of a token.
const CHANGE: u64 = 13;
/// What a NOTEOFF costs: itself, and often a row and a frame.
const NOTE_OFF: u64 = 22;
/// A gate that is shorter than the note, or as long as one that is struck again where it would end.
const IMPOSSIBLE: u64 = 1 << 50;

const GATES: usize = LONGEST_GATE as usize + 1;

/// The gate of each piece; 0 holds it until something ends it.
pub(super) fn gates(pieces: &[Piece]) -> Vec<u8> {
    let mut gates = vec![0; pieces.len()];
    for slot in 0..SLOTS as u8 {
        let of_slot: Vec<usize> = (0..pieces.len()).filter(|&index| pieces[index].slot == slot).collect();
        assign(pieces, &of_slot, &mut gates);
    }
    gates
}

/// Whether a NOTEOFF is needed where a piece ends.
pub(super) fn needs_note_off(piece: &Piece, gate: u8) -> bool {
    !piece.joined && (gate == 0 || u64::from(gate) > piece.frames())
}

fn cost(piece: &Piece, gate: u8) -> u64 {
    let shortest = piece.frames() + u64::from(piece.struck_again);
    if gate > 0 && u64::from(gate) < shortest {
        IMPOSSIBLE
    } else if needs_note_off(piece, gate) {
        NOTE_OFF
    } else {
        0
    }
}

fn assign(pieces: &[Piece], of_slot: &[usize], gates: &mut [u8]) {
    // From the last piece to the first: what the rest costs under each gate, and which gate is then best.
    let mut rest = [0_u64; GATES];
    let mut changes: Vec<u8> = vec![0; of_slot.len()];
    let mut stays: Vec<u32> = vec![0; of_slot.len()]; // a bit a gate: keep it
    for (place, &index) in of_slot.iter().enumerate().rev() {
        let with: [u64; GATES] =
            std::array::from_fn(|gate| rest[gate].saturating_add(cost(&pieces[index], gate as u8)).min(IMPOSSIBLE));
        let best = (0..GATES).min_by_key(|&gate| with[gate]).unwrap_or(0);
        changes[place] = best as u8;
        for gate in 0..GATES {
            let keep = with[gate] <= with[best] + CHANGE;
            stays[place] |= u32::from(keep) << gate;
            rest[gate] = if keep { with[gate] } else { with[best] + CHANGE };
        }
    }
    let mut gate = 0;
    for (place, &index) in of_slot.iter().enumerate() {
        if stays[place] >> gate & 1 == 0 {
            gate = changes[place];
        }
        gates[index] = gate;
    }
}
