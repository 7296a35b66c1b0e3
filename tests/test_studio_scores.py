"""Songs as a page has them: cut and changed; and that nothing else of a song is touched."""

import numpy as np
import pytest

import lakhnes
from lakhnes.errors import FormatError, LimitError
from lakhnes.studio.building import Part, song_of_parts
from lakhnes.studio.scores import cut, edited, grid_of, notes_of, repitched, score_of
from small import tune

TX2 = "\n".join(
    [
        "P1_TIMBRE_2", "P1_NOTEON_60", "P1_VELOCITY_10", "TR_NOTEON_40", "WT_10000", "P1_VELOCITY_7", "WT_10000",
        "P1_NOTEON_64", "P1_VELOCITY_12", "NO_NOTEON_3", "NO_VELOCITY_9", "WT_5000", "P1_VELOCITY_4", "P1_TIMBRE_1",
        "WT_15000", "P1_NOTEOFF", "NO_NOTEOFF", "WT_4100",
    ]
)  # fmt: skip


@pytest.fixture
def expressive():
    return lakhnes.Song.from_tx2(TX2)


def test_a_song_is_the_same_when_it_is_built_of_its_parts(expressive):
    for song in (expressive, lakhnes.Song.from_tx1(tune(1))):
        assert song_of_parts({voice: Part.of(song, voice) for voice in song.voices}, song.length) == song


def test_a_score_that_nobody_changed_gives_the_song_itself(expressive):
    score = score_of(expressive)
    assert edited(expressive, {"length": score["length"], "voices": score["voices"]}) == expressive


def test_a_cut_song_ends_at_the_tick_and_keeps_what_was_before(expressive):
    short = cut(expressive, 15_000)
    assert short.length == 15_000
    assert notes_of(short)["p1"] == [[0, 15_000, 60, 15]]
    assert short.velocity_changes["p1"].tolist()[-1] == [10_000, 7]
    assert cut(expressive, expressive.length) == expressive


def test_a_moved_note_takes_its_envelope_along(expressive):
    first, second = notes_of(expressive)["p1"]
    later = [second[0] + 2000, second[1] + 2000, 70, second[3], second[0]]
    moved = edited(expressive, {"length": expressive.length, "voices": {"p1": [first, later]}})
    assert notes_of(moved)["p1"][1][:3] == [22_000, 42_000, 70]
    assert [27_000, 4] in moved.velocity_changes["p1"].tolist()
    assert [25_000, 4] not in moved.velocity_changes["p1"].tolist()
    for voice in ("p2", "tr", "no"):
        assert np.array_equal(moved.voices[voice], expressive.voices[voice])


def test_new_pitches_leave_the_rhythm():
    song, other = lakhnes.Song.from_tx1(tune(1)), lakhnes.Song.from_tx1(tune(2))
    made = repitched(song, other, ["p1"], 0, 30_000)
    assert np.array_equal(made.voices["p1"][:, :2], song.voices["p1"][:, :2])
    assert made.voices["p1"][0, 2] == other.voices["p1"][0, 2]
    assert made.voices["p1"][-1, 2] == song.voices["p1"][-1, 2]


def test_the_grid_has_beats_in_bars_and_none_is_made_of_silence():
    grid = grid_of(lakhnes.Song.from_tx1(tune(1)))
    assert 0 < grid["beat"] <= grid["bar"]
    assert grid_of(lakhnes.Song.from_tx1("WT_100")) is None


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ({"voices": {}}, "expected a length"),
        ({"length": True, "voices": {}}, "expected a length"),
        ({"length": 100, "voices": {"xx": []}}, "some of p1, p2, tr, no"),
        ({"length": 100, "voices": {"p1": [[0, 10, 60]]}}, "p1: note 0: expected whole numbers"),
        ({"length": 100, "voices": {"p1": [[0, 10, 60, 1.5]]}}, "p1: note 0: expected whole numbers"),
        ({"length": 100, "voices": {"p1": [[0, 200, 60, 9]]}}, "note 0: from 0 to 200, expected within 0 to 100"),
        ({"length": 100, "voices": {"no": [[0, 10, 60, 9]]}}, "pitch 60, expected 1 to 16"),
        ({"length": 100, "voices": {"p1": [[0, 10, 60, 16]]}}, "velocity 16"),
        ({"length": 100, "voices": {"p1": [[0, 10, 60, 9], [5, 20, 60, 9]]}}, "note 1: begins before"),
    ],
)
def test_a_score_that_is_none_is_refused_with_voice_and_note(score, said):
    with pytest.raises(FormatError, match=said):
        edited(None, score)


def test_a_score_longer_than_two_hours_is_refused():
    with pytest.raises(LimitError):
        edited(None, {"length": 10**12, "voices": {}})
