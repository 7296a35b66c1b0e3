"""New parts for a song: some voices stay event for event, the model writes the others between them.

Where a kept event falls into a wait, the wait is split. The model, which knows nothing of what comes, writes several
songs at once, of which those that lead to the kept events survive (`lakhnes.sampling.particle_filter`).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, Vocabulary
from lakhnes.grammar import VOICES, rules_of
from lakhnes.model.model import Model
from lakhnes.sampling.composer import Advance, ignore, perplexity
from lakhnes.sampling.composing import batches
from lakhnes.sampling.density import event_rate, target_densities
from lakhnes.sampling.keywords import CHOICE, sampling_keywords
from lakhnes.sampling.params import SONG, SamplingParams, params_from
from lakhnes.sampling.particle import KeptEvent
from lakhnes.sampling.particle_filter import ParticleFilter
from lakhnes.sampling.proposals import SECONDS_AHEAD, Proposals
from lakhnes.units import TICKS_PER_SECOND

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lakhnes.sampling.params import SamplingOptions

__all__ = ["Infilling", "infill", "infillings"]

PARTICLES = 8
"""With four, songs were less probable by 0.1 nats an event, and not much sooner written."""

Events = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Infilling:
    """A song with new parts.

    Attributes
    ----------
    events : list of int
        What the model wrote and what was kept, in the compact form: an exact wait of ``w`` ticks is ``-w``, any other
        event its id.
    song : Song
        The same as a song, in which the kept voices are those that were given, dynamics and all.
    kept_ppl, ppl : float
        Perplexity of the kept events where they stand, and of what was written.
    seconds : float
    """

    events: list[int]
    song: Song
    kept_ppl: float
    ppl: float
    seconds: float


def ignore_share(share: float) -> None:
    """Take the share of a version that is written, and do nothing."""


@sampling_keywords(SONG, CHOICE)
def infill(
    model: Model,
    song: Song,
    voices: Sequence[str],
    num: int = 1,
    *,
    seed: int | None = None,
    advance: Advance = ignore,
    **options: Unpack[SamplingOptions],
) -> list[Song]:
    """Write new parts for some voices of a song.

    Parameters
    ----------
    model : Model
    song : Song
        If it has dynamics and the model's vocabulary has none, the new parts get those of NES music.
    voices : sequence of str
        The voices to write: any of ``p1 p2 tr no``. The others stay as they are.
    num, seed
        As of `lakhnes.generate`.
    advance : callable
        Called with the number of events of each version when it is written.
    **options
        ``temperature``, the filters from ``top_k`` on, ``memory`` and ``dtype`` of `lakhnes.sampling.SamplingParams`.
        When a new voice speaks is sampled at temperature 1, what it says by these.

    Returns
    -------
    list of Song

    Raises
    ------
    ValueError
        If a voice is unknown, or none is named.
    """
    params = params_from(SONG, {**options})
    return [version.song for version in infillings(model, num, song, voices, params, seed=seed, advance=advance)]


def infillings(
    model: Model,
    num: int,
    song: Song,
    voices: Sequence[str],
    params: SamplingParams = SONG,
    *,
    seed: int | None = None,
    advance: Advance = ignore,
    reached: Callable[[float], object] = ignore_share,
) -> list[Infilling]:
    """Write new parts; see `infill`. `reached` is called with the share of a version written since its last call."""
    named = {voice.upper() for voice in voices}
    if not named or named - set(VOICES):
        raise ValueError(f"voices: {', '.join(voices) or 'none'}; expected some of p1, p2, tr, no")
    written = {VOICES.index(name) for name in named}
    made = []
    for (chosen,) in batches(num, seed, 1):
        made.append(_infill(model, song, written, params, chosen, reached))
        advance(len(made[-1].events))
    return made


def _infill(
    model: Model,
    song: Song,
    voices: Collection[int],
    params: SamplingParams,
    seed: int,
    reached: Callable[[float], object],
) -> Infilling:
    started = time.perf_counter()
    vocabulary, rules = Vocabulary(model.config.vocabulary), rules_of(model.config.vocabulary)
    given = vocabulary.events(song).astype(np.int64)
    ticks = int(-given[given < 0].sum())
    kept = [event for event in _timed(given, rules.voice) if event.voice not in voices]
    rate = event_rate(given, ticks, rules, voices)
    generator = np.random.default_rng(seed)
    proposals = Proposals(rules, target_densities(song, voices), rate, params, generator)
    # Every event that is no wait may have one before it.
    written = rate * (ticks / TICKS_PER_SECOND + SECONDS_AHEAD)
    length = 2 * (1 + len(kept) + int(written))
    engine = model.begin(PARTICLES, memory=params.memory, length=length, dtype=params.dtype)
    particles = ParticleFilter(engine, proposals, generator)
    last = particles.run([*kept, KeptEvent(ticks)], reached)
    return Infilling(
        particles.events,
        _song_of(particles.events, song, voices, vocabulary),
        perplexity(last.kept_loss, len(kept)),
        perplexity(last.loss, last.written),
        time.perf_counter() - started,
    )


def _timed(events: Events, voice: npt.NDArray[np.int64]) -> list[KeptEvent]:
    """Return the events that are no waits, each with its tick."""
    ticks = np.cumsum(np.where(events < 0, -events, 0))
    places = np.flatnonzero(events > 0)
    return [KeptEvent(*map(int, row)) for row in zip(ticks[places], voice[events[places]], events[places], strict=True)]


def _song_of(events: list[int], given: Song, voices: Collection[int], vocabulary: Vocabulary) -> Song:
    """Return the song of some events, the kept voices as they were given."""
    song = vocabulary.song(np.array(events, dtype=np.int64))
    if not rules_of(vocabulary.dialect).has_dynamics and not given.is_flat:
        # The triangle has no dynamics, only breaks between its notes, which are not the model's.
        song = song.express().with_voices(song, ["tr"])
    return song.with_voices(given, [VOICES[voice].lower() for voice in range(len(VOICES)) if voice not in voices])
