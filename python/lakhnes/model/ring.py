"""Keys and values of some sequences in ring buffers that are allocated once: what a CUDA graph can be recorded with.

The key of position p of a sequence stands in slot ``p mod R`` of its row, so that a token costs one slot, whatever the
sequences beside it have read. What a slot holds is told by its age: how many positions before the present one its key
is. Shapes are those of `lakhnes.model.transformer_xl`, with B rows, R slots and W positions that a step attends to.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lakhnes.errors import LimitError
from lakhnes.model.cache import Pair
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.transformer_xl import Layer, RelativeAttention, TransformerXL

__all__ = ["Ring", "RingRow", "free_bytes", "row_bytes"]


def row_bytes(config: TransformerXLConfig, window: int, dtype: torch.dtype) -> int:
    """Return the bytes of the keys and values of one sequence with `window` positions."""
    return 2 * config.n_layer * config.n_head * config.d_head * (window + 1) * dtype.itemsize


def free_bytes(device: torch.device) -> int:
    """Return the bytes that can be taken on a device: what is free of a GPU, else the memory of this machine."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**63 - 1


class Ring:
    """The keys and values of B sequences.

    There is one slot more than a step attends to. So a token can be taken back, for the key that its own replaced is
    beyond the window; and a step may write a key for a sequence that does not read, for the next one replaces it.

    Parameters
    ----------
    network : TransformerXL
        On the device and of the type of the buffers.
    sequences, window : int
        B and W.

    Attributes
    ----------
    counts : int64 array, ``(B,)``
        The tokens that each sequence has read; the next one has this position.
    buffer : Tensor, ``(2, n_layer, H, B, R, E)``
        Keys and values. It is never replaced.
    distances : list of Tensor, each ``(H, W, E)``
        The projected distances W - 1 … 0 of every layer.

    Raises
    ------
    LimitError
        If the device has less memory.
    """

    @torch.inference_mode()
    def __init__(self, network: TransformerXL, sequences: int, window: int) -> None:
        config, dtype = network.config, network.embedding.weight.dtype
        self.window, self.slots = window, window + 1
        needed, free = sequences * row_bytes(config, window, dtype), free_bytes(network.device)
        if needed > free:
            raise LimitError(
                f"{sequences:,} sequences with {window:,} positions take {needed / 2**30:.1f} GiB, expected at most "
                f"the {free / 2**30:.1f} GiB of the device: read fewer at once, with less memory or in bfloat16"
            )
        shape = (2, config.n_layer, config.n_head, sequences, self.slots, config.d_head)
        # Zeros, for what is hidden is weighed with 0, and 0 times anything that is a number is 0.
        self.buffer = torch.zeros(shape, dtype=dtype, device=network.device)
        self.counts = np.zeros(sequences, dtype=np.int64)
        table = network.distances(window)
        self.distances = [_attention(layer).project_distances(table) for layer in network.layers]
        self._kept, self._kept_count = self.buffer[:, :, :, 0, :0], 0

    def write(self, layer: int, places: Tensor, key: Tensor, value: Tensor, span: int) -> Pair:
        """Put the keys and values of a token of every sequence, ``(H, B, 1, E)``, into places of `places_of`.

        Return those of the first `span` slots, ``(H, B, span, E)`` each.
        """
        for buffer, new in zip(self.buffer[:, layer], (key, value), strict=True):
            buffer.flatten(1, 2).index_copy_(1, places, new.flatten(1, 2))
        keys, values = self.buffer[:, layer, :, :, :span]
        return keys, values

    def places_of(self, positions: Tensor) -> Tensor:
        """Return where the keys of these positions stand, one of each sequence, ``(B,)``, in all rows end to end."""
        return torch.arange(len(positions), device=positions.device) * self.slots + positions % self.slots

    def ages(self, positions: Tensor, span: int) -> tuple[Tensor, Tensor]:
        """Return the ages of the first slots, ``(B, span)``, seen from these positions; and which may be seen."""
        ages = (positions[:, None] - torch.arange(span, device=positions.device)) % self.slots
        return ages, ages <= positions[:, None].clamp(max=self.window - 1)

    @torch.inference_mode()
    def fork(self, source: int, target: int) -> None:
        """Replace a sequence by a copy of another."""
        seen = self._seen(int(self.counts[source]))
        self.buffer[:, :, :, target, :seen] = self.buffer[:, :, :, source, :seen]
        self.counts[target] = self.counts[source]

    @torch.inference_mode()
    def keep(self, sequence: int) -> None:
        """Keep a copy of a sequence, in place of what was kept before."""
        self._kept_count = int(self.counts[sequence])
        self._kept = self.buffer[:, :, :, sequence, : self._seen(self._kept_count)].clone()

    @torch.inference_mode()
    def restore(self, sequence: int) -> None:
        """Replace a sequence by a copy of what was kept."""
        self.buffer[:, :, :, sequence, : self._kept.shape[3]] = self._kept
        self.counts[sequence] = self._kept_count

    def _seen(self, count: int) -> int:
        """Return how many slots a sequence of this many tokens has filled."""
        return min(count, self.slots)


class RingRow:
    """One sequence of a ring, for `TransformerXL.forward` to read a segment that ends within the window.

    Up to there the slots are in the order of the positions, from the first on.
    """

    def __init__(self, ring: Ring, sequence: int) -> None:
        self._ring, self._sequence = ring, sequence
        self.length = int(ring.counts[sequence])

    def extend(self, layer: int, key: Tensor, value: Tensor) -> Pair:
        """Append the keys and values of a segment, ``(H, 1, T, E)``; return those of memory and segment."""
        end = self.length + key.shape[2]
        keys, values = self._ring.buffer[:, layer, :, self._sequence : self._sequence + 1, :end]
        keys[:, :, self.length :], values[:, :, self.length :] = key, value
        return keys, values

    def distances(self, layer: int, count: int, project: Callable[[int], Tensor]) -> Tensor:
        """Return the projected distances count - 1 … 0 of a layer, ``(H, count, E)``."""
        return self._ring.distances[layer][:, self._ring.window - count :]

    def advance(self, rows: int, mem_len: int) -> None:
        """Count a segment, which every layer has read."""
        self._ring.counts[self._sequence] += rows


def _attention(layer: torch.nn.Module) -> RelativeAttention:
    assert isinstance(layer, Layer)
    return layer.attention
