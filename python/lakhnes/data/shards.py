"""Tokenized songs on disk, mapped into memory: a corpus of any size takes no more of it than the songs in use.

The folder of a split holds, beside the texts or in place of them,

``tx1.json``
    The manifest: format and version, vocabulary and its hash, number of songs and events, the fingerprint of all songs
    in their order, and of each shard its files, counts and hashes.
``tx1-00000.events.npy``
    int32, ``(events,)``: songs in a row, an element an event (a wait of ``w`` samples is ``-w``, anything else its id).
``tx1-00000.offsets.npy``
    int64, ``(songs + 1,)``: where in it each song begins, and the last one ends.
``tx1.names.txt``
    The name of each song, a line a song; control characters in it are escaped.

and the same with ``tx2``. The arrays are of numpy's ``.npy`` format, version 1 to 3.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary
from lakhnes.errors import FormatError, LakhnesError, printable, shown
from lakhnes.files import file_sha256, read_limited
from lakhnes.outputs import replacing, write_bytes

__all__ = ["Events", "Shard", "fingerprint", "gathered", "manifest_of", "read_manifest", "read_shards", "write_shards"]

FORMAT = "lakhnes-shards"
VERSION = 1

SHARD_EVENTS = 16 * 2**20
"""Events after which a shard is closed: 64 MiB."""

MAX_NAMES_BYTES = 2**30
"""The largest file of names that is read."""

MAX_MANIFEST_BYTES = 2**24

MANIFEST = {
    "vocabulary_sha256": str, "songs": int, "events": int, "fingerprint": str, "names_file": str, "shards": list,
}  # fmt: skip
SHARD = {
    "songs": int, "events": int, "events_file": str, "events_sha256": str, "offsets_file": str, "offsets_sha256": str,
}  # fmt: skip
"""The entries of a manifest that are read, and their kinds."""

KINDS = {str: "a text", int: "a whole number of at least 0", list: "a list"}

BLOCK = 2**20
DROP_AFTER = 128 * 2**20
"""Bytes that may have been mapped before all pages are given back to the system."""

READ_AROUND = 2 * 2**20
"""The most bytes that the system maps around what is read: a huge page."""

Events: TypeAlias = npt.NDArray[np.int32]
Offsets: TypeAlias = npt.NDArray[np.int64]


class _Mapped:
    """The mapped pages that were read and not yet given back, of all corpora of this process together.

    The pages of a map that has been read count as memory of the process until they are given back.
    """

    def __init__(self) -> None:
        self.read = 0
        self.maps: dict[int, mmap.mmap] = {}

    def note(self, events: Events, size: int) -> None:
        """Note that `size` bytes of an array will be read; give all pages back after `DROP_AFTER` bytes.

        Raises
        ------
        FormatError
            If the file has been cut off since it was opened: to read what is not there ends the process.
        """
        pages = getattr(events, "_mmap", None)
        if pages is None:
            return
        if pages.size() < len(pages):
            name = getattr(events, "filename", None)
            raise FormatError(f"{name}: cut off while it was in use; `lakhnes data shard` writes it anew")
        if not hasattr(pages, "madvise") or not hasattr(mmap, "MADV_DONTNEED"):
            return
        self.maps[id(pages)] = pages
        self.read += size + READ_AROUND
        if self.read > DROP_AFTER:
            maps, self.maps, self.read = self.maps, {}, 0
            for each in maps.values():
                each.madvise(mmap.MADV_DONTNEED)


_mapped = _Mapped()


@dataclass
class Shard:
    """Some songs in a row.

    Attributes
    ----------
    events : int32 array, ``(n,)``
    offsets : int64 array, ``(songs + 1,)``
    """

    events: Events
    offsets: Offsets

    @classmethod
    def of(cls, songs: list[Events]) -> Shard:
        """Put songs in a row."""
        offsets = np.zeros(len(songs) + 1, dtype=np.int64)
        np.cumsum([len(song) for song in songs], out=offsets[1:])
        return cls(np.concatenate(songs), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def song(self, index: int) -> Events:
        """Return the events of one song, a view."""
        song = self.events[self.offsets[index] : self.offsets[index + 1]]
        _mapped.note(self.events, song.nbytes)  # before anyone reads it
        return song


def manifest_of(folder: Path, vocabulary: Vocabulary) -> Path:
    """Return the place of a split's manifest."""
    return folder / f"{vocabulary.dialect}.json"


def fingerprint(shards: list[Shard]) -> str:
    """Return a hash of songs and their order: of all offsets, then of all events, as if they were one shard."""
    digest = hashlib.sha256(np.zeros(1, dtype="<i8").tobytes())
    start = 0
    for shard in shards:
        digest.update((shard.offsets[1:] + start).astype("<i8").tobytes())
        start += int(shard.offsets[-1])
    for shard in shards:
        for at in range(0, len(shard.events), BLOCK):
            _mapped.note(shard.events, 4 * BLOCK)
            digest.update(np.asarray(shard.events[at : at + BLOCK]).astype("<i4").tobytes())
    return digest.hexdigest()


def write_shards(
    folder: Path, vocabulary: Vocabulary, songs: Iterable[tuple[str, Events]], *, text_bytes: int | None = None
) -> dict[str, Any]:
    """Write songs, each a name and its events, as the shards of a split; return the manifest.

    The manifest is written last, so that what was interrupted is no split. `text_bytes` is the size of the texts that
    they were read from, by which it is noticed that these have changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest_of(folder, vocabulary).unlink(missing_ok=True)
    names: list[str] = []
    entries = []
    for number, (here, shard) in enumerate(gathered(songs)):
        names += here
        stem = f"{vocabulary.dialect}-{number:05}"
        entry: dict[str, Any] = {"songs": len(shard), "events": len(shard.events)}
        for part, array in (("events", shard.events), ("offsets", shard.offsets)):
            path = folder / f"{stem}.{part}.npy"
            with replacing(path) as unfinished, unfinished.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            entry[f"{part}_file"], entry[f"{part}_sha256"] = path.name, file_sha256(path)
        entries.append(entry)
    if not names:
        raise FormatError(f"{folder}: no song to write")
    names_file = folder / f"{vocabulary.dialect}.names.txt"
    write_bytes(names_file, "\n".join(map(printable, names)).encode("utf-8", "surrogateescape"))
    shards = [Shard(*(np.load(folder / entry[f"{part}_file"], mmap_mode="r") for part in ("events", "offsets")))
              for entry in entries]  # fmt: skip
    manifest = {
        "format": FORMAT, "version": VERSION,
        "vocabulary": vocabulary.dialect, "vocabulary_size": len(vocabulary),
        "vocabulary_sha256": _vocabulary_hash(vocabulary),
        "songs": len(names), "events": sum(entry["events"] for entry in entries),
        "fingerprint": fingerprint(shards), "text_bytes": text_bytes, "names_file": names_file.name,
        "shards": entries,
    }  # fmt: skip
    write_bytes(manifest_of(folder, vocabulary), (json.dumps(manifest, indent=1) + "\n").encode())
    return manifest


def read_shards(folder: Path, vocabulary: Vocabulary) -> tuple[list[str], list[Shard], dict[str, Any]]:
    """Map the shards of a split; return names, shards, manifest.

    Raises
    ------
    FormatError
        If the manifest is not one of this vocabulary, or a file is missing or not what the manifest says.
    """
    manifest = read_manifest(folder, vocabulary)
    data = read_limited(folder / Path(manifest["names_file"]).name, MAX_NAMES_BYTES)
    names = data.decode("utf-8", "surrogateescape").split("\n")
    shards = [_read_shard(folder, entry) for entry in manifest["shards"]]
    if not len(names) == sum(map(len, shards)) == manifest["songs"]:
        path = manifest_of(folder, vocabulary)
        raise FormatError(f"{path}: {len(names)} names, expected one for each of {manifest['songs']} songs")
    return names, shards, manifest


def read_manifest(folder: Path, vocabulary: Vocabulary) -> dict[str, Any]:
    """Read the manifest of a split, without its shards.

    Raises
    ------
    FormatError
        If it is not one of this vocabulary.
    """
    path = manifest_of(folder, vocabulary)
    try:
        manifest = _manifest(path)
    except (ValueError, RecursionError, KeyError) as error:
        if isinstance(error, LakhnesError):
            raise
        raise FormatError(f"{path}: not a manifest of shards ({type(error).__name__}: {error})") from None
    if manifest["vocabulary_sha256"] != _vocabulary_hash(vocabulary):
        raise FormatError(f"{path}: its events are not numbered as in {vocabulary.dialect.upper()} here")
    return manifest


def _manifest(path: Path) -> dict[str, Any]:
    """Read a manifest whose every entry is of its kind."""
    manifest = json.loads(read_limited(path, MAX_MANIFEST_BYTES))
    if not isinstance(manifest, dict) or (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        raise FormatError(f"{path}: expected a manifest of {FORMAT}, version {VERSION}")
    for entry, kinds in ((manifest, MANIFEST), *((entry, SHARD) for entry in manifest.get("shards") or ())):
        for name, kind in kinds.items():
            value = entry.get(name) if isinstance(entry, dict) else None
            if not isinstance(value, kind) or (isinstance(value, int) and not 0 <= value < 2**60):
                raise FormatError(f"{path}: {name} is {shown(value)}, expected {KINDS[kind]}")
    return manifest


def _read_shard(folder: Path, entry: dict[str, Any]) -> Shard:
    arrays = []
    for part, dtype in (("events", np.int32), ("offsets", np.int64)):
        path = folder / Path(entry[f"{part}_file"]).name
        if file_sha256(path) != entry[f"{part}_sha256"]:
            raise FormatError(f"{path}: changed since the manifest was written; `lakhnes data shard` writes both anew")
        try:
            array = np.load(path, mmap_mode="r" if part == "events" else None, allow_pickle=False)
        except (ValueError, EOFError, OSError, OverflowError) as error:
            raise FormatError(f"{path}: expected an array of numpy ({error})") from None
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
            raise FormatError(f"{path}: expected a row of {dtype.__name__}")
        arrays.append(array)
    events, offsets = arrays
    ordered = (
        len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(events) and bool((np.diff(offsets) >= 0).all())
    )
    if not ordered or len(offsets) - 1 != entry["songs"]:
        raise FormatError(f"{folder / entry['offsets_file']}: the offsets do not fit the events")
    return Shard(events, offsets)


def gathered(songs: Iterable[tuple[str, Events]]) -> Iterator[tuple[list[str], Shard]]:
    """Gather songs, each a name and its events, into shards of `SHARD_EVENTS` events or a little more."""
    names: list[str] = []
    rows: list[Events] = []
    count = 0
    for name, events in songs:
        names.append(name)
        rows.append(events)
        count += len(events)
        if count >= SHARD_EVENTS:
            yield names, Shard.of(rows)
            names, rows, count = [], [], 0
    if rows:
        yield names, Shard.of(rows)


def _vocabulary_hash(vocabulary: Vocabulary) -> str:
    symbols = "\n".join(vocabulary.symbol(number) for number in range(len(vocabulary)))
    return hashlib.sha256(symbols.encode()).hexdigest()
