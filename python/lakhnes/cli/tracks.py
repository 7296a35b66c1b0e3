"""Tracks: which songs of a file that holds several, and what the files that are made of them are called."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from lakhnes.errors import LakhnesError
from lakhnes.files import FORMATS, PLAYABLE, base_name, known_format, read_limited, suffix_of, track_stem

__all__ = ["Piece", "Tracks", "pieces", "tracks_of"]


class Tracks(click.ParamType[tuple[int, ...]]):
    """Numbers of tracks, from 1: ``3``, ``1,4-6``; ``all`` is no numbers."""

    name = "N,N-M|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read the value of the option."""
        if isinstance(value, tuple):
            return value
        if value == "all":
            return ()
        numbers: list[int] = []
        for part in str(value).split(","):
            first, dash, last = part.strip().partition("-")
            ends = (first, last if dash else first)
            if not all(
                end.isascii() and end.isdecimal() and 1 <= int(end[:5]) <= 256 and len(end) <= 5 for end in ends
            ):
                self.fail(f"{value!r} is no list of tracks from 1 to 256, such as 3 or 1,4-6, nor all", param, ctx)
            numbers += range(int(ends[0]), int(ends[1]) + 1)
        if not numbers:
            self.fail(f"{value!r} ends before it begins", param, ctx)
        return tuple(dict.fromkeys(numbers))


class Piece(NamedTuple):
    """A song that is read: a file, or one of its tracks.

    Attributes
    ----------
    path : Path
    relative : Path
        Its name below the folder that was named, if one was; a track has a name of its own.
    track : int or None
        None for the whole file, or for the track that it begins with.
    title : str
        What it is called where nothing in the file says it.
    """

    path: Path
    relative: Path
    track: int | None
    title: str


def pieces(
    songs: Sequence[tuple[Path, Path]],
    source_format: str | None,
    wanted: tuple[int, ...] | None,
    *,
    single: bool = False,
    playlist: bool = False,
) -> list[Piece]:
    """List the songs of files.

    Parameters
    ----------
    songs
        Files, as `lakhnes.cli.targets.expand` gives them.
    source_format
        Their format, where names do not say it.
    wanted
        Tracks; all if None or none are named. A file that holds one song is refused when it is read with a track.
    single
        Whether one song is wanted of a file: the track that it begins with where none is named.
    playlist
        Whether a file's own order counts where no track is named.
    """
    found: list[Piece] = []
    for path, relative in songs:
        name = source_format or known_format(path, PLAYABLE)
        whole = Piece(path, relative, wanted[0] if wanted else None, base_name(relative))
        if name is None or not FORMATS[name].tracks or (single and wanted is None):
            found.append(whole)
            continue
        try:
            data = read_limited(path)
            tracks = tracks_of(data, base_name(relative), wanted, playlist=playlist)
        except (LakhnesError, OSError):  # which reading it as a song will find again, and tell
            found.append(whole)
            continue
        for track, stem, title in tracks:
            found.append(Piece(path, relative.with_name(stem + suffix_of(name)), track, title))
    return found


def tracks_of(
    data: bytes, name: str, wanted: tuple[int, ...] | None, *, playlist: bool = False
) -> list[tuple[int, str, str]]:
    """List the tracks of a file: the number of each, the stem of the names of its files, and its title.

    Parameters
    ----------
    data
        An NSF or NSFe file.
    name
        The stem of its own name, which is also that of its only track.
    wanted, playlist
        See `pieces`.

    Raises
    ------
    FormatError, LimitError
        If the file cannot be read.
    """
    from lakhnes._native import NsfFile

    file = NsfFile.from_bytes(data)
    titles = file.track_titles
    if len(file) == 1 and not wanted:
        return [(1, name, titles[0] or name)]
    numbers = wanted or (file.playlist if playlist else ()) or range(1, len(file) + 1)
    known = ((number, titles[number - 1] if number <= len(titles) else "") for number in numbers)
    return [(number, track_stem(name, number, title), title or f"{name} {number}") for number, title in known]
