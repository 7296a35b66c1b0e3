"""N-gram models estimated from songs."""

from __future__ import annotations

from collections.abc import Iterable

from lakhnes.model.config import NGramConfig
from lakhnes.model.kneser_ney import Song, Tables, estimate
from lakhnes.model.model import Model
from lakhnes.model.ngram import weights_of

__all__ = ["estimate_ngram", "model_of_tables"]


def estimate_ngram(songs: Iterable[Song], order: int = 5, *, vocabulary: str = "tx1", vocab_size: int = 631) -> Model:
    """Estimate an n-gram model from songs.

    Parameters
    ----------
    songs : iterable of sequences of int
        Token ids with both boundaries.
    order : int
        Tokens of the longest n-gram: 0 for the uniform distribution, 1 for the frequencies of tokens.
    vocabulary : str
    vocab_size : int

    Raises
    ------
    ValueError
        If there is no song.
    """
    return model_of_tables(estimate(songs, order, vocab_size), order, vocabulary=vocabulary)


def model_of_tables(tables: Tables, order: int, *, vocabulary: str = "tx1") -> Model:
    """Return the model of some tables.

    Raises
    ------
    ValueError
        If they are of no song at all.
    """
    if any(len(level.words) == 0 for level in tables.levels):
        raise ValueError("no song to estimate an n-gram model from; expected at least one")
    contexts = tuple(len(level.contexts) for level in tables.levels)
    ngrams = tuple(len(level.words) for level in tables.levels)
    return Model(NGramConfig(vocabulary, len(tables.unigram), order, contexts, ngrams), weights_of(tables))
