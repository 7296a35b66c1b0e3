"""New songs from a model, and songs that are continued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.grammar import rules_of
from lakhnes.model.model import Model
from lakhnes.sampling.composer import Advance, Composer, Composition, ignore
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.keywords import sampling_keywords
from lakhnes.sampling.params import BATCH_SIZE, CONTINUATION, PRIME_LENGTH, SONG, SamplingParams, params_from

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lakhnes.sampling.params import SamplingOptions

__all__ = ["batches", "compose", "continue_song", "generate", "new_seed"]

ATTEMPTS = 4
"""How often a song is composed at the most when it is to have some number of voices."""

VOICE_NOTES = 4
"""Notes that a voice plays at the least to be counted."""

NEXT_SEED = 1 << 32
"""From the seed of an attempt to that of the next: far from the seeds of other songs."""


def new_seed() -> int:
    """Return a seed that no one chose."""
    import secrets

    return secrets.randbelow(2**31)


@sampling_keywords(SONG)
def generate(
    model: Model,
    num: int = 1,
    *,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
    **options: Unpack[SamplingOptions],
) -> list[Song]:
    """Compose songs.

    Parameters
    ----------
    model : Model
        From `lakhnes.load_model`.
    num : int
        How many songs.
    seed : int, optional
        Song ``i`` is that of seed ``seed + i``, whatever the batch; the same that ``lakhnes generate`` writes.
    batch_size : int
        Songs composed at once.
    advance : callable
        Called with the number of events composed since the last call.
    **options
        Of `lakhnes.sampling.SamplingParams`, which has their defaults. Without a `length`, a song has as many events as
        its `min_length` or `min_duration` may need.

    Returns
    -------
    list of Song

    Raises
    ------
    ValueError
        If an option is out of range.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    songs = compose(model, num, (), params_from(SONG, {**options}), seed=seed, batch_size=batch_size, advance=advance)
    return [Excerpt().song(song.ids, vocabulary) for song in songs]


@sampling_keywords(CONTINUATION)
def continue_song(
    model: Model,
    prime: Song,
    num: int = 1,
    *,
    prime_length: int = PRIME_LENGTH,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
    **options: Unpack[SamplingOptions],
) -> list[Song]:
    """Continue a song.

    Parameters
    ----------
    model : Model
    prime : Song
    num : int
        How many continuations.
    prime_length : int
        Events of the prime that are kept, from its beginning.
    seed, batch_size, advance
        As of `generate`.
    **options
        Of `lakhnes.sampling.SamplingParams`; the defaults are those of `lakhnes.sampling.params.CONTINUATION`:
        512 events are added at the most.

    Returns
    -------
    list of Song
        Each begins with what was kept of the prime.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    kept, params = Excerpt.of(prime, vocabulary, prime_length), params_from(CONTINUATION, {**options})
    songs = compose(model, num, kept.ids, params, seed=seed, batch_size=batch_size, advance=advance)
    return [kept.song(song.ids, vocabulary) for song in songs]


@sampling_keywords(SONG)
def compose(
    model: Model,
    num: int = 1,
    prime: Sequence[int] = (),
    params: SamplingParams = SONG,
    *,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
    **options: Unpack[SamplingOptions],
) -> list[Composition]:
    """Compose songs as token ids.

    Parameters
    ----------
    model : Model
    num : int
        How many songs.
    prime : sequence of int
        Token ids that every song begins with, after its opening boundary.
    params : SamplingParams
    seed, batch_size, advance
        As of `generate`.
    **options
        Fields of `params` that are others.

    Raises
    ------
    ValueError
        If `num` or `batch_size` is less than 1.
    LakhnesError
        If the prime breaks the grammar.
    """
    if options:
        params = params_from(params, {**options})

    def attempt(seeds: list[int]) -> list[Composition]:
        return Composer(model, seeds, params, len(prime), advance).run(prime)

    songs: list[Composition] = []
    for seeds in batches(num, seed, batch_size):
        made = attempt(seeds)
        for number in range(1, ATTEMPTS):
            voices = [_voices_of(song.ids, model) for song in made]
            poor = [index for index, count in enumerate(voices) if count < params.min_voices]
            if not poor:
                break
            again = attempt([seeds[index] + number * NEXT_SEED for index in poor])
            for index, song in zip(poor, again, strict=True):
                if _voices_of(song.ids, model) > voices[index]:
                    made[index] = song
        songs += made
    return songs


def _voices_of(ids: list[int], model: Model) -> int:
    """Return how many voices play `VOICE_NOTES` notes or more."""
    begins = rules_of(model.config.vocabulary).begins[np.array(ids, dtype=np.int64)]
    return sum(int((begins == bit).sum()) >= VOICE_NOTES for bit in (1, 2, 4, 8))


def batches(num: int, seed: int | None, batch_size: int) -> Iterator[list[int]]:
    """Give the seeds of the songs of each batch: song ``i`` has seed ``seed + i``.

    Raises
    ------
    ValueError
        If `num` or `batch_size` is less than 1.
    """
    if num < 1 or batch_size < 1:
        raise ValueError("num and batch_size: expected at least 1")
    first = new_seed() if seed is None else seed
    for start in range(0, num, batch_size):
        yield [first + index for index in range(start, min(start + batch_size, num))]
