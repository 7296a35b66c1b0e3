"""Rendering, beside libgme that plays our NSF export of the same songs, in one run.

``pytest benches/test_rendering.py --benchmark-group-by=group --benchmark-columns=median,iqr,rounds``: within the group
"players", the ratio of the medians is what counts. Each round is the same two minutes of music.
"""

import sys
from pathlib import Path

import pytest

from lakhnes.benchmarks.songs import made_songs
from lakhnes.exporting import ExportJob, export_files

sys.path.append(str(Path(__file__).parent))
import libgme

SONGS, SECONDS = 4, 30
RATE = 44_100


@pytest.fixture(scope="module")
def songs():
    return made_songs(SONGS, SECONDS)


@pytest.fixture(scope="module")
def logs(songs):
    return [song.perform() for song in songs]


@pytest.mark.benchmark(group="players")
def test_the_chip(benchmark, logs):
    benchmark.pedantic(lambda: [log.render_int16() for log in logs], rounds=20, warmup_rounds=2)


@pytest.mark.benchmark(group="players")
def test_libgme(benchmark, logs):
    if libgme.load() is None:
        pytest.skip("libgme is not installed (Debian: libgme0)")
    files = [log.to_nsf() for log in logs]

    def play():
        for file in files:
            with libgme.open_nsf(file, RATE) as player:
                player.play(SECONDS * RATE)

    benchmark.pedantic(play, rounds=10, warmup_rounds=1)


@pytest.mark.benchmark(group="files")
@pytest.mark.parametrize("threads", [1, 0], ids=["one core", "all cores"])
def test_files(benchmark, songs, tmp_path, threads):
    jobs = []
    for number in range(4 * SONGS):
        path = tmp_path / f"{number}.mid"
        path.write_bytes(songs[number % SONGS].to_midi())
        jobs.append(ExportJob(path, path.with_suffix(".wav")))
    benchmark.pedantic(lambda: export_files(jobs, threads=threads), rounds=10, warmup_rounds=1)
