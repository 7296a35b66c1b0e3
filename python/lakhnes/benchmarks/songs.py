"""What suites measure with: a clock, and songs as busy as those of NES-MDB where the user gives none."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lakhnes._native import Song

__all__ = ["cores", "made_songs", "seconds_of", "write_songs"]

FRAME = 735
"""Ticks of a sixtieth of a second."""

FRAMES_A_STEP = 6
"""A tenth of a second: quavers at 300, semiquavers at 150 beats a minute."""

SCALE = (0, 3, 5, 7, 10)
"""Minor pentatonic: any two notes of it go together."""


def made_songs(count: int, seconds: int) -> list[Song]:
    """Make songs of four voices with envelopes, drums and changing duties: some 200 events of TX2 a second."""
    return [Song.from_tx2("\n".join(_events(random.Random(number), seconds))) for number in range(count)]  # noqa: S311


def write_songs(folder: Path, count: int, seconds: int) -> list[Path]:
    """Write such songs as MIDI files."""
    paths = []
    for number, song in enumerate(made_songs(count, seconds)):
        paths.append(folder / f"{number}.mid")
        paths[-1].write_bytes(song.to_midi())
    return paths


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds_of(work: Callable[[], object], repeats: int) -> list[float]:
    """Measure how long each of some repetitions of the same work takes."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


def _events(draw: random.Random, seconds: int) -> Iterator[str]:
    root = draw.randrange(40, 52)
    held: dict[str, int] = {}
    for step in range(seconds * 60 // FRAMES_A_STEP):
        for voice, every, octave in (("P1", draw.choice((1, 2)), 24), ("P2", 2, 12), ("TR", 4, 0), ("NO", 2, 0)):
            if step % every:
                continue
            held[voice] = 0
            pitch = draw.choice((2, 5, 8, 12)) if voice == "NO" else root + octave + draw.choice(SCALE)
            yield f"{voice}_NOTEON_{pitch}"
            if voice != "TR":
                yield f"{voice}_VELOCITY_15"
                yield f"{voice}_TIMBRE_{draw.choice((1, 2)) if voice != 'NO' else 0}"
        for _ in range(FRAMES_A_STEP):
            yield f"WT_{FRAME}"
            for voice in held:
                held[voice] += 1
                if voice != "TR" and 15 - 2 * held[voice] > 0:
                    yield f"{voice}_VELOCITY_{15 - 2 * held[voice]}"
    yield from (f"{voice}_NOTEOFF" for voice in held)
