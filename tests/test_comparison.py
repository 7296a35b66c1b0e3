"""Features of songs, `lakhnes data compare`, and runs of notes that stand in a corpus already."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakhnes import Song
from lakhnes.errors import LakhnesError
from lakhnes.evaluation.comparison import compare
from lakhnes.evaluation.features import TABLE, features_of, row_grid
from lakhnes.evaluation.novelty import LENGTHS, RunIndex, intervals

FRAME = 44_100 * 655_171 / 39_375_000  # ticks: 29,780.5 cycles of the NTSC console's processor


def song_of(frames, pitches, voice="P1"):
    """A song whose notes begin at these frames and last until the next."""
    ticks = [round(frame * FRAME) for frame in frames]
    lines = []
    for tick, later, pitch in zip(ticks, [*ticks[1:], ticks[-1] + 8_000], pitches, strict=True):
        lines += [f"{voice}_NOTEON_{pitch}", f"WT_{later - tick}"]
    return Song.from_tx1("\n".join([*lines, f"{voice}_NOTEOFF"]))


def on_rows(random, rows=6, count=120):
    places = np.cumsum(random.choice([1, 2, 4], size=count)) * rows
    return song_of(places, random.integers(50, 70, size=count))


def off_rows(random, count=120):
    places = np.cumsum(random.integers(5, 30, size=count))
    return song_of(places, random.integers(50, 70, size=count))


def test_onsets_on_rows_are_found_at_their_length_and_at_none_by_chance_alone():
    random = np.random.default_rng(1)
    share, period = row_grid(np.cumsum(random.choice([1, 2, 3], size=200)) * 5.0)
    assert share == 1.0
    assert period == 5.0
    share, _ = row_grid(np.sort(random.uniform(0, 4_000, size=200)))
    assert share < 0.55
    assert math.isnan(row_grid(np.arange(7.0))[0])


def test_features_are_what_can_be_counted_in_a_song():
    found = features_of(song_of(np.arange(0, 320, 8), [60, 60, 64, 67] * 10))
    assert found["onsets on rows"] == 1.0
    assert found["note length, p1"] == 8
    assert found["repeated pitches, p1"] == pytest.approx(10 / 39)
    assert found["mean step, p1"] == pytest.approx((10 * 4 + 10 * 3 + 9 * 7) / 29)
    assert found["notes a second"] == pytest.approx(60.1 / 8, rel=0.02)
    assert math.isnan(found["mean step, tr"])
    assert set(TABLE) <= set(found)


def test_a_song_has_the_same_features_in_every_key_but_for_its_pitch():
    random = np.random.default_rng(2)
    places, pitches = np.cumsum(random.integers(1, 5, size=60)) * 6, random.integers(50, 60, size=60)
    here, there = (features_of(song_of(places, pitches + shift)) for shift in (0, 7))
    different = {name for name in here if not np.isclose(here[name], there[name], equal_nan=True, atol=1e-6)}
    assert different <= {"pitch, p1"}


def test_songs_off_the_beat_are_told_from_songs_on_it_and_songs_of_a_kind_are_not():
    random = np.random.default_rng(3)
    steady = [features_of(on_rows(random)) for _ in range(40)]
    loose = [features_of(off_rows(random)) for _ in range(20)]
    apart = compare(steady[:20], loose)
    assert apart.auc > 0.95
    assert apart.low <= apart.auc <= apart.high
    assert apart.features[0]["auc"] >= apart.features[-1]["auc"]
    assert compare(steady[:20], steady[20:]).auc < 0.8


def test_too_few_songs_are_refused():
    with pytest.raises(LakhnesError, match="at least 10"):
        compare([{"a": 1.0}] * 9, [{"a": 1.0}] * 50)


def restated_longest(song, corpus):
    """The definition, without hashes: the longest run of LENGTHS in both, in different rows of four."""
    steps, best = intervals(song).tolist(), 0
    known = {tuple(run) for other in corpus for run in _runs(intervals(other).tolist())}
    longest = max((len(run) for run in _runs(steps) if tuple(run) in known), default=0)
    for run in _runs(steps):
        if len(run) == longest and tuple(run) in known:
            best = max(best, len({tuple(run[i : i + 4]) for i in range(len(run) - 3)}))
    return best


def _runs(steps):
    for length in LENGTHS:
        for start in range(len(steps) - length + 1):
            run = steps[start : start + length]
            if 1000 not in run:
                yield run


melodies = st.lists(st.integers(60, 62), min_size=1, max_size=24)


@settings(max_examples=60)
@given(st.lists(melodies, min_size=1, max_size=3), melodies)
def test_the_longest_run_known_is_that_of_its_definition(corpus, melody):
    songs = [song_of(range(0, 8 * len(pitches), 8), pitches) for pitches in corpus]
    song = song_of(range(0, 8 * len(melody), 8), melody)
    assert RunIndex(songs).longest(song) == restated_longest(song, songs)


def test_a_copied_melody_is_found_in_another_key_and_rhythm_and_an_ostinato_counts_once():
    random = np.random.default_rng(4)
    original = random.integers(50, 70, size=80)
    index = RunIndex([song_of(np.arange(80) * 8, original), song_of(np.arange(90) * 8, [60, 64, 67] * 30)])
    assert index.longest(song_of(np.arange(40) * 11, original[20:60] + 5)) >= 25
    assert index.longest(song_of(np.arange(60) * 8, random.integers(50, 70, size=60))) < 8
    assert index.longest(song_of(np.arange(90) * 8, [50, 54, 57] * 30)) <= 3


def test_compare_prints_tables_and_json_and_names_bad_files(tmp_path, run):
    random = np.random.default_rng(5)
    for name, make in (("human", on_rows), ("composed", off_rows)):
        (tmp_path / name).mkdir()
        for number in range(10):
            (tmp_path / name / f"{number}.tx1.txt").write_text(make(random, count=40).to_tx1())
    folders = [str(tmp_path / name) for name in ("human", "composed")]
    result = run("data", "compare", *folders, "--known", folders[0])
    assert result.exit_code == 0
    assert "| median | human | composed |" in result.output
    assert "all features, random forest" in result.output
    (tmp_path / "human" / "bad.tx1.txt").write_text("NOTHING")
    result = run("--json", "data", "compare", *folders, "--known", folders[0])
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert facts["auc"] > 0.9
    assert facts["novelty"]["human"]["longest"] >= facts["novelty"]["composed"]["longest"]
    assert [entry["path"] for entry in facts["failed"]] == [str(tmp_path / "human" / "bad.tx1.txt")]
