"""Data augmentation: random variations of songs (Donahue et al. 2019, section 4.3)."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary, augment_events
from lakhnes.data.controls import without_some
from lakhnes.units import VOICES

__all__ = ["PLAIN", "Augmentation", "augment_events"]

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
    tempo : float
        Probability that the rows of a TX3 song become a frame longer or shorter.
    controls : float
        Probability of each fact that a TX3 song could begin with (`lakhnes.data.controls`); every fourth song has none.
    """

    transpose: float = 1.0
    stretch: float = 1.0
    switch_pulses: float = 0.5
    ensemble: float = 0.5
    tempo: float = 0.0
    controls: float = 0.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if not 0.0 <= getattr(self, field.name) <= 1.0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}, expected a probability from 0 to 1")

    def apply(
        self, events: npt.NDArray[np.int32], vocabulary: Vocabulary, random: np.random.Generator
    ) -> npt.NDArray[np.int32]:
        """Return one random variation of a song."""
        chances = random.random(4)
        semitones = int(random.integers(-MAX_TRANSPOSE, MAX_TRANSPOSE + 1))
        factor = float(random.uniform(1.0 - MAX_STRETCH, 1.0 + MAX_STRETCH))
        kept = np.zeros(len(VOICES), dtype=bool)
        kept[random.permutation(len(VOICES))[: random.integers(1, len(VOICES))]] = True
        longer = int(random.choice((-1, 1))) if self.tempo and random.random() < self.tempo else 0
        varied = augment_events(
            events,
            transpose=semitones if chances[0] < self.transpose else 0,
            stretch=factor if chances[1] < self.stretch else 1.0,
            switch_pulses=bool(chances[2] < self.switch_pulses),
            keep=kept.tolist() if chances[3] < self.ensemble else [True] * len(VOICES),
            tempo=longer,
            controls=self.controls > 0,
            vocabulary=vocabulary,
        )
        return without_some(varied, vocabulary, self.controls, random) if self.controls else varied


PLAIN = Augmentation(transpose=0.0, stretch=0.0, switch_pulses=0.0, ensemble=0.0)
"""No variations."""
