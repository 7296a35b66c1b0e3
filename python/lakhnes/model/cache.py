"""Keys and values of what a Transformer-XL has read: what it attends to without computing it again.

In training, memory is a tensor of hidden states, of which keys and values are projected anew for every segment, so that
gradients reach the projections (Dai et al. 2019, section 3.2). Without gradients keys and values themselves are kept.
Shapes are those of `lakhnes.model.transformer_xl`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["KeyValueCache"]

SPARE_SEGMENTS, SPARE_POSITIONS = 8, 256
"""Room that a new buffer has beyond the memory: this many segments, and at least this many positions."""

Pair = tuple[Tensor, Tensor]


class KeyValueCache:
    """Keys, values and projected distances of every layer.

    Sequences that have read less than others end with them: the buffers are filled from the right, and what lies before
    a sequence's first position is not its own.

    Attributes
    ----------
    length : int
        Positions before the present segment that are attended to, by the sequence that has most.
    """

    def __init__(self) -> None:
        self.length = 0
        self._first: list[int] = []  # of each sequence: its first position in the buffers; empty: 0
        self._end = 0  # in the buffers, behind the last position that was read
        self._layers: list[Pair] = []  # keys and values, each (H, B, capacity, E)
        self._distances: list[Tensor] = []  # each (H, N, E), for the distances N - 1 … 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> Pair:
        """Append the keys and values of a segment, ``(H, B, T, E)``; return those of memory and segment."""
        rows, start = key.shape[2], self._end - self.length
        if layer == len(self._layers):
            self._layers.append((key[:, :, :0], value[:, :, :0]))
        if layer == 0 and self._end + rows > self._layers[0][0].shape[2]:
            self._move(key, start)
            start = 0
        elif self._layers[layer][0].shape[2] < self._end + rows:  # of the first segment
            self._layers[layer] = (_buffer(key, 0), _buffer(value, 0))
        found = []
        for buffer, new in zip(self._layers[layer], (key, value), strict=True):
            buffer[:, :, self._end : self._end + rows] = new
            found.append(buffer[:, :, start : self._end + rows])
        return found[0], found[1]

    def distances(self, layer: int, count: int, project: Callable[[int], Tensor]) -> Tensor:
        """Return the projected distances count - 1 … 0 of a layer, ``(H, count, E)``.

        `project` gives those of any count; more are asked for than are needed now, for they become more.
        """
        if layer == len(self._distances):
            self._distances.append(project(_rounded(count)))
        elif self._distances[layer].shape[1] < count:
            self._distances[layer] = project(_rounded(count))
        return self._distances[layer][:, -count:]

    def advance(self, rows: int, mem_len: int) -> None:
        """Count a segment, which every layer has read, as memory; of that at most `mem_len` positions are kept."""
        self._end += rows
        self.length = min(self.length + rows, mem_len)

    def rewind(self, mem_len: int) -> None:
        """Take back the last position."""
        self._end -= 1
        self.length = min(self._end, mem_len)

    def lacking(self) -> list[int]:
        """Return how many of the `length` positions each sequence lacks; an empty list where all have read them."""
        lacking = [max(first - (self._end - self.length), 0) for first in self._first]
        return lacking if any(lacking) else []

    def only(self, sequence: int) -> KeyValueCache:
        """Return a cache of one sequence, which continues on its own; something was read."""
        first = self._first[sequence] if self._first else 0
        one = slice(sequence, sequence + 1)
        other = KeyValueCache()
        other._layers = [(key[:, one, first:].clone(), value[:, one, first:].clone()) for key, value in self._layers]
        other._distances, other._end = list(self._distances), self._end - first
        other.length = min(self.length, other._end)
        return other

    def split(self) -> list[KeyValueCache]:
        """Return a cache for each sequence; something was read."""
        return [self.only(sequence) for sequence in range(self._layers[0][0].shape[1])]

    @classmethod
    def joined(cls, caches: Sequence[KeyValueCache]) -> KeyValueCache:
        """Return one cache for the sequences of several, each of one sequence."""
        longest, whole = max(caches, key=lambda cache: cache.length), KeyValueCache()
        whole._distances, whole.length, whole._end = list(longest._distances), longest.length, longest.length
        whole._first = [longest.length - cache.length for cache in caches]
        for layer in range(len(longest._layers)):
            keys, values = ([cache._padded(layer, side, longest) for cache in caches] for side in (0, 1))
            whole._layers.append((torch.cat(keys, dim=1), torch.cat(values, dim=1)))
        return whole

    def put(self, sequence: int, other: KeyValueCache) -> bool:
        """Replace a sequence by that of another cache; return False, and do nothing, if that one is longer."""
        seen = min(other.length + 1, other._end, self._end)  # and one more, for a sequence that is rewound
        if other.length > min(self.length, seen):
            return False
        for buffers, sources in zip(self._layers, other._layers, strict=True):
            for buffer, source in zip(buffers, sources, strict=True):
                buffer[:, sequence, self._end - seen : self._end] = source[:, 0, other._end - seen : other._end]
        self._first = self._first or [0] * self._layers[0][0].shape[1]
        self._first[sequence] = self._end - seen
        return True

    def copy(self) -> KeyValueCache:
        """Return a cache that continues on its own."""
        other = KeyValueCache()
        other._layers = [(key.clone(), value.clone()) for key, value in self._layers]
        other._distances, other._first = list(self._distances), list(self._first)
        other.length, other._end = self.length, self._end
        return other

    def _seen(self, buffer: Tensor) -> Tensor:
        return buffer[:, :, self._end - self.length : self._end]

    def _padded(self, layer: int, side: int, longest: KeyValueCache) -> Tensor:
        """Return the keys (side 0) or values (1) of a layer, as long as those of the longest cache."""
        seen = self._seen(self._layers[layer][side]) if self._layers else longest._layers[layer][side][:, :, :0]
        return functional.pad(seen, (0, 0, longest.length - self.length, 0))

    def _move(self, key: Tensor, start: int) -> None:
        """Move the memory of all layers to the beginning of larger buffers."""
        for index, layer in enumerate(self._layers):
            moved = []
            for old in layer:
                new = _buffer(key, self.length)
                new[:, :, : self.length] = old[:, :, start : self._end]
                moved.append(new)
            self._layers[index] = (moved[0], moved[1])
        self._end = self.length
        self._first = [max(first - start, 0) for first in self._first]


def _buffer(segment: Tensor, kept: int) -> Tensor:
    heads, batch, rows, width = segment.shape
    return segment.new_empty((heads, batch, kept + max(SPARE_SEGMENTS * rows, SPARE_POSITIONS), width))


def _rounded(count: int) -> int:
    return -(-count // SPARE_POSITIONS) * SPARE_POSITIONS
