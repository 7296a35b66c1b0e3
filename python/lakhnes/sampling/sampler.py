"""From scores to one token."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["draw", "uniforms"]


def uniforms(generators: list[np.random.Generator], device: torch.device) -> Tensor:
    """Return the next number in [0, 1) of each song's own generator, ``(B,)``."""
    return torch.tensor([generator.random() for generator in generators], dtype=torch.float32, device=device)


def draw(
    logits: Tensor, uniform: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """Draw a token for every song.

    Parameters
    ----------
    logits : Tensor, ``(B, V)``
        Minus infinity for what may not be drawn.
    uniform : Tensor, ``(B,)``
        Numbers in [0, 1), one a song: the place in the cumulated probabilities that is taken.
    temperature : float
        Divides the logits; 0 takes the most probable token.
    top_k : int, optional
        Only the k most probable tokens, renormalised.
    top_p : float, optional
        Only the most probable tokens whose probabilities together reach p (Holtzman et al. 2020), renormalised.

    Returns
    -------
    Tensor, int64, ``(B,)``
    """
    if temperature == 0.0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.float() / temperature, dim=-1)
    count = min(top_k or logits.shape[-1], logits.shape[-1])
    ranked, order = torch.topk(probabilities, count, dim=-1)  # most probable first
    if top_p is not None:
        before = ranked.cumsum(dim=-1) - ranked
        ranked = ranked * (before < top_p)
    cumulated = ranked.cumsum(dim=-1)
    threshold = uniform[:, None] * cumulated[:, -1:]
    # The first rank whose cumulated probability exceeds the threshold; never one of probability zero.
    rank = (cumulated <= threshold).sum(dim=-1, keepdim=True)
    last = (ranked > 0).sum(dim=-1, keepdim=True) - 1
    return order.gather(-1, torch.minimum(rank, last))[:, 0]
