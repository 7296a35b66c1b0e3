//! `build_info`: what this module was built for, and what it uses of the processor.

use std::env::consts::{ARCH, OS};

use lakhnes_stub_docs::documented;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

const LIBRARY: &str = if cfg!(target_env = "gnu") {
    "-gnu"
} else if cfg!(target_env = "musl") {
    "-musl"
} else if cfg!(target_env = "msvc") {
    "-msvc"
} else {
    ""
};

#[documented]
#[pyfunction]
pub(crate) fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let target = format!("{ARCH}-{OS}{LIBRARY}");
    [("profile", PROFILE), ("target", &target), ("instructions", lakhnes_decoder::instructions())].into_py_dict(py)
}
