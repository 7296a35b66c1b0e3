"""Reading songs segment by segment without reading the memory anew.

`TransformerXL.forward` remembers hidden states, which training needs, and projects all of them to keys and values at
every segment: with a memory of 896 and segments of 128, seven eighths of that work repeat what was done before. Here
the keys and values of the memory themselves are kept, and the projected distances too: the same numbers for less.

Shapes are written as in `lakhnes.model.transformer_xl`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from lakhnes.model.attention import shifted
from lakhnes.model.base import Model
from lakhnes.model.transformer_xl import Layer, TransformerXL

__all__ = ["Reader", "make_reader"]

SLACK = 8
"""Segments between two moves of the buffers: they are so much longer than the memory."""


class Reader(Protocol):
    """The state of some streams being read."""

    def read(self, tokens: Tensor) -> Tensor:
        """Read the next segment, ``(B, T)`` ids; return the states, for `Model.logits`."""
        ...


def make_reader(model: Model, mem_len: int) -> Reader:
    """Return what reads streams with a model in evaluation mode, remembering so many positions."""
    return KeyValueReader(model, mem_len) if isinstance(model, TransformerXL) else PlainReader(model, mem_len)


class PlainReader:
    """Reads with any model, by its own memory."""

    def __init__(self, model: Model, mem_len: int) -> None:
        self.model, self.mem_len = model, mem_len
        self.memory: Tensor | None = None

    def read(self, tokens: Tensor) -> Tensor:
        """Read the next segment, ``(B, T)`` ids; return the states."""
        hidden: Tensor
        hidden, self.memory = self.model(tokens, self.memory, self.mem_len)
        return hidden


class KeyValueReader:
    """Reads with a Transformer-XL, keeping keys and values.

    All segments have the same shape but for a shorter last one.
    """

    def __init__(self, model: TransformerXL, mem_len: int) -> None:
        self.model, self.mem_len = model, mem_len
        self.layers = [layer for layer in model.layers if isinstance(layer, Layer)]
        self.buffers: list[tuple[Tensor, Tensor]] = []
        self.start = self.end = 0
        self.distances: list[Tensor] = []

    def read(self, tokens: Tensor) -> Tensor:
        """Read the next segment, ``(B, T)`` ids; return the output of the last layer, ``(B, T, D)``."""
        model, rows = self.model, tokens.shape[1]
        hidden = model.embed(tokens)
        mask = model.mask(rows, self.end - self.start, self.mem_len)
        for index, layer in enumerate(self.layers):
            normed = layer.attention_norm(hidden) if layer.pre_norm else hidden
            hidden = layer.finish(hidden, self._attend(index, layer, normed, mask))
        self.end += rows
        self.start = max(self.end - self.mem_len, self.start)
        return hidden

    def _attend(self, index: int, layer: Layer, hidden: Tensor, mask: Tensor) -> Tensor:
        attention = layer.attention
        batch, rows, _ = hidden.shape
        heads, width = attention.n_head, attention.d_head
        projected = functional.linear(hidden, attention.qkv_net.weight).view(batch, rows, 3, heads, width)
        query, key, value = projected.permute(2, 3, 0, 1, 4)  # each (H, B, T, E)
        keys, values = self._remember(index, key, value)  # each (B, H, K, E)
        content, position = attention.queries(query)
        distances = self._distances(index, layer, keys.shape[2], keys.dtype)
        read = torch.empty_like(content)
        # A stream at a time: its H x T x K scores are passed over five times, and stay in the processor's cache.
        for stream in range(batch):
            scores = torch.baddbmm(
                shifted(torch.bmm(position[:, stream], distances)), content[:, stream], keys[stream].transpose(1, 2)
            )
            scores[:, :, scores.shape[2] - mask.shape[1] :] += mask
            read[:, stream] = torch.bmm(torch.softmax(scores, dim=-1), values[stream])
        return attention.o_net(read.permute(1, 2, 0, 3).flatten(2))  # type: ignore[no-any-return]

    def _remember(self, index: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write keys and values of a segment behind the memory's; return both together."""
        heads, batch, rows, width = key.shape
        if len(self.buffers) <= index:
            shape = (batch, heads, self.mem_len + SLACK * rows, width)
            self.buffers.append((key.new_empty(shape), key.new_empty(shape)))
        if index == 0 and self.end + rows > self.buffers[0][0].shape[2]:
            kept = self.end - self.start
            for buffers in self.buffers:
                for buffer in buffers:
                    buffer[:, :, :kept] = buffer[:, :, self.start : self.end].clone()
            self.start, self.end = 0, kept
        for buffer, new in zip(self.buffers[index], (key, value), strict=True):
            buffer[:, :, self.end : self.end + rows] = new.transpose(0, 1)
        keys, values = self.buffers[index]
        return keys[:, :, self.start : self.end + rows], values[:, :, self.start : self.end + rows]

    def _distances(self, index: int, layer: Layer, count: int, dtype: torch.dtype) -> Tensor:
        """Return the projected distances count - 1 … 0 of a layer, ``(H, E, count)``."""
        if index == len(self.distances) or self.distances[index].shape[2] != count:
            table = self.model.distances(count)
            projected = layer.attention.project_distances(table).transpose(1, 2).contiguous().to(dtype)
            self.distances[index : index + 1] = [projected]
        return self.distances[index]
