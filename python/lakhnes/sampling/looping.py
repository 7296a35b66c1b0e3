"""Where a composed song loops: at two bar lines, so that what follows the first is probable before the second.

Bars around which the song is alike are such places. So the pairs of bar lines around which it is most alike are tried:
the model reads the song up to the second line and then what stands behind the first, and the pair is taken whose seam
it finds no more surprising than the song, or least so.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.bars import Bar, bars_of
from lakhnes.errors import LakhnesError
from lakhnes.grammar import BOUNDARY
from lakhnes.model.engine import Engine, losses_of
from lakhnes.model.model import READ_AT_ONCE, Model
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["MOST_SURPRISING", "Loop", "check_bars", "loop_of", "looped"]

CANDIDATES = 32
"""Pairs of bar lines that are tried."""

NEIGHBOURS = 2
"""Bars before and behind a line that are compared."""

SCORED = 64
"""Tokens behind the seam that are scored: about two seconds."""

SHORTEST_BARS = 4
SHORTEST = 8.0
"""The least bars and seconds of a loop, where the song is long enough."""

MOST_SURPRISING = 1.3
"""The perplexity of a seam, beside that of the song, above which a song is composed again."""


@dataclasses.dataclass(frozen=True)
class Loop:
    """Where a song loops.

    Attributes
    ----------
    start, end : int
        The places of two ``BAR`` among the tokens: after the second the song goes on behind the first.
    seam_ppl, song_ppl : float
        Perplexity of what follows the first line after what leads to the second, and of the song up to there.
    """

    start: int
    end: int
    seam_ppl: float
    song_ppl: float

    @property
    def surprise(self) -> float:
        """How much more surprising the seam is than the song: the quotient of the two."""
        return self.seam_ppl / self.song_ppl


def check_bars(what: str, vocabulary: Vocabulary) -> None:
    """Refuse a model that composes without bars.

    Raises
    ------
    LakhnesError
    """
    if "BAR" not in vocabulary.symbols:
        raise LakhnesError(f"{what}: the model composes {vocabulary.dialect.upper()}, which has no bars; expected TX3")


def looped(ids: Sequence[int], loop: Loop, vocabulary: Vocabulary) -> list[int]:
    """Return a song that ends at the second line and has ``LOOP`` at the first."""
    place = loop.start + 1
    while vocabulary.symbol(ids[place]).startswith(("TEMPO_", "FINE_", "SWING_", "METER_")):
        place += 1
    return [*ids[:place], vocabulary.id("LOOP"), *ids[place : loop.end + 1]]


def loop_of(model: Model, ids: Sequence[int], *, memory: int | None = None, dtype: str | None = None) -> Loop | None:
    """Find where a song loops best; None where it has fewer than two bars."""
    vocabulary = Vocabulary(model.config.vocabulary)
    pairs = _candidates(ids, vocabulary)
    if not pairs:
        return None
    engine = model.begin(2, memory=memory, length=len(ids) + SCORED, dtype=dtype)
    loops = _scored(engine, list(ids), sorted(pairs, key=lambda pair: pair[1]))
    fitting = [loop for loop in loops if loop.surprise <= 1.0]
    if fitting:  # the longest of those that nobody would notice
        return max(fitting, key=lambda loop: loop.end - loop.start)
    return min(loops, key=lambda loop: loop.surprise)


def _scored(engine: Engine, ids: list[int], pairs: list[tuple[int, int]]) -> list[Loop]:
    """Let the model read the song up to each second line, in ascending order, and from there on behind the first."""
    logits = engine.feed(np.array([BOUNDARY]), [0])[-1]
    read, loss, loops = 0, 0.0, []
    for start, end in pairs:
        while read <= end:
            tokens = np.array(ids[read : min(end + 1, read + READ_AT_ONCE)], dtype=np.int64)
            rows = engine.feed(tokens, [0] * len(tokens))
            loss += float(losses_of(np.vstack([logits[None], rows[:-1]]), tokens).sum(dtype=np.float64))
            logits, read = rows[-1], read + len(tokens)
        following = np.array(ids[start + 1 : start + 1 + SCORED], dtype=np.int64)
        engine.fork(0, 1)
        rows = engine.feed(following[:-1], [1] * (len(following) - 1)) if len(following) > 1 else logits[None][:0]
        seam = losses_of(np.vstack([logits[None], rows]), following)
        loops.append(Loop(start, end, math.exp(float(seam.mean())), math.exp(loss / read)))
    return loops


def _candidates(ids: Sequence[int], vocabulary: Vocabulary) -> list[tuple[int, int]]:
    """Return the pairs of lines, as places of ``BAR``, around which the song is most alike."""
    bars = bars_of(ids)
    whole = len(ids) > 0 and vocabulary.symbol(ids[-1]) == "BAR"
    song = vocabulary.song(np.array(ids, dtype=np.int64))
    lines = [(bar.start, bar.tick) for bar in bars] + ([(len(ids) - 1, song.length)] if whole else [])
    holds = [_held(song, tick) for _, tick in lines]
    rated = []
    for first in range(len(lines)):
        for second in range(first + 1, len(lines)):
            (start, from_tick), (end, to_tick) = lines[first], lines[second]
            long = second - first >= SHORTEST_BARS and to_tick - from_tick >= SHORTEST * TICKS_PER_SECOND
            fits = holds[first].items() <= holds[second].items()
            rated.append(((long, fits, _likeness(bars, first, second), end - start), (start, end)))
    rated.sort(reverse=True)
    if not rated:
        return []
    best = rated[0][0][:2]  # no pair that is too short, or lets a note begin in its middle, unless all do
    return [pair for rating, pair in rated[:CANDIDATES] if rating[:2] == best]


def _held(song: Song, tick: int) -> dict[str, int]:
    """Return the pitch of each voice that sounds across a tick."""
    held = {}
    for name, notes in song.voices.items():
        across = notes[(notes[:, 0] < tick) & (tick < notes[:, 1])]
        if len(across):
            held[name] = int(across[0, 2])
    return held


def _likeness(bars: list[Bar], first: int, second: int) -> float:
    """Return how alike the bars around two lines are: the shares of onsets that they have in common, added up."""
    likeness = 0.0
    for offset in range(-NEIGHBOURS, NEIGHBOURS):
        places = (first + offset, second + offset)
        if min(places) < 0 or max(places) >= len(bars):
            continue
        here, there = (set(bars[place].onsets) for place in places)
        likeness += len(here & there) / max(len(here | there), 1)
    return likeness
