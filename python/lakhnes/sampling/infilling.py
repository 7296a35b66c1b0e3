"""New parts for a song: some voices stay event for event, the model writes the others, or a passage of them.

Where a kept event falls into a wait, the wait is split; in a song of rows nothing has to be. The model, which knows
nothing of what comes, writes several songs at once, of which those that lead to the kept events survive
(`lakhnes.sampling.particle_filter`).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, Vocabulary, tx3_facts
from lakhnes.bars import bars_of_song
from lakhnes.errors import shown
from lakhnes.grammar import VOICES, rules_of
from lakhnes.model.model import Model
from lakhnes.sampling.composer import Advance, ignore, perplexity
from lakhnes.sampling.composing import seeds_of
from lakhnes.sampling.density import event_rate, target_densities
from lakhnes.sampling.excerpt import expressed, split_clock
from lakhnes.sampling.keywords import CHOICE, sampling_keywords
from lakhnes.sampling.params import SONG, SamplingParams, params_from
from lakhnes.sampling.particle import KeptEvent
from lakhnes.sampling.particle_filter import ParticleFilter
from lakhnes.sampling.proposals import SECONDS_AHEAD, Proposals
from lakhnes.sampling.row_proposals import RowProposals
from lakhnes.sampling.row_schedule import schedule
from lakhnes.units import TICKS_PER_SECOND

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lakhnes.sampling.params import SamplingOptions

__all__ = ["Infilling", "infill", "infillings", "window_of"]

PARTICLES = 8
"""With four, songs were less probable by 0.1 nats an event, and not much sooner written."""

SECONDS_BEYOND = 4
"""Seconds behind a passage of which the kept events still say which part leads to them."""

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
    start: float | str | None = None,
    end: float | str | None = None,
    seed: int | None = None,
    advance: Advance = ignore,
    **options: Unpack[SamplingOptions],
) -> list[Song]:
    """Write new parts for some voices of a song.

    Parameters
    ----------
    model : Model
    song : Song
        If only it or the model's vocabulary has dynamics, what has none gets those of NES music.
    voices : sequence of str
        The voices to write: any of ``p1 p2 tr no``. The others stay as they are.
    num, seed
        As of `lakhnes.generate`; several parts for one passage are alternatives.
    start, end : float or str, optional
        Where the new parts begin and end, in seconds, or in bars as ``"3b"``: the beginning of bar 3, counted from 1.
        What the voices play before and after stays as it is; a note that sounds across either place ends there.
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
        If a voice is unknown, or none is named; if the passage does not lie in the song.
    """
    params, window = params_from(SONG, {**options}), window_of(song, start, end)
    made = infillings(model, num, song, voices, params, window=window, seed=seed, advance=advance)
    return [version.song for version in made]


def window_of(song: Song, start: float | str | None, end: float | str | None) -> tuple[int, int]:
    """Return a passage of a song in ticks; see `infill`.

    Raises
    ------
    ValueError
        If it is not one of the song.
    """
    bars = [bar.tick for bar in bars_of_song(song)] if isinstance(start, str) or isinstance(end, str) else []
    first = 0 if start is None else _tick_of("start", start, bars, song.length)
    last = song.length if end is None else _tick_of("end", end, bars, song.length)
    if not first < last:
        at = first / TICKS_PER_SECOND
        raise ValueError(f"end: expected a place behind the start of the passage at {at:.3f} s, found {end}")
    return first, last


def _tick_of(what: str, place: float | str, bars: list[int], length: int) -> int:
    if isinstance(place, str):
        number = place.removesuffix("b")
        is_number = place.endswith("b") and number.isdecimal() and len(number) < 10
        if not (is_number and 1 <= int(number) <= len(bars) + 1):
            raise ValueError(f"{what}: expected seconds, or a bar from 1b to {len(bars) + 1}b, found {shown(place)}")
        return [*bars, length][int(number) - 1]
    tick = round(place * TICKS_PER_SECOND) if math.isfinite(place) else -1
    if not 0 <= tick <= length:
        raise ValueError(f"{what}: expected 0 to {length / TICKS_PER_SECOND:.3f} seconds, found {place:g}")
    return tick


def infillings(
    model: Model,
    num: int,
    song: Song,
    voices: Sequence[str],
    params: SamplingParams = SONG,
    *,
    window: tuple[int, int] | None = None,
    seed: int | None = None,
    advance: Advance = ignore,
    reached: Callable[[float], object] = ignore_share,
) -> list[Infilling]:
    """Write new parts, or what they play in a passage, given in ticks; see `infill`.

    `reached` is called with the share of a version that was written since its last call.
    """
    named = {voice.upper() for voice in voices}
    if not named or named - set(VOICES):
        raise ValueError(f"voices: {', '.join(voices) or 'none'}; expected some of p1, p2, tr, no")
    task = _Task(Vocabulary(model.config.vocabulary), song, {VOICES.index(name) for name in named}, window)
    made = []
    for chosen in seeds_of(num, seed):
        made.append(_infill(model, task, params, chosen, reached))
        advance(len(made[-1].events))
    return made


class _Task:
    """A passage to write: what the model reads before, what is kept from there on, and what becomes of the result.

    Attributes
    ----------
    window : tuple of int
        Its ticks.
    clock : list of int
        Tokens that say on which frames the song lies, which no model reads.
    before : list of int
        What is given before the passage, in the compact form.
    kept : list of KeptEvent
        What is kept from there on, some seconds beyond the passage.
    """

    def __init__(
        self, vocabulary: Vocabulary, song: Song, voices: Collection[int], window: tuple[int, int] | None
    ) -> None:
        self.vocabulary, self.rules, self.voices = vocabulary, rules_of(vocabulary.dialect), voices
        self.names = [VOICES[voice].lower() for voice in sorted(voices)]
        self.window = (0, song.length) if window is None else window
        self.in_rows = "BAR" in vocabulary.symbols
        # What has no dynamics gets those of NES music, where the other side has some.
        has_dynamics = self.in_rows or self.rules.has_dynamics
        self.expresses = not has_dynamics and not song.is_flat
        self.given = expressed(song) if self.in_rows else song
        cleared = self.given.with_passage(Song.from_tx1("WT_1"), self.names, *self.window)
        events = vocabulary.events(cleared).astype(np.int64)
        if self.in_rows:
            self.clock, text = split_clock(events.tolist(), vocabulary)
            self.before, kept = schedule([*stated(self.given, self.names), *text], vocabulary, self.window[0])
        else:
            self.clock = []
            self.before, kept = self._divide(events, song.length)
        last = self.window[1] + SECONDS_BEYOND * TICKS_PER_SECOND
        self.kept = [event for event in kept if event.tick <= last]

    def _divide(self, events: Events, length: int) -> tuple[list[int], list[KeptEvent]]:
        """Divide events in the compact form at the beginning of the passage."""
        ticks = np.cumsum(np.where(events < 0, -events, 0))
        first = int(np.searchsorted(ticks, self.window[0], side="left")) if self.window[0] > 0 else 0
        # The wait that leads to the passage belongs to what follows, for a new voice may speak before its end.
        kept = [event for event in _timed(events, self.rules.voice) if event.tick >= self.window[0]]
        return events[:first].tolist(), [*kept, KeptEvent(length)]

    def song(self, events: list[int]) -> Song:
        """Return the given song in which the passage is that of some events."""
        new = self.vocabulary.song(np.array([*self.clock, *self.before, *events], dtype=np.int64))
        if self.expresses:
            new = expressed(new)
        return self.given.with_passage(new, self.names, *self.window)


def _infill(
    model: Model, task: _Task, params: SamplingParams, seed: int, reached: Callable[[float], object]
) -> Infilling:
    started = time.perf_counter()
    first, last = task.window
    densities = target_densities(task.given, task.voices, in_groups=task.in_rows)
    events = task.vocabulary.events(task.given).astype(np.int64)
    rate = event_rate(events, task.given.length, task.rules, task.voices)
    generator = np.random.default_rng(seed)
    if task.in_rows:
        proposals: Proposals = RowProposals(
            task.vocabulary, task.rules, densities, rate, params, generator, task.window
        )
    else:
        proposals = Proposals(task.rules, densities, rate, params, generator, task.window)
    # Every event that takes no time may have one before it that does.
    written = rate * ((last - first) / TICKS_PER_SECOND + SECONDS_AHEAD)
    length = len(task.before) + 2 * (1 + len(task.kept) + int(written))
    engine = model.begin(PARTICLES, memory=params.memory, length=length, dtype=params.dtype)
    particles = ParticleFilter(engine, proposals, generator, task.before)
    best = particles.run(task.kept, reached)
    return Infilling(
        [*task.before, *particles.events],
        task.song(particles.events),
        perplexity(best.kept_loss, sum(not event.is_end for event in task.kept)),
        perplexity(best.loss, best.written),
        time.perf_counter() - started,
    )


def stated(song: Song, voices: Sequence[str]) -> list[int]:
    """Return the control tokens of a song of rows: its key, how dense its voices are, how high the kept ones.

    A voice that is to be written is as dense as it was or, if it did not play, of middle density.
    """
    vocabulary, tokens = Vocabulary("tx3"), tx3_facts(song)["controls"]
    told = []
    for token in tokens:
        kind, _, rest = token.partition("_")
        voice = rest.partition("_")[0].lower()
        if kind in ("KEY", "DENSITY") or (kind == "REGISTER" and voice not in voices):
            told.append(token.replace("_NONE", "_MID") if voice in voices else token)
    return [vocabulary.id(token) for token in told]


def _timed(events: Events, voice: npt.NDArray[np.int64]) -> list[KeptEvent]:
    """Return the events that are no waits, each with its tick."""
    ticks = np.cumsum(np.where(events < 0, -events, 0))
    places = np.flatnonzero(events > 0)
    return [KeptEvent(*map(int, row)) for row in zip(ticks[places], voice[events[places]], events[places], strict=True)]
