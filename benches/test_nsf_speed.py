"""NSF files run and rendered beside libgme: the same files in alternation, the ratio of the processor times."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import lakhnes
import libgme
from nsf_files import tune

ROUNDS = 7
SONGS = sorted((Path(__file__).resolve().parents[2] / "shared" / "data" / "nesmdb_midi" / "valid").glob("*.mid"))[::20]


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call keeps the processor."""
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.mark.timeout(900)
@pytest.mark.skipif(libgme.load() is None, reason="libgme is not installed (Debian: libgme0)")
@pytest.mark.parametrize("timing", ["exact", "frame"])
def test_nsf_files_are_run_and_rendered_beside_libgme(timing: str) -> None:
    songs = [lakhnes.read(path) for path in SONGS] or [tune(seed, notes=60) for seed in range(5)]
    ratios, speeds = [], []
    for song in songs:
        data, frames = song.perform().to_nsf(timing=timing), song.length

        def ours(data: bytes = data, duration: float = song.duration) -> None:
            lakhnes.NsfFile.from_bytes(data).run(max_duration=duration)[0].render_int16()

        def theirs(data: bytes = data, frames: int = frames) -> None:
            with libgme.open_nsf(data) as player:
                player.play(frames)

        pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
        mine, other = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratios.append(other / mine)
        speeds.append(song.duration / mine)
    print(f"\n{timing}: {statistics.median(speeds):,.0f} x real time, {statistics.median(ratios):.2f} x libgme")
    assert statistics.median(speeds) > 0
