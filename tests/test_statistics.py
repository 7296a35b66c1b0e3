"""Statistics of songs, and `lakhnes data stats`, which prints them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lakhnes
from conftest import TX1
from lakhnes import Song, Vocabulary
from lakhnes.evaluation.statistics import describe, self_similarity
from lakhnes.grammar import faults
from legality import faults as faults_one_by_one
from small import make_corpus, tune


def melody(*pitches, ticks=11_025):
    """A song of the first pulse, each note as long as the others."""
    lines = [line for pitch in pitches for line in (f"P1_NOTEON_{pitch}", f"WT_{ticks}")]
    return Song.from_tx1("\n".join([*lines, "P1_NOTEOFF"]))


def test_the_figures_of_a_song_are_what_can_be_counted_in_it(song):
    figures = describe(song)
    assert figures.events == song.to_tx1().count("\n") + 1
    assert figures.duration == song.duration
    assert figures.voices == 4
    assert figures.notes_per_second == pytest.approx(5 / song.duration)
    assert figures.pitch_range == 72 - 45
    assert describe(melody(60)).voices == 1
    assert describe(melody(60)).pitch_range == 0


def test_a_song_without_notes_has_no_range_and_no_4_grams():
    figures = describe(Song.from_tx1("WT_44100"))
    assert (figures.voices, figures.notes_per_second) == (0, 0)
    assert math.isnan(figures.pitch_range)
    assert math.isnan(figures.distinct_4grams)


def test_4_grams_are_counted_over_successive_note_ons():
    assert describe(melody(60, 62, 64, 65, 67, 69)).distinct_4grams == 1.0
    assert describe(melody(*[60, 62] * 6)).distinct_4grams == pytest.approx(2 / 9)
    # The same pitch in another voice is another note.
    two = Song.from_tx1("\n".join(f"{voice}_NOTEON_60\nWT_5" for voice in ["P1", "P2", "TR", "P1", "P2", "P1", "TR"]))
    assert describe(two).distinct_4grams == 1.0


def test_a_loop_is_similar_to_itself_and_an_endless_scale_is_not():
    assert self_similarity(melody(*[60, 62, 64, 65] * 8)) == pytest.approx(1.0)
    assert self_similarity(melody(*range(40, 72))) == 0.0
    # Seconds A A B: one of three pairs is alike.
    assert self_similarity(melody(60, 60, 70, ticks=44_100)) == pytest.approx(1 / 3)
    assert math.isnan(self_similarity(melody(60)))


@pytest.mark.parametrize("dialect", ["tx1", "tx2"])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**31))
def test_faults_found_in_a_batch_are_those_found_one_by_one(dialect, seed):
    vocabulary = Vocabulary(dialect)
    generator = np.random.default_rng(seed)
    # Of few events, so that many stand where they may.
    ids = generator.choice(generator.integers(1, len(vocabulary), 12), 40)
    assert faults(ids, dialect).tolist() == sorted({place for place, _ in faults_one_by_one(ids, vocabulary)})


def test_data_stats_prints_a_column_for_each_folder(run, tmp_path):
    data = make_corpus(tmp_path / "data", train=3, valid=2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.tx1.txt").write_text(tune(5))
    (tmp_path / "mine" / "a.mid").write_bytes(Song.from_tx1(tune(5)).to_midi())  # the same song
    (tmp_path / "mine" / "b.tx1.txt").write_text("P1_NOTEOFF\nP1_NOTEON_60\nWT_5")
    result = run("data", "stats", tmp_path / "mine", data)
    assert result.exit_code == 0, result.output
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in result.stdout.splitlines()]
    assert rows[0] == ["", "mine", "train", "valid"]
    table = {row[0]: row[1:] for row in rows[2:]}
    assert table["songs"] == ["2", "3", "2"]
    assert table["songs with an illegal event"] == ["50 %", "0 %", "0 %"]
    assert table["three voices or more"] == ["50 %", "100 %", "100 %"]

    facts = json.loads(run("data", "stats", data, "--json").stdout)["columns"]["valid"]
    songs = [describe(lakhnes.read(path)) for path in (data / "valid").iterdir()]
    assert facts["duration"]["mean"] == pytest.approx(np.mean([song.duration for song in songs]))
    assert facts["self_similarity"]["median"] == pytest.approx(np.median([song.self_similarity for song in songs]))


def test_a_byte_order_mark_is_no_illegal_event(run, tmp_path):
    (tmp_path / "a.tx1.txt").write_bytes(b"\xef\xbb\xbf" + TX1.encode())
    result = run("data", "stats", tmp_path, "--json")
    (column,) = json.loads(result.stdout)["columns"].values()
    assert (result.exit_code, column["songs"], column["faulty"]) == (0, 1, 0.0)


def test_data_stats_measures_only_the_beginning_and_only_long_songs(run, tmp_path):
    for name, text in {"long": tune(1), "short": "P1_NOTEON_60\nWT_5"}.items():
        (tmp_path / f"{name}.tx1.txt").write_text(text)
    result = run("data", "stats", tmp_path, "--length", 10, "--min-length", 5, "--json")
    (facts,) = json.loads(result.stdout)["columns"].values()
    assert facts["songs"] == 1
    assert facts["events"]["median"] <= 13  # and the note-offs of what is held


def test_data_stats_measures_the_other_songs_after_a_bad_file(run, tmp_path):
    (tmp_path / "a.tx1.txt").write_text(tune(1))
    (tmp_path / "b.tx1.txt").write_text("nonsense")
    result = run("data", "stats", tmp_path)
    assert result.exit_code == 1
    assert "b.tx1.txt: line 1: expected a TX1 event" in result.stderr
    assert "| songs | 1 |" in result.stdout
    (tmp_path / "empty").mkdir()
    assert "no readable song in it" in run("data", "stats", tmp_path / "empty").stderr
