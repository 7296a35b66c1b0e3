"""Songs packed into parallel streams, cut into segments that carry their memory on, as LakhNES packs them.

Each stream reads songs one after the other. A stream left with one token takes the next song: the target of a song's
last token is its closing ``<S>``, and nothing predicts the first ``<S>`` of the next. When the songs run out in the
middle of a segment the whole segment is dropped, and with it what the other streams still held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Ids", "Segment", "SongSource", "StreamPacker"]

Ids: TypeAlias = npt.NDArray[np.int64]
Segment: TypeAlias = tuple[Ids, Ids]
"""Inputs and targets, each ``(batch_size, tgt_len)``; inputs are ``(batch_size, tgt_len, 1 + F + 2P)`` if songs are."""

SongSource: TypeAlias = Callable[[int], Ids | None]
"""Gives the next song by its place in the order, or ``None`` for one to be skipped: ids with both boundaries, ``(N,)``,
or ``(N, 1 + F + 2P)`` with what else the model reads beside each (`lakhnes.model.config.ModelConfig.inputs`)."""


class StreamPacker:
    """Cut songs into segments.

    Parameters
    ----------
    source : callable
        Gives the song at each place in the order.
    count : int or None
        Number of places; ``None`` for an order without end.
    batch_size, tgt_len : int
        Number of streams and length of a segment.

    Attributes
    ----------
    position : int
        Place of the next song to be taken.
    streams : list of int64 arrays
        What each stream still holds. With `position`, all the state there is.
    """

    def __init__(self, source: SongSource, count: int | None, batch_size: int, tgt_len: int) -> None:
        self.source, self.count = source, count
        self.batch_size, self.tgt_len = batch_size, tgt_len
        self.position = 0
        self.streams: list[Ids] = []
        self.drop_streams()

    def drop_streams(self) -> None:
        """Leave the songs that are under way: every stream begins a new one."""
        self.streams = [np.zeros(0, dtype=np.int64) for _ in range(self.batch_size)]

    def next_song(self) -> Ids | None:
        """Return the next song that is not skipped, or ``None`` at the end of the order."""
        while self.count is None or self.position < self.count:
            song = self.source(self.position)
            self.position += 1
            if song is not None:
                return song
        return None

    def next_segment(self) -> Segment | None:
        """Return the next segment, or ``None`` when the songs do not fill one."""
        parts: list[list[Ids]] = [[] for _ in range(self.batch_size)]
        targets = np.empty((self.batch_size, self.tgt_len), dtype=np.int64)
        for stream in range(self.batch_size):
            filled = 0
            while filled < self.tgt_len:
                if len(self.streams[stream]) <= 1:
                    song = self.next_song()
                    if song is None:
                        return None
                    self.streams[stream] = song
                held = self.streams[stream]
                count = min(len(held) - 1, self.tgt_len - filled)
                parts[stream].append(held[:count])
                following = held[1 : count + 1]
                targets[stream, filled : filled + count] = following if following.ndim == 1 else following[:, 0]
                self.streams[stream] = held[count:]
                filled += count
        return np.stack([np.concatenate(part) for part in parts]), targets

    def __iter__(self) -> Iterator[Segment]:
        while (segment := self.next_segment()) is not None:
            yield segment
