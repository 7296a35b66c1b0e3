"""Songs to texts, in the threads of this machine or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias, TypeVar

from lakhnes import _native
from lakhnes.archives import batches
from lakhnes.cluster import DEADLY, Cluster

__all__ = ["Convert", "Song", "Texts", "converter", "song_batches"]

Song: TypeAlias = "tuple[bytes, str, int | None]"
"""The bytes of a song, its format and its track."""

Texts: TypeAlias = "tuple[bytes, ...] | str"
"""The texts of a song, or the line that says what is wrong with it."""

Convert: TypeAlias = Callable[[list[Song]], list[Texts]]
"""Makes texts of songs, see `_native.convert_texts`."""

ON_CLUSTER = 16_384
"""Songs of a batch that a cluster converts: workers wait for each other at its end."""

T = TypeVar("T")


def converter(formats: list[str], *, threads: int, cluster: Cluster | None, **how: Any) -> Convert:
    """Return what makes texts of songs: on a cluster, whose workers get the bytes of the songs, if there is one."""
    if cluster is None:
        return partial(_native.convert_texts, formats=formats, threads=threads, **how)
    return partial(_convert_on, cluster, partial(_convert_task, formats=formats, **how))


def song_batches(songs: Iterable[T], size_of: Callable[[T], int], cluster: Cluster | None) -> Iterator[list[T]]:
    """Give songs in batches to be converted together; see `batches`."""
    return batches(songs, size_of) if cluster is None else batches(songs, size_of, ON_CLUSTER)


def _convert_on(
    cluster: Cluster, work: Callable[[list[tuple[int, Song]]], list[Texts]], songs: list[Song]
) -> list[Texts]:
    made: list[Texts] = [DEADLY] * len(songs)
    for task, texts in cluster.map(work, list(enumerate(songs))):
        for (number, _), result in zip(task, texts or (), strict=False):
            made[number] = result
    return made


def _convert_task(task: list[tuple[int, Song]], formats: list[str], **how: Any) -> list[Texts]:
    return _native.convert_texts([song for _, song in task], formats, threads=1, **how)
