"""Events of a song as they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lakhnes._native import Song, Vocabulary
from lakhnes.model.base import Model
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.generate import new_seed
from lakhnes.sampling.grammar import BOUNDARY
from lakhnes.sampling.options import Options
from lakhnes.sampling.writing import Writing

__all__ = ["stream"]


def stream(
    model: Model,
    prime: Song | None = None,
    *,
    prime_length: int = 512,
    seed: int | None = None,
    **options: Any,
) -> Iterator[str]:
    """Compose one song and give each event as soon as it is drawn.

    Parameters
    ----------
    model : Model
        From `lakhnes.load_model`.
    prime : Song, optional
        A song that goes on. Its own events are not given again.
    prime_length : int
        Events of the prime that are read, from its beginning.
    seed : int, optional
        The same seed gives the events of the song that `generate` or `continue_song` makes of it.
    **options
        As of `lakhnes.sampling.generate.compose`.

    Yields
    ------
    str
        An event of TX1 or TX2, as the model writes: ``"P1_NOTEON_60"``, ``"WT_735"``, …; joined by newlines they are a
        text that `Song.from_tx1` or `Song.from_tx2` reads. The song has ended when no more come.
    """
    chosen = Options(**({} if prime is None else {"min_length": 0, "min_duration": 0.0, "length": 512}) | options)
    first = new_seed() if seed is None else seed
    read = [] if prime is None else Excerpt.of(prime, Vocabulary(model.config.vocabulary), prime_length).ids
    return _events(Writing(model, [first], chosen), read)


def _events(writing: Writing, prime: list[int]) -> Iterator[str]:
    logits, _ = writing.read(prime)
    for step in writing.steps(logits):
        token = int(step.tokens[0])
        if token == BOUNDARY:
            return
        yield writing.vocabulary.symbol(token)
