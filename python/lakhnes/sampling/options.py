"""How songs are drawn: every option, its default and its range."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

__all__ = ["MAX_LENGTH", "MIN_DURATION", "TICKS_PER_SECOND", "Options"]

TICKS_PER_SECOND = 44_100
"""The clock of songs and of their waits."""

MAX_LENGTH = 1_000_000
"""Events of one song at the most: hours of music."""


MIN_DURATION = 6.0
"""Seconds before a song may end by itself unless something else is asked for: shorter ones are jingles."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How songs are drawn; see `lakhnes.sampling.generate.compose`."""

    length: int = 1024
    min_length: int = 64
    min_duration: float | None = None
    max_duration: float | None = None
    memory: int | None = None
    temperature: float = 0.95
    top_k: int | None = 32
    top_p: float | None = None
    min_p: float | None = None
    min_surprise: float = 0.6
    grammar: bool = True
    dtype: str | None = None
    advance: Callable[[int], None] = lambda events: None

    def __post_init__(self) -> None:
        if not 1 <= self.length <= MAX_LENGTH:
            raise ValueError(f"length is {self.length}, expected 1 to {MAX_LENGTH}")
        if self.min_length < 0:
            raise ValueError(f"min_length is {self.min_length}, expected 0 or more")
        least = self.min_duration or 0.0
        if not 0.0 <= least < math.inf:
            raise ValueError(f"min_duration is {self.min_duration}, expected 0 seconds or more")
        if self.max_duration is not None and not (max(least, 1 / TICKS_PER_SECOND) <= self.max_duration < math.inf):
            raise ValueError(f"max_duration is {self.max_duration}, expected more than 0 and at least min_duration")
        if not 0.0 <= self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}, expected 0 or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}, expected at least 1")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}, expected more than 0 and at most 1")
        if self.min_p is not None and not 0.0 <= self.min_p <= 1.0:
            raise ValueError(f"min_p is {self.min_p}, expected 0 to 1")
        if not 0.0 <= self.min_surprise < math.inf:
            raise ValueError(f"min_surprise is {self.min_surprise}, expected 0 nats or more")
        if self.memory is not None and not 0 <= self.memory <= MAX_LENGTH:
            raise ValueError(f"memory is {self.memory}, expected 0 to {MAX_LENGTH}")

    @property
    def min_ticks(self) -> int:
        """`min_duration` in ticks; `MIN_DURATION` if not given, or `max_duration` where that is less."""
        least = MIN_DURATION if self.min_duration is None else self.min_duration
        ticks = math.ceil(least * TICKS_PER_SECOND)
        return ticks if self.max_ticks is None else min(ticks, self.max_ticks)

    @property
    def max_ticks(self) -> int | None:
        """`max_duration` in ticks."""
        return None if self.max_duration is None else max(int(self.max_duration * TICKS_PER_SECOND), 1)
