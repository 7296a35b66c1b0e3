//! `lakhnes._native`: the chip and the score for Python. One file a class, and no logic of its own: arguments come in,
//! a function of `lakhnes-apu` or `lakhnes-tokenizer` runs with the interpreter released, arrays go out.

use pyo3::prelude::*;

/// The Rust half of lakhnes: scores, tokens and the sound chip.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
