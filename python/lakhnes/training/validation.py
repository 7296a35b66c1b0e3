"""The score of a model in training on the valid split, by the paper's measure."""

from __future__ import annotations

import torch

from lakhnes.data.corpus import Corpus
from lakhnes.evaluation.perplexity import evaluate
from lakhnes.evaluation.score import Score
from lakhnes.model.network import Network

__all__ = ["validate"]

STREAMS = 10
TGT_LEN = 128
"""As the paper measures."""

MIN_STREAM = 2048
"""The fewest tokens of a stream: the unfinished last segment, which is dropped, is then a small part of it."""


def validate(model: Network, valid: Corpus, songs: int | None, dtype: torch.dtype) -> Score | None:
    """Score all songs, or the first `songs`; in fewer than ten streams where they would not fill ten.

    Returns ``None`` if every song is too short to be scored.
    """
    scored = map(valid.ids, range(len(valid))[:songs])
    tokens = sum(len(ids) - 1 for ids in scored if ids is not None)
    if tokens == 0:
        return None
    streams = min(max(tokens // MIN_STREAM, 1), STREAMS)
    return evaluate(
        model, valid, batch_size=streams, tgt_len=min(tokens // streams, TGT_LEN), max_songs=songs, dtype=dtype
    )
