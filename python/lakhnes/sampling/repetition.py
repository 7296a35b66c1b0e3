"""Bars that return: what an earlier bar predicts gets more probability than the model gives it.

A model that reads songs of people knows how likely a bar is to return. Of its own songs it hears small deviations that
nobody intended, takes the song for one that returns less, and deviates more. A few tenths of a nat for the prediction
of the match model (docs/tx3.md, State) make up for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lakhnes._native import ScoreStates, Vocabulary
from lakhnes.model.engine import Floats, Tokens

__all__ = ["Repetition"]

SURE = 3
"""Tokens in succession that an earlier bar has predicted rightly before its prediction is raised."""


class Repetition:
    """How songs go on that repeat an earlier bar; of a vocabulary without bars, nothing.

    Parameters
    ----------
    nats : float
        By how much the prediction is more probable; negative: less.
    vocabulary : Vocabulary
    songs : int
        B, their number.
    """

    def __init__(self, nats: float, vocabulary: Vocabulary, songs: int) -> None:
        self._nats = np.float32(nats)
        self._songs = list(range(songs))
        # Behind those of the songs there is the state with which every song begins.
        self._states = ScoreStates(songs + 1) if nats and vocabulary.dialect == "tx3" else None

    def read(self, prime: Sequence[int]) -> None:
        """Take note of the tokens that all songs begin with."""
        if self._states is not None and len(prime):
            self._states.feed(np.asarray(prime, dtype=np.int64), [0] * len(prime))
            for song in (*self._songs[1:], len(self._songs)):
                self._states.fork(0, song)

    def restart(self, song: int) -> None:
        """Begin a new song in the place of one."""
        if self._states is not None:
            self._states.fork(len(self._songs), song)

    def take(self, tokens: Tokens) -> None:
        """Take note of the token that came in every song, ``(B,)``."""
        if self._states is not None:
            self._states.feed(np.ascontiguousarray(tokens), self._songs)

    def lean(self, logits: Floats) -> None:
        """Raise in every song what an earlier bar predicts; changes the logits, ``(B, V)``."""
        if self._states is not None:
            tokens, lengths = self._states.expected()[:-1].T
            sure = np.flatnonzero(lengths >= SURE)
            logits[sure, tokens[sure]] += self._nats
