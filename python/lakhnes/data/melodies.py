"""The melodies of songs that are held out, by which versions of them are found in other collections."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lakhnes._native import MelodyIndex
from lakhnes.errors import FormatError
from lakhnes.files import SCORES, base_name, files_below, format_of

__all__ = ["HeldOut", "index_melodies"]


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Songs that are held out.

    Attributes
    ----------
    names : list of str
        By their number in the index.
    index : MelodyIndex
    """

    names: list[str]
    index: MelodyIndex

    @classmethod
    def of(cls, places: Sequence[str | os.PathLike[str]], *, jobs: int = 0) -> HeldOut | None:
        """Index songs as `index_melodies` does; None if there is no place to look."""
        return cls(*index_melodies(places, jobs=jobs)) if places else None


def index_melodies(places: Sequence[str | os.PathLike[str]], *, jobs: int = 0) -> tuple[list[str], MelodyIndex]:
    """Index the melodies of all songs in some folders (searched with their subfolders) or files.

    Returns
    -------
    names : list of str
        The songs, by their number in the index. Of a song in several formats one is taken.
    index : MelodyIndex

    Raises
    ------
    FormatError
        If there is no song, or one cannot be read.
    FileNotFoundError
        If one of `places` does not exist.
    """
    songs: dict[Path, tuple[Path, str]] = {}
    for place in map(Path, places):
        if not place.exists():
            raise FileNotFoundError(2, "there is no such file or folder", str(place))
        files = [place]
        if place.is_dir():
            files = [
                place / name for name in files_below(place, SCORES) if not PurePosixPath(name).name.startswith(".")
            ]
        for path in files:
            songs.setdefault(path.with_name(base_name(path)), (path, format_of(path, SCORES)))
    if not songs:
        raise FormatError(f"{', '.join(map(str, places))}: no song there; expected texts, MIDI files or scores")
    return [str(path) for path, _ in songs.values()], MelodyIndex(list(songs.values()), threads=jobs)
