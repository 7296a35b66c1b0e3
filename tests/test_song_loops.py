"""Songs that go on after their end: formats that carry it, performances that close it without a click."""

import io
import pickle

import numpy as np
import pytest

import lakhnes
from rows import FRAME, row_song

START = round(96 * 2 * FRAME)
"""Where bar 3 of the song begins."""


@pytest.fixture
def song():
    return row_song(6).with_loop(START)


def test_a_song_loops_from_a_tick_before_its_end(song):
    assert song.loop_start == START
    assert row_song(6).loop_start is None
    assert song != row_song(6) == song.with_loop(None)
    for tick in (song.length, song.length + 5):
        with pytest.raises(ValueError, match=r"^start: expected a tick before the end of the song"):
            song.with_loop(tick)


@pytest.mark.parametrize("format", ["tx3", "mid"])
def test_formats_of_songs_carry_the_loop(song, format):
    again = lakhnes.Song.from_bytes(lakhnes.songs.encode(song, format), format)
    assert again.loop_start == START
    assert again == song if format == "mid" else again.voices["p1"].tolist() == song.voices["p1"].tolist()
    assert pickle.loads(pickle.dumps(song)) == song


def test_a_performance_carries_the_loop(song):
    log = song.perform()
    assert (log.loop_start, log.length) == (START, song.length)
    assert lakhnes.RegisterLog.from_vgm(log.to_vgm()).loop_start == START
    assert log.transcribe().loop_start is None  # as the original's transcriptions, to the byte
    assert song.express().loop_start == START
    assert song.perform(expression="natural").loop_start == START
    assert song.on_frames().loop_start == START


def test_the_second_time_sounds_as_the_first(song):
    """A note that is held across the loop's start sounds again, and nothing of the end goes on."""
    for text in ("TR_NOTEON_45", "P1_NOTEON_61\nP1_VOL_7\nP2_NOTEON_50\nTR_NOTEON_45\nNO_NOTEON_9"):
        bars = song.with_loop(None).to_tx3().split("BAR\n")
        bars[2] = bars[2].replace("ROW_8", f"ROW_7\n{text}\nROW_8").replace("ROW_12", "ROW_13")
        held = lakhnes.Song.from_tx3("BAR\n".join(bars)).with_loop(START)
        once = lakhnes.render(held, filter="none", mixer="linear")
        twice = lakhnes.render(held, filter="none", mixer="linear", loops=2)
        part = len(once) - START
        assert len(twice) == len(once) + part
        first, second = once[START + 2_000 :], twice[len(once) + 2_000 :]
        # The phases of the voices differ, for they run on; how loud each frame is does not.
        frames = len(first) // 735
        loud = [np.abs(part[: frames * 735]).reshape(frames, 735).mean(axis=1) for part in (first, second)]
        assert np.corrcoef(*loud)[0, 1] > 0.97
        spectra = [np.abs(np.fft.rfft(part[:32_768])) for part in (first, second)]
        assert np.corrcoef(*spectra)[0, 1] > 0.8


def test_no_click_is_heard_where_a_song_goes_on(song):
    once, twice = (lakhnes.render(song, loops=loops) for loops in (1, 2))
    steps = np.abs(np.diff(once)).max()
    seam = np.abs(np.diff(twice[len(once) - 50 : len(once) + 50])).max()
    assert seam <= 1.05 * steps


def test_sound_and_nsf_files_carry_the_loop(song, tmp_path):
    lakhnes.write(song, tmp_path / "a.wav")
    assert b"smpl" in (tmp_path / "a.wav").read_bytes()
    lakhnes.write(song, tmp_path / "a.nsf")
    plain = io.BytesIO()
    lakhnes.write(row_song(6), plain, "nsf")
    assert (tmp_path / "a.nsf").read_bytes() != plain.getvalue()


def test_a_passage_of_another_song_takes_the_place_of_its_own(song):
    other = row_song(6, pattern=(50, 51, 52, 53))
    bar = START // 2
    mixed = song.with_passage(other, ["p1", "no"], bar, 3 * bar)
    assert (mixed.length, mixed.loop_start) == (song.length, START)
    for name in ("p2", "tr"):
        np.testing.assert_array_equal(mixed.voices[name], song.voices[name])
    for name in ("p1", "no"):
        notes, own, others = (each.voices[name] for each in (mixed, song, other))
        inside = (notes[:, 0] >= bar) & (notes[:, 0] < 3 * bar)
        np.testing.assert_array_equal(notes[inside], others[(others[:, 0] >= bar) & (others[:, 0] < 3 * bar)])
        np.testing.assert_array_equal(notes[~inside], own[(own[:, 0] < bar) | (own[:, 0] >= 3 * bar)])
    rest = lakhnes.Song.from_tx1("WT_1")
    cut = song.with_passage(rest, ["p1"], bar + 100, 2 * bar)
    notes = cut.voices["p1"]
    assert notes[notes[:, 0] < bar + 100][-1, 1] == bar + 100  # a note that sounds into the passage ends there
    with pytest.raises(ValueError, match="x"):
        song.with_passage(other, ["x"], 0, 5)
