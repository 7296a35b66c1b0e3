import json

import pytest

from lakhnes.benchmarks import render, tokenize
from lakhnes.benchmarks.songs import made_songs


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    for name, value in {"MADE_SONGS": 2, "MADE_SECONDS": 1, "REPEATS": 1}.items():
        monkeypatch.setattr(render, name, value)
        monkeypatch.setattr(tokenize, name, value)


def test_bench_prints_each_speed_beside_its_reference(run):
    result = run("bench", "render", "--json")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert list(figures)[:2] == ["render", "render_files"]
    for figure in figures.values():
        assert set(figure) == {"value", "unit", "reference", "ratio"}
        assert figure["unit"] == "x real time"
        assert figure["value"] > 1
        assert figure["ratio"] == pytest.approx(figure["value"] / figure["reference"])
    assert figures["render"]["reference"] == 1
    assert figures["render_files"]["reference"] == figures["render"]["value"]


def test_bench_takes_songs_of_the_users_own(run, song_file):
    result = run("bench", "render", "--songs", song_file)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["render", "render_files"]
    assert "x real time, " in lines[1]
    assert run("bench", "--songs", song_file.parent / "none.tx1.txt").exit_code == 1


def test_bench_refuses_an_unknown_suite(run):
    assert run("bench", "dance").exit_code == 2


def test_the_songs_made_for_it_are_the_same_every_time_and_as_busy_as_nes_music():
    songs = made_songs(2, 5)
    assert [song.to_tx2() for song in songs] == [song.to_tx2() for song in made_songs(2, 5)]
    assert songs[0] != songs[1]
    for song in songs:
        assert song.duration == pytest.approx(5)
        assert len(song.to_tx2().splitlines()) / song.duration > 100
        assert all(len(notes) for notes in song.voices.values())


def test_tokenizing_is_measured_beside_pretty_midi(run):
    result = run("bench", "tokenize", "--json")
    assert result.exit_code == 0, result.stderr
    figure = json.loads(result.stdout)["tokenize"]
    assert figure["unit"] == "songs/s"
    assert min(figure["value"], figure["reference"]) > 0  # which is greater is for benches to say, not for a test
    assert figure["ratio"] == pytest.approx(figure["value"] / figure["reference"])
