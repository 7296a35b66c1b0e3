r"""ZIP archives, read entry by entry with limits on all that they say of themselves.

The file ends with a record that says where its list of entries is, the central directory. That has a header of 46 bytes
an entry and its name; another header, of 30 bytes, stands before the content, at the place that the first one gives::

    end        0 "PK\5\6"   10 entries   12 bytes of the directory   16 its place   20 bytes of a comment
    directory  0 "PK\1\2"   5 system   8 flags   10 method   16 CRC-32   20 bytes packed   24 and unpacked
               28 bytes of the name   30 of further fields   32 of a comment   38 attributes   42 place
    content    0 "PK\3\4"   26 bytes of the name   28 of further fields

(PKWARE, "APPNOTE.TXT", version 6.3.10, sections 4.3.7 and 4.3.12 to 4.3.16; numbers that do not fit are in the record
of 4.3.14 and the field of 4.5.3.) The standard library's reader holds all entries in memory, and refuses the whole
archive for one name that is no UTF-8.
"""

from __future__ import annotations

import bz2
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lakhnes.errors import EntryError
from lakhnes.files import open_plain
from lakhnes.tar import BARE, Entry, Inflate

__all__ = ["ZipError", "ZipReader", "is_zip"]

END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR_64 = struct.Struct("<4sLQL")
HEADER = struct.Struct("<4s2B5H3L5H2L")
CONTENT = struct.Struct("<26x2H")
FIELD = struct.Struct("<2H")

MAX_COMMENT = 2**16 - 1
FULL = 2**32 - 1
"""What stands in place of a number that does not fit."""

UNIX = 3
ENCRYPTED, UTF8 = 1, 1 << 11
"""Flags."""

PIECE = 2**16


class ZipError(Exception):
    """The archive is damaged, or beyond a limit."""


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is that of a ZIP archive, by its name."""
    return os.fspath(path).lower().endswith(".zip")


class _Stored:
    """What is not compressed, with the interface of decompressors."""

    eof, needs_input = False, True

    def decompress(self, data: bytes, most: int) -> bytes:
        return data


METHODS: dict[int, Callable[[], Any]] = {0: _Stored, 8: partial(Inflate, BARE), 12: bz2.BZ2Decompressor}
"""By their numbers. LZMA's decompressor takes as much memory as the file asks for."""


class _Place(NamedTuple):
    """Where the content of an entry is, and what is known of it."""

    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    start: int


class ZipReader:
    """The entries of an archive, one after the other, as `lakhnes.tar.TarReader` gives them.

    Parameters
    ----------
    path : Path
    limit : callable
        To how many bytes the archive may unpack, of its size as a file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ZipError
        If it is no ZIP archive.
    """

    def __init__(self, path: Path, limit: Callable[[int], int]) -> None:
        self._file = open_plain(path)
        try:
            size = os.fstat(self._file.fileno()).st_size
            self._limit = limit(size)
            self._start, self._end, self._before = self._directory(size)
        except BaseException:
            self._file.close()
            raise
        self._unpacked = 0
        self._present: _Place | None = None

    def __enter__(self) -> ZipReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Entry]:
        """Give the entries; the content of one is to be read before the next is asked for."""
        place = self._start
        while place < self._end:
            self._file.seek(place)
            (
                magic, _, system, _, flags, method, _, _, checksum, packed, size, name, fields, comment, _, _,
                attributes, start,
            ) = HEADER.unpack(self._take(HEADER.size))  # fmt: skip
            if magic != b"PK\1\2":
                raise ZipError("no entry where the list of them has one")
            called = _name(self._take(name), flags, system)
            size, packed, start = _wide(self._take(fields), [size, packed, start])
            place += HEADER.size + name + fields + comment
            self._present = _Place(flags, method, checksum, packed, size, start + self._before)
            kind = stat.S_IFMT(attributes >> 16) if system == UNIX else 0
            yield Entry(called, size, kind in (0, stat.S_IFREG) and not called.endswith("/"))

    def read(self, most: int) -> bytes:
        """Read at most this many bytes of the content of the present entry.

        Raises
        ------
        EntryError
            If this entry cannot be read; the others may.
        ZipError
            If the archive unpacks to more than its limit.
        """
        assert self._present is not None
        flags, method, checksum, packed, size, start = self._present
        if flags & ENCRYPTED:
            raise EntryError("is encrypted, expected no password")
        if (make := METHODS.get(method)) is None:
            raise EntryError(f"compression method {method}, expected 0 (none), 8 (deflate) or 12 (bzip2)")
        if min(size, most) > self._limit - self._unpacked:
            raise ZipError(f"unpacks to more than {self._limit} bytes")
        self._file.seek(start)
        header = self._file.read(30)
        if len(header) < 30 or not header.startswith(b"PK\3\4"):
            raise EntryError("no content where the list of the archive has it")
        self._file.seek(start + 30 + sum(CONTENT.unpack(header)))
        data = self._unpack(make(), packed, min(size, most))
        self._unpacked += len(data)
        if len(data) == size < most and zlib.crc32(data) != checksum:
            raise EntryError("is damaged: its checksum is wrong")
        return data

    def _unpack(self, coder: Any, packed: int, size: int) -> bytes:
        """Unpack this many bytes of what begins here."""
        pieces, missing = [], size
        while missing:
            data = b""
            if coder.needs_input:
                data = self._file.read(min(PIECE, packed))
                packed -= len(data)
            try:
                piece: bytes = coder.decompress(data, missing)[:missing]
            except (zlib.error, OSError) as error:
                raise EntryError(f"is damaged: {error}") from None
            if not piece and (coder.eof or not data):
                raise EntryError(f"is cut off: {size - missing} of {size} bytes")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _directory(self, size: int) -> tuple[int, int, int]:
        """Return where the central directory begins and ends, and how many bytes stand before the archive."""
        start = max(size - END.size - MAX_COMMENT, 0)
        self._file.seek(start)
        tail = self._file.read(size - start)
        place = _end_in(tail)
        _, disk, _, _, count, length, offset, _ = END.unpack_from(tail, place)
        end = start + place
        if FULL in (length, offset) or count == 2**16 - 1:
            at = end - LOCATOR_64.size - END_64.size
            self._file.seek(max(at, 0))
            record = self._file.read(END_64.size + LOCATOR_64.size) if at >= 0 else b""
            if record.startswith(b"PK\6\6") and record[END_64.size :].startswith(b"PK\6\7"):
                *_, length, offset = END_64.unpack(record[: END_64.size])
                end = at
        if disk not in (0, 2**16 - 1):
            raise ZipError("a part of an archive of several files")
        first = end - length
        if first < 0 or offset > first:
            raise ZipError("a list of entries that begins before the file")
        return first, end, first - offset

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise ZipError("a list of entries that is cut off")
        return data


def _end_in(tail: bytes) -> int:
    """Return where the end record is: the last one whose comment ends with the file, or else the last one."""
    last = place = tail.rfind(b"PK\5\6", 0, max(len(tail) - END.size + 4, 0))
    if last < 0:
        raise ZipError("no list of entries at its end: no ZIP, or cut off")
    while place >= 0:
        if place + END.size + int.from_bytes(tail[place + END.size - 2 : place + END.size], "little") == len(tail):
            return place
        place = tail.rfind(b"PK\5\6", 0, place)
    return last


def _name(name: bytes, flags: int, system: int) -> str:
    """Return the name of an entry: UTF-8, with or without the flag that says so, or the code page of DOS."""
    if flags & UTF8:
        text = name.decode("utf-8", "surrogateescape")
    else:
        try:
            text = name.decode("utf-8")
        except UnicodeDecodeError:
            text = name.decode("cp437")
    # Some programs of Windows write its own separator.
    return text.replace("\\", "/") if system != UNIX and "/" not in text else text


def _wide(fields: bytes, numbers: list[int]) -> list[int]:
    """Put the numbers that do not fit their places, which a further field has in this order, there."""
    place = 0
    while place + FIELD.size <= len(fields):
        kind, length = FIELD.unpack_from(fields, place)
        place += FIELD.size
        if kind == 1:
            content = fields[place : place + length]
            for index, number in enumerate(numbers):
                if number == FULL and len(content) >= 8:
                    numbers[index], content = int.from_bytes(content[:8], "little"), content[8:]
        place += length
    return numbers
