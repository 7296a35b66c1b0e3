"""The grammar of TX1 and TX2 for some songs that are written at once; its rules are those of `lakhnes.grammar`."""

from __future__ import annotations

import torch
from torch import Tensor

from lakhnes._native import Vocabulary
from lakhnes.grammar import BOUNDARY, SUBSETS, VOICES, rules_of

__all__ = ["BOUNDARY", "VOICES", "Grammar"]


class Grammar:
    """What each of some songs may go on with.

    Parameters
    ----------
    vocabulary : Vocabulary
    batch_size : int
    device : torch.device
    """

    def __init__(self, vocabulary: Vocabulary, batch_size: int, device: torch.device) -> None:
        rules = rules_of(vocabulary.dialect)
        tensors = (rules.allowed, rules.place, rules.begins, ~rules.ends, rules.voice, rules.is_wait)
        self._allowed, self._place, self._begins, self._stays, self.voice, self.is_wait = (
            torch.from_numpy(array).to(device) for array in tensors
        )
        self.place = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self.sounding = torch.zeros(batch_size, dtype=torch.int64, device=device)

    def allowed(self) -> Tensor:
        """Return ``(B, V)``, true where an event may come next. ``<S>`` may come wherever a wait may."""
        return self._allowed[self.place * SUBSETS + self.sounding]

    def admits(self, token: int) -> bool:
        """Tell whether a given song, the first, may go on so: unlike in what is drawn, a silent voice may change."""
        place, everything = self.place[0] * SUBSETS, SUBSETS - 1
        silenced = ~int(self._stays[token]) & everything
        return bool(self._allowed[place + (int(self.sounding[0]) if silenced else everything), token])

    def advance(self, tokens: Tensor) -> None:
        """Take note of the event that each song went on with, ``(B,)`` ids."""
        self.place = self._place[tokens]
        self.sounding = self.sounding & self._stays[tokens] | self._begins[tokens]
