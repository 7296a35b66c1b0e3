"""How much of a song stands in a corpus already: the longest run of notes that both have, whatever the key.

A run is of one voice and is compared by its intervals. Repeated pitches and the noise are left out: they make long
runs that are nobody's. Neither is a figure that goes round in a circle, so that a shared run is measured by how many
different rows of four intervals it holds.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song
from lakhnes.units import VOICES

__all__ = ["RunIndex"]

PITCHED = VOICES[:3]
ROW = 4
"""Intervals of the rows by which a run is measured."""

LENGTHS = (*range(ROW, 16), *range(16, 32, 2), *range(32, 64, 4), *range(64, 128, 8), *range(128, 513, 16))
"""Intervals of the runs that are looked for: a longer one counts as the next of these below it."""

GAP = 1000
"""Between voices: no interval, so that no run reaches over it."""

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Of the polynomial hash, modulo 2**64."""

Ids = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def intervals(song: Song) -> Ids:
    """Return the intervals of the pitched voices, one after the other with a gap between, int64, ``(N,)``."""
    parts = []
    for voice in PITCHED:
        steps = np.diff(song.voices[voice][:, 2])
        parts += [steps[steps != 0], np.array([GAP])]
    return np.concatenate(parts).astype(np.int64)


class RunIndex:
    """The runs of a corpus.

    Parameters
    ----------
    songs : iterable of Song
    """

    def __init__(self, songs: Iterable[Song]) -> None:
        parts = [intervals(song) for song in songs]
        self._steps = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        self._known: dict[int, Hashes] = {}

    def longest(self, song: Song) -> int:
        """Return how many different rows of four intervals the longest run has that the corpus has, too; 0 for none."""
        steps = intervals(song)
        # A run holds all shorter ones, so that the longest of LENGTHS is found by halving.
        first, last = 0, bisect.bisect_right(LENGTHS, len(steps))
        while first < last:
            middle = (first + last) // 2
            if len(self._places(steps, LENGTHS[middle])):
                first = middle + 1
            else:
                last = middle
        if first == 0:
            return 0
        length = LENGTHS[first - 1]
        return max(_different_rows(steps[place : place + length]) for place in self._places(steps, length).tolist())

    def _places(self, steps: Ids, length: int) -> Ids:
        """Where runs of this length begin that the corpus has, too."""
        found = _hashes(steps, length)
        known = self._of_length(length)
        at = np.searchsorted(known, found).clip(max=max(len(known) - 1, 0))
        shared = (known[at] == found) if len(known) else np.zeros(len(found), dtype=bool)
        whole = ~_gaps(steps, length)
        return np.flatnonzero(shared & whole)

    def _of_length(self, length: int) -> Hashes:
        if length not in self._known:
            found = _hashes(self._steps, length)[~_gaps(self._steps, length)]
            self._known[length] = np.unique(found)
        return self._known[length]


def _hashes(steps: Ids, length: int) -> Hashes:
    """Return a hash of each run of a length, uint64, ``(N - length + 1,)``."""
    if len(steps) < length:
        return np.zeros(0, dtype=np.uint64)
    # Doubling: the hash of a run is that of its first half and that of its second, so that log(length) passes do.
    values = (steps + 2 * GAP).astype(np.uint64) * BASE
    total, covered, power, span = np.zeros(len(steps), dtype=np.uint64), 0, BASE, 1
    rest = length
    with np.errstate(over="ignore"):
        while rest:
            if rest & 1:
                behind = values[covered : covered + len(steps) - length + 1]
                total = total[: len(steps) - length + 1] * power + behind
                covered += span
            rest >>= 1
            if rest:
                values = values[: len(values) - span] * power + values[span:]
                power, span = power * power, span * 2
    return total


def _gaps(steps: Ids, length: int) -> npt.NDArray[np.bool_]:
    """Whether each run of a length reaches over a gap, ``(N - length + 1,)``."""
    if len(steps) < length:
        return np.zeros(0, dtype=bool)
    passed = np.concatenate([[0], np.cumsum(steps == GAP)])
    over: npt.NDArray[np.bool_] = passed[length:] > passed[:-length]
    return over


def _different_rows(run: Ids) -> int:
    return len(np.unique(np.lib.stride_tricks.sliding_window_view(run, ROW), axis=0))
