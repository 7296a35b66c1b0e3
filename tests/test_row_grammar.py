"""A model of TX3, however little it knows, composes songs on frames that end with a bar."""

import numpy as np
import pytest

import lakhnes
from conftest import TX1
from lakhnes.grammar import faults
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.grammar import EventGrammar, RowGrammar, grammar_of
from rows import FRAME, TX3, row_model


@pytest.fixture(scope="module")
def model():
    return row_model()


def test_each_vocabulary_has_its_kind_of_grammar():
    kinds = {name: type(grammar_of(lakhnes.Vocabulary(name), 2)) for name in lakhnes.Vocabulary.names()}
    assert kinds == {"tx1": EventGrammar, "tx2": EventGrammar, "tx3": RowGrammar}


def test_faults_are_what_the_grammar_of_rows_does_not_allow(model):
    (song,) = compose(model, 1, params=SamplingParams(length=300, min_voices=0), seed=4)
    ids = np.array(song.ids, dtype=np.int64)
    assert faults(ids, "tx3").tolist() == []
    assert faults(np.insert(ids, 9, TX3.encode("TEMPO_16")), "tx3")[0] == 9
    written = TX3.encode(lakhnes.Song.from_tx1(TX1).to_tx3())
    assert faults(written, "tx3").tolist() == []


def test_every_onset_is_on_a_frame_and_every_token_where_it_may_stand(model):
    grammar = RowGrammar(TX3, 1)
    for song in compose(model, 2, params=SamplingParams(length=300, min_voices=0), seed=4):
        onsets = np.concatenate([notes[:, 0] for notes in TX3.song(song.ids).voices.values()])
        assert np.abs(onsets / FRAME - np.round(onsets / FRAME)).max() < 1 / FRAME
        assert not any(TX3.symbol(token).startswith(("PERIOD", "PHASE")) for token in song.ids)
        grammar = RowGrammar(TX3, 1)
        for token in song.ids:
            assert grammar.admits(token)
            grammar.advance(np.array([token]))


def test_a_song_of_some_seconds_ends_with_the_bar_in_which_they_are_over(model):
    params = SamplingParams(length=3000, min_voices=0, max_duration=6.0)
    for song in compose(model, 4, params=params, seed=2):
        assert song.ended == "duration"
        duration, before = (TX3.song(ids).duration for ids in (song.ids, song.ids[:-1]))
        assert before < 6.0 + 4.0
        # This model has learned nothing: its bars can last half a minute, and then the song ends within one.
        assert duration >= 6.0 if TX3.symbol(song.ids[-1]) == "BAR" else duration >= 6.0 + 4.0


def test_a_pitch_that_sounds_is_not_struck_again():
    model = row_model(P1_NOTEON_60=9.0, TR_NOTEON_40=9.0, ROW_=3.0)
    for song in compose(model, 2, params=SamplingParams(length=300, min_voices=0), seed=3):
        symbols = [TX3.symbol(token) for token in song.ids]
        assert symbols.count("P1_NOTEON_60") > 1  # where it does not sound
        for notes in TX3.song(song.ids).voices.values():
            again = notes[1:, 2] == notes[:-1, 2]
            assert (notes[1:, 0] > notes[:-1, 1])[again].all()


def test_a_song_of_rows_is_a_seed_whatever_the_batch(model):
    params = SamplingParams(length=120, min_voices=0)
    (alone,) = compose(model, 1, params=params, seed=7)
    batch = compose(model, 3, params=params, seed=6, batch_size=3)
    assert alone.ids == batch[1].ids
