"""How well a model predicts songs, as figures; and the figures of a single song, which need no torch."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, Vocabulary, quantize_events
from lakhnes.errors import FormatError
from lakhnes.model.model import Model

__all__ = ["Score", "SongScore", "evaluate_song", "note_ons"]


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
        That the measurement took.
    batch_size, tgt_len, mem_len : int
        How it was measured.
    notes : int
        Note-ons among the tokens scored.
    note_loss : float
        Mean negative log-likelihood of these tokens: of voice and pitch, their time being known. With `nats_a_note` and
        `nats_a_second` it compares models of different vocabularies.
    music : float
        Seconds of music scored: of the songs begun, by the share of their tokens that was scored.
    """

    loss: float
    positions: int
    songs: int
    seconds: float
    batch_size: int = 10
    tgt_len: int = 128
    mem_len: int = 896
    notes: int = 0
    note_loss: float = math.nan
    music: float = 0.0

    @property
    def ppl(self) -> float:
        """Perplexity."""
        return math.exp(self.loss)

    @property
    def nats_a_note(self) -> float:
        """The loss of all tokens, shared out among the notes; NaN without one."""
        return self.loss * self.positions / self.notes if self.notes else math.nan

    @property
    def nats_a_second(self) -> float:
        """The loss of all tokens a second of music; NaN where that is not known."""
        return self.loss * self.positions / self.music if self.music else math.nan

    def facts(self) -> dict[str, float | int]:
        """Return what ``--json`` prints."""
        names = ("loss", "ppl", "positions", "songs", "seconds")
        more = ("notes", "note_loss", "nats_a_note", "nats_a_second")
        return {name: getattr(self, name) for name in (*names, *(more if self.notes else ()))}


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


def note_ons(vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """Return which tokens of a vocabulary begin a note, bool, ``(V,)``."""
    return np.array(["_NOTEON_" in symbol for symbol in vocabulary.symbols])


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
    vocabulary = Vocabulary(model.config.vocabulary)
    events = vocabulary.events(song)
    if not len(events):
        raise FormatError("song: expected at least one event, found none")
    ids = quantize_events(events, True)
    losses = model.score(ids, mem_len)
    of_notes = losses[note_ons(vocabulary)[ids[1:]]]
    return Score(
        float(losses.mean(dtype="float64")), len(losses), 1, time.perf_counter() - started, 1, 1, mem_len,
        len(of_notes), float(of_notes.mean(dtype="float64")) if len(of_notes) else math.nan, song.duration,
    )  # fmt: skip
