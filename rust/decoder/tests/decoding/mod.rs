//! The kernels compared with the model as the paper writes it, and with each other. A part of the crate when it is tested:
//! which instructions are used is its own business otherwise.

mod reference;

use std::time::Duration;

use proptest::prelude::*;

use self::reference::Weights;
use crate::bits::from_float16;
use crate::model;
use crate::simd::InstructionSet;
use crate::{DecoderError, Dtype, Inputs, MAX_WINDOW, Model, SequenceState, Shape};

const TOKENS: [u32; 24] = [0, 3, 7, 1, 1, 12, 4, 9, 2, 0, 5, 11, 8, 6, 10, 3, 3, 12, 1, 7, 2, 9, 4, 0];

fn shape(n_head: usize, d_head: usize, pre_norm: bool) -> Shape {
    Shape {
        vocab_size: 13,
        n_layer: 2,
        n_head,
        d_model: 24,
        d_head,
        d_inner: 70,
        pre_norm,
        clamp_len: 0,
        state_rows: 0,
        recall_rows: 0,
    }
}

/// Reads sequences that begin at different places of `TOKENS`, some tokens at once; gives the logits of each sequence.
fn decode(
    instructions: InstructionSet,
    weights: &Weights,
    dtype: Dtype,
    sequences: usize,
    threads: usize,
    at_once: usize,
) -> Vec<Vec<f32>> {
    let mut state =
        SequenceState::with(instructions, &weights.model(dtype), weights.window, sequences, threads).expect("it fits");
    let mut found = vec![Vec::new(); sequences];
    let mut logits = Vec::new();
    for times in TOKENS.chunks(at_once) {
        let tokens: Vec<u32> =
            times.iter().flat_map(|&token| (0..sequences as u32).map(move |s| (token + s) % 13)).collect();
        state.feed(&tokens, true, &mut logits).expect("the tokens are of the vocabulary");
        for (row, logits) in logits.chunks_exact(13).enumerate() {
            found[row % sequences].extend_from_slice(logits);
        }
    }
    found
}

fn largest_difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(&found, expected)| (f64::from(found) - expected).abs()).fold(0.0, f64::max)
}

#[test]
fn every_instruction_set_agrees_with_the_paper_past_a_full_memory() {
    for shape in [shape(2, 16, false), shape(3, 5, true), shape(1, 70, false), shape(2, 64, true)] {
        let weights = Weights::new(shape, 7);
        let expected = weights.logits(&TOKENS);
        for instructions in InstructionSet::available() {
            for (dtype, tolerance) in [(Dtype::Float32, 1e-5), (Dtype::Bfloat16, 0.1), (Dtype::Int8, 0.3)] {
                let found = decode(instructions, &weights, dtype, 1, 1, 1).remove(0);
                let error = largest_difference(&found, &expected);
                assert!(error < tolerance, "{instructions:?} {dtype:?} {shape:?}: {error}");
            }
        }
    }
}

#[test]
fn memories_of_more_than_a_panel_agree_with_the_paper_before_and_after_they_are_full() {
    let tokens: Vec<u32> = (0..150_u32).map(|place| place * place % 13).collect();
    for (shape, window) in [(shape(2, 16, true), 70), (shape(1, 70, false), 129)] {
        let weights = Weights::new(shape, window);
        let expected = weights.logits(&tokens);
        for instructions in InstructionSet::available() {
            for (dtype, tolerance) in [(Dtype::Float32, 1e-5), (Dtype::Bfloat16, 0.1), (Dtype::Int8, 0.3)] {
                let mut state =
                    SequenceState::with(instructions, &weights.model(dtype), window, 3, 1).expect("it fits");
                let mut found = Vec::new();
                let mut logits = Vec::new();
                let (before, after) = tokens.split_at(100);
                state.feed_some(&[0; 100], before, &mut found).expect("the tokens are of the vocabulary");
                state.fork(0, 2, 0).expect("they are sequences of the batch");
                for &token in after {
                    // The one beside it reads something else.
                    state
                        .feed_some(&[1, 2], &[12 - token, token], &mut logits)
                        .expect("they are sequences of the batch");
                    found.extend_from_slice(&logits[13..]);
                }
                let error = largest_difference(&found, &expected);
                assert!(error < tolerance, "{instructions:?} {dtype:?} {window}: {error}");
            }
        }
    }
}

#[test]
fn weights_that_are_16_bit_floats_are_kept_in_16_bits_and_give_the_same_logits_to_the_bit() {
    for (shape, sequences) in [(shape(2, 16, false), 1), (shape(3, 5, true), 13), (shape(2, 64, true), 4)] {
        let mut weights = Weights::new(shape, 7);
        assert!(matches!(weights.model(Dtype::Float32).weights, model::Weights::Float32(_)));
        for number in weights.tensors.values_mut().flatten() {
            *number = from_float16((number.abs() * 1000.0) as u16 + 0x3000).copysign(*number); // 0.125 to about 1
        }
        let half = weights.model(Dtype::Float32);
        assert!(matches!(half.weights, model::Weights::Float32InHalf(_)));
        let full = Model::in_full(shape, |name| weights.tensors.get(name).map(Vec::as_slice)).expect("the weights fit");
        for instructions in InstructionSet::available() {
            let read = |model: &Model| {
                let mut state =
                    SequenceState::with(instructions, model, weights.window, sequences, 2).expect("it fits");
                let mut logits = Vec::new();
                state.feed(&TOKENS.repeat(sequences), true, &mut logits).expect("the tokens are of the vocabulary");
                logits
            };
            assert_eq!(read(&half), read(&full), "{instructions:?}");
        }
    }
}

#[test]
fn eight_bits_give_the_same_on_every_instruction_set() {
    let weights = Weights::new(shape(2, 16, true), 40);
    let expected = decode(InstructionSet::Portable, &weights, Dtype::Int8, 2, 1, 1);
    for instructions in InstructionSet::available() {
        assert_eq!(decode(instructions, &weights, Dtype::Int8, 2, 1, 1), expected, "{instructions:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn batch_size_threads_and_tokens_fed_at_once_change_no_bit(
        sequences in 1_usize..9, threads in 1_usize..4, at_once in 1_usize..24, window in 1_usize..30, pre_norm: bool,
        dtype in prop_oneof![Just(Dtype::Float32), Just(Dtype::Bfloat16), Just(Dtype::Int8)],
    ) {
        let weights = Weights::new(shape(3, 16, pre_norm), window);
        for instructions in InstructionSet::available() {
            let alone = decode(instructions, &weights, dtype, 1, 1, 1).remove(0);
            let together = decode(instructions, &weights, dtype, sequences, threads, at_once);
            prop_assert_eq!(&together[0], &alone);
            if sequences > 1 {
                prop_assert_ne!(&together[1], &alone);
            }
        }
    }
}

#[test]
fn a_thread_that_works_alone_changes_no_bit() {
    for pre_norm in [false, true] {
        let weights = Weights::new(shape(3, 16, pre_norm), 9);
        let expected = decode(InstructionSet::detect(), &weights, Dtype::Float32, 2, 1, 1);
        let mut state =
            SequenceState::with(InstructionSet::detect(), &weights.model(Dtype::Float32), weights.window, 2, 3)
                .expect("it fits");
        let mut logits = Vec::new();
        for (place, token) in TOKENS.into_iter().enumerate() {
            state.work_alone(Duration::from_secs(if place / 3 % 2 == 0 { 3600 } else { 0 }));
            state.feed(&[token, (token + 1) % 13], false, &mut logits).expect("the tokens are of the vocabulary");
            for (sequence, logits) in logits.chunks_exact(13).enumerate() {
                assert_eq!(logits, &expected[sequence][place * 13..][..13]);
            }
        }
    }
}

#[test]
fn a_forked_process_goes_on_alone_and_waits_for_no_helper() {
    let weights = Weights::new(shape(3, 16, false), 9);
    let expected = decode(InstructionSet::detect(), &weights, Dtype::Float32, 1, 1, 1);
    let model = weights.model(Dtype::Float32);
    let mut state = SequenceState::with(InstructionSet::detect(), &model, weights.window, 1, 3).expect("it fits");
    let mut logits = Vec::new();
    for (place, token) in TOKENS.into_iter().enumerate() {
        if place == 3 {
            state.pretend_forked();
        }
        state.feed(&[token], false, &mut logits).expect("the tokens are of the vocabulary");
        assert_eq!(logits, expected[0][place * 13..][..13]);
    }
}

#[test]
fn positions_that_a_window_has_beyond_the_tokens_change_no_bit() {
    for clamp_len in [0, 9] {
        let shape = Shape { clamp_len, ..shape(3, 5, false) };
        let [short, long] = [TOKENS.len(), 300].map(|window| {
            let weights = Weights::new(shape, window);
            decode(InstructionSet::detect(), &weights, Dtype::Int8, 1, 1, 5)
        });
        assert_eq!(short, long);
    }
}

#[test]
fn the_logits_after_the_last_token_are_the_last_of_all() {
    let weights = Weights::new(shape(2, 16, false), 7);
    let all = decode(InstructionSet::detect(), &weights, Dtype::Float32, 1, 2, 5).remove(0);
    let mut state = SequenceState::new(&weights.model(Dtype::Float32), weights.window, 1, 2).expect("it fits");
    let mut logits = Vec::new();
    state.feed(&TOKENS, false, &mut logits).expect("the tokens are of the vocabulary");
    assert_eq!(logits, all[all.len() - 13..]);
}

#[test]
fn a_rewound_token_leaves_no_trace_even_in_a_full_memory() {
    let weights = Weights::new(shape(2, 16, true), 5);
    for dtype in [Dtype::Float32, Dtype::Bfloat16, Dtype::Int8] {
        let model = weights.model(dtype);
        let mut states = [(); 2].map(|()| SequenceState::new(&model, weights.window, 2, 2).expect("it fits"));
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for token in TOKENS {
            states[0].feed(&[token, 4], false, &mut expected).expect("the tokens are of the vocabulary");
            states[1].feed(&[9, token], false, &mut found).expect("the tokens are of the vocabulary");
            for sequence in [0, 1] {
                states[1].rewind(sequence).expect("it was read");
                assert_eq!(states[1].rewind(sequence), Err(DecoderError::NothingToRewind));
            }
            states[1].feed(&[token, 4], false, &mut found).expect("the tokens are of the vocabulary");
            assert_eq!(found, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sequences_read_at_their_own_pace_forget_and_go_on_from_where_others_are(
        acts in prop::collection::vec((0_usize..4, 0_usize..3, 0_u32..13), 1..60),
        window in 1_usize..12, threads in 1_usize..3, d_head in prop_oneof![Just(5), Just(70)],
        dtype in prop_oneof![Just(Dtype::Float32), Just(Dtype::Bfloat16), Just(Dtype::Int8)],
    ) {
        let weights = Weights::new(shape(3, d_head, true), window);
        let model = weights.model(dtype);
        let read_alone = |tokens: &[u32]| {
            let mut state = SequenceState::new(&model, weights.window, 1, 1).expect("it fits");
            let mut logits = Vec::new();
            state.feed(tokens, false, &mut logits).expect("the tokens are of the vocabulary");
            logits
        };
        let mut state = SequenceState::with(InstructionSet::detect(), &model, weights.window, 3, threads).expect("it fits");
        let mut fed: Vec<Vec<u32>> = vec![Vec::new(); 3];
        let mut forgettable = [false; 3];
        let mut logits = Vec::new();
        for (act, sequence, token) in acts {
            match act {
                0 if forgettable[sequence] => {
                    state.rewind(sequence).expect("it was read");
                    fed[sequence].pop();
                    forgettable[sequence] = false;
                }
                1 => {
                    let target = token as usize % 3;
                    let common = std::iter::zip(&fed[sequence], &fed[target]).take_while(|(a, b)| a == b).count();
                    state.fork(sequence, target, common as u64).expect("they are sequences of the batch");
                    fed[target] = fed[sequence].clone();
                    forgettable[target] = forgettable[sequence];
                }
                _ => {
                    let sequences = [sequence, (sequence + 1) % 3, sequence];
                    let tokens = [token, 4, 9];
                    state.feed_some(&sequences, &tokens, &mut logits).expect("they are sequences of the batch");
                    for ((sequence, token), logits) in sequences.into_iter().zip(tokens).zip(logits.chunks_exact(13)) {
                        fed[sequence].push(token);
                        forgettable[sequence] = true;
                        prop_assert_eq!(&read_alone(&fed[sequence]), logits);
                    }
                }
            }
        }
    }
}

#[test]
fn what_stands_beside_a_token_is_added_to_its_embedding() {
    let weights = Weights::new(Shape { state_rows: 6, recall_rows: 5, ..shape(2, 16, true) }, 7);
    let states: Vec<u32> = (0..3 * TOKENS.len() as u32).map(|place| place * 5 % 6).collect();
    let recalled: Vec<[u32; 2]> = (0..2 * TOKENS.len() as u32).map(|place| [place * 7 % 13, place * 3 % 5]).collect();
    let expected = weights.logits_beside(Inputs { tokens: &TOKENS, states: &states, recalled: &recalled });
    for at_once in [1, 5, TOKENS.len()] {
        let model = weights.model(Dtype::Float32);
        let mut state = SequenceState::new(&model, weights.window, 2, 2).expect("it fits");
        let (mut found, mut logits) = (Vec::new(), Vec::new());
        let beside = states.chunks(3 * at_once).zip(recalled.chunks(2 * at_once));
        for (tokens, (states, recalled)) in TOKENS.chunks(at_once).zip(beside) {
            let inputs = Inputs { tokens, states, recalled };
            state.feed_some(&vec![1; tokens.len()], inputs, &mut logits).expect("the states are rows of the table");
            found.extend_from_slice(&logits);
        }
        assert!(largest_difference(&found, &expected) < 1e-5, "{at_once} at once");
    }
}

#[test]
fn what_does_not_fit_the_tables_of_the_model_is_refused() {
    let with = |state_rows| Weights::new(Shape { state_rows, ..shape(2, 16, true) }, 7).model(Dtype::Float32);
    for (state_rows, states) in [(0, &[1][..]), (6, &[]), (6, &[1, 2, 3]), (6, &[1, 6])] {
        let mut state = SequenceState::new(&with(state_rows), 7, 2, 1).expect("it fits");
        let inputs = Inputs { tokens: &[1, 2], states, recalled: &[] };
        let refused = state.feed(inputs, false, &mut Vec::new());
        assert!(matches!(refused, Err(DecoderError::Range { name: "states", .. })), "{states:?} of {state_rows}");
    }
    let with = |recall_rows| Weights::new(Shape { recall_rows, ..shape(2, 16, true) }, 7).model(Dtype::Float32);
    for (rows, recalled) in [(0, &[[1, 0]; 2][..]), (5, &[]), (5, &[[1, 0]; 3]), (5, &[[1, 5]; 2]), (5, &[[13, 0]; 2])]
    {
        let mut state = SequenceState::new(&with(rows), 7, 2, 1).expect("it fits");
        let inputs = Inputs { tokens: &[1, 2], states: &[], recalled };
        let refused = state.feed(inputs, false, &mut Vec::new());
        assert!(matches!(refused, Err(DecoderError::Range { name: "recalled", .. })), "{recalled:?} of {rows}");
    }
}

#[test]
fn errors_name_what_does_not_fit() {
    let weights = Weights::new(shape(2, 16, true), 7);
    let mut wrong = weights.shape;
    wrong.d_inner = 71;
    let message = |shape, missing: &str| {
        let tensor = |name: &str| weights.tensors.get(name).filter(|_| name != missing).map(Vec::as_slice);
        Model::new(shape, Dtype::Int8, tensor).err().expect("it does not fit").to_string()
    };
    assert_eq!(message(wrong, ""), "weights: layers.0.inner.weight: expected 1704 numbers, found 1680");
    assert_eq!(message(weights.shape, "final_norm.bias"), "weights: final_norm.bias is missing");
    wrong.n_head = 0;
    assert_eq!(message(wrong, ""), "n_head: expected 1 to 65536, found 0");

    let model = weights.model(Dtype::Float32);
    wrong = Shape { d_model: 23, ..weights.shape };
    assert_eq!(message(wrong, ""), "d_model: expected an even number (sines and cosines), found 23");

    let refused = |window, sequences, threads| SequenceState::new(&model, window, sequences, threads).err();
    assert!(matches!(refused(0, 1, 1), Some(DecoderError::Range { name: "window", .. })));
    assert!(matches!(refused(MAX_WINDOW + 1, 1, 1), Some(DecoderError::Range { name: "window", .. })));
    assert!(matches!(refused(weights.window, 0, 1), Some(DecoderError::Range { name: "sequences", .. })));
    assert!(matches!(refused(weights.window, 1, 0), Some(DecoderError::Range { name: "threads", .. })));

    let mut state = SequenceState::new(&model, weights.window, 2, 1).expect("it fits");
    for tokens in [&[][..], &[1], &[1, 13]] {
        let refused = state.feed(tokens, false, &mut Vec::new());
        assert!(matches!(refused, Err(DecoderError::Range { name: "tokens", .. })), "{tokens:?}");
    }
    for (sequences, tokens, at) in [(&[][..], &[][..], "tokens"), (&[0], &[1, 2], "tokens"), (&[2], &[1], "sequences")]
    {
        let refused = state.feed_some(sequences, tokens, &mut Vec::new());
        assert!(matches!(refused, Err(DecoderError::Range { name, .. }) if name == at), "{sequences:?} {tokens:?}");
    }
    assert!(matches!(state.rewind(2), Err(DecoderError::Range { name: "sequences", .. })));
    assert!(matches!(state.fork(0, 2, 0), Err(DecoderError::Range { name: "sequences", .. })));
    assert!(matches!(state.fork(0, 1, 1), Err(DecoderError::Range { name: "common", .. })));
}
