#![no_main]
//! Any bytes are a pickled score or disassembly, or an error; nothing in them is executed.

use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::disassembly::Disassembly;
use lakhnes_tokenizer::score::ExpressiveScore;
use lakhnes_tokenizer::separated::SeparatedScore;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = ExpressiveScore::read_pickle(bytes).and_then(|score| score.to_song());
    let _ = SeparatedScore::read_pickle(bytes).and_then(|score| score.to_song());
    let _ = BlendedScore::read_pickle(bytes).and_then(|score| score.to_song());
    for disassembly in [Disassembly::Ndr, Disassembly::Ndf, Disassembly::Nlm] {
        let _ = disassembly.read_pickle(bytes);
        let _ = disassembly.read_json(bytes);
    }
});
