"""New songs from a model, and songs that go on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.grammar import rules_of
from lakhnes.model.base import Model
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.options import Options
from lakhnes.sampling.writing import Composition, Writing

__all__ = ["batches", "compose", "continue_song", "generate", "generate_ids", "new_seed"]


ATTEMPTS = 4
"""How often a song is composed at the most when it is to have some number of voices."""

MIN_VOICES = 3
"""Voices of a new song at the least, unless something else is asked for."""

VOICE_NOTES = 4
"""Notes that a voice plays at the least to be counted as one."""

NEXT_SEED = 1 << 32
"""From the seed of an attempt to that of the next: far from the seeds of other songs."""


def new_seed() -> int:
    """Return a seed that no one chose."""
    return secrets.randbelow(2**31)


@overload
def generate(model: Model, num: int = 1, *, stream: Literal[False] = False, **options: Any) -> list[Song]: ...


@overload
def generate(model: Model, num: int = 1, *, stream: Literal[True], **options: Any) -> Iterator[str]: ...


def generate(model: Model, num: int = 1, *, stream: bool = False, **options: Any) -> list[Song] | Iterator[str]:
    """Compose songs.

    Parameters
    ----------
    model : Model
        From `lakhnes.load_model`.
    num : int
        How many songs.
    stream : bool
        Whether to give the events of one song as they are drawn, as `lakhnes.stream` does.
    **options
        As of `compose`: ``length``, ``min_length``, ``min_duration``, ``max_duration``, ``memory``, ``temperature``,
        ``top_k``, ``top_p``, ``min_p``, ``grammar``, ``dtype``, ``seed``, ``batch_size``, ``min_voices`` (here
        `MIN_VOICES` if not given; a streamed song is heard before its voices are counted, so that it means nothing).

    Returns
    -------
    list of Song
        With `stream`, an iterator of str.

    Raises
    ------
    ValueError
        If an option is out of range, or more than one song is to be streamed.
    """
    if stream:
        from lakhnes.sampling import streaming  # which imports this module

        if num != 1:
            raise ValueError(f"num is {num}, expected 1: one song is streamed at a time")
        for meaningless in ("batch_size", "min_voices"):
            options.pop(meaningless, None)
        return streaming.stream(model, **options)
    vocabulary = Vocabulary(model.config.vocabulary)
    return [Excerpt().song(ids, vocabulary) for ids in generate_ids(model, num, **{"min_voices": MIN_VOICES} | options)]


def continue_song(
    model: Model, prime: Song, num: int = 1, *, prime_length: int = 512, length: int = 512, **options: Any
) -> list[Song]:
    """Let a song go on.

    Parameters
    ----------
    model : Model
    prime : Song
    num : int
        How many ways to go on.
    prime_length : int
        Events of the prime that are kept, from its beginning.
    length : int
        Events that are added at the most.
    **options
        As of `generate_ids`.

    Returns
    -------
    list of Song
        Each begins with what was kept of the prime.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    kept = Excerpt.of(prime, vocabulary, prime_length)
    songs = compose(model, num, kept.ids, length=length, **{"min_length": 0, "min_duration": 0.0} | options)
    return [kept.song(song.ids, vocabulary) for song in songs]


def generate_ids(model: Model, num: int = 1, **options: Any) -> list[list[int]]:
    """Compose songs as token ids, without boundaries; the parameters are those of `compose`."""
    return [song.ids for song in compose(model, num, **options)]


def compose(
    model: Model,
    num: int = 1,
    prime: Sequence[int] = (),
    *,
    seed: int | None = None,
    batch_size: int = 8,
    min_voices: int = 0,
    **options: Any,
) -> list[Composition]:
    """Compose songs.

    Parameters
    ----------
    model : Model
    num : int
        How many songs.
    prime : sequence of int
        Token ids that every song begins with, after its opening boundary.
    seed : int, optional
        Song ``i`` is drawn with seed ``seed + i``, whatever the batch.
    batch_size : int
        Songs written at once.
    min_voices : int
        A song in which fewer voices play `VOICE_NOTES` notes or more is composed again, up to `ATTEMPTS` times in all,
        each with a seed that follows from its own; of several in vain, the one with most voices stays.
    length, min_length : int
        Events added to the prime at the most (1024), and before a song may end by itself (64).
    min_duration, max_duration : float, optional
        Seconds added to the prime before a song may end by itself (6), and at the most (no limit); a wait that would go
        beyond is shortened. `length` holds all the same.
    memory : int, optional
        Positions that are remembered; what the model was made for if not given.
    temperature, top_k, top_p, min_p
        See `lakhnes.sampling.sampler.draw`; 0.95, 32, ``None`` and ``None`` if not given.
    min_surprise : float
        Against loops that never end: where the last events (about 64) surprised the model by less than so many nats
        each, the temperature rises, up to threefold, until they do again. 0.6 if not given: the songs of NES-MDB's
        valid split are so predictable to the bundled model in a twentieth of their places. 0, or no grammar: never.
    grammar : bool
        Whether only an event may come that stands where a song has it (`lakhnes.sampling.grammar`). If not, anything
        but ``<S>`` may, at any place, as in the original, whose songs end by their length alone.
    dtype : str, optional
        How weights, keys and values are kept: ``float32``, ``bfloat16`` or, on the CPU, ``int8``; see
        `lakhnes.sampling.decoder.Decoder`. The songs of a seed are others with another dtype.
    advance : callable
        Called with the number of events written since the last call.

    Raises
    ------
    ValueError
        If an option is out of range.
    """
    chosen = Options(**options)
    songs: list[Composition] = []
    for seeds in batches(num, seed, batch_size):
        written = Writing(model, seeds, chosen).run(list(prime))
        for attempt in range(1, ATTEMPTS):
            voices = [_voices_of(song.ids, model) for song in written]
            poor = [index for index, count in enumerate(voices) if count < min_voices]
            if not poor:
                break
            again = [seeds[index] + attempt * NEXT_SEED for index in poor]
            for index, song in zip(poor, Writing(model, again, chosen).run(list(prime)), strict=True):
                if _voices_of(song.ids, model) > voices[index]:
                    written[index] = song
        songs += written
    return songs


def _voices_of(ids: list[int], model: Model) -> int:
    """Return how many voices play `VOICE_NOTES` notes or more."""
    begins = rules_of(model.config.vocabulary).begins[np.array(ids, dtype=np.int64)]
    return sum(int((begins == bit).sum()) >= VOICE_NOTES for bit in (1, 2, 4, 8))


def batches(num: int, seed: int | None, batch_size: int) -> Iterator[list[int]]:
    """Give the seeds of the songs of each batch: song ``i`` has seed ``seed + i``."""
    if num < 1 or batch_size < 1:
        raise ValueError("num and batch_size: expected at least 1")
    first = new_seed() if seed is None else seed
    for start in range(0, num, batch_size):
        yield [first + index for index in range(start, min(start + batch_size, num))]
