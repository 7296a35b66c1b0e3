"""What is differentiated in a step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lakhnes.model.network import Network

__all__ = ["SegmentLoss"]


class SegmentLoss(nn.Module):
    """The mean loss of a segment, in nats a token.

    Parameters
    ----------
    model : Network
    dtype : torch.dtype
        Of matrix products.
    """

    def __init__(self, model: Network, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, inputs: Tensor, targets: Tensor, memory: Tensor | None, mem_len: int) -> tuple[Tensor, Tensor]:
        """Return the loss of a segment ``(B, T)`` and the memory after it."""
        logits, memory = self.model.score(inputs, memory, mem_len, self.dtype)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten()), memory
