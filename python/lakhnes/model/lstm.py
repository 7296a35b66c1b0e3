"""A stack of LSTM layers: the recurrent baseline of the paper (Donahue et al. 2019, section 5).

Hochreiter & Schmidhuber, "Long short-term memory" (1997). Input and output embedding share one matrix (Press & Wolf
2017), as in the Transformer-XL beside it. Memory is the state of the layers: it has one size, however much was read.

Shapes are written with B songs, T positions, L layers and D = ``d_model``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lakhnes.model.config import LSTMConfig
from lakhnes.model.network import Network

__all__ = ["LSTM"]

INIT_STD = 0.02
FORGET_BIAS = 1.0
"""A new layer forgets little (Jozefowicz et al. 2015, section 2.2)."""


class LSTM(Network):
    """A recurrent language model.

    Parameters
    ----------
    config : LSTMConfig
    """

    config: LSTMConfig
    memory_songs = 2

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        width = config.d_model
        self.embedding = nn.Embedding(config.vocab_size, width)
        dropout = config.dropout if config.n_layer > 1 else 0.0  # between layers: of one layer there is no between
        self.layers = nn.LSTM(width, width, config.n_layer, batch_first=True, dropout=dropout)
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.embedding.weight, std=INIT_STD)
        for index in range(config.n_layer):
            with torch.no_grad():  # the four gates of a bias: input, forget, cell, output
                getattr(self.layers, f"bias_ih_l{index}")[width : 2 * width].fill_(FORGET_BIAS)
                getattr(self.layers, f"bias_hh_l{index}")[width : 2 * width].zero_()

    def forward(self, tokens: Tensor, memory: Tensor | None = None, mem_len: int = 0) -> tuple[Tensor, Tensor]:
        """Read ``(B, T)`` ids after a memory of ``(2, L, B, D)``; `mem_len` changes nothing.

        Returns
        -------
        hidden : Tensor, ``(B, T, D)``
        memory : Tensor, ``(2, L, B, D)``, detached
            Outputs and cells of all layers after the last position.
        """
        # Embeddings are small (they serve as output weights too): scaled to a variance that gates can work with.
        embedded = self.dropout(self.embedding(tokens) * self.config.d_model**0.5)
        state = None
        if memory is not None:
            outputs, cells = memory.to(embedded.dtype)
            state = (outputs.contiguous(), cells.contiguous())
        hidden, (outputs, cells) = self.layers(embedded, state)
        return self.dropout(hidden), torch.stack([outputs.detach().float(), cells.detach().float()])

    def memory_shape(self, songs: int) -> tuple[int | None, ...]:
        """Return ``(2, L, B, D)``."""
        return (2, self.config.n_layer, songs, self.config.d_model)

    def logits(self, hidden: Tensor) -> Tensor:
        """``(…, D)`` to ``(…, vocab_size)``."""
        return functional.linear(hidden, self.embedding.weight, self.output_bias)
