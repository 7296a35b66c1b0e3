"""How songs are sampled: every option, its default and its range.

The command line, Python, streams, the radio and the web page read the defaults here: `SONG` has those of a new song,
`CONTINUATION` those of one that continues another. Nothing heavy is imported for it: ``--help`` is shown at once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypedDict

from lakhnes.units import TICKS_PER_SECOND

__all__ = [
    "BATCH_SIZE",
    "CONTINUATION",
    "EXCERPT_LENGTH",
    "MAX_LENGTH",
    "MIN_DURATION",
    "PRIME_LENGTH",
    "SECONDS",
    "SONG",
    "SamplingOptions",
    "SamplingParams",
    "endless",
    "for_bars",
    "params_from",
]

MAX_LENGTH = 1_000_000
"""Events of one song at the most: hours of music."""

SECONDS = 30.0
"""Seconds within which a new song ends."""

SEEKING = 10.0
"""Seconds before that limit from which its ending is sought; of a short song, the last third."""

EVENTS_PER_BAR = 512
"""Events that a bar may have, where only the bars are given."""

EVENTS_PER_SECOND = 256
"""Events that a second of music may have: a bound for songs of which only the seconds are given."""

TYPICAL_EVENTS_PER_SECOND = 40
"""About as many as a second of music has, to show how far a song is."""

MIN_DURATION = 6.0
"""Seconds before a new song may end by itself: shorter ones are jingles."""

PRIME_LENGTH = 512
"""Events of a song that are kept when it is continued."""

EXCERPT_LENGTH = 1024
"""Events of a song that get new pitches."""

BATCH_SIZE = 8
"""Songs composed at once."""

EVENTS_A_SECOND = 200
"""Events in which a second of music has room: of every ninth song of NES-MDB's train split, 99 % have fewer."""


@dataclasses.dataclass(frozen=True)
class SamplingParams:
    """How songs are sampled.

    Attributes
    ----------
    seconds : float, optional
        Seconds within which a song ends, those of a prime not counted. As they come to an end, the ending becomes more
        probable where one would be heard as such: at a bar line, or where no voice sounds. A song of rows (TX3) that
        has not ended by then ends with the last whole bar, any other at the limit. `SECONDS` where neither this nor
        `length` nor `max_duration` is given.
    length : int, optional
        Events at the most, those of a prime not counted; a song of rows ends with its last whole bar. Without it there
        is no limit but that of the seconds.
    bars : int, optional
        Whole bars at the most, those of a prime not counted; of TX3.
    min_length : int
        Events before a song may end by itself.
    min_duration : float, optional
        Seconds before a song may end by itself; `MIN_DURATION` if not given, or `max_duration` where that is less.
    max_duration : float, optional
        Seconds at the most; a wait that would go beyond is shortened. `length` holds all the same.
    min_voices : int
        A song in which fewer voices play is composed again, up to four times in all, each time with a seed that follows
        from its own; of several in vain, the one with most voices is taken. A stream and the radio are heard before the
        voices can be counted: they give the first attempt.
    min_surprise : float
        Nats, against loops that never end: where the last events (about 64) had a lower mean negative log-likelihood,
        the temperature rises, up to threefold, until it is this high again. The songs of NES-MDB's valid split are that
        predictable to the bundled model in a twentieth of their positions. 0, or no grammar: never.
    repetition : float
        Nats by which the event is more probable that an earlier bar predicts, where that bar has predicted the last
        three rightly: higher for songs whose bars return more often, below 0 for songs that go on. Of TX3 only.
    grammar : bool
        Whether only an event may come that stands where a song has it (`lakhnes.grammar`). If not, anything but ``<S>``
        may, at any place, as in the original, whose songs end by their length alone.
    memory : int, optional
        Positions that are attended to; what the model was made for (``config.mem_len``) if not given.
    dtype : str, optional
        How weights, keys and values are stored: ``float32`` (the default), ``bfloat16`` or, on the CPU, ``int8``. The
        songs of a seed are others with another dtype.
    temperature : float
        Divides the logits; 0 takes the most probable event.
    top_k : int, optional
        Sample from the k most likely events.
    top_p : float, optional
        Sample from the most likely events whose probabilities together reach p (Holtzman et al. 2020).
    min_p : float, optional
        Sample from events at least p times as likely as the most likely one (Nguyen et al. 2024).
    typical_p : float, optional
        Sample from the events whose information is nearest to the entropy of all, as many as together reach the
        probability p (Meister et al. 2023).

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    seconds: float | None = None
    length: int | None = None
    bars: int | None = None
    min_length: int = 64
    min_duration: float | None = None
    max_duration: float | None = None
    min_voices: int = 3
    min_surprise: float = 0.3
    repetition: float = 0.8
    grammar: bool = True
    memory: int | None = None
    dtype: str | None = None
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = 0.96

    def __post_init__(self) -> None:
        least = self.min_duration or 0.0
        longest, shortest = self.max_duration, max(least, 1 / TICKS_PER_SECOND)
        fits = longest is None or shortest <= longest < math.inf
        for name, holds, expected in (
            ("length", self.length is None or 1 <= self.length <= MAX_LENGTH, f"1 to {MAX_LENGTH}"),
            ("min_length", self.min_length >= 0, "0 or more"),
            ("min_duration", 0.0 <= least < math.inf, "0 seconds or more"),
            ("bars", self.bars is None or self.bars >= 1, "at least 1"),
            (
                "seconds",
                self.seconds is None or shortest <= self.seconds < math.inf,
                "more than 0, at least min_duration",
            ),
            ("max_duration", fits, "more than 0 and at least min_duration"),
            ("min_voices", 0 <= self.min_voices <= 4, "0 to 4"),
            ("min_surprise", 0.0 <= self.min_surprise < math.inf, "0 nats or more"),
            ("repetition", -100.0 <= self.repetition <= 100.0, "-100 to 100 nats"),
            ("memory", self.memory is None or 0 <= self.memory <= MAX_LENGTH, f"0 to {MAX_LENGTH}"),
            ("temperature", 0.0 <= self.temperature < math.inf, "0 or more"),
            ("top_k", self.top_k is None or self.top_k >= 1, "at least 1"),
            ("top_p", self.top_p is None or 0.0 < self.top_p <= 1.0, "more than 0 and at most 1"),
            ("min_p", self.min_p is None or 0.0 <= self.min_p <= 1.0, "0 to 1"),
            ("typical_p", self.typical_p is None or 0.0 < self.typical_p <= 1.0, "more than 0 and at most 1"),
        ):
            if not holds:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {expected}")

    @property
    def limit(self) -> float | None:
        """The seconds within which a song is to end: those asked for, or the default where no other limit is given."""
        if (self.seconds, self.length, self.max_duration) != (None, None, None) or not self.grammar:
            return self.seconds
        return max(SECONDS, 1.5 * (self.min_duration or 0.0))

    @property
    def limit_ticks(self) -> int | None:
        """`limit` in ticks."""
        return None if self.limit is None else max(int(self.limit * TICKS_PER_SECOND), 1)

    @property
    def seeking_ticks(self) -> int:
        """How many ticks before the limit the ending is sought."""
        return int(min(SEEKING, (self.limit or 0.0) / 3) * TICKS_PER_SECOND)

    @property
    def most_events(self) -> int:
        """Events at the most: `length`, or what the seconds may hold."""
        return self._events(EVENTS_PER_SECOND)

    @property
    def expected_events(self) -> int:
        """About as many events as a song will have, to show how far it is."""
        return self._events(TYPICAL_EVENTS_PER_SECOND)

    def _events(self, per_second: int) -> int:
        if self.length is not None:
            return self.length
        longest = min((limit for limit in (self.limit, self.max_duration) if limit is not None), default=SECONDS)
        return min(max(math.ceil(longest * per_second), self.min_length, 1), MAX_LENGTH)

    @property
    def min_ticks(self) -> int:
        """`min_duration` in ticks."""
        least = MIN_DURATION if self.min_duration is None else self.min_duration
        limits = (math.ceil(least * TICKS_PER_SECOND), self.max_ticks, self.limit_ticks)
        return min(ticks for ticks in limits if ticks is not None)

    @property
    def max_ticks(self) -> int | None:
        """`max_duration` in ticks."""
        return None if self.max_duration is None else max(int(self.max_duration * TICKS_PER_SECOND), 1)


SONG = SamplingParams()
"""Of a new song, an accompaniment and an infilling."""

CONTINUATION = SamplingParams(length=512, min_duration=0.0, min_voices=0)
"""Of a continuation; see `params_from`."""


class SamplingOptions(TypedDict, total=False):
    """The fields of `SamplingParams` as keyword arguments."""

    seconds: float | None
    bars: int | None
    length: int | None
    min_length: int
    min_duration: float | None
    max_duration: float | None
    min_voices: int
    min_surprise: float
    repetition: float
    grammar: bool
    memory: int | None
    dtype: str | None
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    typical_p: float | None


def params_from(base: SamplingParams, given: dict[str, Any]) -> SamplingParams:
    """Return the parameters that are given, the others as in `base`.

    Seconds of any kind replace the `length` that `base` has, if no other is given; a `min_length` raises it.

    Raises
    ------
    ValueError
        If a value is out of range.
    """
    changes = dict(given)
    if base.length is not None and changes.get("length") is None:
        by_time = any(changes.get(name) for name in ("seconds", "min_duration", "max_duration"))
        changes["length"] = None if by_time else max(base.length, changes.get("min_length", 0))
    return dataclasses.replace(base, **changes)


def endless(params: SamplingParams) -> SamplingParams:
    """Return the parameters of a song that does not end by itself before its limit."""
    least: dict[str, Any] = {} if params.limit is None else {"seconds": params.limit, "min_duration": params.limit}
    return dataclasses.replace(params, min_length=params.most_events, **least)


def for_bars(params: SamplingParams, bars: int) -> SamplingParams:
    """Return the parameters of a section of some bars, which ends with the last of them and with nothing else."""
    length = bars * EVENTS_PER_BAR
    free: dict[str, Any] = {"seconds": None, "min_duration": 0.0, "max_duration": None}
    return dataclasses.replace(params, bars=bars, length=length, min_length=length, **free)
