"""Folders and archives of music that tests make, and what is in a folder."""

import hashlib
import io
import random
import tarfile

import lakhnes


def melody(seed, *, count=60, transpose=0, wait=9_000):
    """Return a MIDI file of a wandering melody with a bass and a drum."""
    choose = random.Random(seed)
    events, pitch = [], 64
    for _ in range(count):
        pitch = min(max(pitch + choose.randint(-5, 5), 50), 78)
        events += [f"P1_NOTEON_{pitch + transpose}", f"TR_NOTEON_{pitch - 20 + transpose}"]
        events += [f"NO_NOTEON_{choose.randint(1, 16)}", f"WT_{wait}", "NO_NOTEOFF", "WT_500"]
    return lakhnes.Song.from_tx1("\n".join([*events, "P1_NOTEOFF", "TR_NOTEOFF", "WT_100"])).to_midi()


def collection(folder, seeds):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / f"tune {seed}.mid").write_bytes(melody(seed))
    return folder


def archive_of(path, members, mode="w:xz"):
    with tarfile.open(path, mode) as file:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def digest(folder):
    digests = hashlib.sha256()
    for name in files_below(folder):
        digests.update(name.encode() + (folder / name).read_bytes())
    return digests.hexdigest()
