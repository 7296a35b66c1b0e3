"""One token a step in torch: the reference of the native kernel, and the way of every device but the CPU.

Each layer's keys and values are written once into a buffer, and the projected distances are computed once for a model
and a length of memory.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lakhnes.model.transformer_xl import Layer, RelativeAttention, TransformerXL

__all__ = ["SLACK", "TorchDecoder", "window_of"]

SLACK = 256
"""Steps between two moves of the buffers: they are this much longer than the memory."""


def window_of(model: TransformerXL, mem_len: int) -> int:
    """Return how many positions a step sees, the present one among them."""
    # With same_length the present position is one of the `mem_len` keys, else it comes on top of them.
    return max(mem_len if model.config.same_length else mem_len + 1, 1)


class TorchDecoder:
    """The state of some songs being read or written in step.

    Parameters
    ----------
    model : TransformerXL
        In evaluation mode.
    batch_size : int
    mem_len : int
        Positions before the present one that a step attends to; older ones are forgotten.
    """

    def __init__(self, model: TransformerXL, batch_size: int, mem_len: int) -> None:
        self.model, self.batch_size = model, batch_size
        config, weight = model.config, model.embedding.weight
        self.window = window_of(model, mem_len)
        shape = (config.n_layer, config.n_head, batch_size, self.window + SLACK, config.d_head)
        self.keys = torch.zeros(shape, dtype=weight.dtype, device=weight.device)
        self.values = torch.zeros_like(self.keys)
        self.end = 0
        with torch.inference_mode():
            table = model.distances(self.window).to(weight.dtype)  # window - 1 … 0
            self.distances = [
                layer.attention.project_distances(table).transpose(1, 2).contiguous() for layer in self.layers()
            ]  # each (H, E, window)

    def layers(self) -> list[Layer]:
        """Return the layers of the model."""
        return [layer for layer in self.model.layers if isinstance(layer, Layer)]

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Read one token of every song, ``(B,)`` ids; return logits of the next, ``(B, vocab_size)``."""
        if self.end == self.keys.shape[3]:
            kept = self.window - 1
            for buffer in (self.keys, self.values):
                buffer[:, :, :, :kept] = buffer[:, :, :, self.end - kept :].clone()
            self.end = kept
        hidden = self.model.embed(tokens)  # (B, D)
        self.end += 1
        for index, layer in enumerate(self.layers()):
            normed = layer.attention_norm(hidden) if layer.pre_norm else hidden
            hidden = layer.finish(hidden, self._attend(index, layer.attention, normed))
        return self.model.logits(hidden)

    def read(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after the last, ``(B, vocab_size)``."""
        for position in range(tokens.shape[1] - 1):
            self.step(tokens[:, position])
        return self.step(tokens[:, -1])

    def read_all(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after each, ``(B, T, vocab_size)``."""
        return torch.stack([self.step(tokens[:, position]) for position in range(tokens.shape[1])], dim=1)

    def _attend(self, index: int, attention: RelativeAttention, hidden: Tensor) -> Tensor:
        batch, heads, width = self.batch_size, attention.n_head, attention.d_head
        start = max(self.end - self.window, 0)
        projected = functional.linear(hidden, attention.qkv_net.weight).view(batch, 3, heads, width)
        query, key, value = projected.permute(1, 2, 0, 3)  # each (H, B, E)
        self.keys[index, :, :, self.end - 1] = key
        self.values[index, :, :, self.end - 1] = value
        content, position = attention.queries(query[:, :, None])  # (H, B, 1, E)
        scores = content @ self.keys[index, :, :, start : self.end].transpose(-1, -2)  # (H, B, 1, N)
        count = self.end - start
        scores += torch.bmm(position[:, :, 0], self.distances[index][:, :, self.window - count :])[:, :, None]
        read = torch.softmax(scores, dim=-1) @ self.values[index, :, :, start : self.end]  # (H, B, 1, E)
        return attention.o_net(read[:, :, 0].transpose(0, 1).flatten(1))  # type: ignore[no-any-return]
