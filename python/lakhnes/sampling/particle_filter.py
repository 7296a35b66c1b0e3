"""A particle filter over songs in which some voices are kept: sequential Monte Carlo (Doucet & Johansen 2009).

Whenever the particles have reached the next kept event, resampling replaces those after which it was a surprise by
those that led to it; after a while one is selected, from which all continue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lakhnes.grammar import BOUNDARY
from lakhnes.model.engine import Engine
from lakhnes.model.model import READ_AT_ONCE
from lakhnes.sampling.particle import KeptEvent, Particle
from lakhnes.sampling.proposals import Proposals, is_rest, wait_token

__all__ = ["ParticleFilter"]

SPAN = 24
"""Kept events after which one particle is selected, if resampling has not left only its descendants before."""

LONGEST_SPAN = 96
"""Events of a particle after which one is selected."""


class ParticleFilter:
    """Particles that write the new parts of one song.

    Parameters
    ----------
    engine : Engine
        Of as many sequences as there are particles; none has read anything.
    proposals : Proposals
    generator : numpy.random.Generator
    prime : sequence of int
        What is given of the song, in the compact form.

    Attributes
    ----------
    events : list of int
        What is decided of the song, in the compact form.
    """

    def __init__(
        self, engine: Engine, proposals: Proposals, generator: np.random.Generator, prime: Sequence[int] = ()
    ) -> None:
        self.engine, self.proposals, self.generator = engine, proposals, generator
        beginning = proposals.begin(prime)
        self.particles = [beginning.copy() for _ in engine.logits]
        self.prime, self.events = prime, list[int]()
        self.reached = 0  # kept events since one particle was selected

    def run(self, kept: Sequence[KeptEvent], reached: Callable[[float], object] = lambda share: None) -> Particle:
        """Write up to the last of some kept events; return the selected particle.

        `reached` is called after each of them with the share of the time of all since the one before.
        """
        tick = kept[0].tick
        length = max(kept[-1].tick - tick, 1)
        given = [BOUNDARY, *(wait_token(-event) if event < 0 else event for event in self.prime)]
        for start in range(0, len(given), READ_AT_ONCE):
            tokens = np.array(given[start : start + READ_AT_ONCE], dtype=np.int64)
            logits = self.engine.feed(tokens, [0] * len(tokens))[-1].astype(np.float64)
        for particle in self.particles:
            self.proposals.look(particle, logits)
        for event in kept:
            self.reach(event)
            self.reweight()
            reached((event.tick - tick) / length)
            tick = event.tick
        self.select()
        return self.particles[0]

    def reach(self, kept: KeptEvent) -> None:
        """Continue every particle to a kept event, and beyond it."""
        for particle in self.particles:
            particle.arrived = False
        # In a long rest nothing but each next event says which particle is probable: one is selected after each.
        if is_rest(kept.tick - self.particles[0].tick, kept):
            self.select()
        while not self.particles[0].arrived and is_rest(kept.tick - self.particles[0].tick, kept):
            self.advance(kept, until_spoken=True)
            self.select()
        self.advance(kept)

    def advance(self, kept: KeptEvent, *, until_spoken: bool = False) -> None:
        """Continue every particle until it has arrived or, if asked for, a new voice has spoken."""
        spoken = [particle.spoken for particle in self.particles]
        going = [index for index, particle in enumerate(self.particles) if not particle.arrived]
        proposed = {index: self.proposals.next(self.particles[index], kept) for index in going}
        while proposed := {index: tokens for index, tokens in proposed.items() if tokens}:
            going = list(proposed)
            proposed = self.feed(proposed, kept)
            for index in going:
                particle = self.particles[index]
                if index in proposed or particle.arrived or (until_spoken and particle.spoken > spoken[index]):
                    continue
                proposed[index] = self.proposals.next(particle, kept)

    def feed(self, proposed: dict[int, list[int]], kept: KeptEvent) -> dict[int, list[int]]:
        """Let the model read what some particles propose; return what some are to read in its place."""
        groups = self.diverge(proposed)
        sequences = [self.particles[members[0]].sequence for members, tokens in groups for _ in tokens]
        tokens = np.array([token for _, tokens in groups for token in tokens], dtype=np.int64)
        rows = iter(self.engine.feed(tokens, sequences).astype(np.float64))
        instead: dict[int, list[int]] = {}
        for members, (first, *following) in groups:
            self.update(members, first, next(rows))
            if not following:
                continue
            row = next(rows)
            due = {index: self.proposals.next(self.particles[index], kept) for index in members}
            leaving = [index for index in members if due[index] != following]
            instead |= {index: due[index] for index in leaving}
            if len(leaving) < len(members):
                self.update([index for index in members if index not in instead], kept.token, row)
                self.fork(leaving)
            if leaving:
                self.engine.rewind(self.particles[leaving[0]].sequence)
        return instead

    def update(self, members: list[int], token: int, logits: npt.NDArray[np.float64]) -> None:
        """Update some particles, which are alike, with a token that they have read and the logits that follow."""
        for index in members:
            self.proposals.read(self.particles[index], token, logits)

    def diverge(self, proposed: dict[int, list[int]]) -> list[tuple[list[int], list[int]]]:
        """Return particles that are alike and what they all propose; give each such group a sequence."""
        groups: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for index, tokens in proposed.items():
            groups.setdefault((self.particles[index].sequence, tuple(tokens)), []).append(index)
        seen = set()
        for (sequence, _), members in groups.items():
            if sequence in seen:
                self.fork(members)
            seen.add(sequence)
        return [(members, list(tokens)) for (_, tokens), members in groups.items()]

    def fork(self, members: list[int]) -> None:
        """Give some particles, which are alike, a sequence of their own."""
        if members:
            free = set(range(len(self.particles))) - {particle.sequence for particle in self.particles}
            target = min(free)
            self.engine.fork(self.particles[members[0]].sequence, target)
            for index in members:
                self.particles[index].sequence = target

    def reweight(self) -> None:
        """Resample where the weights have become uneven; after a while, select one particle."""
        self.reached += 1
        count, weights = len(self.particles), self.weights()
        effective_sample_size = 1.0 / np.square(weights).sum()
        if self.reached >= SPAN or max(len(particle.events) for particle in self.particles) >= LONGEST_SPAN:
            self.select()
        elif effective_sample_size < count / 2:  # systematic resampling
            places = (self.generator.random() + np.arange(count)) / count
            sources = np.searchsorted(np.cumsum(weights), places, side="right")
            self.resample(np.minimum(sources, count - 1).tolist())

    def select(self) -> None:
        """Sample one particle by its weight, from which all continue."""
        count = len(self.particles)
        self.resample([int(self.generator.choice(count, p=self.weights()))] * count)

    def weights(self) -> npt.NDArray[np.float64]:
        """Return the normalised weights."""
        logs = np.array([particle.log_weight for particle in self.particles])
        weights = np.exp(logs - logs.max())
        normalised: npt.NDArray[np.float64] = weights / weights.sum()
        return normalised

    def resample(self, sources: list[int]) -> None:
        """Replace every particle by a copy of the one that is named for it."""
        if len(set(sources)) == 1:
            selected = self.particles[sources[0]]
            self.events += selected.events
            selected.events, self.reached = [], 0
        self.particles = [self.particles[source].copy() for source in sources]
        for particle in self.particles:
            particle.log_weight = 0.0
