"""From logits to one token of each sequence: the random numbers, and the options of the sampler in Rust."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakhnes._native import sample_tokens
from lakhnes.model.engine import Floats, Tokens
from lakhnes.sampling.params import SamplingParams

__all__ = ["Uniforms", "sample"]

SMALLEST = float(np.finfo(np.float32).tiny)
"""The smallest share that is more than none in the sampler."""


class Uniforms:
    """Random numbers in [0, 1): a row of them for each sequence, which its seed alone decides.

    Parameters
    ----------
    seeds : list of int or numpy.random.SeedSequence
        One for each sequence.
    """

    BLOCK = 256
    """Numbers of a sequence that are made at once."""

    def __init__(self, seeds: Sequence[int | np.random.SeedSequence]) -> None:
        self._generators = [np.random.default_rng(seed) for seed in seeds]
        self._all = np.arange(len(seeds))
        self._blocks: Floats = np.empty((len(seeds), self.BLOCK), dtype=np.float32)
        self._places = np.full(len(seeds), self.BLOCK)  # of the next number of each sequence in its block

    def next(self) -> Floats:
        """Return the next number of each sequence, float32, ``(B,)``."""
        for sequence in np.flatnonzero(self._places == self.BLOCK):
            # Rounded to float32, a number just below 1 may become 1; the sampler takes the last token then.
            self._blocks[sequence] = self._generators[sequence].random(self.BLOCK)
            self._places[sequence] = 0
        row: Floats = self._blocks[self._all, self._places]
        self._places += 1
        return row

    def begin(self, sequence: int, seed: int | np.random.SeedSequence) -> None:
        """Begin the numbers of another seed in a sequence."""
        self._generators[sequence] = np.random.default_rng(seed)
        self._places[sequence] = self.BLOCK


def sample(
    logits: Floats,
    uniforms: Floats,
    params: SamplingParams,
    *,
    allowed: npt.NDArray[np.bool_] | None = None,
    temperature: float | Floats | None = None,
    threads: int = 1,
) -> tuple[Tokens, Floats]:
    """Sample a token for every sequence.

    `lakhnes._native.sample_tokens` says in which order the filters work.

    Parameters
    ----------
    logits : float32 array, ``(B, V)``
        Minus infinity for what is never sampled.
    uniforms : float32 array, ``(B,)``
        Numbers in [0, 1): the place in the cumulated probabilities that is taken.
    params : SamplingParams
        Its ``temperature`` and the filters from ``top_k`` on are used.
    allowed : bool array, optional, ``(B, V)``
        What may be sampled; everything, if not given.
    temperature : float or float32 array, ``(B,)``, optional
        In place of that of `params`.
    threads : int
        How many share a large batch; the results do not depend on it.

    Returns
    -------
    tokens : int64 array, ``(B,)``
    losses : float32 array, ``(B,)``
        Their negative log-likelihoods at temperature 1, with nothing but `logits` themselves forbidding anything.

    Raises
    ------
    ValueError
        If nothing may be sampled.
    """
    chosen = params.temperature if temperature is None else temperature
    temperatures = np.broadcast_to(np.asarray(chosen, dtype=np.float32), uniforms.shape)
    return sample_tokens(
        logits,
        uniforms,
        np.ascontiguousarray(temperatures),
        allowed,
        top_k=params.top_k,
        top_p=1.0 if params.top_p is None else max(params.top_p, SMALLEST),
        min_p=0.0 if params.min_p is None else params.min_p,
        typical_p=1.0 if params.typical_p is None else max(params.typical_p, SMALLEST),
        threads=threads,
    )
