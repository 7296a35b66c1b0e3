"""The MIDI files of Debian packages, got with ``apt-get download`` and unpacked without being installed."""

import struct
import subprocess
from pathlib import Path

GAMES = ("openttd-openmsx", "simutrans-data", "freedoom")
"""Games whose music is free: 31 songs for trains, 53 for transport, 59 for shooting."""


def fetch(package: str, folder: Path) -> Path:
    """Download and unpack a package, unless that is done; give the folder of its files."""
    unpacked = folder / package
    if not unpacked.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
        archive = max(folder.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg", "-x", archive.name, package], cwd=folder, check=True)
    return unpacked


def collect(unpacked: Path, destination: Path) -> int:
    """Copy the MIDI files of a package, also those in WAD archives; give their number."""
    destination.mkdir(parents=True, exist_ok=True)
    songs = {path.name: path.read_bytes() for path in sorted(unpacked.rglob("*.mid"))}
    for wad in sorted(unpacked.rglob("*.wad")):
        songs |= {f"{wad.stem}-{name}.mid": data for name, data in lumps(wad.read_bytes()) if data[:4] == b"MThd"}
    for name, data in songs.items():
        (destination / name).write_bytes(data)
    return len(songs)


def lumps(wad: bytes) -> list[tuple[str, bytes]]:
    """Give the files of a WAD: a header (id, count, place of the directory), then entries of place, size, name."""
    count, directory = struct.unpack_from("<ii", wad, 4)
    entries = struct.iter_unpack("<ii8s", wad[directory : directory + 16 * count])
    return [(name.rstrip(b"\0").decode().lower(), wad[at : at + size]) for at, size, name in entries]
