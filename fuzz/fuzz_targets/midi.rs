#![no_main]
//! Any bytes are a song that is whole, as they are and arranged, or an error.

use lakhnes_tokenizer::{ArrangeOptions, Song, arrange, midi};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(song) = midi::read(bytes) {
        assert_eq!(Song::new(song.tracks().clone(), song.length()), Ok(song));
    }
    if let Ok((song, report)) = arrange(bytes, &ArrangeOptions { arpeggio: true }) {
        assert_eq!(Song::new(song.tracks().clone(), song.length()), Ok(song));
        assert_eq!(report.placed + report.unplaced.len(), report.notes);
    }
});
