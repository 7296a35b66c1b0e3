"""Infilling: the kept voices stay as they are, and the written ones are heard, in measure."""

import numpy as np
import pytest

import lakhnes
from lakhnes import Vocabulary
from lakhnes._native import quantize_events
from lakhnes.model.model import Model
from lakhnes.sampling import SamplingParams, infillings
from legality import VOCABULARY, faults
from small import tiny_model, tune, wide_model


@pytest.fixture(scope="module")
def model():
    return wide_model()


@pytest.fixture(scope="module")
def tx2_model():
    return tiny_model(6, vocabulary="tx2", vocab_size=686)


def events_of(song, voices):
    return {voice: song.voices[voice].tolist() for voice in voices}


@pytest.mark.parametrize("voices", [["p2"], ["tr", "no"], ["p1"], ["p1", "p2", "tr", "no"]])
def test_infilling_leaves_the_other_voices_as_they_are(model, song, voices):
    kept = [voice for voice in ("p1", "p2", "tr", "no") if voice not in voices]
    versions = lakhnes.infill(model, song, voices, num=3, seed=1, memory=64, top_k=None)
    for version in versions:
        assert events_of(version, kept) == events_of(song, kept)
        assert version.duration == song.duration
    assert len({version.to_tx1() for version in versions}) > 1
    assert any(len(version.voices[voice]) for version in versions for voice in voices)


def test_infilling_keeps_the_dynamics_of_the_other_voices_and_gives_the_new_ones_some(model):
    expressed = lakhnes.Song.from_tx1(tune(3)).express()
    assert not expressed.is_flat
    (version,) = lakhnes.infill(model, expressed, ["p2"], seed=1, memory=64, top_k=None)
    kept = ["p1", "tr", "no"]
    assert events_of(version, kept) == events_of(expressed, kept)
    for voice in kept:
        np.testing.assert_array_equal(version.velocity_changes[voice], expressed.velocity_changes[voice])
        np.testing.assert_array_equal(version.timbre_changes[voice], expressed.timbre_changes[voice])
    assert len(version.velocity_changes["p2"])


def test_infilling_tx2_leaves_the_other_voices_as_they_are(tx2_model):
    expressed = lakhnes.Song.from_tx1(tune(4)).express()
    for version in infillings(tx2_model, 3, expressed, ["p2", "no"], SamplingParams(top_k=None), seed=5):
        ids = quantize_events(np.array(version.events, dtype=np.int32), False)
        assert faults(ids.tolist(), Vocabulary.tx2()) == []
        again = Vocabulary.tx2().song(version.events)
        for voice in ("p1", "tr"):
            assert events_of(version.song, [voice]) == events_of(expressed, [voice])
            np.testing.assert_array_equal(again.voices[voice][:, :3], expressed.voices[voice][:, :3])
            np.testing.assert_array_equal(again.timbre_changes[voice], expressed.timbre_changes[voice])
        assert len(again.velocity_changes["p1"]) > len(expressed.velocity_changes["p1"])  # now at the onsets too
        assert len(version.song.voices["p2"])


def model_that_says(symbols):
    """Make a model that gives these events the same probability wherever they may come, and others next to none."""
    model = tiny_model()
    bias = model.weights["output_bias"].copy()
    bias[[VOCABULARY.id(symbol) for symbol in symbols]] = 40.0
    embedding = 1e-3 * model.weights["embedding.weight"]
    return Model(model.config, model.weights | {"embedding.weight": embedding, "output_bias": bias})


def test_a_model_that_expects_a_kept_voice_waits_for_it_and_lets_hardly_another_speak():
    """Nor may the voices to write be all that is left to say after each short wait: a song would be without end."""
    expects = model_that_says(["P1_NOTEON_60", "WT_735"])
    given = lakhnes.Song.from_tx1("P1_NOTEON_60\nWT_44100\nP1_NOTEOFF\nWT_44100\n" * 3)
    (version,) = infillings(expects, 1, given, ["p2", "tr"], SamplingParams(memory=32), seed=1)
    assert sum(len(version.song.voices[voice]) for voice in ("p2", "tr")) <= 1  # in six seconds
    assert version.song.voices["p1"].tolist() == given.voices["p1"].tolist()


def test_a_voice_that_was_asked_for_is_heard_in_the_end_however_improbable_it_is():
    expects = model_that_says(["P1_NOTEON_60", "WT_735"])
    given = lakhnes.Song.from_tx1("P1_NOTEON_60\nWT_44100\nP1_NOTEOFF\nWT_44100\n" * 12)
    (version,) = infillings(expects, 1, given, ["p2"], SamplingParams(memory=32), seed=1)
    starts = version.song.voices["p2"][:, 0]
    assert 0 < len(starts) < 10  # in 24 seconds
    assert starts[0] > 44_100


def test_a_written_voice_may_speak_between_kept_events_and_together_with_them():
    eager = model_that_says(["P1_NOTEON_60", "P2_NOTEON_60", "WT_5000"])
    given = lakhnes.Song.from_tx1("P1_NOTEON_60\nWT_44100\nP1_NOTEOFF\nWT_44100\n" * 5)
    (version,) = infillings(eager, 1, given, ["p2"], SamplingParams(memory=32), seed=1)
    assert events_of(version.song, ["p1", "tr", "no"]) == events_of(given, ["p1", "tr", "no"])
    starts = version.song.voices["p2"][:, 0]
    assert len(starts) > 10
    after = starts % 44_100  # since the last kept event
    assert (after % 5_000 == 0).sum() > 10
    assert (after == 0).any()
    assert (after > 0).any()


def test_a_written_voice_does_not_say_more_than_a_fast_piece_has():
    talks = model_that_says(["P2_NOTEON_60", "P2_NOTEOFF", "WT_10"])
    given = lakhnes.Song.from_tx1("P1_NOTEON_60\nWT_8820\n" * 15 + "P1_NOTEOFF\nWT_10")  # 3 s, five notes each
    (version,) = infillings(talks, 1, given, ["p2"], SamplingParams(memory=32), seed=1)
    spoken = sum(VOCABULARY.symbol(event).startswith("P2") for event in version.events if event > 0)
    assert 20 <= spoken <= 10 * (3 + 2) + 1


def test_infilled_songs_have_no_faults(model):
    other = lakhnes.Song.from_tx1(tune(3))
    for version in infillings(model, 3, other, ["p2", "no"], SamplingParams(memory=64, top_k=None), seed=5):
        assert faults(quantize_events(np.array(version.events, dtype=np.int32), False).tolist()) == []
        assert 1.0 < version.ppl < 1e6
        assert 1.0 < version.kept_ppl < 1e6


def test_infilling_an_unknown_voice_is_refused(model, song):
    for voices in (["dmc"], []):
        with pytest.raises(ValueError, match="expected some of p1, p2, tr, no"):
            lakhnes.infill(model, song, voices)
