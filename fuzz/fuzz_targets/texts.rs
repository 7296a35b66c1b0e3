#![no_main]
//! Any text is a song, or a log, that comes back from what is written of it, or an error.

use lakhnes_apu::formats::{ndf, ndr, nlm};
use lakhnes_tokenizer::{tx1, tx2};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for song in [tx1::read(text), tx2::read(text)].into_iter().flatten() {
        let text = tx2::write(&song);
        assert!(text.is_empty() || tx2::read(&text).is_ok_and(|again| tx2::write(&again) == text));
    }
    for log in [ndr::read(text), ndf::read(text), nlm::read(text)].into_iter().flatten() {
        assert_eq!(log.validate(), Ok(()));
    }
});
