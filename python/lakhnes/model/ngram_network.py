"""An n-gram model as a torch module, so that corpora are evaluated with it as with every other model."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from lakhnes.model.config import NGramConfig
from lakhnes.model.network import Network
from lakhnes.model.ngram import NGram

__all__ = ["NGramNetwork"]


class NGramNetwork(Network):
    """An n-gram model; its tables are buffers under the names of `lakhnes.model.ngram.NGram`.

    Parameters
    ----------
    config : NGramConfig
    """

    config: NGramConfig

    def __init__(self, config: NGramConfig) -> None:
        super().__init__()
        self.config = config
        for name, shape in config.tensors.items():
            self.register_buffer(name, torch.zeros(shape))

    @functools.cached_property
    def ngram(self) -> NGram:
        """The tables, on the CPU."""
        return NGram(self.config, {name: table.cpu().numpy() for name, table in self.named_buffers()})

    def forward(self, tokens: Tensor, memory: Tensor | None = None, mem_len: int = 0) -> tuple[Tensor, Tensor]:
        """Read ``(B, T)`` ids; `mem_len` changes nothing, for the order says what is remembered.

        Returns
        -------
        contexts : Tensor, int64, ``(B, T, order - 1)``
            The last tokens at every position, the present one last, nothing of the song before.
        memory : Tensor, int64, ``(B, order - 1)``
        """
        width = self.config.mem_len
        if width == 0:
            nothing = tokens[:, :0]
            return tokens[:, :, None][:, :, :0], nothing
        before = tokens.new_zeros(tokens.shape[0], width) if memory is None else memory
        row = torch.cat([before, tokens], dim=1)  # (B, width + T)
        windows = row.unfold(1, width, 1)[:, 1:]  # (B, T, width)
        # A token stays if no boundary stands after it.
        after = (windows[:, :, 1:] != 0).long().flip(-1).cumprod(-1).flip(-1)
        contexts = torch.cat([windows[:, :, :-1] * after, windows[:, :, -1:]], dim=-1)
        return contexts, row[:, -width:].detach()

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the log-probabilities of the next token after contexts, ``(…, order - 1)`` to ``(…, vocab_size)``."""
        contexts = hidden.reshape(hidden.shape[:-1].numel(), hidden.shape[-1]).cpu().numpy()
        logs = torch.from_numpy(self.ngram.log_probabilities(contexts)).to(hidden.device)
        return logs.view(*hidden.shape[:-1], self.config.vocab_size)
