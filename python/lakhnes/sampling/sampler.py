"""From scores to one token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Uniforms", "draw"]


class Uniforms:
    """Random numbers in [0, 1): a sequence a song, which its seed alone decides.

    Parameters
    ----------
    seeds : list of int
        One a song.
    device : torch.device
    """

    BLOCK = 256
    """Numbers of a song that are drawn at once."""

    def __init__(self, seeds: list[int], device: torch.device) -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._device = device
        self._block: npt.NDArray[np.float32] = np.empty((0, len(seeds)), dtype=np.float32)
        self._place = 0

    def next(self) -> Tensor:
        """Return the next number of each song, float32, ``(B,)``."""
        if self._place == len(self._block):
            # Rounded to float32, a number just below 1 may become 1; `draw` takes the last token then.
            rows = [generator.random(self.BLOCK) for generator in self._generators]
            self._block, self._place = np.stack(rows, axis=1).astype(np.float32), 0
        self._place += 1
        return torch.from_numpy(self._block[self._place - 1]).to(self._device)


def draw(
    logits: Tensor,
    uniform: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Tensor:
    """Draw a token for every song.

    Parameters
    ----------
    logits : Tensor, ``(B, V)``
        Minus infinity for what may not be drawn.
    uniform : Tensor, ``(B,)``
        Numbers in [0, 1), one a song: the place in the cumulated probabilities that is taken.
    temperature : float or Tensor, ``(B, 1)``
        Divides the logits; the number 0 takes the most probable token.
    top_k : int, optional
        Only the k most probable tokens, renormalised.
    top_p : float, optional
        Only the most probable tokens whose probabilities together reach p (Holtzman et al. 2020), renormalised.
    min_p : float, optional
        Only tokens that are at least p times as probable as the most probable one (Nguyen et al. 2024), renormalised.

    Returns
    -------
    Tensor, int64, ``(B,)``
    """
    if not isinstance(temperature, Tensor) and temperature == 0.0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.float() / temperature, dim=-1)
    count = min(top_k or logits.shape[-1], logits.shape[-1])
    ranked, order = torch.topk(probabilities, count, dim=-1)  # most probable first
    if top_p is not None:
        before = ranked.cumsum(dim=-1) - ranked
        ranked = ranked * (before < top_p)
    if min_p is not None:
        ranked = ranked * (ranked >= min_p * ranked[:, :1])
    cumulated = ranked.cumsum(dim=-1)
    threshold = uniform[:, None] * cumulated[:, -1:]
    # The first rank whose cumulated probability exceeds the threshold; never one of probability zero.
    rank = (cumulated <= threshold).sum(dim=-1, keepdim=True)
    last = (ranked > 0).sum(dim=-1, keepdim=True) - 1
    return order.gather(-1, torch.minimum(rank, last))[:, 0]
