"""Songs in the memory of the device that trains: a step then waits for nothing that the processor has to make.

A device that reads a million tokens a second would wait for songs to be varied and for their states. So some passes
over the songs are made beforehand and kept as one table of small numbers. What travels in a step are places in that
table.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from lakhnes.data.packing import Ids
from lakhnes.errors import LakhnesError
from lakhnes.torch_extra import Tensor, torch

__all__ = ["ResidentSongs"]

Song = Callable[[int, bool], "Ids | None"]
"""Gives what a model reads of the song at a place of the order, varied or (`True`) as it is; ``None`` for none."""

LARGEST = np.iinfo(np.int16).max
"""The largest number that the table holds; vocabularies and tables of states are far below."""

PLAIN = 1
"""Passes of songs as they are."""


class ResidentSongs:
    """Passes over songs as one table on a device.

    Parameters
    ----------
    song : callable
    count : int
        Songs of a pass.
    passes : int
        Passes of varied songs; those after them are the same again.
    device : torch.device
    kept : list of int64 arrays
        What streams of a run still hold, which is put before the songs.

    Attributes
    ----------
    streams : list of int64 arrays
        The places of `kept`.
    """

    def __init__(self, song: Song, count: int, passes: int, device: torch.device, kept: list[Ids]) -> None:
        self.count, self.passes = count, passes
        places = [*range(passes * count), *range(PLAIN * count)]
        plain = [index >= passes * count for index in range(len(places))]
        with ThreadPoolExecutor() as pool:
            songs = [None if found is None else _small(found) for found in pool.map(song, places, plain)]
        beside = next((found.shape[1:] for found in songs if found is not None), None)
        if beside is None:
            raise LakhnesError("no song is long enough to train on")
        rows = [*(_small(stream.reshape(len(stream), *beside)) for stream in kept), *songs]
        ends = np.cumsum([0 if row is None else len(row) for row in rows])
        held = [np.arange(end - (0 if row is None else len(row)), end) for row, end in zip(rows, ends, strict=True)]
        self.streams, self._places = held[: len(kept)], held[len(kept) :]
        self._host = np.concatenate([row for row in rows if row is not None])
        self._table = torch.from_numpy(self._host).to(device)

    def places(self, place: int, *, plain: bool = False) -> Ids | None:
        """Return where the song at a place of the order stands in the table; ``None`` for one that is too short."""
        first, size = (self.passes * self.count, PLAIN * self.count) if plain else (0, self.passes * self.count)
        found = self._places[first + place % size]
        return found if len(found) else None

    def inputs(self, places: Tensor) -> Tensor:
        """Return what stands at places of the table, ``(B, T)`` to ``(B, T)`` or ``(B, T, 1 + F + 2P)``."""
        return self._table[places.to(self._table.device, non_blocking=True)].long()

    def targets(self, places: Tensor) -> Tensor:
        """Return the tokens at places of the table, ``(B, T)``."""
        tokens = self._table if self._table.ndim == 1 else self._table[:, 0]
        return tokens[places.to(self._table.device, non_blocking=True)].long()

    def songs(self, streams: list[Ids]) -> list[Ids]:
        """Return what stands at the places that streams hold."""
        return [self._host[stream].astype(np.int64) for stream in streams]


def _small(song: Ids) -> npt.NDArray[np.int16]:
    if len(song) and song.max() > LARGEST:
        raise LakhnesError(f"an id of {song.max()}; expected at most {LARGEST} for songs in the device's memory")
    return song.astype(np.int16)
