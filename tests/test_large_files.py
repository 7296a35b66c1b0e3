"""What is read of large files takes memory by their size, and what is refused is refused before the work."""

import subprocess
import sys
import time

import numpy as np
import pytest

import lakhnes
from lakhnes._native import source_bars
from lakhnes.bars import repeated_suffix
from lakhnes.evaluation.statistics import self_similarity

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

PEAK = r"""
import re, sys
from pathlib import Path
def peak():
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
"""


def taken(work, setup="", *args):
    """Return by how many bytes the memory of a process grows, at most, while it does some work."""
    script = f"{PEAK}{setup}\nbefore = peak()\n{work}\nprint(peak() - before)"
    done = subprocess.run([sys.executable, "-c", script, *map(str, args)], capture_output=True, check=True, timeout=120)
    return int(done.stdout.split()[-1])


def note_ons(count):
    """Return a MIDI file of note-ons, one a tick, that nothing ends but the next of their pitch."""
    messages = np.full((count, 3), [1, 0, 100], dtype=np.uint8)
    messages[:, 1] = 36 + np.arange(count) % 64
    track = b"\0\x90\x3c\x40" + messages.tobytes() + b"\0\xff\x2f\0"
    header = b"MThd\0\0\0\6\0\0\0\1\1\xe0"
    return header + b"MTrk" + len(track).to_bytes(4, "big") + track


@linux
def test_arranging_takes_memory_by_the_number_of_notes(tmp_path):
    count = 2**20
    path = tmp_path / "a.mid"
    path.write_bytes(note_ons(count))
    setup = "from lakhnes import Song\ndata = Path(sys.argv[1]).read_bytes()"
    assert taken("Song.arrange(data)", setup, path) < 80 * count


@linux
def test_a_picture_of_an_arrangement_takes_little_more_memory_than_arranging(tmp_path):
    count = 2**20
    path = tmp_path / "a.mid"
    path.write_bytes(note_ons(count))
    setup = (
        "from lakhnes import Song\nfrom lakhnes.plotting import arrangement_figure, piano_roll_figure\n"
        "data = Path(sys.argv[1]).read_bytes()\nsong, report = Song.arrange(data)\n"
        "piano_roll_figure(Song.from_tx1('P1_NOTEON_60\\nWT_1\\nP1_NOTEOFF'))"
    )
    assert taken("arrangement_figure(data, song, report)", setup, path) < 45 * count
    notes = source_bars(path.read_bytes(), 40_000)
    assert len(notes) <= 40_000
    assert set(notes[:, 3]) == set(range(36, 100))
    assert len(source_bars(path.read_bytes(), 2 * count)) == count  # but the last, which has no length


def test_a_report_lists_the_first_notes_that_are_left_out_and_counts_all():
    _, report = lakhnes.Song.arrange(note_ons(200_000))
    assert report["notes"] == 200_001 == report["placed"] + sum(report["left_out"].values())
    assert len(report["unplaced"]) == 2**16 < report["left_out"]["no free voice"]
    ticks = [tick for tick, *_ in report["unplaced"]]
    assert ticks == sorted(ticks)


def test_the_last_midi_tick_of_a_file_that_is_arranged_is_limited():
    wait = b"\xff\xff\xff\x7f\x90\x3c\x40"
    track = wait * 17 + b"\0\xff\x2f\0"
    file = b"MThd\0\0\0\6\0\0\0\1\x7f\xff" + b"MTrk" + len(track).to_bytes(4, "big") + track
    with pytest.raises(lakhnes.LimitError, match=r"byte 14\d: time in MIDI ticks: expected at most 4294967295"):
        lakhnes.Song.arrange(file)


@linux
def test_the_events_of_a_song_are_counted_without_their_texts(tmp_path):
    count = 500_000
    path = tmp_path / "a.tx1.txt"
    path.write_text("P1_NOTEON_60\nWT_1\nP1_NOTEOFF\nWT_1\n" * count)
    work = "from lakhnes.cli.info import _score_facts\nassert _score_facts(song)['tx1_events'] == 4 * 500_000"
    setup = "import lakhnes, lakhnes.cli.info\nsong = lakhnes.read(sys.argv[1])"
    assert taken(work, setup, path) < 60 * count


def test_counts_of_events_are_those_of_the_texts(song):
    assert song.count_events() == len(song.to_tx1().splitlines())
    assert song.count_events("tx2") == len(song.to_tx2().splitlines())
    with pytest.raises(ValueError, match="form: expected tx1 or tx2, found tx3"):
        song.count_events("tx3")


def test_repeats_are_found_in_linear_time():
    """Eight hours of silence behind some bars, and of bars that are all alike."""
    bar = ((0, 0, 1),)
    started = time.process_time()
    assert repeated_suffix([bar] * 8 + [()] * 16_000) is None
    assert repeated_suffix([bar] * 16_000) == (1, 15_999)
    assert time.process_time() - started < 2.0


def test_what_is_too_long_for_a_tracker_is_refused_before_the_work():
    song = lakhnes.Song.from_tx1("P1_NOTEON_60\nWT_11025\nP1_NOTEOFF\nWT_11025\nP2_NOTEON_64\nWT_735\n" * 40_000)
    for form in ("ftm", "fms"):
        started = time.process_time()
        with pytest.raises(lakhnes.LimitError, match="length in frames: expected at most 262144, found 12"):
            song.to_tracker(form)
        assert time.process_time() - started < 1.0


@linux
def test_the_self_similarity_of_half_a_day_takes_little_memory():
    setup = (
        "import lakhnes\nfrom lakhnes.evaluation.statistics import self_similarity\n"
        "song = lakhnes.Song.from_tx1('P1_NOTEON_60\\nWT_22050\\nP1_NOTEOFF\\nWT_22050\\n' * 43_000)"
    )
    assert taken("assert abs(self_similarity(song) - 1) < 1e-9", setup) < 100 * 2**20


def test_the_self_similarity_is_that_of_the_piano_roll(song):
    long = lakhnes.Song.from_tx1("\n".join([song.to_tx1()] * 8))
    count = int(long.duration)
    roll = long.piano_roll(12)[:, :, : count * 12] > 0
    windows = roll.reshape(-1, count, 12).sum(axis=2).astype(float)
    norms = np.linalg.norm(windows, axis=0)
    units = windows / np.where(norms > 0, norms, 1)
    alike = units.T @ units
    expected = (alike.sum() - np.trace(alike)) / (count * (count - 1))
    assert count > 2
    assert self_similarity(long) == pytest.approx(expected)
