#![no_main]
//! The same of packed bytes.
use std::io::Write as _;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    if packer.write_all(bytes).is_ok() {
        _ = lakhnes_apu::formats::vgm::read(&packer.finish().unwrap_or_default());
    }
});
