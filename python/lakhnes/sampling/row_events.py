"""A song of rows as it comes, as the events and waits that can be played at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lakhnes._native import Tx3Grammar, Vocabulary

__all__ = ["row_events"]

LONGEST_WAIT = 44_100
"""Ticks of one wait."""


def row_events(symbols: Iterable[str]) -> Iterator[str]:
    """Give the events of TX2 that play a song of TX3, each as soon as time has passed it.

    What a voice plays in a frame is known when a later row, frame or bar is said: its instrument and its figures are
    played up to there.
    """
    rows, events = Vocabulary("tx3"), Vocabulary("tx2")
    clock, ids, now = Tx3Grammar(1), list[int](), 0
    for symbol in symbols:
        ids.append(rows.id(symbol))
        clock.advance(np.array(ids[-1:], dtype=np.int64))
        if int(clock.ticks[0]) == now:
            continue
        song, tick = rows.song(np.array(ids, dtype=np.int64)), 0
        for event in events.events(song).tolist():
            if event < 0:
                tick -= event
            elif now <= tick < int(clock.ticks[0]):  # what ends with the song so far may go on
                yield from _waits(tick - now)
                now = tick
                yield events.symbol(event)
        yield from _waits(int(clock.ticks[0]) - now)
        now = int(clock.ticks[0])


def _waits(ticks: int) -> Iterator[str]:
    while ticks > 0:
        yield f"WT_{min(ticks, LONGEST_WAIT)}"
        ticks -= LONGEST_WAIT
