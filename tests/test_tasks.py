"""What `make tasks` measures, on small songs: a model that has learned a tune continues it better than another."""

import types

import numpy as np
import pytest

import lakhnes
import task_checks
from lakhnes import Song, Vocabulary
from small import tune
from task_checks import accompaniment_faults, continuations, infilling_faults

VOCABULARY = Vocabulary.tx1()


@pytest.fixture(scope="module")
def songs():
    return [VOCABULARY.encode(tune(seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def bundled():
    return lakhnes.load_model("bundled-tx1")


def test_the_bundled_model_continues_a_song_better_by_itself_than_by_another(bundled, songs):
    found = continuations(bundled, songs, prime_length=80, length=40)
    assert len(found) == 4
    assert all(pair.own < pair.other for pair in found)
    direct = bundled.score(np.concatenate([[0], songs[0][:120]]))[80:].mean()
    assert found[0].own == pytest.approx(float(direct), rel=1e-3)


def test_songs_that_are_too_short_to_continue_are_refused(bundled, songs):
    with pytest.raises(ValueError, match="at least 2000 events"):
        continuations(bundled, songs, prime_length=1000, length=1000)


def test_the_bundled_model_accompanies_and_fills_in_without_changing_what_is_kept(bundled, songs):
    assert accompaniment_faults(bundled, songs[0].tolist(), seed=1) == []
    song = Song.from_tx1(tune(0))
    assert infilling_faults(bundled, song, ["p2", "tr"], seed=1) == []


def test_faults_are_found(monkeypatch, bundled, songs):
    ids = [songs[1][0], *songs[0][1:-1], 5]
    song = Song.from_tx1(tune(1))
    broken = types.SimpleNamespace(ids=ids, song=song, events=VOCABULARY.events(song))
    monkeypatch.setattr(task_checks, "accompany_ids", lambda *_, **__: [broken])
    monkeypatch.setattr(task_checks, "infillings", lambda *_, **__: [broken])
    assert len(accompaniment_faults(bundled, songs[0].tolist())) == 1
    assert len(infilling_faults(bundled, Song.from_tx1(tune(0)), ["p2"])) >= 4
