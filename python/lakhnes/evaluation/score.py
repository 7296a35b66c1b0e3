"""How well a model predicts songs, as figures; and the figures of a single song, which need no torch."""

from __future__ import annotations

import dataclasses
import math
import time

from lakhnes._native import Song, Vocabulary, quantize_events
from lakhnes.errors import FormatError
from lakhnes.model.model import Model

__all__ = ["Score", "SongScore", "evaluate_song"]


@dataclasses.dataclass(frozen=True)
class Score:
    """The result of an evaluation.

    Attributes
    ----------
    loss : float
        Mean negative log-likelihood a token, in nats; ``ppl`` is its exponential.
    positions : int
        Tokens scored. Of a corpus in streams, the unfinished last segment is not.
    songs : int
        Songs begun.
    seconds : float
    batch_size, tgt_len, mem_len : int
        How it was measured.
    """

    loss: float
    positions: int
    songs: int
    seconds: float
    batch_size: int = 10
    tgt_len: int = 128
    mem_len: int = 896

    @property
    def ppl(self) -> float:
        """Perplexity."""
        return math.exp(self.loss)

    def facts(self) -> dict[str, float | int]:
        """Return what ``--json`` prints."""
        return {name: getattr(self, name) for name in ("loss", "ppl", "positions", "songs", "seconds")}


@dataclasses.dataclass(frozen=True)
class SongScore:
    """How well one song is predicted.

    Attributes
    ----------
    name : str
        Of its file, without ``.tx1.txt`` or ``.tx2.txt``.
    loss : float
        Mean negative log-likelihood a token, in nats; ``ppl`` is its exponential.
    positions : int
        Tokens scored: all events and the closing boundary.
    """

    name: str
    loss: float
    positions: int

    @property
    def ppl(self) -> float:
        """Perplexity."""
        return math.exp(self.loss)

    def facts(self) -> dict[str, str | float | int]:
        """Return what ``--json`` prints."""
        return {"name": self.name, "loss": self.loss, "ppl": self.ppl, "positions": self.positions}


def evaluate_song(model: Model, song: Song, *, mem_len: int = 896) -> Score:
    """Measure how well a model predicts one song, on the model's device.

    Its events are those of the model's vocabulary, waits rounded to tokens, between two boundaries ``<S>``; all but the
    first boundary are scored. `lakhnes.evaluation.songs.evaluate_songs` gives the same for the songs of a corpus that
    are no longer than the memory; of longer ones it reads segments, whose last tokens see up to ``tgt_len`` more.

    Parameters
    ----------
    model : Model
    song : Song
    mem_len : int
        Tokens that each is predicted from, at the most, besides the one before it.

    Raises
    ------
    FormatError
        If the song has no event.
    """
    started = time.perf_counter()
    events = Vocabulary(model.config.vocabulary).events(song)
    if not len(events):
        raise FormatError("song: expected at least one event, found none")
    losses = model.score(quantize_events(events, True), mem_len)
    loss = float(losses.mean(dtype="float64"))
    return Score(loss, len(losses), 1, time.perf_counter() - started, 1, 1, mem_len)
