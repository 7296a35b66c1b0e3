"""Rendering: how many times faster than it plays music becomes 16-bit samples at 44.1 kHz."""

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lakhnes.benchmarks import Figure
from lakhnes.benchmarks.songs import cores, seconds_of, write_songs
from lakhnes.exporting import ExportJob, export_files
from lakhnes.songs import read_log

__all__ = ["measure_render"]

UNIT = "x real time"
REPEATS = 3
MADE_SONGS, MADE_SECONDS = 16, 30

MANY_FILES, MANY_SECONDS = 96, 2_880
"""Fewer or shorter songs are written again and again up to either: with few, cores wait for the last one."""


def measure_render(songs: Sequence[Path]) -> dict[str, Figure]:
    """Measure the chip on one core, and the whole way from files to WAV files on one and on all cores.

    ``render`` is the median over the songs, each rendered a few times and the fastest taken; ``render_files`` is all
    music that was written by the time that it took, and likewise the fastest of a few.
    """
    with tempfile.TemporaryDirectory(prefix="lakhnes-bench-") as name:
        folder = Path(name)
        paths = list(songs) or write_songs(folder, MADE_SONGS, MADE_SECONDS)
        count = cores()
        chip = statistics.median(_speed_of_chip(path) for path in paths)
        seconds = sum(read_log(path).duration for path in paths)
        paths *= math.ceil(min(MANY_FILES / len(paths), max(MANY_SECONDS / max(seconds, 1e-9), 1)))
        one, every = (max(_speed_of_files(paths, folder, threads) for _ in range(REPEATS)) for threads in (1, count))
    return {
        "render": Figure(chip, UNIT, 1.0),
        "render_files": Figure(one, UNIT, chip, "the chip alone"),
        f"render_files_{count}_cores": Figure(every, UNIT, one, "one core"),
    }


def _speed_of_chip(path: Path) -> float:
    log = read_log(path)
    return log.duration / min(seconds_of(log.render_int16, REPEATS))


def _speed_of_files(paths: Sequence[Path], folder: Path, threads: int) -> float:
    """Write each song to a file that was not there before: to free the memory of an old one takes time, too."""
    with tempfile.TemporaryDirectory(dir=folder) as target:
        jobs = [ExportJob(path, Path(target) / f"{number}.wav") for number, path in enumerate(paths)]
        started = time.perf_counter()
        report = export_files(jobs, threads=threads)
        seconds = time.perf_counter() - started
    if report.failed:
        raise ValueError(report.failed[0][1])
    return report.audio_seconds / seconds
