"""The endless order in which a run reads its songs."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from lakhnes.data.augmentation import PLAIN, Augmentation
from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import Ids

__all__ = ["SongOrder"]


class SongOrder:
    """Epoch after epoch of a corpus: in each a new shuffle, and new variations of the songs.

    A song at a place depends on nothing but the seed and the place, so that a run can resume anywhere.

    Parameters
    ----------
    songs : Corpus
    augmentation : Augmentation
    seed : int
    """

    def __init__(self, songs: Corpus, augmentation: Augmentation, seed: int) -> None:
        self.songs, self.augmentation, self.seed = songs, augmentation, seed
        # What songs state of themselves is no variation of them, and is left out at random to the end of a run.
        self._plain = dataclasses.replace(PLAIN, controls=augmentation.controls)
        self._epoch = -1
        self._shuffled: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def song(self, place: int, *, plain: bool = False) -> Ids | None:
        """Return the ids of the song at a place, varied or `plain`; ``None`` for one that is too short."""
        epoch, index = divmod(place, len(self.songs))
        if epoch != self._epoch:
            self._epoch = epoch
            self._shuffled = np.random.default_rng([self.seed, epoch]).permutation(len(self.songs))
        chosen = int(self._shuffled[index])
        variation = self._plain if plain else self.augmentation
        return self.songs.ids(chosen, variation, np.random.default_rng([self.seed, epoch, index]))
