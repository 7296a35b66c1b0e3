"""New songs from a model, and songs that are continued."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.errors import shown
from lakhnes.grammar import rules_of
from lakhnes.model.model import Model
from lakhnes.sampling.batches import most_at_once
from lakhnes.sampling.composer import Advance, Composer, Composition, Seed, ignore
from lakhnes.sampling.controls import NOTHING, Controls
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.form import SECTION_BARS, Form, compose_form
from lakhnes.sampling.keywords import sampling_keywords
from lakhnes.sampling.looping import MOST_SURPRISING, check_bars, loop_of, looped
from lakhnes.sampling.params import BATCH_SIZE, CONTINUATION, PRIME_LENGTH, SONG, SamplingParams, endless, params_from
from lakhnes.units import MAX_SEED, VOICES

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lakhnes.sampling.params import SamplingOptions

__all__ = ["compose", "compositions", "continue_song", "generate", "new_seed", "seeds_of"]

ATTEMPTS = 8
"""How often a song is composed at the most when it is to have some number of voices, or a seam that is not heard."""

VOICE_NOTES = 4
"""Notes that a voice plays at the least to be counted."""


def new_seed() -> int:
    """Return a seed that no one chose."""
    import secrets

    return secrets.randbelow(2**31)


@sampling_keywords(SONG)
def generate(
    model: Model,
    num: int = 1,
    *,
    tempo: float | None = None,
    key: str | None = None,
    density: Mapping[str, str] | None = None,
    register: Mapping[str, str] | None = None,
    voices: Sequence[str] | None = None,
    loop: bool = False,
    form: str | None = None,
    section_bars: int = SECTION_BARS,
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
    tempo : float, optional
        Beats a minute of four rows, 37.6 to 450.7; the nearest that TX3 has is taken.
    key : str, optional
        ``"A minor"``, ``"F# major"``, ``"Eb major"``.
    density : mapping, optional
        How many notes a voice plays: for some of ``p1 p2 tr no``, one of ``none low mid high``.
    register : mapping, optional
        How high a voice is: for some of ``p1 p2 tr``, one of ``low mid high``.
    voices : sequence of str, optional
        The voices that play; the others have no notes.
    loop : bool
        Whether the songs go on after their end: `Song.loop_start` says from where. Their seconds are those of one pass.
    form : str, optional
        The sections of the songs, a letter each: ``"AABA"``. The same letter is the same section, copied bar for bar. A
        song is then as long as its sections, whatever the options say of its length.
    section_bars : int
        Bars of a section.
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
    LakhnesError
        If a tempo, a key, anything of the voices, a loop or a form is asked of a model that does not compose TX3.
    """
    vocabulary, params = Vocabulary(model.config.vocabulary), params_from(SONG, {**options})
    controls = Controls(tempo, key, density or {}, register or {}, voices)
    songs = compose(
        model,
        num,
        (),
        params,
        controls=controls,
        loop=loop,
        form=None if form is None else Form(form, section_bars),
        seed=seed,
        batch_size=batch_size,
        advance=advance,
    )
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
        512 events are added at the most, or as many as ``seconds`` hold.

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
    controls: Controls = NOTHING,
    loop: bool = False,
    form: Form | None = None,
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
    controls : Controls
        What is asked of the songs. A new song begins with the tokens that state it.
    loop : bool
        Whether the songs loop (`lakhnes.sampling.looping`). One whose seam is too surprising is composed again.
    form : Form, optional
        The sections of the songs (`lakhnes.sampling.form`), one song after the other.
    seed, batch_size, advance
        As of `generate`.
    **options
        Fields of `params` that are others.

    Raises
    ------
    ValueError
        If `num` or `batch_size` is less than 1.
    LakhnesError
        If the prime breaks the grammar, or the model's vocabulary has no controls.
    """
    if options:
        params = params_from(params, {**options})
    seeds = seeds_of(num, seed, batch_size)
    made = compositions(
        model,
        seeds,
        prime,
        params,
        controls=controls,
        loop=loop,
        form=form,
        batch_size=batch_size,
        advance=advance,
    )
    songs = dict(made)
    return [songs[each] for each in seeds]


def compositions(
    model: Model,
    seeds: Iterable[int],
    prime: Sequence[int] = (),
    params: SamplingParams = SONG,
    *,
    controls: Controls = NOTHING,
    loop: bool = False,
    form: Form | None = None,
    batch_size: int = BATCH_SIZE,
    advance: Advance = ignore,
) -> Iterator[tuple[int, Composition]]:
    """Compose a song of each seed, and give it with its seed as soon as it is finished.

    As many as `batch_size` says are composed at once: one that is finished gives its place to the next. No more than
    these are in memory, however many seeds there are, and all different.

    Parameters
    ----------
    model, prime, params, controls, loop, form, batch_size, advance
        As of `compose`.
    seeds : iterable of int
        0 to 2**64 - 1.

    Raises
    ------
    LakhnesError
        If the prime breaks the grammar, or the model's vocabulary has no controls.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    given = prime or controls.ids(vocabulary)
    for what, asked in (("loop", loop), ("form", form)):
        if asked:
            check_bars(what, vocabulary)
    sampled = endless(params) if loop else params
    least = min(params.min_voices, len(VOICES) - len(controls.silent))

    def rating(song: Composition) -> tuple[int, float]:
        """Return how good a song is, so that one that is good enough has the rating of `enough`."""
        surprise = 0.0 if not loop else math.inf if song.loop is None else song.loop.surprise
        return min(_voices_of(song.ids, model), least), -max(surprise, MOST_SURPRISING)

    attempts = _Attempts(seeds, rating, enough=(least, -MOST_SURPRISING))
    at_once = min(batch_size, most_at_once(model, params, len(given)))
    for seed, made in _attempted(model, attempts, given, sampled, controls, form, at_once, advance):
        song = _with_loop(model, made, params) if loop else made
        if (best := attempts.best(seed, song)) is not None:
            yield best


def _attempted(
    model: Model,
    attempts: _Attempts,
    given: Sequence[int],
    params: SamplingParams,
    controls: Controls,
    form: Form | None,
    at_once: int,
    advance: Advance,
) -> Iterator[tuple[Seed, Composition]]:
    """Compose what is attempted, and give each song as it was sampled; songs in sections one after the other."""
    if form is not None:
        while (seed := attempts.next()) is not None:
            yield seed, compose_form(model, seed, form, params, given, advance, controls)
        return
    first = [seed for _ in range(at_once) if (seed := attempts.next()) is not None]
    if first:
        yield from Composer(model, first, params, len(given), advance, controls, attempts.next).run(given)


def _attempt_of(seed: Seed) -> tuple[int, int]:
    """Return the seed of a song and the number of an attempt at it: further ones have seeds of no other song."""
    if isinstance(seed, int):
        return seed, 0
    assert isinstance(seed.entropy, int)
    return seed.entropy, seed.spawn_key[0]


class _Attempts:
    """What is to be composed: a song of every seed, and again those that were not good enough.

    Parameters
    ----------
    seeds : iterable of int
    rating : callable
        How good a song is.
    enough
        The rating of one that is good enough.
    """

    def __init__(
        self, seeds: Iterable[int], rating: Callable[[Composition], tuple[int, float]], enough: tuple[int, float]
    ) -> None:
        self._seeds, self._rating, self._enough = iter(seeds), rating, enough
        self._again: list[np.random.SeedSequence] = []
        self._best: dict[int, tuple[tuple[int, float], Composition]] = {}

    def next(self) -> Seed | None:
        """Return the seed of the next song to begin; None at the end."""
        return self._again.pop() if self._again else next(self._seeds, None)

    def best(self, seed: Seed, song: Composition) -> tuple[int, Composition] | None:
        """Take a song; return the best attempt at it and its seed, or None if it is to be composed once more."""
        own, number = _attempt_of(seed)
        found = (self._rating(song), song)
        if own not in self._best or found[0] > self._best[own][0]:
            self._best[own] = found
        if found[0] < self._enough and number + 1 < ATTEMPTS:
            self._again.append(np.random.SeedSequence(own, spawn_key=(number + 1,)))
            return None
        return own, self._best.pop(own)[1]


def _with_loop(model: Model, song: Composition, params: SamplingParams) -> Composition:
    """Return a song that ends where it loops, and says so."""
    found = loop_of(model, song.ids, memory=params.memory, dtype=params.dtype)
    if found is None:
        return song
    ids = looped(song.ids, found, Vocabulary(model.config.vocabulary))
    return dataclasses.replace(song, ids=ids, loop=found, ended="loop")


def _voices_of(ids: list[int], model: Model) -> int:
    """Return how many voices play `VOICE_NOTES` notes or more."""
    begins = rules_of(model.config.vocabulary).begins[np.array(ids, dtype=np.int64)]
    return sum(int((begins == bit).sum()) >= VOICE_NOTES for bit in (1, 2, 4, 8))


def seeds_of(num: int, seed: int | None, batch_size: int = 1) -> range:
    """Return the seeds of songs: song ``i`` has seed ``seed + i``.

    Raises
    ------
    TypeError
        If `seed` is no whole number.
    ValueError
        If `num` or `batch_size` is less than 1, or a seed is beyond 64 bits.
    """
    if num < 1 or batch_size < 1:
        raise ValueError("num and batch_size: expected at least 1")
    try:
        first = new_seed() if seed is None else operator.index(seed)
    except TypeError:
        raise TypeError(f"seed is {shown(seed)}, expected a whole number") from None
    if not 0 <= first <= first + num - 1 <= MAX_SEED:
        raise ValueError(f"seed is {shown(first)} and num {shown(num)}, expected seeds from 0 to 2**64 - 1")
    return range(first, first + num)
