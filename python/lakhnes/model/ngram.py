"""N-gram models: the uniform, unigram and 5-gram baselines of the paper (Donahue et al. 2019, section 5).

A context is what came since the last boundary ``<S>``, filled up with boundaries: songs know nothing of each other.
The distribution of the next token is interpolated from the shortest context to the longest that was seen in training
(see `lakhnes.model.kneser_ney`). N contexts are looked up at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes.errors import CheckpointError
from lakhnes.model.config import NGramConfig
from lakhnes.model.kneser_ney import Tables

__all__ = ["NGram", "check", "weights_of"]

Weights = Mapping[str, npt.NDArray[Any]]


class NGram:
    """An interpolated n-gram model.

    Parameters
    ----------
    config : NGramConfig
    weights : mapping of str to array
        ``unigram`` and, for each order k from 2, ``contexts_k``, ``starts_k``, ``words_k``, ``masses_k`` and
        ``backoffs_k``, as in `lakhnes.model.kneser_ney.Level`.
    """

    def __init__(self, config: NGramConfig, weights: Weights) -> None:
        self.config, self.weights = config, weights

    def log_probabilities(self, contexts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the log-probabilities of the next token after contexts, ``(N, order - 1)`` to ``(N, V)``."""
        chances = np.tile(self.weights["unigram"], (len(contexts), 1))  # (N, V)
        key = np.zeros(len(contexts), dtype=np.int64)
        base = 1
        for order in range(2, self.config.order + 1):
            key = key + contexts[:, -(order - 1)] * base
            base *= self.config.vocab_size
            if not self._interpolate(order, key, chances):
                break  # a context that was not seen has no longer one that was
        with np.errstate(divide="ignore"):  # without smoothing a token may have probability 0
            logs: npt.NDArray[np.float32] = np.log(chances)
        return logs

    def _interpolate(self, order: int, key: npt.NDArray[np.int64], chances: npt.NDArray[np.float32]) -> bool:
        """Mix the distributions of contexts, by their keys, with those of shorter ones; return whether one was seen."""
        contexts, starts, words, masses, backoffs = (
            self.weights[f"{name}_{order}"] for name in ("contexts", "starts", "words", "masses", "backoffs")
        )
        place = np.searchsorted(contexts, key).clip(max=len(contexts) - 1)
        rows = np.flatnonzero(contexts[place] == key)
        if len(rows) == 0:
            return False
        place = place[rows]
        chances[rows] *= backoffs[place, None]
        begins = starts[place].astype(np.int64)
        lengths = starts[place + 1] - begins
        first = np.cumsum(lengths) - lengths
        entries = np.arange(lengths.sum()) + np.repeat(begins - first, lengths)
        # The continuations of a context are different tokens: no entry of `chances` is added to twice.
        chances[np.repeat(rows, lengths), words[entries]] += masses[entries]
        return True


def weights_of(tables: Tables) -> dict[str, npt.NDArray[Any]]:
    """Return estimated tables as the weights of a model."""
    weights: dict[str, npt.NDArray[Any]] = {"unigram": tables.unigram.astype(np.float32)}
    for order, level in enumerate(tables.levels, 2):
        weights |= {
            f"contexts_{order}": level.contexts,
            f"starts_{order}": level.starts.astype(np.int32),
            f"words_{order}": level.words.astype(np.int32),
            f"masses_{order}": level.masses.astype(np.float32),
            f"backoffs_{order}": level.backoffs.astype(np.float32),
        }
    return weights


def check(config: NGramConfig, weights: Weights) -> None:
    """Refuse tables that point outside of each other, or are no probabilities.

    Raises
    ------
    CheckpointError
    """
    size = config.vocab_size
    _demand(weights["unigram"] > 0, "unigram", "probabilities above 0")
    for order in range(2, config.order + 1):
        contexts, starts, words = (weights[f"{name}_{order}"] for name in ("contexts", "starts", "words"))
        for name, table in (("contexts", contexts), ("starts", starts), ("words", words)):
            _demand(np.array(table.dtype.kind == "i"), f"{name}_{order}", "whole numbers")
        _demand(contexts[1:] > contexts[:-1], f"contexts_{order}", "rising keys")
        ends = int(starts[0]) == 0 and int(starts[-1]) == len(words)
        _demand((starts[1:] > starts[:-1]) & ends, f"starts_{order}", "rising offsets from 0 to the end")
        _demand((words >= 0) & (words < size), f"words_{order}", f"ids from 0 to {size - 1}")
        for name in (f"masses_{order}", f"backoffs_{order}"):
            _demand((weights[name] >= 0) & (weights[name] <= 1), name, "numbers from 0 to 1")


def _demand(holds: npt.NDArray[np.bool_], name: str, expected: str) -> None:
    if not bool(holds.all()):
        raise CheckpointError(f"tensor {name!r}: expected {expected}")
