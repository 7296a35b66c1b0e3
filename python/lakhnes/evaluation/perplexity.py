"""Perplexity exactly as LakhNES computes it.

Songs are framed as ``<S> … <S>``, packed into streams (see `lakhnes.data.packing`), and read in segments with memory
carried on, across songs too. The loss is the mean negative log-likelihood over all scored positions, in nats.
"""

from __future__ import annotations

import math
import time

from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import Ids, StreamPacker
from lakhnes.evaluation.score import Score, note_ons
from lakhnes.evaluation.streams import check_filled
from lakhnes.model.model import Model, as_network
from lakhnes.model.network import Network
from lakhnes.progress import Advance
from lakhnes.torch_extra import functional, torch

__all__ = ["EvaluationStopped", "evaluate"]


class EvaluationStopped(KeyboardInterrupt):
    """Ctrl-C while songs were scored.

    Attributes
    ----------
    score : Score
        Of what was scored before.
    """

    def __init__(self, score: Score) -> None:
        super().__init__(f"{score.positions} positions of {score.songs} songs scored")
        self.score = score


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
    lakhnes.evaluation.streams.NothingToScore
        If the songs do not fill one segment of all streams.
    EvaluationStopped
        On Ctrl-C, with the score so far.
    """
    check_filled(corpus, batch_size, tgt_len, max_songs)
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
        return None if ids is None else network.config.inputs(ids)

    training = network.training
    network.eval()
    started = time.perf_counter()
    memory = network.cache()
    begins_note = torch.from_numpy(note_ons(corpus.vocabulary)).to(device)
    total, positions, total_of_notes, notes = 0.0, 0, 0.0, 0

    def score() -> Score:
        return Score(
            total / positions, positions, begun, time.perf_counter() - started, batch_size, tgt_len, mem_len,
            notes, total_of_notes / notes if notes else math.nan, music * min(positions / tokens, 1.0),
        )  # fmt: skip

    try:
        for inputs, targets in StreamPacker(song, count, batch_size, tgt_len):
            logits, memory = network.score(torch.from_numpy(inputs).to(device), memory, mem_len, dtype)
            wanted = torch.from_numpy(targets).to(device).flatten()
            losses = functional.cross_entropy(logits.flatten(0, 1), wanted, reduction="none").double()
            is_note = begins_note[wanted]
            total, positions = total + float(losses.sum()), positions + targets.size
            total_of_notes, notes = total_of_notes + float(losses[is_note].sum()), notes + int(is_note.sum())
    except KeyboardInterrupt:
        if positions:
            raise EvaluationStopped(score()) from None
        raise
    finally:
        network.train(training)
    return score()
