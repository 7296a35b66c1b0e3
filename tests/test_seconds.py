"""Songs of some seconds: near the limit the ending is sought, and no song breaks off within a bar."""

import numpy as np
import pytest

import lakhnes
from lakhnes.checkpoint import save_checkpoint
from lakhnes.sampling import SamplingParams, compose, ending
from lakhnes.sampling.ending import MAX_NATS, due, log_odds
from lakhnes.sampling.grammar import RowGrammar
from lakhnes.sampling.params import CONTINUATION, SECONDS, params_from
from rows import TX3, brisk_model, row_song
from small import tiny_model

BAR = TX3.id("BAR")


@pytest.fixture(scope="module")
def model():
    return brisk_model()


def test_a_song_has_thirty_seconds_unless_another_limit_is_given():
    assert SamplingParams().limit == SECONDS == 30.0
    assert SamplingParams(seconds=12).limit == 12
    assert SamplingParams(length=100).limit is None
    assert SamplingParams(max_duration=100).limit is None
    assert SamplingParams(grammar=False).limit is None
    assert SamplingParams(length=100).most_events == 100
    assert SamplingParams(seconds=2).most_events == 512
    assert SamplingParams(min_duration=40).limit > 40
    with pytest.raises(ValueError, match=r"^seconds is 3, expected more than 0, at least min_duration"):
        SamplingParams(seconds=3, min_duration=4)


def test_seconds_replace_the_events_of_a_continuation():
    def continued(**given):
        return params_from(CONTINUATION, given)

    assert continued() == CONTINUATION
    assert continued(length=None, seconds=None).length == 512
    assert (continued(seconds=9).length, continued(seconds=9).limit) == (None, 9)
    assert (continued(seconds=9, length=40).length, continued(length=40).limit) == (40, None)


def test_a_song_of_rows_ends_with_a_whole_bar_within_its_seconds(model):
    params = SamplingParams(seconds=7.0, min_voices=0)
    songs = compose(model, 6, params=params, seed=2)
    for song in songs:
        assert song.ended in ("<S>", "seconds")
        assert TX3.song(song.ids).duration <= 7.0
        if song.ended == "seconds":
            assert song.ids[-1] == BAR
    assert "seconds" in {song.ended for song in songs}


def test_what_ended_a_song_does_not_depend_on_those_beside_it():
    model, params = brisk_model(**{"<S>": 4.0}), SamplingParams(seconds=12.0, min_voices=0, min_length=0)
    together = compose(model, 6, params=params, seed=4)
    apart = compose(model, 6, params=params, seed=4, batch_size=1)
    assert [(song.ids, song.ended) for song in together] == [(song.ids, song.ended) for song in apart]
    assert len({song.ended for song in together}) == 2


def test_a_song_of_rows_that_runs_out_of_events_ends_with_its_last_whole_bar(model):
    for song in compose(model, 4, params=SamplingParams(length=150, min_length=150, min_voices=0), seed=9):
        assert song.ended == "length"
        assert 100 < len(song.ids) <= 150
        assert song.ids[-1] == BAR


def test_what_is_given_does_not_count_among_the_seconds(model):
    prime = row_song(8)  # 12.8 s
    (longer,) = lakhnes.continue_song(model, prime, prime_length=10_000, seconds=6, seed=2)
    assert prime.duration < longer.duration <= prime.duration + 6.0


def test_a_song_of_waits_ends_at_its_seconds():
    for song in compose(tiny_model(), 3, params=SamplingParams(seconds=2.5, min_voices=0), seed=1):
        duration = lakhnes.Vocabulary.tx1().song(np.array(song.ids)).duration
        assert duration <= 2.5
        assert song.ended == "<S>" or (song.ended == "seconds" and duration > 2.4)


def grammar_after(*symbols):
    grammar = RowGrammar(TX3, 1)
    for symbol in symbols:
        grammar.advance(np.array([TX3.id(symbol)]))
    return grammar


def test_the_end_becomes_more_probable_at_bar_lines_as_the_limit_comes_near():
    bars = ("TEMPO_6", "METER_16", *("BAR", "P1_NOTEON_60") * 5)  # 6.4 s
    params = SamplingParams(seconds=9.0, min_duration=0.0)  # sought for 3 seconds
    assert log_odds(grammar_after(*bars), params) is None  # within a bar
    later = [log_odds(grammar_after(*bars, *["BAR"] * more), params) for more in (1, 2)]
    assert later[0] == pytest.approx([MAX_NATS * (1 - 1 / 3 * (9.0 - 7.988) / 1.0)], abs=0.1)
    assert later[0] < later[1] <= MAX_NATS
    assert log_odds(grammar_after(*bars, "BAR"), SamplingParams(seconds=30.0)) is None
    assert log_odds(grammar_after(*bars, "BAR"), SamplingParams(length=50)) is None


def test_a_song_ends_at_the_bar_line_behind_which_no_bar_fits():
    bars = ("TEMPO_6", "METER_16", *("BAR", "P1_NOTEON_60") * 5)
    at_line = grammar_after(*bars, "BAR")  # 7.99 s
    assert due(at_line, SamplingParams(seconds=9.5, min_duration=0)).all()
    assert not due(at_line, SamplingParams(seconds=9.7, min_duration=0)).any()
    assert not due(grammar_after(*bars), SamplingParams(seconds=7, min_duration=0)).any()
    assert not due(grammar_after("TEMPO_6", "METER_16", "BAR"), SamplingParams(seconds=1, min_duration=0)).any()


def test_an_ending_that_is_sought_is_one_of_the_model(monkeypatch):
    model, by_itself = brisk_model(**{"<S>": 1.0}), []
    params = SamplingParams(seconds=24.0, min_voices=0, min_duration=0.0, min_length=0)
    for nats in (0.0, MAX_NATS):
        monkeypatch.setattr(ending, "MAX_NATS", nats)
        sought = compose(model, 16, params=params, seed=3)
        by_itself.append(sum(song.ended == "<S>" for song in sought))
    assert by_itself[1] > by_itself[0]
    # Their losses are those of the model as it is.
    first = next(song for song in sought if song.ended == "<S>")
    losses = model.score([0, *first.ids, 0])
    assert first.ppl == pytest.approx(float(np.exp(losses.mean())), rel=1e-3)


def test_the_commands_take_seconds(run, model, tmp_path):
    save_checkpoint(model, tmp_path / "model", dtype="float32")
    common = ["-m", tmp_path / "model", "--seed", 1, "--format", "tx3", "--seconds", 7]
    assert run("generate", *common, "-o", tmp_path / "new", "--min-voices", 0).exit_code == 0
    assert lakhnes.read(tmp_path / "new" / "0.tx3.txt").duration <= 7.0
    lakhnes.write(row_song(3), tmp_path / "prime.mid")
    result = run("continue", tmp_path / "prime.mid", *common, "-o", tmp_path / "on")
    assert result.exit_code == 0, result.output
    assert 4.8 < lakhnes.read(tmp_path / "on" / "0.tx3.txt").duration <= 4.9 + 7.0
