"""The bars of a song: where they are, which of them sound alike, and from where the song repeats itself."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, Tx3Grammar, Vocabulary
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["Bar", "Onset", "Repeat", "bars_of", "bars_of_song", "repeat_of", "repeated_suffix"]

Onset = tuple[int, int, int]
"""Row, frame in the row, and token of what begins: a note, a stroke or a figure."""

FEWEST_BARS = 4
"""Bars that a song repeats at its end before that counts as its loop."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes
    ----------
    start, stop : int
        The place of its ``BAR`` among the tokens, and of the next one, or their number.
    tick : int
        When it begins, in ticks of 1/44,100 s.
    onsets : tuple
        What begins in it, and where; see `Onset`. Bars that have the same sound alike, whatever instruments they take
        over from before.
    """

    start: int
    stop: int
    tick: int
    onsets: tuple[Onset, ...]


@dataclasses.dataclass(frozen=True)
class Repeat:
    """From where a song repeats itself to its end.

    Attributes
    ----------
    start, end : float
        Seconds at which the part begins that is played again, and at which it is played again for the first time.
    bars : int
        How many bars the part has.
    again : int
        How many bars at the end of the song are those of before.
    """

    start: float
    end: float
    bars: int
    again: int


@functools.cache
def _families() -> tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the id of ``BAR``; of each id the row, the frame that it names, else 0, and whether it begins sound."""
    symbols = Vocabulary("tx3").symbols
    rows, frames = (
        np.array([int(symbol[len(name) :]) if symbol.startswith(name) else 0 for symbol in symbols])
        for name in ("ROW_", "FRAME_")
    )
    begins = np.array([any(kind in symbol for kind in ("_NOTEON_", "_ATTACK", "_FIG_")) for symbol in symbols])
    return symbols.index("BAR"), rows, frames, begins


def bars_of(ids: Sequence[int]) -> list[Bar]:
    """Return the bars of a TX3 song, given as token ids without boundaries."""
    bar_id, rows, frames, begins = _families()
    clock, bars, row, frame = Tx3Grammar(1), list[Bar](), 0, 0
    start, tick, onsets = -1, 0, list[Onset]()
    for place, token in enumerate(ids):
        clock.advance(np.array([token], dtype=np.int64))
        if token == bar_id:
            if start >= 0:
                bars.append(Bar(start, place, tick, tuple(onsets)))
                row = frame = 0
            start, tick, onsets = place, int(clock.ticks[0]), []
        elif rows[token]:
            row, frame = int(rows[token]), 0
        elif frames[token]:
            frame = int(frames[token])
        elif begins[token]:
            onsets.append((row, frame, token))
    if 0 <= start < len(ids) - 1:
        bars.append(Bar(start, len(ids), tick, tuple(onsets)))
    return bars


def bars_of_song(song: Song) -> list[Bar]:
    """Return the bars of any song, as TX3 finds them."""
    return bars_of(Vocabulary("tx3").events(song).tolist())


def repeated_suffix(contents: Sequence[tuple[Onset, ...]]) -> tuple[int, int] | None:
    """Find how the bars at the end of a song repeat bars of before.

    The last bar may break off: it is alike as far as it goes.

    Returns
    -------
    (distance, count) or None
        The last `count` bars are those `distance` bars before them; of several distances the one with most bars, and
        of those the shortest. None where fewer than `FEWEST_BARS` bars that sound are repeated.
    """
    backwards = contents[::-1]
    last, *others = backwards or [()]
    alike = _common_prefixes(others)
    sounding = list(itertools.accumulate(map(bool, backwards), initial=0))
    best, most = None, FEWEST_BARS - 1
    for distance, bar in enumerate(others, 1):
        if last != bar[: len(last)]:
            continue
        count = 1 + (alike[distance] if distance < len(others) else 0)
        if sounding[count] > most:
            best, most = (distance, count), count
    return best


def _common_prefixes(items: Sequence[Hashable]) -> list[int]:
    """Return how many items from each place on are those of the beginning, in linear time (the Z-function)."""
    lengths = [len(items)] * bool(items)
    left = right = 0  # the last place found whose items are those of the beginning, and where they cease to be
    for place in range(1, len(items)):
        length = min(right - place, lengths[place - left]) if place < right else 0
        while place + length < len(items) and items[length] == items[place + length]:
            length += 1
        if place + length > right:
            left, right = place, place + length
        lengths.append(length)
    return lengths


def repeat_of(song: Song) -> Repeat | None:
    """Find from where a song repeats itself to its end, exactly to the frame: most recordings of looping music do."""
    bars = bars_of_song(song)
    found = repeated_suffix([bar.onsets for bar in bars])
    if found is None:
        return None
    distance, count = found
    first = len(bars) - count - distance
    start, end = (bars[index].tick / TICKS_PER_SECOND for index in (first, first + distance))
    return Repeat(start, end, distance, count)
