"""Songs that are composed in step, token by token: what the model says, what may come next, and what is sampled."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary
from lakhnes.errors import LakhnesError
from lakhnes.grammar import BOUNDARY
from lakhnes.model.engine import Floats, Tokens, losses_of
from lakhnes.model.model import READ_AT_ONCE, Model
from lakhnes.model.native_engine import thread_count
from lakhnes.sampling import ending
from lakhnes.sampling.controls import NOTHING, Controls
from lakhnes.sampling.grammar import grammar_of
from lakhnes.sampling.leanings import Leanings
from lakhnes.sampling.looping import Loop
from lakhnes.sampling.params import SamplingParams
from lakhnes.sampling.repetition import Repetition
from lakhnes.sampling.sampler import Uniforms, sample

__all__ = ["Advance", "Composer", "Composition", "Seed", "Step", "ignore", "no_other", "perplexity"]

Seed: TypeAlias = "int | np.random.SeedSequence"
"""What decides the random numbers of a song."""

SURPRISE_SPAN = 64
"""Events over which the mean loss of a song is taken, weighted exponentially: half of the weight is on the last 44."""

SURPRISE_GAIN = 2.0
"""How much higher the temperature would be, as a share of itself, if the last events had no loss at all."""

Advance = Callable[[int], object]
"""Called with the number of events composed since the last call."""


def ignore(events: int) -> None:
    """Be an `Advance` that does nothing."""


def no_other() -> Seed | None:
    """Say that no song follows; see `Composer`."""
    return None


@dataclasses.dataclass(frozen=True)
class Composition:
    """A song as it was sampled.

    Attributes
    ----------
    ids : list of int
        Token ids without boundaries, those of the prime first.
    prime_ppl, ppl : float
        Perplexity of the prime and of what was sampled after it, under the model as it is (temperature 1, nothing
        forbidden); NaN where there was nothing.
    seconds : float
        The time that it took; of each step of a batch, an equal share.
    ended : str
        What ended it: ``"<S>"``, the model itself; ``"seconds"``, the last bar within the limit, or the limit;
        ``"length"`` or ``"duration"``, the most that was asked for; ``"loop"``, where it goes on from before;
        ``"form"``, its last section.
    loop : Loop, optional
        Where it loops; the places are those of `ids` before ``LOOP`` was put among them.
    """

    ids: list[int]
    prime_ppl: float
    ppl: float
    seconds: float
    ended: str = "length"
    loop: Loop | None = None


@dataclasses.dataclass(frozen=True)
class Step:
    """The next token of the song in every place.

    Attributes
    ----------
    tokens : int64 array, ``(B,)``
    losses : float32 array, ``(B,)``
        Their negative log-likelihoods.
    going : bool array, ``(B,)``
        Where a song had not ended before; the other tokens mean nothing.
    over : bool array, ``(B,)``
        Where a song ends with this token.
    """

    tokens: Tokens
    losses: Floats
    going: npt.NDArray[np.bool_]
    over: npt.NDArray[np.bool_]


class _Song:
    """A song that is being composed."""

    def __init__(self, seed: Seed, began: float) -> None:
        self.seed, self.began = seed, began
        self.sampled: list[int] = []
        self.losses: list[float] = []


class Composer:
    """Songs that are composed in step, each with random numbers of its own, in B places.

    A song that has ended gives its place to another, so that a step is worth its time until no songs are left.

    Parameters
    ----------
    model : Model
    seeds : list of int or numpy.random.SeedSequence
        Of the songs to begin with, one for each place.
    params : SamplingParams
    given : int
        Events that are read before or in place of what is sampled.
    advance : callable
        See `Advance`.
    controls : Controls
        What is asked of the songs, stated at the beginning of a new one, and what may not come in them.
    another : callable
        Gives the seed of the song that follows one that has ended, or None: then its place stays empty.

    Raises
    ------
    LakhnesError
        If something is asked for that the model's vocabulary cannot state.
    """

    def __init__(
        self,
        model: Model,
        seeds: Sequence[Seed],
        params: SamplingParams,
        given: int = 0,
        advance: Advance = ignore,
        controls: Controls = NOTHING,
        another: Callable[[], Seed | None] = no_other,
    ) -> None:
        self.model, self.params, self.advance, self.another = model, params, advance, another
        self.count = len(seeds)
        self.uniforms = Uniforms(seeds)
        self.songs = [_Song(seed, 0.0) for seed in seeds]
        self.shared = 0.0  # the seconds so far, of each moment the share of one song
        self.counted = time.perf_counter()  # up to when
        length, keeps = 1 + given + params.most_events, another is not no_other
        self.engine = model.begin(self.count, memory=params.memory, length=length, dtype=params.dtype, keeps=keeps)
        self.vocabulary = Vocabulary(model.config.vocabulary)
        self.threads = thread_count()  # that share the choosing of a large batch
        self.grammar = grammar_of(self.vocabulary, self.count, self.threads)
        self.possible = ~controls.forbidden(self.vocabulary)  # (V,)
        self.leanings = Leanings(controls, self.vocabulary, self.count)
        self.repetition = Repetition(params.repetition if params.grammar else 0.0, self.vocabulary, self.count)
        self.full = np.zeros(self.count, dtype=np.bool_)  # where a song has the longest duration that was asked for
        self.late = np.zeros(self.count, dtype=np.bool_)  # where a song has used up its seconds
        self.going = np.ones(self.count, dtype=np.bool_)  # where a song has not ended
        self.fresh: list[int] = []  # places of songs that have only just been begun
        self.lengths = np.zeros(self.count, dtype=np.int64)  # events that were sampled
        self.surprise = np.full(self.count, 2.0 * params.min_surprise, dtype=np.float32)

    def run(self, prime: Sequence[int]) -> Iterator[tuple[Seed, Composition]]:
        """Read the prime, then sample; give each song with its seed as soon as it has ended."""
        prime_ppl = perplexity(self.read(prime), len(prime))
        for step in self.steps():
            for song, going, token, loss in zip(self.songs, step.going, step.tokens, step.losses, strict=True):
                if going:
                    song.sampled.append(int(token))
                    song.losses.append(float(loss))
            for place in np.flatnonzero(step.over).tolist():
                yield self.songs[place].seed, self.composition(place, prime, prime_ppl)
                self.counted = time.perf_counter()  # what is done with a song is no part of its composing
                if (seed := self.another()) is not None:
                    self.begin(place, seed)

    def composition(self, place: int, prime: Sequence[int], prime_ppl: float) -> Composition:
        """Return the song that has ended in a place."""
        song = self.songs[place]
        sampled, last = song.sampled, song.sampled[-1]
        ended = "<S>" if last == BOUNDARY else "duration" if self.full[place] else "length"
        if self.late[place]:
            ended = "seconds"
        ids = [*prime, *(sampled[:-1] if last == BOUNDARY else sampled)]
        if ended in ("length", "seconds"):
            ids = ids[: max(self.grammar.whole_bars(ids, late=bool(self.full[place])), len(prime))]
        loss = np.array(song.losses, dtype=np.float32).sum(dtype=np.float64)
        return Composition(ids, prime_ppl, perplexity(float(loss), len(sampled)), self.shared - song.began, ended)

    def begin(self, place: int, seed: Seed) -> None:
        """Begin a song, behind the prime, in the place of one that has ended."""
        self.songs[place] = _Song(seed, self.shared)
        self.uniforms.begin(place, seed)
        self.grammar.restart(place)
        self.leanings.restart(place)
        self.repetition.restart(place)
        self.full[place] = self.late[place] = False
        self.lengths[place], self.surprise[place] = 0, 2.0 * self.params.min_surprise
        self.going[place] = True
        self.fresh.append(place)

    def share(self, songs: int) -> None:
        """Note that the time since the last call was spent on some songs."""
        now = time.perf_counter()
        self.shared += (now - self.counted) / songs
        self.counted = now

    def read(self, prime: Sequence[int]) -> float:
        """Read the opening boundary and the prime in every song; return the loss of the prime in nats.

        Raises
        ------
        LakhnesError
            If the prime breaks the grammar.
        """
        for position, token in enumerate(prime):
            if self.params.grammar and not self.grammar.admits(token):
                raise LakhnesError(f"prime: token {position} may not stand there; expected the order of a song's text")
            self.grammar.advance(self.all_songs(token))
        self.grammar.begin_time()
        self.repetition.read(prime)
        given, loss = np.array([BOUNDARY, *prime], dtype=np.int64), 0.0
        for start in range(0, len(given), READ_AT_ONCE):
            tokens, following = given[start : start + READ_AT_ONCE], given[start + 1 : start + 1 + READ_AT_ONCE]
            logits = self.engine.feed(tokens, [0] * len(tokens))
            loss += float(losses_of(logits[: len(following)], following).sum(dtype=np.float64))
        if self.another is not no_other:
            self.engine.keep(0)
        for sequence in range(1, self.count):
            self.engine.fork(0, sequence)
        return loss

    def steps(self) -> Iterator[Step]:
        """Sample token after token, until every song has ended; between two steps others may `begin`."""
        while self.going.any():
            tokens, losses = self.choose()
            self.surprise = self.surprise + (losses - self.surprise) / np.float32(SURPRISE_SPAN)
            tokens, going = self.pass_time(tokens), self.going
            self.lengths = self.lengths + 1
            self.going = going & (tokens != BOUNDARY) & ~self.full & (self.lengths < self.params.most_events)
            count = int(going.sum())
            self.share(count)
            yield Step(tokens, losses, going, going & ~self.going)
            self.advance(count)
            self.read_next(tokens)

    def read_next(self, tokens: Tokens) -> None:
        """Read the tokens that were sampled, ``(B,)``, where songs go on; of others only where it costs nothing."""
        going_on = self.going.copy()
        going_on[self.fresh] = False
        if going_on.all() or (going_on.any() and not self.engine.separate):
            self.engine.feed(tokens)
        elif going_on.any():
            self.engine.feed(tokens[going_on], np.flatnonzero(going_on).tolist())
        if self.fresh:
            self.engine.restore(self.fresh)
            self.fresh = []

    def pass_time(self, tokens: Tokens) -> Tokens:
        """Count the time of the tokens, and note which songs are as long as may be."""
        limits = (self.params.max_ticks, self.params.limit_ticks)
        longest = min((ticks for ticks in limits if ticks is not None), default=None)
        tokens, full = self.grammar.pass_time(tokens, longest)
        full &= self.going
        by_seconds = full if longest == self.params.limit_ticks != self.params.max_ticks else np.zeros_like(full)
        self.full, self.late = self.full | full, self.late | by_seconds
        return tokens

    def events(self, prime: Sequence[int]) -> Iterator[str]:
        """Read the prime, then give the symbols of the first song's events as they are sampled."""
        self.read(prime)
        for step in self.steps():
            token = int(step.tokens[0])
            if token == BOUNDARY:
                return
            yield self.vocabulary.symbol(token)

    def all_songs(self, token: int) -> Tokens:
        """Return one token for every song, ``(B,)``."""
        return np.full(self.count, token, dtype=np.int64)

    def choose(self) -> tuple[Tokens, Floats]:
        """Sample the next token of every song; return it and its loss, ``(B,)`` each."""
        params = self.params
        if not params.grammar:
            allowed = np.ones_like(self.engine.logits, dtype=np.bool_)
            allowed[:, BOUNDARY] = False
            tokens, losses = self.sample(allowed)
        else:
            allowed = self.grammar.allowed() & self.possible
            allowed[:, BOUNDARY] &= (self.grammar.ticks >= params.min_ticks) & (self.lengths >= params.min_length)
            if params.limit_ticks is not None:  # a bar that is over too late is left out
                allowed[:, BOUNDARY] &= self.grammar.ticks <= params.limit_ticks
            due = ending.due(self.grammar, params)
            allowed[due] = np.arange(allowed.shape[1]) == BOUNDARY
            self.late |= due & self.going
            tokens, losses = self.sample(allowed, ending.log_odds(self.grammar, params))
        self.grammar.advance(tokens)
        self.leanings.take(tokens)
        self.repetition.take(tokens)
        return tokens, losses

    def sample(self, allowed: npt.NDArray[np.bool_], for_the_end: Floats | None = None) -> tuple[Tokens, Floats]:
        """Sample what is allowed, ``(B, V)``; return tokens and losses, ``(B,)`` each.

        ``<S>`` gets `for_the_end`, ``(B,)`` nats, on top of what the model says; the losses are under the model alone.
        """
        uniforms, logits = self.uniforms.next(), np.ascontiguousarray(self.engine.logits)
        if not self.params.grammar:
            return sample(logits, uniforms, self.params, allowed=allowed, threads=self.threads)
        leaning = self.leanings.nats(self.grammar.ticks)
        raised = logits.copy() if leaning is None else logits + leaning
        self.repetition.lean(raised)
        self.grammar.correct(raised, allowed)
        if for_the_end is not None:
            raised[:, BOUNDARY] += for_the_end
        heat = self.temperature()
        tokens, _ = sample(raised, uniforms, self.params, allowed=allowed, temperature=heat, threads=self.threads)
        return tokens, losses_of(logits, tokens)

    def temperature(self) -> float | Floats:
        """Return the temperature; where songs are to surprise, that of each, ``(B,)``."""
        params = self.params
        if params.min_surprise == 0.0 or params.temperature == 0.0 or not params.grammar:
            return params.temperature
        lack: Floats = (1.0 - self.surprise / np.float32(params.min_surprise)).clip(min=0.0)  # 0 to 1
        raised: Floats = np.float32(params.temperature) * (1.0 + np.float32(SURPRISE_GAIN) * lack)
        return raised


def perplexity(loss: float, count: int) -> float:
    """Return the perplexity of `count` tokens whose losses add up to `loss`."""
    if count == 0:
        return math.nan
    try:
        return math.exp(loss / count)
    except OverflowError:
        return math.inf
