"""The files of a folder or of an archive, read one after the other; no archive chooses where anything is written."""

import contextlib
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from lakhnes.errors import FormatError, LakhnesError
from lakhnes.files import MAX_INPUT_BYTES

__all__ = ["ARCHIVES", "batches", "files_in", "inner_path", "is_archive"]

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
"""The ends of the names of archives."""

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
    (AppleDouble) and the folder ``__MACOSX``, is skipped.

    Raises
    ------
    FormatError
        If the source is no archive, or is cut off or damaged.
    OSError
        If something cannot be read.
    """
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and not _is_of_macos(path.relative_to(source)):
                yield path.relative_to(source.parent).as_posix(), partial(_read_start, path)
        return
    with _whole(source), tarfile.open(source, "r|*", tarinfo=_Member) as archive:
        for member in archive:
            if member.isreg() and not _is_of_macos(PurePosixPath(member.name)):
                yield member.name, partial(_extract, source, archive, member)


def batches(songs: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Give songs in batches to be worked on together; where their source breaks off, first those before that place."""
    batch: list[T] = []
    size = 0
    try:
        for song in songs:
            batch.append(song)
            size += size_of(song)
            if len(batch) >= BATCH_SONGS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except LakhnesError:
        yield batch
        raise
    yield batch


def _is_of_macos(path: PurePath) -> bool:
    return path.name.startswith("._") or "__MACOSX" in path.parts


def inner_path(place: str) -> Path | None:
    """Give the path of a file of an archive as one below a folder: what leads out of it goes. None if nothing stays."""
    path = PurePosixPath(place)
    parts = [part for part in path.parts if part not in ("..", ".", path.root)]
    unusable = any(part.startswith(".") or set(part) & set("\\:\0") or len(part.encode()) > 200 for part in parts)
    return Path(*parts) if parts and not unusable else None


class _Member(tarfile.TarInfo):
    """An entry of an archive. One that ends between two entries, or within a header, is cut off, not finished."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> tarfile.TarInfo:  # type: ignore[override]
        try:
            return super().fromtarfile(archive)
        except (tarfile.TruncatedHeaderError, tarfile.EmptyHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(f"no end of archive ({error})") from error


@contextlib.contextmanager
def _whole(source: Path) -> Iterator[None]:
    """Say of a damaged archive that it is one, wherever in it the damage shows."""
    try:
        yield
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise FormatError(f"{source}: expected a whole .tar.gz or .tar.xz archive, found: {error}") from error


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_INPUT_BYTES + 1)


def _extract(source: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    with _whole(source):
        file = archive.extractfile(member)
        return b"" if file is None else file.read(MAX_INPUT_BYTES + 1)
