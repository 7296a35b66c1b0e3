//! `lakhnes._native`: the chip and the score for Python. One file a class, and no logic of its own: arguments come in,
//! a function of `lakhnes-apu`, `lakhnes-tokenizer` or `lakhnes-decoder` runs with the interpreter released, arrays go out.
#![expect(clippy::needless_pass_by_value, reason = "Python's arguments are handed over by value")]

mod adapt;
mod apu;
mod batch;
mod decoder_model;
mod decoder_state;
mod draw;
mod errors;
mod events;
mod formats;
mod live;
mod nsf;
mod options;
mod register_log;
mod scores;
mod song;
mod tokens;
mod vocabulary;

/// The Rust half of lakhnes: scores, tokens, sound chip.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::adapt::{PyMelodyIndex, adapt_files};
    #[pymodule_export]
    use crate::apu::PyApu;
    #[pymodule_export]
    use crate::batch::{convert_texts, render_files};
    #[pymodule_export]
    use crate::decoder_model::PyDecoderModel;
    #[pymodule_export]
    use crate::decoder_state::PyDecoderState;
    #[pymodule_export]
    use crate::draw::draw_tokens;
    #[pymodule_export]
    use crate::events::{augment_events, events_from_text, quantize_events, sample_augmentation};
    #[pymodule_export]
    use crate::live::PyLivePlayer;
    #[pymodule_export]
    use crate::nsf::{PyNsfFile, write_nsf_album};
    #[pymodule_export]
    use crate::register_log::{PyRegisterLog, PySampleBlocks, wav_loop_chunk};
    #[pymodule_export]
    use crate::scores::{
        log_of_raw_score, raw_runs, raw_score, score_of_song, score_runs_of_song, song_of_raw_score, song_of_score,
        song_of_score_runs,
    };
    #[pymodule_export]
    use crate::song::{PySong, source_notes};
    #[pymodule_export]
    use crate::tokens::tokenize_files;
    #[pymodule_export]
    use crate::vocabulary::PyVocabulary;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
