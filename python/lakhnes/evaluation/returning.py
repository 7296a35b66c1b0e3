"""How often bars return in songs, and at which distance: what a song that hangs together is measured by.

A bar returns if one before it has the same onsets: the same notes, strokes and figures of all voices at the same rows
and frames (`lakhnes.bars.Bar`). Silent bars are not counted.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from lakhnes._native import Song
from lakhnes.bars import Onset, bars_of_song

__all__ = ["Returns", "returns_of", "returns_of_songs"]

Content = tuple[Onset, ...]


@dataclasses.dataclass
class Returns:
    """Bars that return.

    Attributes
    ----------
    songs, bars : int
        How many songs and bars that sound there are.
    returning : int
        How many of these bars are like one before.
    distances : Counter
        How many of them have the nearest equal bar at this distance in bars.
    shares : list of float
        The share of bars that return in each song of at least 8 bars.
    sections : dict
        For 4 and 8: how many runs of this number of bars there are, and how many of them equal an earlier one.
    """

    songs: int = 0
    bars: int = 0
    returning: int = 0
    distances: Counter[int] = dataclasses.field(default_factory=Counter)
    shares: list[float] = dataclasses.field(default_factory=list)
    sections: dict[int, tuple[int, int]] = dataclasses.field(default_factory=lambda: {4: (0, 0), 8: (0, 0)})

    def add(self, contents: Sequence[Content]) -> None:
        """Count the bars of a song."""
        distances, sounding = returns_of(contents)
        self.songs, self.bars, self.returning = self.songs + 1, self.bars + sounding, self.returning + len(distances)
        self.distances.update(distances)
        if len(contents) >= 8 and sounding:
            self.shares.append(len(distances) / sounding)
        for bars, (rows, alike) in self.sections.items():
            more, found = _sections(contents, bars)
            self.sections[bars] = (rows + more, alike + found)


def returns_of(contents: Sequence[Content]) -> tuple[list[int], int]:
    """Return the distance of each bar that returns to the nearest one that is like it, and how many bars sound."""
    last = dict[Content, int]()
    distances = []
    for place, bar in enumerate(contents):
        if not bar:
            continue
        if bar in last:
            distances.append(place - last[bar])
        last[bar] = place
    return distances, sum(bool(bar) for bar in contents)


def _sections(contents: Sequence[Content], bars: int) -> tuple[int, int]:
    """Return how many rows of some bars there are, and how many of them are like one that was over before."""
    first = dict[tuple[Content, ...], int]()
    rows = alike = 0
    for place in range(len(contents) - bars + 1):
        row = tuple(contents[place : place + bars])
        if not any(row):
            continue
        rows += 1
        alike += row in first and first[row] + bars <= place
        first.setdefault(row, place)
    return rows, alike


def returns_of_songs(songs: Iterable[Song]) -> Returns:
    """Count the bars that return in some songs."""
    returns = Returns()
    for song in songs:
        returns.add([bar.onsets for bar in bars_of_song(song)])
    return returns
