"""Tar archives, read as a stream of entries with limits on all that they say of themselves.

Entries of ustar (POSIX.1-1988), of pax (POSIX.1-2001) and with GNU's long names, plain or compressed by gzip, bzip2 or
xz. A header of 512 bytes comes before the content of each, which fills blocks of that size::

    0 name (100)   124 size (12)   148 checksum (8)   156 kind   257 "ustar"   345 first part of the name (155)

The standard library's reader takes a header of any length, copies what an archive says of all entries into each, and
follows sparse files and negative sizes: work and memory without a limit.
"""

from __future__ import annotations

import bz2
import dataclasses
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lakhnes.errors import FormatError
from lakhnes.files import base_name, open_plain
from lakhnes.outputs import unfinished_name
from lakhnes.units import VOICES

__all__ = ["DAMAGED", "Entry", "TarError", "TarReader", "TarWriter", "is_tar"]

BLOCK = 512

MAX_HEADER = 2**16
"""The most bytes of a long name, or of the facts of an entry."""

MAX_MEMORY = 2**27
"""Of an xz decompressor; its highest preset takes 65 MiB."""

PIECE = 2**16

VOICE_ENDS = tuple(f".{voice}" for voice in (*VOICES, "dmc"))
"""The ends of the names of stems, before their suffix: a sample's stems have one key."""

FILES = (b"0", b"\0", b"7")
SPARSE = b"S"
WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")
"""Links, devices, folders, pipes."""


class TarError(Exception):
    """The archive is damaged, or beyond a limit."""


DAMAGED = (TarError, EOFError, lzma.LZMAError, zlib.error, OSError)
"""What a damaged archive raises; an `OSError` with a number is the system's."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of an archive.

    Attributes
    ----------
    name : str
        As it stands there; bytes that are no UTF-8 are escaped as `os.fsdecode` does.
    size : int
    is_file : bool
    """

    name: str
    size: int
    is_file: bool


GZIP, BARE = 31, -15
"""What zlib calls deflate with a gzip header, and without any."""


class Inflate:
    """The decompressor of deflate, with the interface of those of bzip2 and xz.

    Parameters
    ----------
    header : int
        `GZIP` or `BARE`.
    """

    def __init__(self, header: int) -> None:
        self._inner = zlib.decompressobj(header)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, most)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


DECOMPRESSORS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": partial(Inflate, GZIP),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_MEMORY),
}
"""By the first bytes of a file."""


class TarReader:
    """The entries of an archive, one after the other.

    Parameters
    ----------
    path : Path
    ratio, room : int
        The archive may unpack to this many times its size as a file, and this number of bytes.

    Raises
    ------
    OSError
        If the file cannot be opened, or is not a tar archive.
    """

    def __init__(self, path: Path, limit: Callable[[int], int]) -> None:
        self._file = open_plain(path)
        self._limit = limit(os.fstat(self._file.fileno()).st_size)
        start = self._file.peek(6)
        self._make = next((make for magic, make in DECOMPRESSORS.items() if start.startswith(magic)), None)
        self._coder = self._make() if self._make else None
        self._unpacked = 0
        self._left = 0  # of the content of the present entry, with what fills its last block
        self._content = 0

    def __enter__(self) -> TarReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Entry]:
        """Give the entries; the content of one is to be read before the next is asked for."""
        while (entry := self._next()) is not None:
            yield entry

    def read(self, most: int) -> bytes:
        """Read at most this many bytes of the content of the present entry; nothing at its end."""
        data = self._take(min(most, self._content))
        self._content -= len(data)
        self._left -= len(data)
        return data

    def _next(self) -> Entry | None:
        """Read the header of the next entry; None at the end of the archive."""
        name: str | None = None
        size: int | None = None
        while True:
            self._skip()
            header = self._take(BLOCK)
            if header == bytes(BLOCK):
                return None
            kind, own_name, own_size = _parse(header)
            self._begin(0 if kind in WITHOUT_CONTENT else own_size if size is None else size)
            if kind == b"L":
                name = os.fsdecode(self._facts().rstrip(b"\0"))
            elif kind == b"x":
                facts = _records(self._facts())
                if any(key.startswith(b"GNU.sparse") for key in facts):
                    raise TarError("a sparse file")
                name = os.fsdecode(facts[b"path"]) if b"path" in facts else name
                size = _decimal(facts[b"size"]) if b"size" in facts else size
            elif kind in (b"K", b"g"):  # of links, and of all entries: nothing that is used here
                self._facts()
            elif kind == SPARSE:
                raise TarError("a sparse file")
            else:
                own_name = own_name if name is None else name
                return Entry(own_name, self._content, kind in FILES and not own_name.endswith("/"))

    def _begin(self, size: int) -> None:
        if size > self._limit - self._unpacked:
            raise TarError(f"unpacks to more than {self._limit} bytes")
        self._content, self._left = size, -(-size // BLOCK) * BLOCK

    def _facts(self) -> bytes:
        if self._content > MAX_HEADER:
            raise TarError(f"a header of {self._content} bytes, expected at most {MAX_HEADER}")
        return self.read(self._content)

    def _skip(self) -> None:
        while self._left:
            self._left -= len(self._take(min(self._left, PIECE)))
        self._content = 0

    def _take(self, size: int) -> bytes:
        """Read exactly `size` bytes of the unpacked archive."""
        pieces, missing = [], size
        while missing:
            piece = self._file.read(missing) if self._coder is None else self._unpack(missing)
            if not piece:
                raise TarError("no end of archive: cut off")
            pieces.append(piece)
            missing -= len(piece)
        self._unpacked += size
        if self._unpacked > self._limit:
            raise TarError(f"unpacks to more than {self._limit} bytes")
        return b"".join(pieces)

    def _unpack(self, most: int) -> bytes:
        """Unpack at most `most` bytes; nothing at the end of the file."""
        assert self._coder is not None
        assert self._make is not None
        while True:
            data = b""
            if self._coder.eof:  # several in a row are one
                data, self._coder = self._coder.unused_data, self._make()
            if not data and self._coder.needs_input and not (data := self._file.read(PIECE)):
                return b""
            piece: bytes = self._coder.decompress(data, most)
            if piece:
                return piece


def _parse(header: bytes) -> tuple[bytes, str, int]:
    """Return the kind, the name and the size that stand in a header, whose checksum is right."""
    # The sum of all bytes, those of the checksum taken for blanks; some programs added them with their signs.
    blank = header[:148] + b" " * 8 + header[156:]
    sums = (sum(blank), sum(byte - 256 if byte > 127 else byte for byte in blank))
    if _number(header[148:156]) not in sums:
        raise TarError("a header whose checksum is wrong")
    name = header[:100].split(b"\0")[0]
    if header[257:263] == b"ustar\0" and (start := header[345:500].split(b"\0")[0]):
        name = start + b"/" + name
    return header[156:157], os.fsdecode(name), _number(header[124:136])


def _number(field: bytes) -> int:
    """Return a number: octal digits, or, with the first bit set, binary."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if any(digit not in b"01234567" for digit in digits):
        raise TarError("a header with a malformed number")
    return int(digits or b"0", 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise TarError("a size that is no number")
    return int(digits)


def _records(facts: bytes) -> dict[bytes, bytes]:
    """Return the facts of a pax header: rows ``LENGTH KEY=VALUE`` and a line feed."""
    found = {}
    place = 0
    while place < len(facts):
        blank = facts.find(b" ", place, place + 8)
        length = _decimal(facts[place:blank]) if blank > 0 else 0
        record = facts[place : place + length]
        key, sign, value = record[blank + 1 - place : -1].partition(b"=")
        if not record.endswith(b"\n") or len(record) != length or not sign:
            raise TarError("a malformed pax header")
        found[key] = value
        place += length
    return found


def is_tar(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is that of a tar archive that is not compressed, by its name."""
    return os.fspath(path).lower().endswith(".tar") and not Path(path).is_dir()


class TarWriter:
    """A tar archive of files that are written beside it first; it appears whole or not at all.

    Entries are named as WebDataset reads them: what comes before the first point of a name is the key of a sample, and
    what follows its part, so other points become ``_``. Neither times nor owners are kept: the same files in the same
    order give the same bytes.

    Attributes
    ----------
    path : Path
    folder : Path
        Where files are written; their paths below it become those of the entries.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = unfinished_name(path.absolute())
        self._unfinished = self.folder / "whole.tar"
        self._names: set[str] = set()

    def __enter__(self) -> TarWriter:
        self.folder.mkdir()
        self._file = tarfile.open(self._unfinished, "w", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            self._file.close()
            if kind is None:
                self._unfinished.replace(self.path)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def name_of(self, path: Path) -> str:
        """Return the name of the entry that a file of the folder becomes."""
        place = path.relative_to(self.folder)
        stem = base_name(place)
        suffix = place.name[len(stem) :]
        voice = next((end for end in VOICE_ENDS if stem.endswith(end)), "")
        return place.with_name(stem.removesuffix(voice).replace(".", "_") + voice + suffix).as_posix()

    def take(self, paths: Iterable[Path]) -> None:
        """Move files of the folder into the archive; those that are not there are passed over.

        Raises
        ------
        FormatError
            If an entry has this name already.
        """
        for path in paths:
            if not path.is_file():
                continue
            entry = tarfile.TarInfo(self.name_of(path))
            entry.size = path.stat().st_size
            if entry.name in self._names:
                raise FormatError(f"{self.path}: two songs become {entry.name}; points in names count as _")
            self._names.add(entry.name)
            with path.open("rb") as file:
                self._file.addfile(entry, file)
            path.unlink()
