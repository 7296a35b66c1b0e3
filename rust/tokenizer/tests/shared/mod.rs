//! Finds the reference results that lie beside the repository, for the tests that need them.

#![allow(dead_code, reason = "each test uses its own part of this module")]

use std::path::PathBuf;

/// The path of a reference result, or a line that says why the test is skipped.
pub(crate) fn golden(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden").join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: there is no reference result at {}", path.display());
    None
}

pub(crate) fn golden_text(name: &str) -> Option<String> {
    golden(name).map(|path| std::fs::read_to_string(path).expect("a readable text"))
}

pub(crate) fn golden_bytes(name: &str) -> Option<Vec<u8>> {
    golden(name).map(|path| std::fs::read(path).expect("a readable file"))
}
