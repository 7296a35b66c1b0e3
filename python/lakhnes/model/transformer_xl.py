"""Transformer-XL: a decoder that remembers what it read before the present segment.

Dai et al., "Transformer-XL: Attentive Language Models Beyond a Fixed-Length Context" (ACL 2019). Attention scores are
relative (section 3.3): with query ``q``, key ``k`` and the projected sinusoid ``r`` of the distance between them::

    score = ((q + r_w_bias) . k + (q + r_r_bias) . r) / sqrt(d_head)

In training, a memory holds the input of every layer and the output of the last for the positions before the segment,
without gradients; in evaluation, keys and values (`lakhnes.model.cache`). Donahue et al., "LakhNES" (ISMIR 2019) train
this model on event tokens; their published checkpoints are the post-norm form with 12 layers.

Shapes are written with B songs, T positions of the segment, M of memory, K = M + T keys, H heads of width E, and
D = ``d_model``.
"""

from __future__ import annotations

import functools
import math
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from lakhnes._native import score_state_tables
from lakhnes.model.attention import attend
from lakhnes.model.cache import KeyValueCache, KeyValueMemory
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.network import Network

Memory: TypeAlias = Tensor | KeyValueMemory
"""What was read before the present segment: hidden states, ``(n_layer + 1, B, M, D)``, or keys and values."""

INIT_STD = 0.02

RECALLED = score_state_tables()[2]
"""P: the tokens that are recalled beside each token."""


def _zeros(rows: int, width: int) -> nn.Embedding:
    table = nn.Embedding(rows, width)
    nn.init.zeros_(table.weight)
    return table


def distance_table(distances: Tensor, d_model: int) -> Tensor:
    """Return the sinusoids of some distances, sines first and then cosines: ``(K,)`` to ``(K, D)``.

    The frequencies are 1 / 10000^(2i / D) (Vaswani et al. 2017, section 3.5).
    """
    exponents = torch.arange(0, d_model, 2, device=distances.device, dtype=torch.float32) / d_model
    # Rounded as in the original: far positions times a frequency that is off by one place differ by 1e-4 in the logits.
    frequencies = 1.0 / torch.pow(10_000.0, exponents)
    angles = distances.to(torch.float32)[:, None] * frequencies[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class RelativeAttention(nn.Module):
    """Multi-head attention over memory and segment with relative positions."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.n_head, self.d_head = config.n_head, config.d_head
        inner = config.n_head * config.d_head
        self.qkv_net = nn.Linear(config.d_model, 3 * inner, bias=False)
        self.r_net = nn.Linear(config.d_model, inner, bias=False)
        self.o_net = nn.Linear(inner, config.d_model, bias=False)
        self.r_w_bias = nn.Parameter(torch.zeros(config.n_head, config.d_head))
        self.r_r_bias = nn.Parameter(torch.zeros(config.n_head, config.d_head))

    def split(self, x: Tensor) -> Tensor:
        """``(B, N, H * E)`` to ``(H, B, N, E)``."""
        batch, length, _ = x.shape
        return x.view(batch, length, self.n_head, self.d_head).permute(2, 0, 1, 3)

    def queries(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scaled queries of content and of position, each ``(H, B, T, E)``."""
        # Scaling the small side: T x E numbers before the products, not T x K scores after them.
        scaled = query / math.sqrt(self.d_head)
        content_bias = (self.r_w_bias / math.sqrt(self.d_head)).to(scaled.dtype)
        position_bias = (self.r_r_bias / math.sqrt(self.d_head)).to(scaled.dtype)
        return scaled + content_bias[:, None, None], scaled + position_bias[:, None, None]

    def project_distances(self, table: Tensor) -> Tensor:
        """``(N, D)`` sinusoids to ``(H, N, E)``."""
        projected = self.r_net(table.to(self.r_net.weight.dtype))
        return projected.view(-1, self.n_head, self.d_head).transpose(0, 1).contiguous()  # type: ignore[no-any-return]

    def project_keys(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, N, D)`` to keys and values, ``(H, B, N, E)`` each."""
        weight = self.qkv_net.weight[self.n_head * self.d_head :]
        key, value = (self.split(part) for part in functional.linear(seen, weight).chunk(2, dim=-1))
        return key, value

    def forward(self, x: Tensor, key: Tensor, value: Tensor, distances: Tensor, mask: Tensor) -> Tensor:
        """Read from ``(B, T, D)`` the keys and values of memory and segment, ``(H, B, K, E)``; return ``(B, T, D)``.

        `distances` is ``(H, K, E)`` for the distances K - 1 … 0, `mask` ``(T, N)`` for the last N.
        """
        query = self.split(functional.linear(x, self.qkv_net.weight[: self.n_head * self.d_head]))
        content, position = self.queries(query)
        read = attend(content.contiguous(), position.contiguous(), key, value, distances, mask.to(query.dtype))
        return self.o_net(read.permute(1, 2, 0, 3).flatten(2))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and feed-forward, each with a residual path and a normalisation."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.attention = RelativeAttention(config)
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.inner = nn.Linear(config.d_model, config.d_inner)
        self.outer = nn.Linear(config.d_inner, config.d_model)
        self.feed_forward_norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.pre_norm = config.pre_norm

    def feed_forward(self, x: Tensor) -> Tensor:
        """``(B, T, D)`` to ``(B, T, D)`` through ``d_inner`` rectified units."""
        hidden = self.dropout(functional.relu(self.inner(x)))
        return self.dropout(self.outer(hidden))  # type: ignore[no-any-return]

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual path around the attention, then the feed-forward half."""
        x = x + self.dropout(attended)
        if self.pre_norm:
            return x + self.feed_forward(self.feed_forward_norm(x))
        x = self.attention_norm(x)
        return self.feed_forward_norm(x + self.feed_forward(x))  # type: ignore[no-any-return]

    def forward(self, x: Tensor, memory: Tensor | None, table: Tensor, mask: Tensor) -> Tensor:
        """``(B, T, D)`` with hidden states ``(B, M, D)`` of memory to ``(B, T, D)``."""
        normed = self.normed(x)
        seen = normed if memory is None else torch.cat([self.normed(memory), normed], dim=1)  # (B, K, D)
        key, value = (part.contiguous() for part in self.attention.project_keys(seen))
        distances = self.attention.project_distances(table)
        return self.finish(x, self.attention(normed, key, value, distances, mask))

    def normed(self, x: Tensor) -> Tensor:
        """Return what the attention of this layer reads of its input."""
        return self.attention_norm(x) if self.pre_norm else x


class TransformerXL(Network):
    """The language model: token ids in, logits of the next token out.

    Parameters
    ----------
    config : TransformerXLConfig
        The shape. Input and output embedding share one matrix; inputs are scaled by sqrt(D).
    """

    config: TransformerXLConfig

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layer))
        self.final_norm = nn.LayerNorm(config.d_model) if config.pre_norm else nn.Identity()
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.dropout = nn.Dropout(config.dropout)
        self.apply(_initialise)
        if config.pre_norm:
            # The residual stream of a pre-norm model sums 2 n_layer branches: keep its variance (GPT-2, section 2.3).
            for layer in self.layers:
                assert isinstance(layer, Layer)
                nn.init.normal_(layer.attention.o_net.weight, std=INIT_STD / math.sqrt(2 * config.n_layer))
                nn.init.normal_(layer.outer.weight, std=INIT_STD / math.sqrt(2 * config.n_layer))
        self.score_state: nn.Embedding | None = None
        self.recall: nn.Embedding | None = None
        if config.score_state:  # zeros, so that training can continue from a model without them
            self.score_state = _zeros(*config.tensors["score_state.weight"])
            self.recall = _zeros(*config.tensors["recall.weight"])

    def embed(self, tokens: Tensor) -> Tensor:
        """``(B, T)`` ids, or ``(B, T, 1 + F + 2P)`` with the state of the score, to ``(B, T, D)``."""
        if self.score_state is None or self.recall is None:
            embedded = self.embedding(tokens)
        else:
            last = tokens.shape[-1] - 2 * RECALLED
            rows, pairs = tokens[..., 1:last].flatten(0, 1), tokens[..., last:]
            state = functional.embedding_bag(rows, self.score_state.weight, mode="sum")
            # The embeddings of a token and of what is recalled beside it, with one look into the table.
            own, *recalled = self.embedding(torch.cat((tokens[..., :1], pairs[..., ::2]), dim=-1)).unbind(dim=-2)
            embedded = own + state.view(*tokens.shape[:2], -1)
            for other, weights in zip(recalled, self.recall(pairs[..., 1::2]).unbind(dim=-2), strict=True):
                embedded = embedded + other * weights
        return self.dropout(embedded * math.sqrt(self.config.d_model))  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """``(…, D)`` of the last layer to ``(…, vocab_size)``."""
        return functional.linear(self.dropout(self.final_norm(hidden)), self.embedding.weight, self.output_bias)

    def distances(self, count: int) -> Tensor:
        """Return the table of the distances count - 1 … 0, clamped: ``(count, D)``."""
        positions = torch.arange(count - 1, -1, -1, device=self.output_bias.device)
        if self.config.clamp_len > 0:
            positions = positions.clamp(max=self.config.clamp_len)
        return distance_table(positions, self.config.d_model)

    def mask(self, rows: int, memory: int, mem_len: int) -> Tensor:
        """Return what to add to the scores of the last N keys, ``(T, N)``: minus infinity where T may not look.

        N is T: nothing of the memory is hidden, but with ``same_length`` N is K and the oldest keys are hidden so that
        every position sees equally many. While the memory is filling, as in the original, fewer are.
        """
        device = self.output_bias.device
        if not self.config.same_length:
            blocked = torch.ones(rows, rows, dtype=torch.bool, device=device).triu(1)
        else:
            keys = memory + rows
            blocked = torch.ones(rows, keys, dtype=torch.bool, device=device).triu(memory + 1)
            excess = max(keys - mem_len, 0)
            blocked |= torch.ones_like(blocked).tril(-(rows - excess))
        return torch.zeros(blocked.shape, device=device).masked_fill_(blocked, float("-inf"))

    def memory_shape(self, songs: int) -> tuple[int | None, ...]:
        """Return ``(n_layer + 1, B, M, D)``, for any M."""
        return (self.config.n_layer + 1, songs, None, self.config.d_model)

    def memory_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """Return the type of the products, through which alone memory is read."""
        return dtype

    def cache(self) -> KeyValueCache:
        """Return the memory with which reading without gradients begins."""
        return KeyValueCache()

    def forward(self, tokens: Tensor, memory: Memory | None = None, mem_len: int = 0) -> tuple[Tensor, Memory]:
        """Read one segment.

        Parameters
        ----------
        tokens : Tensor, int64, ``(B, T)``
            With ``config.score_state`` ``(B, T, 1 + F + 2P)``: each token, and the state behind it.
        memory : Tensor, ``(n_layer + 1, B, M, D)``, or KeyValueMemory, optional
            What this method returned for the segment before; a cache is changed in place.
        mem_len : int
            How many positions the returned memory holds at the most.

        Returns
        -------
        hidden : Tensor, ``(B, T, D)``
            Output of the last layer; `logits` turns it into scores of the next token.
        memory : Tensor, ``(n_layer + 1, B, M', D)``, detached, or the cache
        """
        if memory is not None and not isinstance(memory, Tensor):
            return self._read(tokens, memory, mem_len), memory
        rows = tokens.shape[1]
        kept = 0 if memory is None else memory.shape[2]
        hidden = self.embed(tokens)
        table = self.dropout(self.distances(kept + rows))  # K - 1 … 0
        mask = self.mask(rows, kept, mem_len)
        states = [hidden]
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden, None if memory is None else memory[index], table, mask)
            states.append(hidden)
        return hidden, _remember(states, memory, mem_len)

    def _read(self, tokens: Tensor, cache: KeyValueMemory, mem_len: int) -> Tensor:
        """Read one segment after the keys and values of a cache, and add to these; see `forward`."""
        rows = tokens.shape[1]
        hidden = self.embed(tokens)
        mask = self.mask(rows, cache.length, mem_len)
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            attention, normed = layer.attention, layer.normed(hidden)
            key, value = cache.extend(index, *attention.project_keys(normed))
            project = functools.partial(self._projected_distances, attention)
            distances = cache.distances(index, key.shape[2], project)
            hidden = layer.finish(hidden, attention(normed, key, value, distances, mask))
        cache.advance(rows, mem_len)
        return hidden

    def _projected_distances(self, attention: RelativeAttention, count: int) -> Tensor:
        return attention.project_distances(self.distances(count))


def _remember(states: list[Tensor], memory: Tensor | None, mem_len: int) -> Tensor:
    """Return the last `mem_len` positions of the old memory followed by the segment."""
    layers, (batch, rows, width) = len(states), states[0].shape
    before = 0 if memory is None else min(memory.shape[2], max(mem_len - rows, 0))
    after = min(rows, mem_len)
    device, dtype = states[0].device, states[0].dtype
    if torch.is_autocast_enabled(device.type):  # memory is then read through products in half precision only
        dtype = torch.get_autocast_dtype(device.type)
    kept = torch.empty((layers, batch, before + after, width), dtype=dtype, device=device)
    if memory is not None and before:
        kept[:, :, :before] = memory[:, :, memory.shape[2] - before :]
    if after:
        for layer, state in zip(kept, states, strict=True):
            layer[:, before:] = state.detach()[:, rows - after :]
    return kept


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=INIT_STD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, RelativeAttention):
        nn.init.normal_(module.r_w_bias, std=INIT_STD)
        nn.init.normal_(module.r_r_bias, std=INIT_STD)
