//! numpy's interface, fetched while a signal is an exception.

use std::sync::atomic::{AtomicBool, Ordering};

use numpy::PyArray1;
use pyo3::prelude::*;

static IS_FETCHED: AtomicBool = AtomicBool::new(false);

/// Imports numpy and fetches its interface, which the first array does otherwise.
///
/// That runs code of Python, and the numpy crate panics on an exception in it. Ctrl-C raises one there, surely so after work
/// without the interpreter: what gives arrays calls this before its work.
pub(crate) fn ready(py: Python<'_>) -> PyResult<()> {
    if !IS_FETCHED.load(Ordering::Relaxed) {
        py.import("numpy")?;
        py.check_signals()?;
        PyArray1::<u8>::zeros(py, 0, false);
        IS_FETCHED.store(true, Ordering::Relaxed);
    }
    Ok(())
}
