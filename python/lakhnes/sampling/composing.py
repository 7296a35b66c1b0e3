"""New songs from a model, and songs that are continued."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.errors import shown
from lakhnes.grammar import rules_of
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.model import Model
from lakhnes.sampling.composer import Advance, Composer, Composition, ignore
from lakhnes.sampling.controls import NOTHING, Controls
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.form import SECTION_BARS, Form, compose_form
from lakhnes.sampling.keywords import sampling_keywords
from lakhnes.sampling.looping import MOST_SURPRISING, check_bars, loop_of, looped
from lakhnes.sampling.params import BATCH_SIZE, CONTINUATION, PRIME_LENGTH, SONG, SamplingParams, endless, params_from
from lakhnes.units import VOICES

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lakhnes.sampling.params import SamplingOptions

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
    vocabulary = Vocabulary(model.config.vocabulary)
    given = prime or controls.ids(vocabulary)
    for what, asked in (("loop", loop), ("form", form)):
        if asked:
            check_bars(what, vocabulary)
    sampled = endless(params) if loop else params
    least = min(params.min_voices, len(VOICES) - len(controls.silent))

    def attempt(seeds: Sequence[int | np.random.SeedSequence]) -> list[Composition]:
        if form is None:
            made = Composer(model, seeds, sampled, len(given), advance, controls).run(given)
        else:
            made = [compose_form(model, seed, form, params, given, advance, controls) for seed in seeds]
        return [_with_loop(model, song, params) for song in made] if loop else made

    def rating(song: Composition) -> tuple[int, float]:
        """Return how good a song is, so that one that is good enough has the rating of `enough`."""
        surprise = 0.0 if not loop else math.inf if song.loop is None else song.loop.surprise
        return min(_voices_of(song.ids, model), least), -max(surprise, MOST_SURPRISING)

    enough = (least, -MOST_SURPRISING)
    songs: list[Composition] = []
    for seeds in batches(num, seed, min(batch_size, most_at_once(model, params, len(given)))):
        made = attempt(seeds)
        for number in range(1, ATTEMPTS):
            ratings = [rating(song) for song in made]
            poor = [index for index, found in enumerate(ratings) if found < enough]
            if not poor:
                break
            # Of its own seed, and of no other song's, which are plain numbers.
            again = attempt([np.random.SeedSequence(seeds[index], spawn_key=(number,)) for index in poor])
            for index, song in zip(poor, again, strict=True):
                if rating(song) > ratings[index]:
                    made[index] = song
        songs += made
    return songs


def _with_loop(model: Model, song: Composition, params: SamplingParams) -> Composition:
    """Return a song that ends where it loops, and says so."""
    found = loop_of(model, song.ids, memory=params.memory, dtype=params.dtype)
    if found is None:
        return song
    ids = looped(song.ids, found, Vocabulary(model.config.vocabulary))
    return dataclasses.replace(song, ids=ids, loop=found, ended="loop")


def most_at_once(model: Model, params: SamplingParams, given: int = 0) -> int:
    """Return how many songs are composed at once at the most, whatever the batch: memory is taken for as many."""
    config = model.config
    if not isinstance(config, TransformerXLConfig):
        return MOST_AT_ONCE
    kept = min(config.mem_len if params.memory is None else params.memory, 1 + given + params.most_events)
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
    for start in range(0, num, batch_size):
        yield [first + index for index in range(start, min(start + batch_size, num))]
