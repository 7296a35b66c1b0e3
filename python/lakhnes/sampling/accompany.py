"""A melody for a rhythm: the waits, drums and note-offs of a song stay, the model chooses the pitches.

The rhythm task of LakhNES (Donahue et al. 2019), with the top-k that its notebook computed and did not apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.model.base import Model
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.generate import batches
from lakhnes.sampling.grammar import BOUNDARY
from lakhnes.sampling.options import Options
from lakhnes.sampling.sampler import Tokens
from lakhnes.sampling.writing import Composition, Writing, losses_of, perplexity

__all__ = ["accompany", "accompany_ids"]

MELODIC = ("P1", "P2", "TR")


def accompany(model: Model, song: Song, num: int = 1, **options: Any) -> list[Song]:
    """Choose new pitches for the pulses and the triangle of a song.

    Parameters
    ----------
    model : Model
    song : Song
    num : int
        How many versions.
    **options
        ``length`` (events of the song that are taken), ``temperature``, ``top_k``, ``top_p``, ``min_p``, ``memory``,
        ``seed``, ``batch_size``, as of `lakhnes.sampling.generate.compose`.

    Returns
    -------
    list of Song
        Every event that is not the beginning of a melodic note is that of `song`.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    taken = Excerpt.of(song, vocabulary, options.get("length", Options.length))
    return [taken.song(version.ids, vocabulary) for version in accompany_ids(model, num, taken.ids, **options)]


def accompany_ids(
    model: Model,
    num: int,
    ids: Sequence[int],
    *,
    seed: int | None = None,
    batch_size: int = 8,
    **options: Any,
) -> list[Composition]:
    """Choose new pitches in a sequence of token ids without boundaries; see `accompany`.

    Returns
    -------
    list of Composition
        Its ``prime_ppl`` is the perplexity of the song's own pitches where the model chose others before, its ``ppl``
        that of the chosen pitches.
    """
    chosen = Options(**options)
    songs: list[Composition] = []
    for seeds in batches(num, seed, batch_size):
        songs += _choose_pitches(Writing(model, seeds, chosen), list(ids))
    return songs


def _choose_pitches(writing: Writing, ids: list[int]) -> list[Composition]:
    symbols = Vocabulary(writing.model.config.vocabulary).symbols
    kinds = {
        f"{voice}_NOTEON": [n for n, s in enumerate(symbols) if s.startswith(f"{voice}_NOTEON")] for voice in MELODIC
    }
    masks = {}
    for kind, members in kinds.items():
        masks[kind] = np.zeros((writing.count, len(symbols)), dtype=np.bool_)
        masks[kind][:, members] = True
    songs: list[Tokens] = []
    chosen = np.zeros(writing.count)
    own, notes = np.zeros_like(chosen), 0
    logits = writing.step(writing.all_songs(BOUNDARY))
    for token in ids:
        tokens = writing.all_songs(token)
        mask = masks.get(symbols[token].rpartition("_")[0])
        if mask is not None:
            own += losses_of(logits, tokens)
            tokens, losses = writing.draw(logits, mask)
            chosen += losses
            notes += 1
        songs.append(tokens)
        writing.options.advance(1)
        logits = writing.step(tokens)
    seconds = writing.seconds() / writing.count
    rows = np.stack(songs, axis=1).tolist() if songs else [[]] * writing.count
    return [
        Composition(row, perplexity(before, notes), perplexity(after, notes), seconds)
        for row, before, after in zip(rows, own.tolist(), chosen.tolist(), strict=True)
    ]
