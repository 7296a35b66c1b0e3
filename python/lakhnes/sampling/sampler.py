"""From scores to one token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lakhnes._native import sample_tokens

__all__ = ["Floats", "Tokens", "Uniforms", "draw"]

Floats = npt.NDArray[np.float32]
Tokens = npt.NDArray[np.int64]


class Uniforms:
    """Random numbers in [0, 1): a sequence a song, which its seed alone decides.

    Parameters
    ----------
    seeds : list of int
        One a song.
    """

    BLOCK = 256
    """Numbers of a song that are drawn at once."""

    def __init__(self, seeds: list[int]) -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._block: Floats = np.empty((0, len(seeds)), dtype=np.float32)
        self._place = 0

    def next(self) -> Floats:
        """Return the next number of each song, float32, ``(B,)``."""
        if self._place == len(self._block):
            # Rounded to float32, a number just below 1 may become 1; `draw` takes the last token then.
            rows = [generator.random(self.BLOCK) for generator in self._generators]
            self._block, self._place = np.stack(rows, axis=1).astype(np.float32), 0
        self._place += 1
        row: Floats = self._block[self._place - 1]
        return row


def draw(
    logits: Floats,
    uniform: Floats,
    allowed: npt.NDArray[np.bool_] | None = None,
    *,
    temperature: float | Floats = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
) -> tuple[Tokens, Floats]:
    """Draw a token for every song.

    Parameters
    ----------
    logits : float32 array, ``(B, V)``
        Minus infinity for what is never drawn.
    uniform : float32 array, ``(B,)``
        Numbers in [0, 1), one a song: the place in the cumulated probabilities that is taken.
    allowed : bool array, optional, ``(B, V)``
        What may be drawn; everything, if not given.
    temperature : float or float32 array, ``(B,)``
        Divides the logits; 0 takes the most probable token.
    top_k : int, optional
        Only the k most probable tokens, renormalised.
    top_p : float, optional
        Only the most probable tokens whose probabilities together reach p (Holtzman et al. 2020), renormalised.
    min_p : float, optional
        Only tokens that are at least p times as probable as the most probable one (Nguyen et al. 2024), renormalised.
    typical_p : float, optional
        Only the tokens closest to the entropy that together reach p (Meister et al. 2023), renormalised.

    Returns
    -------
    tokens : int64 array, ``(B,)``
    losses : float32 array, ``(B,)``
        Their negative log-likelihoods at temperature 1, with nothing but `logits` themselves forbidding anything.

    Raises
    ------
    ValueError
        If there is nothing that may be drawn.
    """
    temperatures = np.broadcast_to(np.asarray(temperature, dtype=np.float32), uniform.shape)
    return sample_tokens(
        logits,
        uniform,
        np.ascontiguousarray(temperatures),
        allowed,
        top_k=top_k,
        top_p=1.0 if top_p is None else top_p,
        min_p=0.0 if min_p is None else min_p,
        typical_p=1.0 if typical_p is None else typical_p,
    )
