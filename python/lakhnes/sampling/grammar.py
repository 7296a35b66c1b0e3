"""The grammar of TX1 and TX2 for some songs that are written at once; its rules are those of `lakhnes.grammar`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary
from lakhnes.grammar import BOUNDARY, SUBSETS, VOICES, rules_of

__all__ = ["BOUNDARY", "VOICES", "Grammar"]


class Grammar:
    """What each of some songs may go on with.

    Parameters
    ----------
    vocabulary : Vocabulary
    batch_size : int

    Attributes
    ----------
    voice : int64 array, ``(V,)``
        The voice of each event, -1 for waits and ``<S>``.
    is_wait : bool array, ``(V,)``
    place, sounding : int64 array, ``(B,)``
        The state of each song; see `lakhnes.grammar.Rules`.
    """

    def __init__(self, vocabulary: Vocabulary, batch_size: int) -> None:
        rules = rules_of(vocabulary.dialect)
        self._allowed, self._place, self._begins, self._stays = rules.allowed, rules.place, rules.begins, ~rules.ends
        self.voice, self.is_wait = rules.voice, rules.is_wait
        self.place = np.zeros(batch_size, dtype=np.int64)
        self.sounding = np.zeros(batch_size, dtype=np.int64)

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Return ``(B, V)``, true where an event may come next. ``<S>`` may come wherever a wait may."""
        rows: npt.NDArray[np.bool_] = self._allowed[self.place * SUBSETS + self.sounding]
        return rows

    def admits(self, token: int) -> bool:
        """Tell whether a given song, the first, may go on so: unlike in what is drawn, a silent voice may change."""
        place, everything = self.place[0] * SUBSETS, SUBSETS - 1
        silenced = ~int(self._stays[token]) & everything
        return bool(self._allowed[place + (int(self.sounding[0]) if silenced else everything), token])

    def advance(self, tokens: npt.NDArray[np.int64]) -> None:
        """Take note of the event that each song went on with, ``(B,)`` ids."""
        self.place = self._place[tokens]
        self.sounding = self.sounding & self._stays[tokens] | self._begins[tokens]
