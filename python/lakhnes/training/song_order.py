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
        self._orders: dict[int, npt.NDArray[np.int64]] = {}

    def song(self, place: int, *, plain: bool = False) -> Ids | None:
        """Return the ids of the song at a place, varied or `plain`; ``None`` for one that is too short."""
        epoch, index = divmod(place, len(self.songs))
        chosen = int(self._order(epoch)[index])
        variation = self._plain if plain else self.augmentation
        return self.songs.ids(chosen, variation, np.random.default_rng([self.seed, epoch, index]))

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the shuffle of an epoch; only the last one is kept, and threads may ask for several."""
        order = self._orders.get(epoch)
        if order is None:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.songs))
            self._orders = {epoch: order}
        return order
