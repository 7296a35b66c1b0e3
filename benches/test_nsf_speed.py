"""NSF files run and rendered beside libgme: the same files in alternation, the ratio of the processor times.

Both give 16 bits at 44.1 kHz for as long as the song lasts. libgme has one quality for NSF files: `gme_enable_accuracy`
changes nothing there. What it gives lies beside the default of ours in the table of docs/nsf.md.
"""

import statistics
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import lakhnes
import libgme
from nsf_files import tune

ROUNDS = 7
ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nesmdb_midi_train_valid.tar.xz"


def songs() -> list[lakhnes.Song]:
    """Read each twentieth song of NES-MDB's valid split, or make some where that is not there."""
    if not ARCHIVE.exists():
        return [tune(seed, notes=60) for seed in range(5)]
    with tarfile.open(ARCHIVE) as archive:
        files = [member for member in archive if "/valid/" in member.name and member.isfile()]
        chosen = sorted(files, key=lambda member: member.name)[::20]
        found = (archive.extractfile(member) for member in sorted(chosen, key=lambda member: member.offset))
        return [lakhnes.Song.from_midi(file.read()) for file in found if file]


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call keeps the processor."""
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.mark.timeout(900)
@pytest.mark.skipif(libgme.load() is None, reason="libgme is not installed (Debian: libgme0)")
@pytest.mark.parametrize("timing", ["exact", "frame"])
def test_nsf_files_are_run_and_rendered_beside_libgme(timing: str) -> None:
    ratios, speeds = [], []
    for song in songs():
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
    speed, ratio = statistics.median(speeds), statistics.median(ratios)
    print(f"\n{timing}: {speed:,.0f} x real time, {ratio:.2f} x libgme, {len(ratios)} songs")
    assert speed >= 1_000
