//! `lakhnes._native`: the chip and the score for Python. One file a class, and no logic of its own: arguments come in,
//! a function of `lakhnes-apu`, `lakhnes-tokenizer` or `lakhnes-decoder` runs with the interpreter released, arrays go out.
#![expect(clippy::needless_pass_by_value, reason = "Python's arguments are handed over by value")]

mod adapt;
mod apu;
mod arrays;
mod build_info;
mod decode;
mod decoder_model;
mod errors;
mod events;
mod export;
mod formats;
mod hubs;
mod live;
mod nsf;
mod options;
mod register_log;
mod sample;
mod score_states;
mod sequence_state;
mod song;
mod texts;
mod tracker;
mod tx3;
mod vocabulary;

/// The Rust half of lakhnes: scores, tokens, sound chip.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;
    use pyo3::types::IntoPyDict;

    #[pymodule_export]
    use crate::adapt::{PyMelodyIndex, adapt_files, group_melodies};
    #[pymodule_export]
    use crate::apu::PyApu;
    #[pymodule_export]
    use crate::build_info::build_info;
    #[pymodule_export]
    use crate::decode::decode;
    #[pymodule_export]
    use crate::decoder_model::PyDecoderModel;
    #[pymodule_export]
    use crate::events::{augment_events, events_from_text, quantize_events};
    #[pymodule_export]
    use crate::export::{export, export_album, export_files, export_samples};
    #[pymodule_export]
    use crate::formats::{PyFormat, formats, stem_path};
    #[pymodule_export]
    use crate::hubs::{PyRegisterLog, PySong};
    #[pymodule_export]
    use crate::live::PyLivePlayer;
    #[pymodule_export]
    use crate::nsf::{PyNsfFile, write_nsf_album};
    #[pymodule_export]
    use crate::register_log::PySampleBlocks;
    #[pymodule_export]
    use crate::sample::sample_tokens;
    #[pymodule_export]
    use crate::score_states::{PyScoreStates, score_state_tables, with_score_state};
    #[pymodule_export]
    use crate::sequence_state::PySequenceState;
    #[pymodule_export]
    use crate::song::source_bars;
    #[pymodule_export]
    use crate::texts::{convert_texts, tokenize_files};
    #[pymodule_export]
    use crate::tx3::{PyGrammar, tx3_facts, tx3_key_profile, tx3_song_and_loop, tx3_thirds};
    #[pymodule_export]
    use crate::vocabulary::PyVocabulary;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = lakhnes_tokenizer::Voice::ALL.map(lakhnes_tokenizer::Voice::name);
        let colors: Vec<_> = names.into_iter().zip(lakhnes_tokenizer::VOICE_COLORS).collect();
        module.add("VOICE_COLORS", colors.into_py_dict(module.py())?)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
