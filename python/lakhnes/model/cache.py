"""Keys and values of what a Transformer-XL has read: what it attends to without computing it again.

In training, memory is a tensor of hidden states, of which keys and values are projected anew for every segment, so that
gradients reach the projections (Dai et al. 2019, section 3.2). Without gradients keys and values themselves are kept.
Shapes are those of `lakhnes.model.transformer_xl`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

__all__ = ["KeyValueCache", "KeyValueMemory", "Pair"]

SPARE_SEGMENTS, SPARE_POSITIONS = 8, 256
"""Room that a new buffer has beyond the memory: this many segments, and at least this many positions."""

Pair = tuple[Tensor, Tensor]


class KeyValueMemory(Protocol):
    """What a segment is read after: keys, values and projected distances of every layer.

    Attributes
    ----------
    length : int
        Positions before the present segment that are attended to.
    """

    length: int

    def extend(self, layer: int, key: Tensor, value: Tensor) -> Pair:
        """Append the keys and values of a segment, ``(H, B, T, E)``; return those of memory and segment."""
        ...

    def distances(self, layer: int, count: int, project: Callable[[int], Tensor]) -> Tensor:
        """Return the projected distances count - 1 … 0 of a layer, ``(H, count, E)``; `project` gives those of any."""
        ...

    def advance(self, rows: int, mem_len: int) -> None:
        """Count a segment, which every layer has read, as memory; of that at most `mem_len` positions are kept."""
        ...


class KeyValueCache:
    """A `KeyValueMemory` of sequences that are read in step, and grows with them."""

    def __init__(self) -> None:
        self.length = 0
        self._end = 0  # in the buffers, behind the last position that was read
        self._layers: list[Pair] = []  # keys and values, each (H, B, capacity, E)
        self._distances: list[Tensor] = []  # each (H, N, E), for the distances N - 1 … 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> Pair:
        """See `KeyValueMemory`."""
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
        """See `KeyValueMemory`; more are asked for than are needed now, for they become more."""
        if layer == len(self._distances):
            self._distances.append(project(_rounded(count)))
        elif self._distances[layer].shape[1] < count:
            self._distances[layer] = project(_rounded(count))
        return self._distances[layer][:, -count:]

    def advance(self, rows: int, mem_len: int) -> None:
        """See `KeyValueMemory`."""
        self._end += rows
        self.length = min(self.length + rows, mem_len)

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


def _buffer(segment: Tensor, kept: int) -> Tensor:
    heads, batch, rows, width = segment.shape
    return segment.new_empty((heads, batch, kept + max(SPARE_SEGMENTS * rows, SPARE_POSITIONS), width))


def _rounded(count: int) -> int:
    return -(-count // SPARE_POSITIONS) * SPARE_POSITIONS
