"""Perplexity exactly as LakhNES computes it.

Songs are framed as ``<S> … <S>``, packed into streams (see `lakhnes.data.packing`), and read in segments with memory
carried on, across songs too. The loss is the mean negative log-likelihood over all scored positions, in nats.
"""

from __future__ import annotations

import dataclasses
import math
import time

import torch
from torch.nn import functional

from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import Ids, StreamPacker
from lakhnes.errors import LakhnesError
from lakhnes.model.model import Model, as_network
from lakhnes.model.network import Network
from lakhnes.progress import Advance

__all__ = ["Score", "evaluate"]


@dataclasses.dataclass(frozen=True)
class Score:
    """The result of an evaluation.

    Attributes
    ----------
    loss : float
        Mean negative log-likelihood a token, in nats; ``ppl`` is its exponential.
    positions : int
        Tokens scored. The unfinished last segment of the streams is not.
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


@torch.inference_mode()
def evaluate(
    model: Model | Network,
    corpus: Corpus,
    *,
    batch_size: int = 10,
    tgt_len: int = 128,
    mem_len: int = 896,
    max_songs: int | None = None,
    dtype: torch.dtype = torch.float32,
    advance: Advance = lambda songs: None,
) -> Score:
    """Measure the perplexity of a model on songs.

    Parameters
    ----------
    model : Model or Network
        Put into evaluation mode while this runs.
    corpus : Corpus
    batch_size, tgt_len, mem_len : int
        Streams, length of a segment and of memory. The paper's figures are of 10, 128 and 896.
    max_songs : int, optional
        Score only the first songs, this number of them.
    dtype : torch.dtype
        Of matrix products.
    advance : callable
        Called with the number of songs begun since the last call.

    Raises
    ------
    LakhnesError
        If the songs do not fill one segment of all streams, and there is nothing to score.
    """
    network = as_network(model)
    device = network.device
    count = len(corpus) if max_songs is None else min(max_songs, len(corpus))
    begun = tokens = 0
    music = 0.0

    def song(place: int) -> Ids | None:
        nonlocal begun, tokens, music
        ids = corpus.ids(place)
        if ids is not None:
            begun, tokens = begun + 1, tokens + len(ids) - 1
            music += corpus.vocabulary.song(corpus.song(place)).duration
        advance(1)
        return ids

    training = network.training
    network.eval()
    started = time.perf_counter()
    memory = network.cache()
    note_ons = torch.tensor(["_NOTEON_" in symbol for symbol in corpus.vocabulary.symbols], device=device)
    total, positions, total_of_notes, notes = 0.0, 0, 0.0, 0
    for inputs, targets in StreamPacker(song, count, batch_size, tgt_len):
        logits, memory = network.score(torch.from_numpy(inputs).to(device), memory, mem_len, dtype)
        wanted = torch.from_numpy(targets).to(device).flatten()
        losses = functional.cross_entropy(logits.flatten(0, 1), wanted, reduction="none").double()
        is_note = note_ons[wanted]
        total, positions = total + float(losses.sum()), positions + targets.size
        total_of_notes, notes = total_of_notes + float(losses[is_note].sum()), notes + int(is_note.sum())
    network.train(training)
    if positions == 0:
        raise LakhnesError(
            f"nothing to score: {begun} songs do not fill one segment of {batch_size} streams x {tgt_len} tokens; "
            "lower --batch-size or --tgt-len"
        )
    return Score(
        total / positions, positions, begun, time.perf_counter() - started, batch_size, tgt_len, mem_len,
        notes, total_of_notes / notes if notes else math.nan, music * min(positions / tokens, 1.0),
    )  # fmt: skip
