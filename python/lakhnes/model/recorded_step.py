"""A step of the Transformer-XL with shapes that never change: one token of every sequence, in buffers that stay put.

On a CUDA device it is recorded once as a graph and then replayed: small matrices take a GPU less time than it takes
Python to name their kernels. Nothing in it waits for the device. Elsewhere the same function is called each time.
Shapes are those of `lakhnes.model.ring`; K of the R slots are attended to, as few as hold what any sequence has read.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lakhnes.errors import LakhnesWarning
from lakhnes.model.engine import Floats, Tokens
from lakhnes.model.recorder import Recorder, Work
from lakhnes.model.ring import Ring
from lakhnes.model.transformer_xl import Layer, TransformerXL

__all__ = ["RecordedStep"]

SPAN = 256
"""K is rounded up to a multiple of this, R at most: few graphs are recorded, and few slots are read for nothing."""


class _Seen(NamedTuple):
    """What all layers of a step attend to."""

    span: int
    places: Tensor  # (B,): where the new keys go
    columns: Tensor  # (1, B, K): of each slot, the column of its distance among N
    mask: Tensor  # (1, B, K): 0, or minus infinity where there is nothing to be seen
    distances: list[Tensor]  # of each layer, (H, E, N)


class RecordedStep:
    """A step of all sequences of a ring.

    Parameters
    ----------
    network : TransformerXL
    ring : Ring
    recorder : Recorder, optional
        Without one, nothing is recorded.

    Attributes
    ----------
    inputs : int64 Tensor, ``(B, C)``
        What is read: tokens, what stands beside them, and positions last.
    logits : float32 Tensor, ``(B, V)``
        What the last step has left.
    """

    def __init__(self, network: TransformerXL, ring: Ring, recorder: Recorder | None = None) -> None:
        self._network, self._ring, self._recorder = network, ring, recorder
        config, device, rows = network.config, network.device, len(ring.counts)
        columns = config.inputs(np.zeros(1, dtype=np.int64)).size + 1
        pinned = device.type == "cuda"  # only memory that stays where it is can be copied while others work
        self._staged = torch.zeros((rows, columns), dtype=torch.int64, pin_memory=pinned)
        self.inputs = torch.zeros((rows, columns), dtype=torch.int64, device=device)
        self.logits = torch.zeros((rows, config.vocab_size), device=device)
        self._replays: dict[int, Work] = {}

    @torch.inference_mode()
    def __call__(self, inputs: Tokens, positions: Tokens) -> Floats:
        """Read a token of every sequence at these positions, ``(B,)``; return the logits after each, ``(B, V)``.

        The inputs are ``(B,)``, or ``(B, 1 + F + 2P)``. The positions of the ring are left as they are.
        """
        staged: npt.NDArray[np.int64] = self._staged.numpy()
        staged[:, :-1] = inputs.reshape(len(staged), -1)
        staged[:, -1] = positions
        self.inputs.copy_(self._staged, non_blocking=True)
        self._replay(min(-(-(int(positions.max()) + 1) // SPAN) * SPAN, self._ring.slots))
        return self._fetched()

    def _replay(self, span: int) -> None:
        """Make a step that attends to the first slots."""
        if span not in self._replays and self._recorder is not None:
            try:
                self._replays[span] = self._recorder.record(lambda: self.compute(span))
            except RuntimeError as error:
                reason = str(error).partition("\n")[0]
                warnings.warn(f"steps are computed without CUDA graphs: {reason}", LakhnesWarning, stacklevel=5)
                self._recorder = None
        replay = self._replays.get(span)
        if replay is None:
            self.compute(span)
        else:
            replay()

    def _fetched(self) -> Floats:
        """Return a copy of the logits on the host."""
        if self.logits.device.type != "cuda":
            return self.logits.to("cpu", copy=True).numpy()
        # Torch keeps pinned memory that is no longer used, and gives it again.
        logits = torch.empty(self.logits.shape, pin_memory=True)
        logits.copy_(self.logits, non_blocking=True)
        torch.cuda.current_stream(self.logits.device).synchronize()
        return logits.numpy()

    @torch.inference_mode()
    def compute(self, span: int) -> None:
        """Read what `inputs` holds, and leave `logits`: the work that is recorded."""
        seen = self._seen(self.inputs[:, -1], span)
        tokens = self.inputs[:, None, :-1] if self._network.config.score_state else self.inputs[:, :1]
        hidden = self._network.embed(tokens)  # (B, 1, D)
        for index, layer in enumerate(self._network.layers):
            assert isinstance(layer, Layer)
            hidden = layer.finish(hidden, self._attended(index, layer, layer.normed(hidden), seen))
        self.logits.copy_(self._network.logits(hidden)[:, 0])

    def _seen(self, positions: Tensor, span: int) -> _Seen:
        ages, shown = self._ring.ages(positions, span)
        count = min(span, self._ring.window)
        mask = torch.zeros(shown.shape, dtype=self._ring.buffer.dtype, device=shown.device)
        return _Seen(
            span,
            self._ring.places_of(positions),
            (count - 1 - ages).clamp(min=0)[None],
            mask.masked_fill_(~shown, float("-inf"))[None],
            [distances[:, self._ring.window - count :].transpose(1, 2) for distances in self._ring.distances],
        )

    def _attended(self, index: int, layer: Layer, normed: Tensor, seen: _Seen) -> Tensor:
        """Return what the attention of a layer reads, ``(B, 1, D)`` to ``(B, 1, D)``; the formula is `attend`'s."""
        attention = layer.attention
        query, key, value = (attention.split(part) for part in attention.qkv_net(normed).chunk(3, dim=-1))
        content, position = attention.queries(query)  # (H, B, 1, E)
        keys, values = self._ring.write(index, seen.places, key, value, seen.span)  # (H, B, K, E)
        by_distance = torch.bmm(position[:, :, 0], seen.distances[index])  # (H, B, N)
        by_slot = by_distance.gather(2, seen.columns.expand(len(by_distance), -1, -1)) + seen.mask  # (H, B, K)
        scores = torch.baddbmm(
            by_slot.flatten(0, 1)[:, None], content.flatten(0, 1), keys.flatten(0, 1).transpose(1, 2)
        )  # (H * B, 1, K)
        read = torch.bmm(torch.softmax(scores, dim=-1), values.flatten(0, 1))  # (H * B, 1, E)
        return attention.o_net(read.view_as(content).permute(1, 2, 0, 3).flatten(2))  # type: ignore[no-any-return]
