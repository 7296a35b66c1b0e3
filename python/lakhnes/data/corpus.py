"""A split of a corpus: every song's events, one after the other, in the compact form of the tokenizer.

A corpus directory has a folder a split, ``train/ valid/ test/``, of ``NAME.tx1.txt`` or ``NAME.tx2.txt``, or of the
shards that `shard_corpus` makes of them (see `lakhnes.data.shards`). Songs are taken in the order of their file names,
where the original took that of the file system.
"""

from __future__ import annotations

import codecs
import dataclasses
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary, events_from_text, quantize_events
from lakhnes.cluster import DEADLY, Cluster
from lakhnes.data.augmentation import Augmentation
from lakhnes.data.layout import SPLITS, text_name
from lakhnes.data.shards import Events, Shard, fingerprint, manifest_of, read_shards, write_shards
from lakhnes.errors import FormatError, LakhnesError, LimitError
from lakhnes.files import read_limited

__all__ = ["MAX_EVENTS", "MIN_TOKENS", "Corpus", "read_texts", "shard_corpus", "text_bytes", "texts_in"]

MAX_EVENTS = 64 * 2**20
"""The most events of texts that are held in memory, 256 MiB. Shards have no such limit."""

ON_CLUSTER = 8192
"""Texts that a cluster reads together: workers wait for each other at the end, and their events are held in memory."""

MIN_TOKENS = 10
"""Songs of fewer events are left out, as LakhNES leaves them out of training and evaluation."""


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The songs of one split.

    Attributes
    ----------
    vocabulary : Vocabulary
    names : list of str
        File names without ``.tx1.txt`` or ``.tx2.txt``, sorted.
    shards : list of Shard
        All songs in a row; waits are exact, as negative numbers of samples.
    known : str, optional
        The fingerprint, where it is known.
    """

    vocabulary: Vocabulary
    names: list[str]
    shards: list[Shard]
    known: str | None = None

    @classmethod
    def load(cls, data: Path, split: str, vocabulary: Vocabulary) -> Corpus:
        """Read a split of a corpus directory: its shards, or else its texts.

        Raises
        ------
        FormatError
            If the split's folder is missing or holds no song of this vocabulary's dialect, or its shards are damaged
            or older than its texts.
        TokenError
            If a file holds something that is no event; the message names file and line.
        LimitError
            If there are texts of more than `MAX_EVENTS` events.
        """
        folder = data / split
        if not folder.is_dir():
            raise FormatError(f"{folder}: no such folder; a corpus directory has a folder for each of its splits")
        paths = texts_in(folder, vocabulary)
        if manifest_of(folder, vocabulary).is_file():
            names, shards, manifest = read_shards(folder, vocabulary)
            if paths and manifest.get("text_bytes") != text_bytes(paths):
                raise FormatError(f"{folder}: the texts are not those of the shards beside them; `lakhnes data shard`")
            return cls(vocabulary, names, shards, manifest["fingerprint"])
        if not paths:
            raise FormatError(f"{folder}: no song in it; expected files NAME.{vocabulary.dialect}.txt, or shards")
        names, rows, count = [], [], 0
        for name, events in read_texts(paths, vocabulary):
            names.append(name)
            rows.append(events)
            count += len(events)
            if count > MAX_EVENTS:
                raise LimitError(f"{folder}: texts of more than {MAX_EVENTS} events; `lakhnes data shard {data}`")
        return cls.of(vocabulary, names, rows)

    @classmethod
    def of(cls, vocabulary: Vocabulary, names: list[str], songs: list[Events]) -> Corpus:
        """Return a corpus of songs in memory, each a row of events."""
        return cls(vocabulary, names, [Shard.of(songs)])

    def __post_init__(self) -> None:
        object.__setattr__(self, "_firsts", [0, *accumulate(map(len, self.shards))])

    def __len__(self) -> int:
        return len(self.names)

    def song(self, index: int) -> npt.NDArray[np.int32]:
        """Return the events of one song, a view.

        Raises
        ------
        FormatError
            If one is not of the vocabulary, or the file of shards has been cut off.
        """
        firsts: list[int] = self._firsts  # type: ignore[attr-defined]
        if not 0 <= index < firsts[-1]:
            raise IndexError(f"song {index} of {firsts[-1]}")
        place = bisect_right(firsts, index) - 1
        song = self.shards[place].song(index - firsts[place])
        if len(song) and int(song.max()) >= len(self.vocabulary):
            raise FormatError(f"{self.names[index]}: event {song.max()}, expected one of {self.vocabulary.dialect}")
        return song

    def ids(
        self, index: int, augmentation: Augmentation | None = None, random: np.random.Generator | None = None
    ) -> npt.NDArray[np.int64] | None:
        """Return a song as LakhNES trains and evaluates on it: ``<S> … <S>``, waits rounded to tokens.

        Returns ``None`` for a song of fewer than `MIN_TOKENS` tokens between its boundaries.
        """
        events = self.song(index)
        if augmentation is not None and random is not None:
            events = augmentation.apply(events, self.vocabulary, random)
        ids = quantize_events(events, True)
        return ids if len(ids) - 2 >= MIN_TOKENS else None

    def fingerprint(self) -> str:
        """Return a hash of the songs and their order, by which a run knows its data again."""
        return self.known if self.known is not None else fingerprint(self.shards)


def shard_corpus(
    data: Path,
    vocabulary: Vocabulary,
    target: Path | None = None,
    advance: Callable[[int], object] = lambda songs: None,
    *,
    write: Callable[..., dict[str, Any]] = write_shards,
    cluster: Cluster | None = None,
) -> dict[str, dict[str, Any]]:
    """Write the shards of the texts of a corpus directory, beside them or into another directory.

    `write` is `write_shards` or `write_parquet`. The workers of `cluster`, if there is one, read the texts. Returns the
    manifest of each split that has texts.

    Raises
    ------
    FormatError
        If no split has texts of this vocabulary's dialect.
    """
    manifests: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        paths = texts_in(data / split, vocabulary) if (data / split).is_dir() else []
        if paths:
            songs = read_texts(paths, vocabulary, advance, cluster)
            folder = (target or data) / split
            manifests[split] = write(folder, vocabulary, songs, text_bytes=text_bytes(paths))
    if not manifests:
        raise FormatError(f"{data}: no texts NAME.{vocabulary.dialect}.txt in folders {', '.join(SPLITS)}")
    return manifests


def texts_in(folder: Path, vocabulary: Vocabulary) -> list[Path]:
    """Return the texts of a split in the order in which its songs stand."""
    suffix = text_name("", vocabulary.dialect)
    return sorted(path for path in folder.iterdir() if path.name.endswith(suffix))


def text_bytes(paths: list[Path]) -> int:
    """Return the size of texts, by which it is noticed that they have changed."""
    return sum(path.stat().st_size for path in paths)


def read_texts(
    paths: list[Path],
    vocabulary: Vocabulary,
    advance: Callable[[int], object] = lambda songs: None,
    cluster: Cluster | None = None,
) -> Iterator[tuple[str, Events]]:
    """Read texts, each a name and its events; on the workers of a cluster, which have the same files, if there is one.

    Raises
    ------
    FormatError, TokenError
        If one cannot be read.
    """
    here = ((path, _read_song(path, vocabulary)) for path in paths)
    for path, events in here if cluster is None else _read_on(cluster, paths, vocabulary):
        yield path.name.removesuffix(text_name("", vocabulary.dialect)), events
        advance(1)


def _read_on(cluster: Cluster, paths: list[Path], vocabulary: Vocabulary) -> Iterator[tuple[Path, Events]]:
    """Read texts on the workers of a cluster; give them in their order."""
    for start in range(0, len(paths), ON_CLUSTER):
        here = paths[start : start + ON_CLUSTER]
        songs: list[Events] = [np.empty(0, np.int32)] * len(here)
        work = partial(_read_task, dialect=vocabulary.dialect)
        for task, read in cluster.map(work, [(number, path.absolute()) for number, path in enumerate(here)]):
            for (number, path), events in zip(task, read or [DEADLY] * len(task), strict=True):
                if isinstance(events, str):
                    raise FormatError(f"{here[number]}: {events.removeprefix(f'{path}: ')}")
                songs[number] = events
        yield from zip(here, songs, strict=True)


def _read_task(task: list[tuple[int, Path]], dialect: str) -> list[Events | str]:
    """Read texts on a worker: give the events of each, or the line that says what is wrong with it."""
    made: list[Events | str] = []
    for _, path in task:
        try:
            made.append(_read_song(path, Vocabulary(dialect)))
        except LakhnesError as error:
            made.append(str(error))
    return made


def _read_song(path: Path, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    data = read_limited(path)
    try:
        return events_from_text(data.removeprefix(codecs.BOM_UTF8).decode("ascii"), vocabulary)
    except UnicodeDecodeError as error:
        place = len(data) - len(error.object) + error.start
        raise FormatError(f"{path}: byte {place} is not ASCII text") from None
    except LakhnesError as error:
        raise type(error)(f"{path}: {error}") from None
