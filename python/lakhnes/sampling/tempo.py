"""Beats a minute as rows of frames: TX3 counts a song's tempo in frames a row (docs/tx3.md, Time)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakhnes.units import TICKS_PER_SECOND

__all__ = ["PARTS", "Tempo"]

FRAME = 733.791_52
"""Ticks of an NTSC frame, which a composed song has."""

ROWS_A_BEAT = 4
"""Of the bars of 12 to 20 rows, by which a tempo is counted; those of 24 and more have 8, shorter ones 2."""

PARTS = 32
"""How finely the frames a row are told."""

NEAR = 0.015
"""The share of a tempo by which one of whole frames a row, or of halves, may differ from what is asked for.

Three quarters of the songs of NES-MDB have whole frames a row, and nobody hears a beat that is this much later.
"""


@dataclasses.dataclass(frozen=True)
class Tempo:
    """A tempo as TX3 writes it.

    Attributes
    ----------
    row : int
        Frames a row, in parts of 1/32.
    """

    row: int

    @classmethod
    def of(cls, beats_a_minute: float) -> Tempo:
        """Return the tempo that is nearest to one in beats a minute: of whole or half frames a row where one is near.

        Raises
        ------
        ValueError
            If a row would have fewer than 2 or more than 24 frames.
        """
        fastest, slowest = (cls(row * PARTS).beats_a_minute for row in (2, 24))
        if not slowest <= beats_a_minute <= fastest:
            raise ValueError(f"tempo is {beats_a_minute:g}, expected {slowest:.1f} to {fastest:.1f} beats a minute")
        frames = 60.0 * TICKS_PER_SECOND / (ROWS_A_BEAT * FRAME * beats_a_minute)
        for parts in (1, 2, PARTS):
            row = round(frames * parts) * (PARTS // parts)
            if abs(row / PARTS - frames) <= NEAR * frames or parts == PARTS:
                break
        return cls(row)

    @staticmethod
    def others(symbols: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which tokens would change a tempo that is given, or what a beat is, ``(V,)``."""
        meters = (f"METER_{rows}" for rows in (4, 6, 8, 10, 24, 28, 32))
        unwanted = ("TEMPO_", "FINE_")
        return np.array([symbol.startswith(unwanted) for symbol in symbols]) | np.isin(symbols, list(meters))

    @property
    def frames_a_row(self) -> float:
        """Frames a row."""
        return self.row / PARTS

    @property
    def beats_a_minute(self) -> float:
        """Beats a minute, of four rows each."""
        return 60.0 * TICKS_PER_SECOND / (ROWS_A_BEAT * FRAME * self.frames_a_row)

    def symbols(self) -> list[str]:
        """Return its tokens."""
        whole, fine = divmod(self.row, PARTS)
        return [f"TEMPO_{whole}"] + ([f"FINE_{fine}"] if fine else [])

    def __str__(self) -> str:
        return f"{self.beats_a_minute:.1f} beats a minute, {self.frames_a_row:g} frames a row"
