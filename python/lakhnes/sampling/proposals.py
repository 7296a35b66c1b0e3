"""The proposal distribution of the particle filter: how a particle continues towards the next kept event.

A particle proposes events as the model would, were it alone, and the kept events come when they come. Its weight says
how much more probable the model finds the result than what was proposed: the mass of all that could not happen, since
the kept voices did something else, and the probability of what they did. That is sequential Monte Carlo (Gordon et al.
1993; Doucet & Johansen 2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakhnes._native import quantize_events
from lakhnes.grammar import BOUNDARY, SUBSETS, Rules
from lakhnes.sampling.density import counted, log_odds
from lakhnes.sampling.params import SamplingParams
from lakhnes.sampling.particle import Floats, KeptEvent, NoteCount, Particle
from lakhnes.sampling.sampler import sample
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["Proposals", "is_rest", "log", "wait_token"]

Mask = npt.NDArray[np.bool_]

SHARE_OF_WAITS = (0.6, 0.6, 0.6, 0.85)
"""Share of the waits that end before the next kept event which are proposed, for a new voice to speak thereafter.

Of each voice; of several, their mean. The others are taken for waits for a kept voice: the weights correct for both,
but few particles have what is proposed too seldom. Drums are the shortest notes.
"""

LONG_REST = 8 * TICKS_PER_SECOND
"""Ticks without a kept event after which the kept voices are known to rest."""

LONG_END = 2 * TICKS_PER_SECOND
"""The same before the end of the song, which no kept event calls for."""

FRAME = TICKS_PER_SECOND // 60
"""Ticks that a voice alone sounds or rests at the least."""

SHARE_IN_REST = 0.9
"""Share of the proposals in a long rest that are such waits, however improbable they are."""

SECONDS_AHEAD = 2
"""How far the new voices may get ahead of the most events a second that they may have."""

MIN_LOG = -700.0
"""The logarithm of a probability of 0."""

MAX_TICKS = 1 << 40
"""Later than any song ends."""


class Proposals:
    """How particles continue.

    Parameters
    ----------
    rules : Rules
    densities : dict
        The voices to write, and how many notes a second each should have.
    rate : float
        Events that they may have in a second, in the long run.
    params : SamplingParams
    generator : numpy.random.Generator
    window : tuple of int
        The ticks from and before which they may speak.
    """

    def __init__(
        self,
        rules: Rules,
        densities: dict[int, float],
        rate: float,
        params: SamplingParams,
        generator: np.random.Generator,
        window: tuple[int, int] = (0, MAX_TICKS),
    ) -> None:
        # When a voice speaks is sampled by the probabilities; the parameters are for what it says.
        self.rules, self.params, self.generator = rules, params, generator
        self.densities, self.rate, self.window = densities, rate, window
        self.share_of_waits = float(np.mean([SHARE_OF_WAITS[voice] for voice in densities]))
        self.is_written = np.isin(rules.voice, list(densities))  # (V,)
        self.notes_of = {voice: np.flatnonzero(rules.is_note & (rules.voice == voice)) for voice in densities}

    def begin(self, prime: Sequence[int] = ()) -> Particle:
        """Return the song up to the end of what is given, in the compact form."""
        rules = self.rules
        particle = Particle(dict.fromkeys(self.densities, NoteCount()), self.rate * SECONDS_AHEAD)
        for event in prime:
            token = wait_token(-event) if event < 0 else event
            particle.tick += max(-event, 0)
            self.follow(particle, token)
            if rules.voice[token] in particle.counts:
                self.count(particle, token)
        return particle

    def follow(self, particle: Particle, token: int) -> None:
        """Update the state of the grammar."""
        rules = self.rules
        particle.place = int(rules.place[token])
        particle.sounding = particle.sounding & ~int(rules.ends[token]) | int(rules.begins[token])

    def count(self, particle: Particle, token: int) -> None:
        """Count an event of a voice that is written."""
        voice, is_note = int(self.rules.voice[token]), bool(self.rules.is_note[token])
        particle.counts[voice] = counted(particle.counts[voice], particle.tick, is_note=is_note)

    def is_open(self, tick: int) -> bool:
        """Tell whether new voices may speak at a tick."""
        return self.window[0] <= tick < self.window[1]

    def read(self, particle: Particle, token: int, logits: Floats) -> None:
        """Update a particle with a token that it proposed, and the logits that follow."""
        self.follow(particle, token)
        self.look(particle, logits)

    def look(self, particle: Particle, logits: Floats) -> None:
        """Update a particle with the logits of what comes next."""
        largest = logits.max()
        particle.log_probabilities = logits - (largest + math.log(np.exp(logits - largest).sum()))
        tilted = particle.log_probabilities.copy()
        for voice, density in self.densities.items():
            tilted[self.notes_of[voice]] += log_odds(particle.counts[voice], density, particle.tick)
        tilted[~self.allowed(particle)] = -np.inf
        tilted = np.exp(tilted - tilted.max())
        particle.probabilities = tilted / tilted.sum()

    def allowed(self, particle: Particle) -> Mask:
        """Return what may come next, ``(V,)``."""
        row: Mask = self.rules.allowed[particle.place * SUBSETS + particle.sounding]
        return row

    def next(self, particle: Particle, kept: KeptEvent) -> list[int]:
        """Continue a particle towards a kept event.

        Returns
        -------
        list of int
            The token to be read. After a wait for the kept event, the token of that as well: unless a voice speaks
            before it, as `next` then says, it is the next. Empty at the end of the song, where the particle is then.
        """
        allowed = self.allowed(particle)
        written, waits = allowed & self.is_written, allowed & self.rules.is_wait
        if not self.is_open(particle.tick):
            written = np.zeros_like(written)
        # A note with a velocity has it before all else; nothing of the kept voices comes between.
        if particle.must_speak or (particle.place > 0 and not waits.any() and written.any()):
            particle.must_speak = False
            particle.log_weight += log(particle.probabilities[written].sum())
            return [self.speak(particle, written)]
        if particle.tick == kept.tick:
            return self.reach(particle, kept, written)
        if not waits.any():  # at the beginning, of which no model knows how long it waits
            if written.any() and is_rest(kept.tick - particle.tick, kept):  # not in silence, though
                return [self.speak(particle, written)]
            now, other = (float(particle.probabilities[some].sum()) for some in (written, allowed & ~written))
            if self.generator.random() * (now + other) < now:
                return [self.speak(particle, written)]
            self.pass_time(particle, kept.tick - particle.tick)
            return self.reach(particle, kept, written)
        return self.go(particle, kept, written, waits)

    def reach(self, particle: Particle, kept: KeptEvent, written: Mask) -> list[int]:
        """Let a voice speak that comes before the kept event that is due, or else place that event."""
        if kept.is_end:
            particle.arrived = True
            return []
        before = written & (self.rules.voice < kept.voice)
        now = float(particle.probabilities[before].sum()) if particle.budget >= 1.0 else 0.0
        if self.generator.random() < now:
            return [self.speak(particle, before)]
        particle.log_weight += log(particle.probabilities[kept.token]) - log(1.0 - now)
        return self.place(particle, kept)

    def place(self, particle: Particle, kept: KeptEvent) -> list[int]:
        """Append the kept event."""
        particle.kept_loss -= float(particle.log_probabilities[kept.token])
        particle.events.append(kept.token)
        particle.arrived = True
        if kept.voice in particle.counts:
            self.count(particle, kept.token)
        return [kept.token]

    def go(self, particle: Particle, kept: KeptEvent, written: Mask, waits: Mask) -> list[int]:
        """Let a new voice speak now, or wait for one, or for the kept event."""
        gap, ticks = kept.tick - particle.tick, self.rules.ticks
        whole = wait_token(gap)
        early = waits & (ticks < ticks[whole]) & (ticks >= self.window[0] - particle.tick)
        early &= ticks < self.window[1] - particle.tick
        if len(self.densities) == 1 and is_rest(gap, kept):  # shorter waits lead from one voice to another
            early &= ticks >= FRAME
        now = 0.0
        if particle.budget >= 1.0:
            now = float(particle.probabilities[written].sum())
        else:  # too much was said in too little time
            early &= ticks * self.rate >= (1.0 - particle.budget) * TICKS_PER_SECOND
        reached = float(particle.probabilities[early].sum())
        soon = self.share_of_waits * reached
        if is_rest(gap, kept) and reached > 0.0:
            soon = SHARE_IN_REST * (1.0 - now)
        choice = self.generator.random()
        if choice < now:
            return [self.speak(particle, written)]
        if choice < now + soon:
            particle.log_weight += log(reached) - log(soon)
            particle.must_speak = True
            token = self.sample(particle, early)
            self.wait(particle, token, int(ticks[token]))
            return [token]
        later = waits & (ticks >= ticks[whole])
        # At the end of the song nothing else happens. Long before it, an end would be silence for all that is left.
        later[BOUNDARY] = not is_rest(gap, kept)
        reached = float(particle.probabilities[later if kept.is_end else whole].sum())
        # A wait that is longer than the longest token is as improbable as a row of such tokens.
        particle.log_weight += log(reached) * max(1.0, gap / int(ticks.max())) - log(1.0 - now - soon)
        self.wait(particle, whole, gap)
        return [whole] if kept.is_end else [whole, kept.token]

    def wait(self, particle: Particle, token: int, ticks: int) -> None:
        """Append a wait."""
        self.score(particle, token)
        self.pass_time(particle, ticks)

    def pass_time(self, particle: Particle, ticks: int) -> None:
        """Let time pass."""
        particle.events.append(-ticks)
        particle.tick += ticks
        self.earn(particle, ticks)

    def earn(self, particle: Particle, ticks: int) -> None:
        """Let the new voices have more events after some time."""
        gained = self.rate * ticks / TICKS_PER_SECOND
        particle.budget = min(particle.budget + gained, self.rate * SECONDS_AHEAD)

    def speak(self, particle: Particle, written: Mask) -> int:
        """Sample an event of a new voice, and append it."""
        token = self.sample(particle, written)
        self.count(particle, token)
        particle.budget -= 1.0
        particle.spoken += 1
        particle.events.append(token)
        self.score(particle, token)
        return token

    def score(self, particle: Particle, token: int) -> None:
        """Add a written event to the loss."""
        particle.loss -= float(particle.log_probabilities[token])
        particle.written += 1

    def sample(self, particle: Particle, some: Mask) -> int:
        """Sample one of some events by the tilted probabilities, as the parameters say."""
        logits = np.log(np.maximum(particle.probabilities, 1e-300)).astype(np.float32)
        uniform = self.generator.random() if self.params.temperature > 0.0 else 0.0
        tokens, _ = sample(logits[None], np.array([uniform], dtype=np.float32), self.params, allowed=some[None])
        return int(tokens[0])


def is_rest(gap: int, kept: KeptEvent) -> bool:
    """Return whether the kept voices are known to rest for the `gap` ticks before a kept event."""
    return gap > (LONG_END if kept.is_end else LONG_REST)


def wait_token(ticks: int) -> int:
    """Return the token that stands for a wait of this many ticks."""
    return int(quantize_events(np.array([-ticks], dtype=np.int32), False)[0])


def log(probability: float) -> float:
    """Return the logarithm of a probability, of 0 too."""
    return math.log(probability) if probability > 1e-300 else MIN_LOG
