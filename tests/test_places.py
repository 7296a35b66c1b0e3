"""Songs in places: one that has ended gives its place to the next, and every song is that of its seed all the same."""

import json

import numpy as np
import pytest

import lakhnes
from lakhnes._native import Tx3Grammar
from lakhnes.cli import composed
from lakhnes.model.config import LSTMConfig
from lakhnes.sampling import SamplingParams, compose, compositions
from lakhnes.sampling.controls import Controls
from rows import brisk_model, row_model
from small import random_model, tiny_model, tune

UNEVEN = SamplingParams(max_duration=2.0, min_duration=0.0, min_length=4, length=400, memory=16, min_voices=0)
"""Songs of some hundred events, which forget their beginning, each of another length."""


def watched_steps(model, num, batch_size, params=UNEVEN, **options):
    """Return songs, and of each step how many places had one."""
    steps = []
    songs = compose(model, num, (), params, seed=3, batch_size=batch_size, advance=steps.append, **options)
    return songs, steps


def test_a_song_that_has_ended_gives_its_place_to_the_next_at_once():
    songs, steps = watched_steps(tiny_model(), 12, 4)
    lengths = [len(song.ids) for song in songs]
    assert max(lengths) > 1.5 * min(lengths)
    assert steps == sorted(steps, reverse=True)  # a place is empty only when there are no songs left
    assert steps[0] == 4
    assert sum(steps) >= sum(lengths)
    assert len(steps) <= sum(lengths) / 4 + max(lengths)


def test_a_song_that_is_composed_again_takes_the_place_of_its_first_attempt(monkeypatch):
    _, once = watched_steps(tiny_model(), 3, 4)
    monkeypatch.setattr("lakhnes.sampling.composing._voices_of", lambda ids, model: 0)
    params = SamplingParams(**{**vars(UNEVEN), "min_voices": 3})
    _, again = watched_steps(tiny_model(), 3, 4, params)
    assert sum(again) > 2 * sum(once)
    assert again == sorted(again, reverse=True)


MODELS = {
    "events": tiny_model(),
    "rows": brisk_model(),
    "rows with the state of the score": row_model(score_state=True, BAR=3.0),
    "lstm": random_model(LSTMConfig(n_layer=1, d_model=16)),
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("more", [{}, {"min_voices": 4}, {"dtype": "int8"}, {"seconds": 3.0, "repetition": 2.0}])
def test_songs_are_the_same_one_by_one_and_three_or_eight_at_once(kind, more):
    if kind == "lstm" and "dtype" in more:
        pytest.skip("int8 is for Transformer-XL models")
    params = SamplingParams(**{**vars(UNEVEN), **more})
    one, three, eight = (compose(MODELS[kind], 10, (), params, seed=7, batch_size=size) for size in (1, 3, 8))
    for other in (three, eight):
        assert [song.ids for song in other] == [song.ids for song in one]
        assert [(song.ended, song.ppl) for song in other] == [(song.ended, song.ppl) for song in one]
    assert len({tuple(song.ids) for song in one}) == 10


def test_songs_of_which_something_is_asked_are_the_same_in_any_batch():
    controls = Controls(tempo=150, key="A minor", density={"p1": "low"}, voices=("p1", "tr"))
    songs = [
        compose(brisk_model(), 7, (), UNEVEN, seed=2, controls=controls, loop=True, batch_size=size)
        for size in (1, 3, 8)
    ]
    assert [song.ids for song in songs[0]] == [song.ids for song in songs[1]] == [song.ids for song in songs[2]]
    assert {song.loop for song in songs[0]} == {song.loop for song in songs[2]}


def test_continuations_begin_with_their_prime_in_every_place():
    model, prime = tiny_model(), lakhnes.Vocabulary.tx1().encode(tune(1)).tolist()[:40]
    one, three = (compose(model, 7, prime, UNEVEN, seed=2, batch_size=size) for size in (1, 3))
    assert [song.ids for song in one] == [song.ids for song in three]
    assert all(song.ids[:40] == prime for song in three)
    assert len({song.prime_ppl for song in one + three}) == 1


def test_songs_come_when_they_are_finished_and_no_more_are_begun_than_there_are_places():
    taken = []
    seeds = (taken.append(seed) or seed for seed in range(3, 10**9))
    made, found = compositions(tiny_model(), seeds, (), UNEVEN, batch_size=3), []
    for seed, song in made:
        found.append((seed, song))
        assert len(taken) <= len(found) + 3
        if len(found) == 9:
            break
    made.close()
    order = [seed for seed, _ in found]
    assert order != sorted(order)
    expected = compose(tiny_model(), 12, (), UNEVEN, seed=3)
    assert all(expected[seed - 3].ids == song.ids for seed, song in found)


def test_the_time_of_songs_adds_up_to_that_of_composing():
    import time

    began = time.perf_counter()
    songs = compose(tiny_model(), 9, (), UNEVEN, seed=3, batch_size=3)
    whole = time.perf_counter() - began
    assert 0.5 * whole < sum(song.seconds for song in songs) <= whole


def test_only_a_grammar_of_one_song_replaces_a_song():
    grammar, other = Tx3Grammar(2), Tx3Grammar(1)
    other.advance(np.array([lakhnes.Vocabulary("tx3").id("TEMPO_6")]))
    grammar.replace(1, other)
    assert (grammar.allowed()[1] == other.allowed()[0]).all()
    assert (grammar.allowed()[0] == Tx3Grammar(1).allowed()[0]).all()
    with pytest.raises(ValueError, match=r"^song: expected songs below 2, found 2$"):
        grammar.replace(2, other)
    with pytest.raises(ValueError, match=r"^other: expected a grammar of one song, found 2 songs$"):
        other.replace(0, grammar)


# --- the command ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny")
    tiny_model().save_pretrained(path, dtype="float32", overwrite=True)
    return path


UNEVEN_LINE = ["--max-duration", 2, "--min-duration", 0, "--min-length", 4, "--length", 400, "--memory", 16]


def command(folder, out, *more):
    line = ["generate", "-m", folder, "--seed", 3, *UNEVEN_LINE, "--min-voices", 0, "--format", "tx1"]
    return [*line, "-o", out, *more]


def test_lines_and_facts_are_in_order_whatever_is_finished_first(run, folder, tmp_path, monkeypatch):
    written, write = [], composed._write
    monkeypatch.setattr(composed, "_write", lambda song, texts, paths, *more: (
        written.append(paths["tx1"].name), write(song, texts, paths, *more),
    )[1])  # fmt: skip
    many = run(*command(folder, tmp_path / "many", "-n", 8, "--batch-size", 3))
    assert many.exit_code == 0, many.output
    names = [f"{number}.tx1.txt" for number in range(8)]
    assert many.stdout.splitlines() == [str(tmp_path / "many" / name) for name in names]
    assert sorted(written) == names != written
    one = run(*command(folder, tmp_path / "one", "-n", 8, "--batch-size", 1, "--json"))
    assert [song["seed"] for song in json.loads(one.stdout)["songs"]] == list(range(3, 11))
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_ctrl_c_keeps_and_names_the_songs_that_are_finished(run, folder, tmp_path, monkeypatch):
    write = composed._write

    def until_the_third(song, texts, paths, *more):
        if len(list((tmp_path / "out").iterdir())) == 3:
            raise KeyboardInterrupt
        return write(song, texts, paths, *more)

    monkeypatch.setattr(composed, "_write", until_the_third)
    stopped = run(*command(folder, tmp_path / "out", "-n", 8, "--batch-size", 3))
    assert stopped.exit_code == 130
    assert "3 of 8 songs written" in stopped.stderr
    assert stopped.stdout.splitlines() == sorted(map(str, (tmp_path / "out").iterdir()))


def test_songs_that_are_missing_here_and_there_are_composed_together(run, folder, tmp_path, monkeypatch):
    steps = []
    growth = composed._Growth.__call__
    monkeypatch.setattr(composed._Growth, "__call__", lambda self, n: (steps.append(n), growth(self, n)))
    whole = command(folder, tmp_path / "out", "-n", 16, "--shard", "1/2", "--batch-size", 4)
    assert run(*whole).exit_code == 0
    texts = {path: path.read_text() for path in (tmp_path / "out").iterdir()}
    for number in (9, 11, 14, 15):
        (tmp_path / "out" / f"{number}.tx1.txt").unlink()
    steps.clear()
    assert run(*whole).exit_code == 0
    assert {path: path.read_text() for path in (tmp_path / "out").iterdir()} == texts
    assert steps[0] == 4


def test_progress_rises_and_ends_with_the_number_of_songs():
    told = []
    growth = composed._Growth(told.append, 10, 3, length=50)
    for _ in range(10):
        for _ in range(70):  # more events than expected
            growth(1)
        growth.finish()
    assert min(told) > 0
    assert sum(told) == pytest.approx(10)
    growth = composed._Growth(told.append, 2, 3, length=50)
    told.clear()
    growth(10**6)
    assert sum(told) == pytest.approx(0.99 * 2)
