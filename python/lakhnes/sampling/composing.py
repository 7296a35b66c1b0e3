"""New songs from a model, and songs that are continued."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.errors import shown
from lakhnes.grammar import rules_of
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.model import Model
from lakhnes.sampling.composer import Advance, Composer, Composition, ignore
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.params import BATCH_SIZE, CONTINUATION, PRIME_LENGTH, SONG, SamplingParams

__all__ = ["MAX_SEED", "batches", "compose", "continue_song", "generate", "most_at_once", "new_seed"]

ATTEMPTS = 4
"""How often a song is composed at the most when it is to have some number of voices."""

VOICE_NOTES = 4
"""Notes that a voice plays at the least to be counted."""

MAX_SEED = 2**64 - 1

MOST_AT_ONCE = 256
"""Songs composed at once: of more, each would take no less time."""

AT_ONCE_BYTES = 2**30
"""Of keys and values, the most that songs which are composed at once have together; one song may have more."""


def new_seed() -> int:
    """Return a seed that no one chose."""
    import secrets

    return secrets.randbelow(2**31)


def generate(
    model: Model,
    num: int = 1,
    *,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
    **options: Any,
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
        Of `lakhnes.sampling.SamplingParams`, which has their defaults.

    Returns
    -------
    list of Song

    Raises
    ------
    ValueError
        If an option is out of range.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    songs = compose(model, num, (), SamplingParams(**options), seed=seed, batch_size=batch_size, advance=advance)
    return [Excerpt().song(song.ids, vocabulary) for song in songs]


def continue_song(
    model: Model,
    prime: Song,
    num: int = 1,
    *,
    prime_length: int = PRIME_LENGTH,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
    **options: Any,
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
    kept, params = Excerpt.of(prime, vocabulary, prime_length), dataclasses.replace(CONTINUATION, **options)
    songs = compose(model, num, kept.ids, params, seed=seed, batch_size=batch_size, advance=advance)
    return [kept.song(song.ids, vocabulary) for song in songs]


def compose(
    model: Model,
    num: int = 1,
    prime: Sequence[int] = (),
    params: SamplingParams = SONG,
    *,
    seed: int | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
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

    Raises
    ------
    ValueError
        If `num` or `batch_size` is less than 1.
    LakhnesError
        If the prime breaks the grammar.
    """

    def attempt(seeds: Sequence[int | np.random.SeedSequence]) -> list[Composition]:
        return Composer(model, seeds, params, len(prime), advance).run(prime)

    songs: list[Composition] = []
    for seeds in batches(num, seed, min(batch_size, most_at_once(model, params, len(prime)))):
        made = attempt(seeds)
        for number in range(1, ATTEMPTS):
            voices = [_voices_of(song.ids, model) for song in made]
            poor = [index for index, count in enumerate(voices) if count < params.min_voices]
            if not poor:
                break
            # Of its own seed, and of no other song's, which are plain numbers.
            again = attempt([np.random.SeedSequence(seeds[index], spawn_key=(number,)) for index in poor])
            for index, song in zip(poor, again, strict=True):
                if _voices_of(song.ids, model) > voices[index]:
                    made[index] = song
        songs += made
    return songs


def most_at_once(model: Model, params: SamplingParams, given: int = 0) -> int:
    """Return how many songs are composed at once at the most, whatever the batch: memory is taken for as many."""
    config = model.config
    if not isinstance(config, TransformerXLConfig):
        return MOST_AT_ONCE
    kept = min(config.mem_len if params.memory is None else params.memory, 1 + given + params.length)
    song = 2 * 4 * config.n_layer * config.n_head * config.d_head * (kept + 1)
    return max(1, min(AT_ONCE_BYTES // song, MOST_AT_ONCE))


def _voices_of(ids: list[int], model: Model) -> int:
    """Return how many voices play `VOICE_NOTES` notes or more."""
    begins = rules_of(model.config.vocabulary).begins[np.array(ids, dtype=np.int64)]
    return sum(int((begins == bit).sum()) >= VOICE_NOTES for bit in (1, 2, 4, 8))


def batches(num: int, seed: int | None, batch_size: int) -> Iterator[list[int]]:
    """Give the seeds of the songs of each batch: song ``i`` has seed ``seed + i``.

    Raises
    ------
    ValueError
        If `num` or `batch_size` is less than 1, or a seed is beyond 64 bits.
    """
    if num < 1 or batch_size < 1:
        raise ValueError("num and batch_size: expected at least 1")
    first = new_seed() if seed is None else seed
    if not 0 <= first <= first + num - 1 <= MAX_SEED:
        raise ValueError(f"seed is {shown(first)} and num {shown(num)}, expected seeds from 0 to 2**64 - 1")
    for start in range(0, num, batch_size):
        yield [first + index for index in range(start, min(start + batch_size, num))]
