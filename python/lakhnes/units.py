"""What every part of the package counts in: ticks, voices, seeds."""

from __future__ import annotations

__all__ = ["MAX_SEED", "TICKS_PER_SECOND", "VOICES"]

MAX_SEED = 2**64 - 1
"""The largest seed of a song."""

TICKS_PER_SECOND = 44_100
"""The clock of songs, register writes and tokens: that of VGM and of NES-MDB's MIDI files."""

VOICES = ("p1", "p2", "tr", "no")
"""The voices of a song: two pulses, triangle, noise."""
