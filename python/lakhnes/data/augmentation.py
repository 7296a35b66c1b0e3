"""Data augmentation: random variations of songs (Donahue et al. 2019, section 4.3)."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary, augment_events
from lakhnes.units import VOICES

__all__ = ["PLAIN", "Augmentation"]

MAX_TRANSPOSE = 6
"""Semitones."""

MAX_STRETCH = 0.05
"""Share of the length of a wait."""


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How often each variation of LakhNES (Donahue et al. 2019, section 4.3) is applied to a song.

    Attributes
    ----------
    transpose, stretch, switch_pulses, ensemble : float
        Probabilities, from 0 to 1: pitches move by up to 6 semitones; waits stretch by up to 5 %; P1 and P2 exchange
        their parts; a random one to three of the four voices stay.
    """

    transpose: float = 1.0
    stretch: float = 1.0
    switch_pulses: float = 0.5
    ensemble: float = 0.5

    def apply(
        self, events: npt.NDArray[np.int32], vocabulary: Vocabulary, random: np.random.Generator
    ) -> npt.NDArray[np.int32]:
        """Return one random variation of a song."""
        chances = random.random(4)
        semitones = int(random.integers(-MAX_TRANSPOSE, MAX_TRANSPOSE + 1))
        factor = float(random.uniform(1.0 - MAX_STRETCH, 1.0 + MAX_STRETCH))
        kept = np.zeros(len(VOICES), dtype=bool)
        kept[random.permutation(len(VOICES))[: random.integers(1, len(VOICES))]] = True
        return augment_events(
            events,
            transpose=semitones if chances[0] < self.transpose else 0,
            stretch=factor if chances[1] < self.stretch else 1.0,
            switch_pulses=bool(chances[2] < self.switch_pulses),
            keep=kept.tolist() if chances[3] < self.ensemble else [True] * len(VOICES),
            vocabulary=vocabulary,
        )


PLAIN = Augmentation(transpose=0.0, stretch=0.0, switch_pulses=0.0, ensemble=0.0)
"""No variations."""
