"""How LakhNES decodes, restated as the reference of what is faster (Dai et al. 2019; Donahue et al. 2019).

Its memory holds hidden states. Each step puts the new state behind those of every layer, projects queries, keys and
values of all of them and the distances of all positions, takes the scores as products of whole matrices, shifts those
of position, masks, and keeps the last states of every layer. Sequences come first in every shape, as there: K positions
of B songs, H heads of width E, D = ``d_model``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from lakhnes.model.transformer_xl import Layer, TransformerXL, distance_table

__all__ = ["OriginalDecoder"]


class OriginalDecoder:
    """The state of some songs being read in step, as the original keeps it; post-norm models only.

    Parameters
    ----------
    model : TransformerXL
        In evaluation mode.
    batch_size, mem_len : int
        Songs, and positions before the present one.
    """

    def __init__(self, model: TransformerXL, batch_size: int, mem_len: int) -> None:
        if model.config.pre_norm or model.config.same_length:
            raise ValueError("model: expected post-norm and no same_length, as published")
        self.model, self.mem_len = model, mem_len
        self.memory = [torch.zeros(0, batch_size, model.config.d_model) for _ in range(model.config.n_layer + 1)]

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Read one token of every song, ``(B,)`` ids; return logits of the next, ``(B, vocab_size)``."""
        model, config = self.model, self.model.config
        hidden = model.embedding(tokens)[None] * math.sqrt(config.d_model)  # (1, B, D)
        count = len(self.memory[0]) + 1
        mask = torch.ones(1, count, dtype=torch.bool).triu(count)[:, :, None]  # (1, K, 1): the future
        positions = torch.arange(count - 1, -1, -1.0)
        if config.clamp_len > 0:
            positions = positions.clamp(max=config.clamp_len)
        table = distance_table(positions, config.d_model)[:, None]  # (K, 1, D)
        states = [hidden]
        for layer, memory in zip(model.layers, self.memory[:-1], strict=True):
            assert isinstance(layer, Layer)
            attended = self._attend(layer, hidden, memory, table, mask)
            hidden = layer.attention_norm(hidden + attended)
            hidden = layer.feed_forward_norm(hidden + layer.outer(torch.relu(layer.inner(hidden))))
            states.append(hidden)
        self.memory = [
            torch.cat([memory, state])[-self.mem_len :] for memory, state in zip(self.memory, states, strict=True)
        ]
        return functional.linear(hidden[0], model.embedding.weight, model.output_bias)

    def _attend(self, layer: Layer, hidden: Tensor, memory: Tensor, table: Tensor, mask: Tensor) -> Tensor:
        attention, batch = layer.attention, hidden.shape[1]
        heads, width = attention.n_head, attention.d_head
        seen = torch.cat([memory, hidden])  # (K, B, D)
        query, key, value = attention.qkv_net(seen).chunk(3, dim=-1)
        query = query[-1:].view(1, batch, heads, width)
        key, value = (part.view(-1, batch, heads, width) for part in (key, value))
        distances = attention.r_net(table).view(-1, heads, width)  # (K, H, E)
        content = torch.einsum("ibnd,jbnd->ijbn", query + attention.r_w_bias, key)  # (1, K, B, H)
        position = torch.einsum("ibnd,jnd->ijbn", query + attention.r_r_bias, distances)
        scores = (content + _shifted(position)) / math.sqrt(width)
        scores = scores.float().masked_fill(mask[:, :, :, None], float("-inf"))
        read = torch.einsum("ijbn,jbnd->ibnd", torch.softmax(scores, dim=1), value)
        return attention.o_net(read.reshape(1, batch, heads * width))  # type: ignore[no-any-return]


def _shifted(scores: Tensor) -> Tensor:
    """Shift the row of position i by i, with a column of zeros that is cut off again."""
    rows, keys, *rest = scores.shape
    padded = torch.cat([scores.new_zeros(rows, 1, *rest), scores], dim=1)
    return padded.view(keys + 1, rows, *rest)[1:].view_as(scores)
