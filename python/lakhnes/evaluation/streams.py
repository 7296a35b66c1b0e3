"""Whether there are songs enough to be scored in streams, which is known without a model."""

from __future__ import annotations

from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import StreamPacker
from lakhnes.errors import LakhnesError

__all__ = ["NothingToScore", "check_filled", "streams_of"]


class NothingToScore(LakhnesError):  # noqa: N818 (it says what is wrong)
    """Songs that do not fill one segment of all streams."""


def check_filled(corpus: Corpus, batch_size: int, tgt_len: int, max_songs: int | None = None) -> None:
    """Refuse songs that do not fill one segment of all streams.

    Parameters
    ----------
    corpus : Corpus
    batch_size, tgt_len : int
        Streams, and tokens of a segment.
    max_songs : int, optional
        Of which only the first songs, this number of them, are scored.

    Raises
    ------
    NothingToScore
    """
    count = len(corpus) if max_songs is None else min(max_songs, len(corpus))
    if StreamPacker(corpus.ids, count, batch_size, tgt_len).next_segment() is None:
        raise NothingToScore(
            f"nothing to score: {count} songs do not fill one segment of {batch_size} streams x {tgt_len} tokens; "
            "lower --batch-size or --tgt-len"
        )


def streams_of(corpus: Corpus, batch_size: int, tgt_len: int, max_songs: int | None = None) -> int:
    """Return in how many streams songs can be scored: `batch_size`, halved until they fill a segment of all.

    Raises
    ------
    NothingToScore
        If they do not fill a segment of one stream.
    """
    while batch_size > 1:
        try:
            check_filled(corpus, batch_size, tgt_len, max_songs)
        except NothingToScore:
            batch_size //= 2
        else:
            return batch_size
    check_filled(corpus, 1, tgt_len, max_songs)
    return 1
