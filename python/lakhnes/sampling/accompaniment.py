"""A melody for a rhythm: the waits, drums and note-offs of a song stay, the model chooses the pitches.

The rhythm task of LakhNES (Donahue et al. 2019), with the top-k that its notebook computed and did not apply.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.grammar import BOUNDARY, VOICES, rules_of
from lakhnes.model.engine import losses_of
from lakhnes.model.model import Model
from lakhnes.sampling.batches import most_at_once
from lakhnes.sampling.composer import Advance, Composer, Composition, ignore, perplexity
from lakhnes.sampling.composing import seeds_of
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.keywords import CHOICE, sampling_keywords
from lakhnes.sampling.params import BATCH_SIZE, EXCERPT_LENGTH, SONG, SamplingParams, params_from

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lakhnes.sampling.params import SamplingOptions

__all__ = ["accompaniments", "accompany", "accompany_ids"]

MELODIC = tuple(VOICES.index(name) for name in ("P1", "P2", "TR"))


@sampling_keywords(SONG, ("length", *CHOICE))
def accompany(
    model: Model,
    song: Song,
    num: int = 1,
    *,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
    **options: Unpack[SamplingOptions],
) -> list[Song]:
    """Choose new pitches for the pulses and the triangle of a song.

    Parameters
    ----------
    model : Model
    song : Song
    num : int
        How many versions.
    seed, batch_size, advance
        As of `lakhnes.generate`.
    **options
        ``length`` (events of the song that are taken), ``temperature``, the filters from ``top_k`` on, ``memory`` and
        ``dtype`` of `lakhnes.sampling.SamplingParams`.

    Returns
    -------
    list of Song
        Every event that is not the beginning of a melodic note is that of `song`.
    """
    vocabulary, params = Vocabulary(model.config.vocabulary), params_from(SONG, {**options})
    taken = Excerpt.of(song, vocabulary, params.length or EXCERPT_LENGTH)
    versions = accompany_ids(model, num, taken.ids, params, seed=seed, batch_size=batch_size, advance=advance)
    return [taken.song(version.ids, vocabulary) for version in versions]


def accompany_ids(
    model: Model,
    num: int,
    ids: Sequence[int],
    params: SamplingParams = SONG,
    *,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
) -> list[Composition]:
    """Choose new pitches in a sequence of token ids without boundaries; see `accompany`.

    Returns
    -------
    list of Composition
        Its ``prime_ppl`` is the perplexity of the song's own pitches where the model chose others before, its ``ppl``
        that of the chosen pitches.
    """
    seeds = seeds_of(num, seed, batch_size)
    return [song for _, song in accompaniments(model, seeds, ids, params, batch_size=batch_size, advance=advance)]


def accompaniments(
    model: Model,
    seeds: Iterable[int],
    ids: Sequence[int],
    params: SamplingParams = SONG,
    *,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
) -> Iterator[tuple[int, Composition]]:
    """Choose new pitches for each of some seeds, and give each version with its seed; see `accompany_ids`.

    The versions of a batch are equally long: they end together.
    """
    left, at_once = iter(seeds), min(batch_size, most_at_once(model, params, len(ids)))
    while batch := list(itertools.islice(left, at_once)):
        versions = _choose_pitches(Composer(model, batch, params, len(ids), advance), list(ids))
        yield from zip(batch, versions, strict=True)


def _choose_pitches(composer: Composer, ids: list[int]) -> list[Composition]:
    rules, count = rules_of(composer.vocabulary.dialect), composer.count
    notes = {voice: rules.is_note & (rules.voice == voice) for voice in MELODIC}  # each (V,)
    songs = np.empty((count, len(ids)), dtype=np.int64)
    own, chosen, pitches = np.zeros(count), np.zeros(count), 0
    composer.engine.feed(composer.all_songs(BOUNDARY))
    for position, token in enumerate(ids):
        tokens = composer.all_songs(token)
        if rules.is_note[token] and rules.voice[token] in notes:
            own += losses_of(composer.engine.logits, tokens)
            tokens, losses = composer.sample(np.tile(notes[int(rules.voice[token])], (count, 1)))
            chosen += losses
            pitches += 1
        songs[:, position] = tokens
        composer.advance(count)
        composer.engine.feed(tokens)
    composer.share(count)
    seconds = composer.shared
    return [
        Composition(row, perplexity(before, pitches), perplexity(after, pitches), seconds)
        for row, before, after in zip(songs.tolist(), own.tolist(), chosen.tolist(), strict=True)
    ]
