"""Estimation of n-gram models: interpolated modified Kneser-Ney smoothing.

Chen & Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (TR-10-98, 1998), section 3.1 and
appendix: with count c of an n-gram, total c(h) of its context h and N_i(h) the continuations of h counted i times::

    p(w | h) = (c(h w) - D(c)) / c(h) + (D_1 N_1(h) + D_2 N_2(h) + D_3+ N_3+(h)) / c(h) * p(w | h')

where h' is h without its first token. The longest n-grams have their counts, shorter ones the number of different
tokens that were seen before them (Kneser & Ney 1995). The discounts are, with n_i the n-grams of an order counted i
times and Y = n_1 / (n_1 + 2 n_2)::

    D_1 = 1 - 2 Y n_2 / n_1      D_2 = 2 - 3 Y n_3 / n_2      D_3+ = 3 - 4 Y n_4 / n_3

Single tokens are interpolated with the uniform distribution, so that no token is impossible.

An n-gram is one 64-bit key: its ids as the digits of a number to the base of the vocabulary, the oldest first. Sorted,
all continuations of a context stand side by side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Level", "Tables", "count", "discounts_of", "estimate"]

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Song: TypeAlias = Sequence[int] | npt.NDArray[np.int64]
"""Token ids with both boundaries."""

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where there are too few n-grams for the formulas, as KenLM's ``--discount_fallback`` sets them."""


@dataclasses.dataclass(frozen=True)
class Level:
    """The n-grams of one order.

    Attributes
    ----------
    contexts : int64 array, ``(C,)``
        Keys of the contexts, rising.
    starts : int64 array, ``(C + 1,)``
        Where the continuations of each context begin in `words` and `masses`.
    words : int64 array, ``(N,)``
        Last tokens.
    masses : float64 array, ``(N,)``
        Discounted count over the total of the context.
    backoffs : float64 array, ``(C,)``
        What the discounts left for the shorter context.
    """

    contexts: Ints
    starts: Ints
    words: Ints
    masses: Floats
    backoffs: Floats


@dataclasses.dataclass(frozen=True)
class Tables:
    """An n-gram model.

    Attributes
    ----------
    unigram : float64 array, ``(vocab_size,)``
        Probabilities of single tokens; uniform for order 0.
    levels : list of Level
        Orders 2 and up.
    """

    unigram: Floats
    levels: list[Level]


def count(songs: Iterable[Song], order: int, vocab_size: int) -> tuple[Ints, Ints]:
    """Count the n-grams of some songs that end in a token of theirs, the opening boundary left out.

    Parameters
    ----------
    songs : iterable of sequences of int
        Token ids with both boundaries. What stands before a song is taken for more opening boundaries.
    order : int
        At least 1.
    vocab_size : int

    Returns
    -------
    keys, counts : int64 arrays
        Different n-grams, rising, and how often each was seen.
    """
    padding = np.zeros(max(order - 1, 0), dtype=np.int64)
    parts: list[Ints] = []
    for song in songs:
        parts += [padding, np.asarray(song[1:], dtype=np.int64)]
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    row = np.concatenate(parts)
    target = np.ones(len(row), dtype=bool)
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    begins = np.cumsum(lengths) - lengths
    for offset in range(order - 1):
        target[begins[::2] + offset] = False
    keys = np.zeros(max(len(row) - order + 1, 0), dtype=np.int64)
    for digit in range(order):
        keys *= vocab_size
        keys += row[digit : digit + len(keys)]
    found, counts = np.unique(keys[target[order - 1 :]], return_counts=True)
    return found, counts.astype(np.int64)


def discounts_of(counts: Ints) -> Floats:
    """Return D_1, D_2 and D_3+ of the n-grams of one order, ``(3,)``."""
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == times)) for times in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) == 0:
        return np.array(FALLBACK)
    y = n1 / (n1 + 2 * n2)
    found = np.array([1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return found if (found >= 0).all() else np.array(FALLBACK)


def estimate(
    songs: Iterable[Song],
    order: int,
    vocab_size: int,
    discounts: Sequence[Sequence[float]] | None = None,
) -> Tables:
    """Estimate an n-gram model.

    Parameters
    ----------
    songs : iterable of sequences of int
        Token ids with both boundaries.
    order : int
        Of the longest n-grams; 0 gives the uniform distribution.
    vocab_size : int
    discounts : sequence of three floats an order, optional
        In place of those that the counts ask for, order 1 first.

    Returns
    -------
    Tables
    """
    uniform = np.full(vocab_size, 1.0 / vocab_size)
    if order == 0:
        return Tables(uniform, [])
    keys, counts = count(songs, order, vocab_size)
    levels: list[Level] = []
    for length in range(order, 0, -1):
        chosen = discounts_of(counts) if discounts is None else np.asarray(discounts[length - 1], dtype=np.float64)
        levels.insert(0, _level(keys, counts, chosen, vocab_size))
        # Shorter n-grams count the different tokens before them.
        keys, counts = np.unique(keys % vocab_size ** (length - 1), return_counts=True)
    single = levels[0]
    unigram = np.zeros(vocab_size)
    unigram[single.words] = single.masses
    left = float(single.backoffs[0]) if len(single.backoffs) else 1.0
    return Tables(unigram + left * uniform, levels[1:])


def _level(keys: Ints, counts: Ints, discounts: Floats, vocab_size: int) -> Level:
    """Discount the sorted n-grams of one order."""
    owners = keys // vocab_size
    begins = np.flatnonzero(np.diff(owners, prepend=-1))
    totals = np.add.reduceat(counts, begins) if len(begins) else counts
    taken = discounts[np.minimum(counts, 3) - 1] if len(counts) else np.zeros(0)
    starts = np.append(begins, len(keys)).astype(np.int64)
    return Level(
        contexts=owners[begins],
        starts=starts,
        words=keys % vocab_size,
        masses=(counts - taken) / np.repeat(totals, np.diff(starts)),
        backoffs=(np.add.reduceat(taken, begins) if len(begins) else taken) / totals,
    )
