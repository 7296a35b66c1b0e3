"""The MIDI files of a folder, each with a name of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lakhnes.errors import FormatError
from lakhnes.files import base_name, files_below, known_format, safe_name
from lakhnes.remote import Remote

__all__ = ["MidiFile", "find_midi_files"]

MAX_NAME = 80
"""Characters of a name: numbers and suffixes are added to it."""


class MidiFile(NamedTuple):
    """A MIDI file.

    Attributes
    ----------
    path : Path
    place : str
        The path below the folder that was searched, with slashes.
    name : str
        What the texts of its songs are called: letters, digits and ``_ . -``; no other file of the folder has it.
    remote : Remote or None
        The address of the folder, if it is on no file system of this machine: `path` is then the place.
    """

    path: Path
    place: str
    name: str
    remote: Remote | None = None


def find_midi_files(source: Path | Remote) -> list[MidiFile]:
    """Find the MIDI files of a folder and its subfolders, in the order of their paths; or take one file as it is.

    ``._NAME`` files, which macOS adds to archives and foreign disks, are skipped.

    Raises
    ------
    FileNotFoundError
        If `source` does not exist.
    FormatError
        If it is a file of another kind.
    """
    if isinstance(source, Remote):
        sizes = source.files()
        if "" in sizes:
            raise FormatError(f"{source.url}: a file, expected a folder of MIDI files")
        places = [path.as_posix() for path in sorted(map(PurePosixPath, sizes)) if known_format(path, ("mid",))]
        return _named(places, lambda place: Path(place), source)
    if not source.exists():
        raise FileNotFoundError(2, "there is no such file or folder", str(source))
    if not source.is_dir() and known_format(source, ("mid",)) is None:
        raise FormatError(f"{source}: expected a folder of MIDI files, unpacked, or a .mid file")
    places = files_below(source, ("mid",)) if source.is_dir() else [source.name]
    return _named(places, lambda place: source / place if source.is_dir() else source)


def _named(places: list[str], path_of: Callable[[str], Path], remote: Remote | None = None) -> list[MidiFile]:
    names: set[str] = set()
    files = []
    for place in places:
        name = safe_name(base_name(place), MAX_NAME) or "song"
        if name in names:
            name += "-" + hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
        names.add(name)
        files.append(MidiFile(path_of(place), place, name, remote))
    return files
