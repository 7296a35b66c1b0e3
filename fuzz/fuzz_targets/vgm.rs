#![no_main]
//! Any bytes are a log that is valid, or an error.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(log) = lakhnes_apu::formats::vgm::read(bytes) {
        assert_eq!(log.validate(), Ok(()));
    }
});
