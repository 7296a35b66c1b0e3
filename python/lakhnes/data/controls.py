"""The control tokens of TX3, by which a song may state its key, densities, registers, length and ending."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary
from lakhnes.units import VOICES

__all__ = ["kinds_of", "without_some"]

FACTS = (
    "KEY",
    *(f"{fact}_{voice.upper()}" for fact in ("DENSITY", "REGISTER") for voice in VOICES),
    "LENGTH",
    "ENDS",
)
"""What may be stated, each once."""

SILENT = 0.25
"""Share of the songs in training that state nothing, so that a model also learns to compose without facts."""


@functools.cache
def kinds_of(dialect: str) -> npt.NDArray[np.int64]:
    """Return for every token of a vocabulary which of `FACTS` it states, -1 for none, int64, ``(V,)``."""
    symbols = Vocabulary(dialect).symbols
    kinds = [
        next((place for place, fact in enumerate(FACTS) if symbol.startswith(f"{fact}_")), -1) for symbol in symbols
    ]
    return np.array(kinds, dtype=np.int64)


def without_some(
    events: npt.NDArray[np.int32], vocabulary: Vocabulary, share: float, random: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Leave out facts at random: each stays with probability `share`, and in `SILENT` of the songs none does."""
    stays = (random.random(len(FACTS)) < share) & (random.random() >= SILENT)
    kinds = kinds_of(vocabulary.dialect)[events.clip(0)]
    kept: npt.NDArray[np.int32] = events[(kinds < 0) | stays[kinds]]
    return kept
