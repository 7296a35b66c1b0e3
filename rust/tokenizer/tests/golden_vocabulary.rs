//! The vocabularies and the wait rounding against those of the original programs.

mod shared;

use lakhnes_tokenizer::Vocabulary;
use lakhnes_tokenizer::quantize::quantize;

#[test]
fn the_vocabularies_list_the_symbols_of_the_published_ones() {
    for (file, vocabulary) in [("tx1_vocab.txt", Vocabulary::tx1()), ("tx2_vocab.txt", Vocabulary::tx2())] {
        let Some(text) = shared::golden_text(file) else {
            continue;
        };
        let published: Vec<&str> = std::iter::once("<S>").chain(text.lines()).collect();
        let ours: Vec<String> = (0..vocabulary.len() as u16).filter_map(|id| vocabulary.symbol(id)).collect();
        assert_eq!(ours, published, "{file}");
    }
}

#[test]
fn waits_are_rounded_as_the_original_evaluation_rounds_them() {
    let Some(text) = shared::golden_text("wait_quantization.json") else {
        return;
    };
    // {"about": …, "max_wait": n, "runs": [[first wait, token], …]}: all that matters are the numbers from "max_wait" on.
    let numbers: Vec<u32> = text
        .split_once("\"max_wait\"")
        .expect("the number of waits")
        .1
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let (longest, runs) = (numbers[0], &numbers[1..]);
    assert_eq!((longest, runs.len() % 2), (200_000, 0));
    let mut tokens = Vec::new();
    for (index, run) in runs.chunks_exact(2).enumerate() {
        let next = runs.get(2 * index + 2).copied().unwrap_or(longest + 1);
        tokens.extend((run[0]..next).map(|wait| (wait, run[1])));
    }
    assert_eq!(tokens.len(), longest as usize);
    for (wait, token) in tokens {
        assert_eq!(quantize(wait), token, "wait {wait}");
    }
}
