"""The kept events of a song of rows, each with its place in its bar, so that new voices can speak between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from lakhnes._native import Tx3Grammar, Vocabulary
from lakhnes.grammar import BOUNDARY, VOICES
from lakhnes.sampling.particle import KeptEvent
from lakhnes.sampling.tempo import PARTS

__all__ = ["Place", "Walker", "schedule"]

MAX_ROWS = 33
"""Row starts that are known of a bar: those of the longest, and its end."""


@dataclasses.dataclass
class Place:
    """Where in its bar a song is.

    Attributes
    ----------
    row, frame : int
        The row, and the frame in the row.
    row_parts, swing, rows : int
        The tempo: frames a row in parts of 1/32, the frames by which odd rows are late, rows a bar.
    begun : bool
        Whether the first bar has begun.
    placed : bool
        Whether the last token said where it is, so that something has to happen there.
    """

    row: int = 0
    frame: int = 0
    row_parts: int = 6 * PARTS
    swing: int = 0
    rows: int = 16
    begun: bool = False
    placed: bool = False

    def row_start(self, row: int) -> int:
        """Return how many frames after the beginning of the bar a row begins."""
        late = min(self.swing, max(self.row_parts // PARTS - 1, 0)) if row % 2 else 0
        return (row * self.row_parts + PARTS // 2) // PARTS + late

    @property
    def offset(self) -> int:
        """Frames since the beginning of the bar."""
        return self.row_start(self.row) + self.frame

    @property
    def length(self) -> int:
        """Frames of the bar."""
        return self.row_start(self.rows)

    def after(self, symbol: str) -> Place:
        """Return where the song is after another token."""
        name, _, number = symbol.partition("_")
        if name == "BAR":
            pickup = {"row": self.row, "frame": self.frame} if not self.begun else {"row": 0, "frame": 0}
            return dataclasses.replace(self, begun=True, placed=False, **pickup)
        if name == "ROW":
            return dataclasses.replace(self, row=int(number), frame=0, placed=True)
        if name == "FRAME":
            return dataclasses.replace(self, frame=int(number), placed=True)
        if name == "TEMPO":
            return dataclasses.replace(self, row_parts=int(number) * PARTS, swing=0)
        if name == "FINE":
            return dataclasses.replace(self, row_parts=self.row_parts // PARTS * PARTS + int(number))
        if name == "SWING":
            return dataclasses.replace(self, swing=int(number))
        if name == "METER":
            return dataclasses.replace(self, rows=int(number))
        return dataclasses.replace(self, placed=False) if symbol.startswith(VOICES) else self


class Walker:
    """A song of rows that is read token by token: its place, its time, what may come next.

    Parameters
    ----------
    vocabulary : Vocabulary
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.symbols = vocabulary.symbols
        self.place, self.native = Place(), Tx3Grammar(1)

    def read(self, token: int) -> None:
        """Read a token."""
        self.place = self.place.after(self.symbols[token])
        self.native.advance(np.array([token], dtype=np.int64))

    @property
    def tick(self) -> int:
        """The time in ticks of 1/44,100 s."""
        return int(self.native.ticks[0])

    def copy(self) -> Walker:
        """Return one that continues on its own."""
        other = object.__new__(Walker)
        other.symbols, other.place, other.native = self.symbols, self.place, self.native.select([0])
        return other


def schedule(ids: Sequence[int], vocabulary: Vocabulary, start: int) -> tuple[list[int], list[KeptEvent]]:
    """Divide a song at a tick.

    Parameters
    ----------
    ids : sequence of int
        The song, without boundaries.
    vocabulary : Vocabulary
    start : int

    Returns
    -------
    before : list of int
        Its tokens up to the first event, bar line or end at or behind that tick; the first bar line at the least.
    kept : list of KeptEvent
        What follows, without the rows and frames, which depend on what is written between; last comes the end.
    """
    walker, before, kept = Walker(vocabulary), list[int](), list[KeptEvent]()
    waiting: list[int] = []  # rows and frames whose event is still to come
    dividing = False
    for token in ids:
        symbol, was = walker.symbols[token], walker.place
        walker.read(token)
        here = walker.place
        if symbol.startswith(("ROW_", "FRAME_")):
            waiting.append(token)
            continue
        if symbol == "LOOP":
            continue
        dividing = dividing or (was.begun and walker.tick >= start and not symbol.startswith(_AT_ONCE))
        if not dividing:
            before += [*waiting, token]
        elif symbol == "BAR":  # a bar that begins off its place stands behind the row and the frame at which it does
            row, frame = (was.row, was.frame) if was.placed else (-1, 0)
            kept.append(KeptEvent(walker.tick, -1, token, row, frame, was.offset if was.placed else was.length))
        else:
            voice = VOICES.index(symbol.partition("_")[0]) if symbol.startswith(VOICES) else -1
            kept.append(KeptEvent(walker.tick, voice, token, here.row, here.frame, here.offset))
        waiting = []
    here = walker.place
    kept.append(KeptEvent(walker.tick, -1, BOUNDARY, here.row, here.frame, here.offset))
    return before, kept


_AT_ONCE = ("TEMPO_", "FINE_", "SWING_", "METER_")
"""What stands at once behind a BAR."""
