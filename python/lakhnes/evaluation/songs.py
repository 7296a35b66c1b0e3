"""Perplexity song by song: every song begins with an empty memory, and every token of it is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from lakhnes.data.corpus import Corpus
from lakhnes.evaluation.score import SongScore
from lakhnes.model.model import Model, as_network
from lakhnes.model.network import Network
from lakhnes.torch_extra import functional, torch

__all__ = ["SongsStopped", "evaluate_songs"]

PADDING = -100
"""The target of positions after the end of a song, which count for nothing."""


class SongsStopped(KeyboardInterrupt):
    """Ctrl-C while songs were scored.

    Attributes
    ----------
    scores : list of SongScore
        Of the songs that were scored before, in the order of the corpus.
    """

    def __init__(self, scores: list[SongScore], count: int) -> None:
        super().__init__(f"{len(scores)} of {count} songs scored")
        self.scores = scores


@torch.inference_mode()
def evaluate_songs(
    model: Model | Network,
    corpus: Corpus,
    *,
    batch_size: int = 10,
    tgt_len: int = 128,
    mem_len: int = 896,
    max_songs: int | None = None,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[int], None] = lambda songs: None,
) -> list[SongScore]:
    """Measure how well a model predicts each song by itself.

    Parameters
    ----------
    batch_size : int
        Songs read side by side; the results are the same for any number.
    model, corpus, tgt_len, mem_len, max_songs, dtype, advance
        As of `lakhnes.evaluation.perplexity.evaluate`.

    Returns
    -------
    list of SongScore
        In the order of the corpus, without songs that are too short.

    Raises
    ------
    SongsStopped
        On Ctrl-C, with the scores so far.
    """
    count = len(corpus) if max_songs is None else min(max_songs, len(corpus))
    songs = [(index, ids) for index in range(count) if (ids := corpus.ids(index)) is not None]
    advance(count - len(songs))
    songs.sort(key=lambda song: len(song[1]))  # songs of like length are read together
    network = as_network(model)
    training = network.training
    network.eval()
    scores: dict[int, SongScore] = {}
    try:
        for start in range(0, len(songs), batch_size):
            batch = songs[start : start + batch_size]
            sums = np.zeros(len(batch))
            memory = network.cache()
            for inputs, targets in _segments([network.config.inputs(ids) for _, ids in batch], tgt_len):
                logits, memory = network.score(torch.from_numpy(inputs).to(network.device), memory, mem_len, dtype)
                losses = functional.cross_entropy(
                    logits.transpose(1, 2), torch.from_numpy(targets).to(network.device),
                    ignore_index=PADDING, reduction="none",
                )  # fmt: skip
                sums += losses.double().sum(dim=1).cpu().numpy()
            for (index, ids), total in zip(batch, sums, strict=True):
                scores[index] = SongScore(corpus.names[index], float(total) / (len(ids) - 1), len(ids) - 1)
            advance(len(batch))
    except KeyboardInterrupt:
        raise SongsStopped([scores[index] for index in sorted(scores)], len(songs)) from None
    finally:
        network.train(training)
    return [scores[index] for index in sorted(scores)]


def _segments(songs: list[npt.NDArray[np.int64]], tgt_len: int) -> Iterator[tuple[npt.NDArray[np.int64], ...]]:
    """Cut songs into segments side by side: inputs and targets, each ``(songs, up to tgt_len)``, as `StreamPacker`."""
    longest = max(len(song) for song in songs) - 1
    inputs = np.zeros((len(songs), longest, *songs[0].shape[1:]), dtype=np.int64)
    targets = np.full((len(songs), longest), PADDING, dtype=np.int64)
    for row, song in enumerate(songs):
        inputs[row, : len(song) - 1] = song[:-1]
        targets[row, : len(song) - 1] = song[1:] if song.ndim == 1 else song[1:, 0]
    for start in range(0, longest, tgt_len):
        yield inputs[:, start : start + tgt_len], targets[:, start : start + tgt_len]
