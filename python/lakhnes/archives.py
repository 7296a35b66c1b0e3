"""The files of a folder or of an archive, read one after the other; no archive chooses where anything is written."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from lakhnes.errors import EntryError, FormatError, LakhnesError
from lakhnes.files import ARCHIVES, MAX_INPUT_BYTES, files_below, is_of_macos, open_plain
from lakhnes.tar import DAMAGED, TarReader
from lakhnes.zipped import ZipError, ZipReader, is_zip

__all__ = ["batches", "files_in", "inner_path", "is_archive", "is_usable"]

RATIO, ROOM = 250, 2**28
"""An archive may unpack to this many times its size, and this number of bytes. Scores shrink to a hundredth."""

MAX_PART = 243
"""Bytes of a part of a path: file systems take 255, and the end of the name changes."""

BATCH_SONGS = 256
BATCH_BYTES = 64 * 2**20
"""Songs of an archive, and their bytes, that are kept in memory at once."""

T = TypeVar("T")


def is_archive(path: Path) -> bool:
    """Tell whether a path is that of an archive, by its name."""
    return path.name.lower().endswith(ARCHIVES) and not path.is_dir()


def files_in(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Give the path of every file of a folder or an archive, and what reads it: at most a byte past `MAX_INPUT_BYTES`.

    A file of an archive is to be read before the next is asked for. What macOS adds of its own, ``._NAME`` files
    (AppleDouble) and the folder ``__MACOSX``, is skipped, and so is what is neither a file nor a folder.

    Raises
    ------
    FormatError
        If the source is no archive, is cut off or damaged, or unpacks to far more than it holds.
    EntryError
        If a file of a ZIP archive cannot be read; the others may.
    OSError
        If something cannot be read.
    """
    if source.is_dir():
        for name in files_below(source):
            yield f"{source.name}/{name}", partial(_read_start, source / name)
        return
    reader = ZipReader if is_zip(source) else TarReader
    with _whole(source, lambda: reader(source, lambda size: RATIO * size + ROOM)) as archive:
        read = partial(archive.read, MAX_INPUT_BYTES + 1)
        entries = iter(archive)
        while (entry := _whole(source, lambda: next(entries, None))) is not None:
            if entry.is_file and not is_of_macos(PurePosixPath(entry.name)):
                yield entry.name, partial(_whole, source, read)


def batches(songs: Iterable[T], size_of: Callable[[T], int], most: int = BATCH_SONGS) -> Iterator[list[T]]:
    """Give songs in batches to be worked on together; where their source breaks off, first those before that place."""
    batch: list[T] = []
    size = 0
    try:
        for song in songs:
            batch.append(song)
            size += size_of(song)
            if len(batch) >= most or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except LakhnesError:
        yield batch
        raise
    yield batch


def inner_path(place: str) -> Path | None:
    """Give the path of a file of an archive as one below a folder: what leads out of it goes. None if nothing stays."""
    path = PurePosixPath(place)
    parts = [part for part in path.parts if part not in ("..", ".", path.root)]
    return Path(*parts) if parts and all(map(is_usable, parts)) else None


def is_usable(name: str) -> bool:
    """Return whether a part of a path in an archive can be the name of a file here, whose start is not changed."""
    return not (name.startswith(".") or set(name) & set("\\:\0") or len(os.fsencode(name)) > MAX_PART)


def _whole(source: Path, read: Callable[[], T]) -> T:
    """Read on in an archive. Say of a damaged one that it is one, wherever the damage shows."""
    try:
        return read()
    except EntryError:
        raise
    except (ZipError, *DAMAGED) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        kind = ".zip" if is_zip(source) else ".tar.gz or .tar.xz"
        raise FormatError(f"{source}: expected a whole {kind} archive, found: {error}") from error


def _read_start(path: Path) -> bytes:
    with open_plain(path) as file:
        return file.read(MAX_INPUT_BYTES + 1)
