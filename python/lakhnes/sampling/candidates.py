"""Candidates for the new parts of a song, weighed by how well what was kept goes with them.

Each candidate is a song up to some time. It proposes events as the model would, were it alone, and the kept events come
when they come. Its weight says how much more probable the model finds what came of it than what was proposed: the mass
of all that could not happen, since the kept voices did something else, and the probability of what they did. That is
sequential Monte Carlo (Gordon et al. 1993; Doucet & Johansen 2009): parts after which the kept voices are a surprise
die out, parts that lead to them are gone on with.

Left alone, the model lets a voice that has not played rest for ever. So it is tilted: a note is the more probable, the
fewer of its voice there were of late beside the density that is asked for.
"""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary
from lakhnes.grammar import SUBSETS, rules_of, ticks_of_tokens
from lakhnes.sampling.options import TICKS_PER_SECOND, Options

__all__ = ["LONG_REST", "Candidate", "Kept", "Proposals"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SHARE_OF_WAITS = (0.6, 0.6, 0.6, 0.85)
"""Share of the waits that end before the next kept event which are proposed, for a new voice to speak thereafter.

Of each voice; of several, their mean. The others are taken for waits for a kept voice: the weights make up for it both
ways, but what is proposed too seldom, the candidates are too few to have. Drums are the shortest notes.
"""

LONG_REST = 8 * TICKS_PER_SECOND
"""Ticks without a kept event after which the kept voices are known to rest."""

SHARE_IN_REST = 0.9
"""Share of the proposals in a long rest that are such waits, however improbable they are."""

SPAN = 4.0
"""Seconds over which notes are counted; what is older counts for e times less every so many."""

STRENGTH = 5.0
"""Nats by which a note is more probable where e times fewer were played than asked for; as many less for more.

Chosen with `SPAN` by the densities and perplexities of ``benches/infilling.py``.
"""

LONG_SPAN = 16.0
"""Seconds over which the notes that are missing are counted."""

PERSISTENCE = 4.0
"""Nats by which a note is more probable for as many missing notes as there should be in `SPAN`, as many less for more.

Without it parts stay sparse wherever the model would have a voice rest: drums above all.
"""

MOST = 8.0
"""Nats of either at the most."""

PAUSE = 4.0
"""Seconds that a new voice may rest as that says; then it becomes more eager from second to second."""

EAGERNESS = 3.0
"""Nats a second by which its notes become more probable then: what was asked for is to be heard."""

SECONDS_AHEAD = 2
"""How far the new voices may get ahead of the most events a second that they may have."""

LEAST = -700.0
"""The logarithm of a probability is taken for no less."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """An event that stays: at which tick, of which voice (none: the end of the song), its token and its symbol."""

    tick: int
    voice: int = -1
    token: int = 0
    symbol: str = ""

    @property
    def is_end(self) -> bool:
        """Tell whether this is the end of the song, where no event is."""
        return not self.symbol


@dataclasses.dataclass
class Candidate:
    """A song up to some time.

    Attributes
    ----------
    branch : int
        Where the model reads it. Candidates that have not parted yet share one.
    weight : float
        Logarithm of how much more probable it is than it was to be proposed, up to a constant for all candidates.
    lines : list of str
        Its events since all candidates were one.
    logs, probabilities : float64 array, ``(V,)``
        Of what comes next: logarithms as the model has it, and probabilities of what may come, tilted.
    has_to_speak : bool
        Whether it waited, before a kept event was due, for a new voice to speak.
    is_there : bool
        Whether it has reached what it was to reach.
    left : float
        Events that the new voices may have now.
    notes : dict
        By new voice: when it spoke last, when a note of it began last, and the number of its notes by then, as `SPAN`
        and as `LONG_SPAN` count them.
    kept_loss, loss : float
        Negative log-likelihoods of kept and of written events, under the model as it is.
    count, spoken : int
        Events that were written, and how many of them are no waits.
    """

    left: float
    notes: dict[int, tuple[int, int, float, float]]
    branch: int = 0
    tick: int = 0
    place: int = 0
    sounding: int = 0
    weight: float = 0.0
    lines: list[str] = dataclasses.field(default_factory=list)
    logs: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    probabilities: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    has_to_speak: bool = False
    is_there: bool = False
    kept_loss: float = 0.0
    loss: float = 0.0
    count: int = 0
    spoken: int = 0

    def copy(self) -> Candidate:
        """Return one that goes on by itself."""
        other = copy.copy(self)
        other.lines, other.notes = list(self.lines), dict(self.notes)
        return other


class Proposals:
    """How candidates go on.

    Parameters
    ----------
    vocabulary : Vocabulary
    densities : dict
        The voices to write, and how many notes a second each should have.
    most : float
        Events that they may have in a second, in the long run.
    options : Options
    generator : numpy.random.Generator
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        densities: dict[int, float],
        most: float,
        options: Options,
        generator: np.random.Generator,
    ) -> None:
        self.vocabulary, self.symbols, self.options, self.generator = vocabulary, vocabulary.symbols, options, generator
        self.rules, self.ticks_of = rules_of(vocabulary.dialect), ticks_of_tokens(vocabulary.dialect)
        self.longest = int(self.ticks_of.max())
        self.densities, self.most = densities, most
        self.share_of_waits = float(np.mean([SHARE_OF_WAITS[voice] for voice in densities]))
        self.is_written = np.isin(self.rules.voice, list(densities))  # (V,)
        is_note = np.array(["_NOTEON_" in symbol for symbol in self.symbols])
        self.notes_of = {voice: np.flatnonzero(is_note & (self.rules.voice == voice)) for voice in densities}

    def begin(self) -> Candidate:
        """Return the beginning of a song."""
        return Candidate(self.most * SECONDS_AHEAD, dict.fromkeys(self.densities, (0, 0, 0.0, 0.0)))

    def read(self, candidate: Candidate, token: int, logits: Floats) -> None:
        """Take note of a token that a candidate proposed, and of what the model says thereafter."""
        rules = self.rules
        candidate.place = int(rules.place[token])
        candidate.sounding = candidate.sounding & ~int(rules.ends[token]) | int(rules.begins[token])
        self.look(candidate, logits)

    def look(self, candidate: Candidate, logits: Floats) -> None:
        """Take note of what the model says."""
        likely = logits.max()
        candidate.logs = logits - (likely + math.log(np.exp(logits - likely).sum()))
        tilted = candidate.logs.copy()
        for voice in self.densities:
            tilted[self.notes_of[voice]] += self.tilt(candidate, voice)
        tilted[~self.allowed(candidate)] = -np.inf
        tilted = np.exp(tilted - tilted.max())
        candidate.probabilities = tilted / tilted.sum()

    def allowed(self, candidate: Candidate) -> Mask:
        """Return what may come next, ``(V,)``."""
        row: Mask = self.rules.allowed[candidate.place * SUBSETS + candidate.sounding]
        return row

    def tilt(self, candidate: Candidate, voice: int) -> float:
        """Return by how many nats the notes of a voice are more probable than the model has it."""
        heard, last, *counts = candidate.notes[voice]
        density, since, age = self.densities[voice], (candidate.tick - last) / TICKS_PER_SECOND, candidate.tick
        (played, asked), (played_long, asked_long) = (
            (count * math.exp(-since / span), density * span * -math.expm1(-age / TICKS_PER_SECOND / span))
            for count, span in zip(counts, (SPAN, LONG_SPAN), strict=True)
        )
        lack = STRENGTH * math.log((asked + 1.0) / (played + 1.0))
        missing = PERSISTENCE * (asked_long - played_long) / (density * SPAN)
        rest = (candidate.tick - heard) / TICKS_PER_SECOND - PAUSE
        return _bounded(lack) + _bounded(missing) + max(EAGERNESS * rest, 0.0)

    def next(self, candidate: Candidate, kept: Kept) -> list[int]:
        """Go on with a candidate towards a kept event.

        Returns
        -------
        list of int
            The token to be read. After a wait for the kept event, the token of that as well: unless a voice speaks
            before it, as `next` then says, it is the next. None at the end of the song, where the candidate is then.
        """
        allowed = self.allowed(candidate)
        written, waits = allowed & self.is_written, allowed & self.rules.is_wait
        # A note of TX2 has a velocity before all else; nothing of the kept voices comes between.
        if candidate.has_to_speak or (candidate.place > 0 and not waits.any() and written.any()):
            candidate.has_to_speak = False
            candidate.weight += _log(candidate.probabilities[written].sum())
            return [self.speak(candidate, written)]
        if candidate.tick == kept.tick:
            return self.reach(candidate, kept, written)
        if not waits.any():  # at the beginning, of which no model knows how long it waits
            now, other = (float(candidate.probabilities[some].sum()) for some in (written, allowed & ~written))
            if self.generator.random() * (now + other) < now:
                return [self.speak(candidate, written)]
            self.pass_time(candidate, kept.tick - candidate.tick)
            return self.reach(candidate, kept, written)
        return self.go(candidate, kept, written, waits)

    def reach(self, candidate: Candidate, kept: Kept, written: Mask) -> list[int]:
        """Let a voice speak that comes before the kept event that is due, or else place that event."""
        if kept.is_end:
            candidate.is_there = True
            return []
        before = written & (self.rules.voice < kept.voice)
        now = float(candidate.probabilities[before].sum()) if candidate.left >= 1.0 else 0.0
        if self.generator.random() < now:
            return [self.speak(candidate, before)]
        candidate.weight += _log(candidate.probabilities[kept.token]) - _log(1.0 - now)
        candidate.kept_loss -= float(candidate.logs[kept.token])
        candidate.lines.append(kept.symbol)
        candidate.is_there = True
        return [kept.token]

    def go(self, candidate: Candidate, kept: Kept, written: Mask, waits: Mask) -> list[int]:
        """Let a new voice speak now, or wait for one, or for the kept event."""
        gap = kept.tick - candidate.tick
        whole = self.vocabulary.id(f"WT_{gap}")
        early = waits & (self.ticks_of < self.ticks_of[whole])
        now = 0.0
        if candidate.left >= 1.0:
            now = float(candidate.probabilities[written].sum())
        else:  # too much was said in too little time
            early &= self.ticks_of * self.most >= (1.0 - candidate.left) * TICKS_PER_SECOND
        reached = float(candidate.probabilities[early].sum())
        soon = self.share_of_waits * reached
        if gap > LONG_REST and reached > 0.0:
            soon = SHARE_IN_REST * (1.0 - now)
        place = self.generator.random()
        if place < now:
            return [self.speak(candidate, written)]
        if place < now + soon:
            candidate.weight += _log(reached) - _log(soon)
            candidate.has_to_speak = True
            token = self.draw(candidate, early)
            self.wait(candidate, token, int(self.ticks_of[token]))
            return [token]
        later = waits & (self.ticks_of >= self.ticks_of[whole])
        later[0] = True  # at the end of the song nothing else happens
        reached = float(candidate.probabilities[later if kept.is_end else whole].sum())
        # A wait that is longer than the longest of the vocabulary is as improbable as so many of these.
        candidate.weight += _log(reached) * max(1.0, gap / self.longest) - _log(1.0 - now - soon)
        self.wait(candidate, whole, gap)
        return [whole] if kept.is_end else [whole, kept.token]

    def wait(self, candidate: Candidate, token: int, ticks: int) -> None:
        """Append a wait."""
        self.score(candidate, token)
        self.pass_time(candidate, ticks)

    def pass_time(self, candidate: Candidate, ticks: int) -> None:
        """Let time pass."""
        candidate.lines.append(f"WT_{ticks}")
        candidate.tick += ticks
        gained = self.most * ticks / TICKS_PER_SECOND
        candidate.left = min(candidate.left + gained, self.most * SECONDS_AHEAD)

    def speak(self, candidate: Candidate, written: Mask) -> int:
        """Draw an event of a new voice, and append it."""
        token = self.draw(candidate, written)
        voice = int(self.rules.voice[token])
        _, last, count, long_count = candidate.notes[voice]
        if token in self.notes_of[voice]:
            since = (candidate.tick - last) / TICKS_PER_SECOND
            count = 1.0 + count * math.exp(-since / SPAN)
            long_count = 1.0 + long_count * math.exp(-since / LONG_SPAN)
            last = candidate.tick
        candidate.notes[voice] = (candidate.tick, last, count, long_count)
        candidate.left -= 1.0
        candidate.spoken += 1
        candidate.lines.append(self.symbols[token])
        self.score(candidate, token)
        return token

    def score(self, candidate: Candidate, token: int) -> None:
        """Add an event that was written to the loss."""
        candidate.loss -= float(candidate.logs[token])
        candidate.count += 1

    def draw(self, candidate: Candidate, some: Mask) -> int:
        """Draw one of some events, as the options say."""
        options, events = self.options, np.flatnonzero(some)
        logs = np.log(np.maximum(candidate.probabilities[events], 1e-300))
        order = np.argsort(-logs, kind="stable")[: options.top_k]  # most probable first
        if options.temperature == 0.0:
            return int(events[order[0]])
        shares = np.exp((logs[order] - logs[order[0]]) / options.temperature)
        shares /= shares.sum()
        if options.top_p is not None:
            shares[np.cumsum(shares) - shares >= options.top_p] = 0.0
        if options.min_p is not None:
            shares[shares < options.min_p * shares[0]] = 0.0
        cumulated = np.cumsum(shares)
        rank = int(np.searchsorted(cumulated, self.generator.random() * cumulated[-1], side="right"))
        return int(events[order[min(rank, int(np.count_nonzero(shares)) - 1)]])


def _bounded(nats: float) -> float:
    return min(max(nats, -MOST), MOST)


def _log(probability: float) -> float:
    return math.log(probability) if probability > 1e-300 else LEAST
