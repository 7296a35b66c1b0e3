"""The grammar of a vocabulary for sequences that are sampled at once; its rules are those of `lakhnes.grammar`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lakhnes.grammar import SUBSETS, Rules

__all__ = ["Grammar"]


class Grammar:
    """What each of some sequences may continue with.

    Parameters
    ----------
    rules : Rules
        From `lakhnes.grammar.rules_of`.
    sequences : int

    Attributes
    ----------
    place, sounding : int64 array, ``(B,)``
        The state of each sequence; see `lakhnes.grammar.Rules`.
    """

    def __init__(self, rules: Rules, sequences: int) -> None:
        self._rules = rules
        self.place = np.zeros(sequences, dtype=np.int64)
        self.sounding = np.zeros(sequences, dtype=np.int64)

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Return ``(B, V)``, true where an event may come next. ``<S>`` may come wherever a wait may."""
        rows: npt.NDArray[np.bool_] = self._rules.allowed[self.place * SUBSETS + self.sounding]
        return rows

    def admits(self, token: int) -> bool:
        """Tell whether the first sequence may have a token: unlike in what is sampled, a silent voice may change."""
        place, everything = int(self.place[0]) * SUBSETS, SUBSETS - 1
        silences = bool(self._rules.ends[token])
        return bool(self._rules.allowed[place + (int(self.sounding[0]) if silences else everything), token])

    def advance(self, tokens: npt.NDArray[np.int64]) -> None:
        """Take note of the next token of each sequence, ``(B,)``."""
        self.place = self._rules.place[tokens]
        self.sounding = self.sounding & ~self._rules.ends[tokens] | self._rules.begins[tokens]
