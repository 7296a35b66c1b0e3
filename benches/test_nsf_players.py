"""Twenty songs of NES-MDB as NSF files, played by libgme, beside our own rendering: onsets and distance.

libgme adds its voices; our ``mixer="linear"`` does the same, so that is what the distance is taken to. What the
console's own mixer adds to it is told too. Both have no offset, and nothing else is filtered.
"""

import tarfile
from pathlib import Path

import numpy as np
import pytest

import lakhnes
import libgme
from audio_distance import SAMPLE_RATE, audio_distance
from onsets import onset_errors

ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nesmdb_midi_train_valid.tar.xz"
SONGS = 20
LONGEST = 45 * SAMPLE_RATE
FRAME = 1 / 60


def songs() -> list[tuple[str, lakhnes.Song]]:
    """Read each twentieth song of the valid split, from the first on."""
    with tarfile.open(ARCHIVE) as archive:
        files = {Path(member.name).stem: member for member in archive if "/valid/" in member.name and member.isfile()}
        chosen = sorted(files)[:: len(files) // SONGS][:SONGS]
        found = (
            (name, archive.extractfile(files[name])) for name in sorted(chosen, key=lambda name: files[name].offset)
        )
        return sorted((name, lakhnes.Song.from_midi(file.read())) for name, file in found if file)


@pytest.mark.skipif(libgme.load() is None, reason="libgme is not installed (Debian: libgme0)")
@pytest.mark.skipif(not ARCHIVE.exists(), reason=f"{ARCHIVE} is not there")
@pytest.mark.timeout(900)
def test_libgme_plays_the_songs_as_we_do() -> None:
    print(f"\n{'song':44} {'NSF':>7} {'onsets':>6} {'near':>6} {'most ms':>8} {'distance':>8} {'to console':>10}")
    distances, near, total = [], 0, 0
    for name, song in songs():
        log = song.perform()
        data = log.to_nsf()
        linear = log.render(filter="none", mixer="linear")[:LONGEST].astype(float)
        with libgme.open_nsf(data) as player:
            player.equalize()
            theirs = player.play(len(linear)).astype(float)
        distances.append(audio_distance(linear, theirs))
        console = audio_distance(log.render(filter="none")[:LONGEST], theirs)
        error = onset_errors(linear, theirs)
        near, total = near + int((error <= FRAME).sum()), total + len(error)
        print(
            f"{name[:44]:44} {len(data):7} {len(error):6} {(error <= FRAME).mean():6.1%} {error.max() * 1e3:8.1f}"
            f" {distances[-1]:8.2f} {console:10.2f}"
        )
    print(f"onsets within 1/60 s: {near / total:.2%}")
    print(f"distance: median {np.median(distances):.2f}, most {max(distances):.2f}")
    assert max(distances) < 2.0
    assert near == total
