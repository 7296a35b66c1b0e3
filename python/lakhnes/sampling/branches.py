"""Several continuations of one song, which read at their own pace, and can go on from where another is.

On the CPU they are songs of the kernel of ``rust/decoder``, and what a branch copies of another is only what both have
read since all were united. Elsewhere torch has what all have in common, the trunk, in memory once: its keys and values,
by which a step of all branches costs little more than one of a single song. A branch adds what it has read since; when
all are united, that of one is added to the trunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lakhnes.model.base import Model
from lakhnes.model.transformer_xl import Layer, TransformerXL
from lakhnes.sampling.decoder import as_dtype, check_segments, native_dtype
from lakhnes.sampling.native_decoder import NativeDecoder
from lakhnes.sampling.torch_decoder import SLACK, window_of

__all__ = ["Branches", "NativeBranches", "SegmentBranches", "TransformerBranches", "make_branches"]

ROOM = 64
"""Positions of a branch that there is room for at first; there is made more when it is needed."""


class Branches(Protocol):
    """Continuations of one song."""

    def read(self, places: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Read tokens, each in the branch that is named for it; return logits of the next, ``(R, vocab_size)``.

        A branch that is named again reads one token after the other.
        """
        ...

    def forget(self, place: int) -> None:
        """Let a branch forget the last token of the last `read`."""
        ...

    def copy(self, source: int, target: int) -> None:
        """Let a branch go on from where another is."""
        ...

    def unite(self, source: int) -> None:
        """Let all branches go on from where one is."""
        ...


def make_branches(model: Model, count: int, mem_len: int, dtype: str | None = None) -> Branches:
    """Return the branches of a song that begins.

    The parameters are those of `lakhnes.sampling.decoder.make_decoder`.
    """
    if not isinstance(model, TransformerXL):
        check_segments(dtype)
        return SegmentBranches(model, count, mem_len)
    form = native_dtype(model, mem_len, dtype)
    if form is not None:
        return NativeBranches(model, count, mem_len, form)
    return TransformerBranches(as_dtype(model, dtype), count, mem_len)


class NativeBranches:
    """Branches of a Transformer-XL on the CPU.

    Parameters
    ----------
    model : TransformerXL
        On the CPU.
    count : int
        Branches.
    mem_len : int
        Positions before the present one that a step attends to.
    dtype : str
        How weights, keys and values are kept: ``float32``, ``bfloat16`` or ``int8``.
    threads : int, optional
        As many as torch uses, if not given. The numbers do not depend on it, nor on which branches read together.
    """

    def __init__(
        self, model: TransformerXL, count: int, mem_len: int, dtype: str = "float32", threads: int | None = None
    ) -> None:
        self.state = NativeDecoder(model, count, mem_len, dtype, threads).state
        self.vocab_size = model.config.vocab_size
        self.lengths = [0] * count
        self.common = 0

    def read(self, places: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Read tokens, each in the branch that is named for it; return logits of the next, ``(R, vocab_size)``."""
        logits = self.state.feed_some(places, np.array(tokens, dtype=np.int64))
        for place in places:
            self.lengths[place] += 1
        return torch.from_numpy(logits).view(-1, self.vocab_size)

    def forget(self, place: int) -> None:
        """Let a branch forget the last token of the last `read`."""
        self.state.rewind(place)
        self.lengths[place] -= 1

    def copy(self, source: int, target: int) -> None:
        """Let a branch go on from where another is."""
        self.state.fork(source, target, self.common)
        self.lengths[target] = self.lengths[source]

    def unite(self, source: int) -> None:
        """Let all branches go on from where one is."""
        for target in range(len(self.lengths)):
            self.copy(source, target)
        self.common = self.lengths[source]


class SegmentBranches:
    """Branches of any model: each has a whole memory of its own.

    Parameters
    ----------
    model : Model
        In evaluation mode.
    count : int
        Branches.
    mem_len : int
        Positions that are remembered, where memory is a row of positions.
    """

    def __init__(self, model: Model, count: int, mem_len: int) -> None:
        self.model, self.mem_len = model, mem_len
        self.memories: list[Tensor | None] = [None] * count
        self.before = list(self.memories)

    @torch.inference_mode()
    def read(self, places: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Read tokens, each in the branch that is named for it; return logits of the next, ``(R, vocab_size)``."""
        rows = []
        for place, token in zip(places, tokens, strict=True):
            segment = torch.tensor([[token]], device=self.model.device)
            self.before[place] = self.memories[place]
            hidden, self.memories[place] = self.model(segment, self.memories[place], self.mem_len)
            rows.append(self.model.logits(hidden)[0, 0])
        return torch.stack(rows)

    def forget(self, place: int) -> None:
        """Let a branch forget the last token of the last `read`."""
        self.memories[place] = self.before[place]

    def copy(self, source: int, target: int) -> None:
        """Let a branch go on from where another is."""
        self.memories[target], self.before[target] = self.memories[source], self.before[source]

    def unite(self, source: int) -> None:
        """Let all branches go on from where one is."""
        self.memories = [self.memories[source]] * len(self.memories)


class TransformerBranches:
    """Branches of a Transformer-XL. Shapes have L layers, H heads of width E, R branches that read.

    Parameters
    ----------
    model : TransformerXL
        In evaluation mode.
    count : int
        Branches.
    mem_len : int
        Positions before the present one that a step attends to.
    """

    def __init__(self, model: TransformerXL, count: int, mem_len: int) -> None:
        self.model, self.count, self.window = model, count, window_of(model, mem_len)
        config, weight = model.config, model.embedding.weight
        self.layers = [layer for layer in model.layers if isinstance(layer, Layer)]
        heads, width = (2, config.n_layer, config.n_head), config.d_head  # of keys and of values
        self.trunk = weight.new_zeros((*heads, self.window + SLACK, width))
        self.end = 0
        self.own = weight.new_zeros((*heads, count, ROOM, width))
        self.lengths = [0] * count
        with torch.inference_mode():
            table = model.distances(self.window).to(weight.dtype)  # window - 1 … 0
            self.distances = [
                layer.attention.project_distances(table).transpose(1, 2).contiguous() for layer in self.layers
            ]  # each (H, E, window)

    @torch.inference_mode()
    def read(self, places: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Read tokens, each in the branch that is named for it; return logits of the next, ``(R, vocab_size)``."""
        lengths = []
        for place in places:
            lengths.append(self.lengths[place])
            self.lengths[place] += 1
        if max(lengths) >= self.own.shape[4]:
            self.own = torch.cat([self.own, torch.zeros_like(self.own)], dim=4)
        device = self.own.device
        rows, read = torch.tensor(places, device=device), torch.tensor(lengths, device=device)
        view = _View(rows, read, self.end, max(lengths) + 1, self.window)
        hidden = self.model.embed(torch.tensor(tokens, device=device))  # (R, D)
        for index, layer in enumerate(self.layers):
            normed = layer.attention_norm(hidden) if layer.pre_norm else hidden
            hidden = layer.finish(hidden, self._attend(index, layer, normed, view))
        return self.model.logits(hidden)

    def forget(self, place: int) -> None:
        """Let a branch forget the last token of the last `read`."""
        self.lengths[place] -= 1

    def copy(self, source: int, target: int) -> None:
        """Let a branch go on from where another is."""
        length = self.lengths[target] = self.lengths[source]
        self.own[:, :, :, target, :length] = self.own[:, :, :, source, :length]

    def unite(self, source: int) -> None:
        """Let all branches go on from where one is: what it has read is added to the trunk."""
        done, capacity = 0, self.trunk.shape[3]
        while done < self.lengths[source]:
            if self.end == capacity:
                kept = self.window - 1
                self.trunk[:, :, :, :kept] = self.trunk[:, :, :, self.end - kept :].clone()
                self.end = kept
            count = min(self.lengths[source] - done, capacity - self.end)
            self.trunk[:, :, :, self.end : self.end + count] = self.own[:, :, :, source, done : done + count]
            self.end, done = self.end + count, done + count
        self.lengths = [0] * self.count

    def _attend(self, index: int, layer: Layer, hidden: Tensor, view: _View) -> Tensor:
        attention, count = layer.attention, len(hidden)
        projected = functional.linear(hidden, attention.qkv_net.weight)
        query, key, value = projected.view(count, 3, attention.n_head, attention.d_head).permute(
            1, 2, 0, 3
        )  # (H, R, E)
        self.own[0, index][:, view.rows, view.read] = key
        self.own[1, index][:, view.rows, view.read] = value
        keys, values = self.trunk[:, index, :, view.start : self.end]  # (H, N, E)
        own_keys, own_values = self.own[:, index][:, :, view.rows, : view.longest]  # (H, R, S, E)
        content, position = attention.queries(query[:, :, None])  # (H, R, 1, E)
        by_column = position[:, :, 0] @ self.distances[index]  # (H, R, window)
        scores = torch.cat(
            [content[:, :, 0] @ keys.transpose(1, 2), (content @ own_keys.transpose(2, 3))[:, :, 0]], dim=2
        )  # (H, R, N + S)
        scores += by_column.gather(2, view.columns.expand(len(scores), -1, -1))
        shares = torch.softmax(scores + view.hidden, dim=2).to(values.dtype)
        seen = view.start_of_own
        read = shares[:, :, :seen] @ values + (shares[:, :, None, seen:] @ own_values)[:, :, 0]  # (H, R, E)
        return attention.o_net(read.transpose(0, 1).flatten(1))  # type: ignore[no-any-return]


class _View:
    """What some branches see: the trunk, then what each has read itself.

    Attributes
    ----------
    start : int
        The first position of the trunk that any sees.
    columns : Tensor, int64, ``(R, N + S)``
        Where the distance of each position stands in a table of the distances from the largest to 0.
    hidden : Tensor, ``(R, N + S)``
        Minus infinity for the positions that a branch does not see, else 0.
    """

    def __init__(self, rows: Tensor, read: Tensor, end: int, longest: int, window: int) -> None:
        self.rows, self.read, self.longest = rows, read, longest
        self.start = min(max(end + int(read.min()) + 1 - window, 0), end)
        self.start_of_own = end - self.start
        places = torch.arange(self.start, end + longest, device=rows.device)
        ages = end + read[:, None] - places  # (R, N + S)
        columns = window - 1 - ages
        is_hidden = (ages < 0) | (columns < 0)
        self.columns = columns.masked_fill(is_hidden, 0)
        self.hidden = torch.zeros(ages.shape, device=rows.device).masked_fill_(is_hidden, float("-inf"))
