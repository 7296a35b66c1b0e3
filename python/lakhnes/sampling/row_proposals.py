"""The proposal distribution of the particle filter for songs of rows (TX3).

Time is written by where it falls, so nothing that a kept voice does splits what a new one says. At each place the
tokens are possible that lead to the kept event that is due: it itself, the row or the frame at which it is, an event of
a new voice before it, a place between at which a new voice then speaks. One of them is sampled as the model would, and
the weight is the probability of all of them together: what is lost is the mass of what could not be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lakhnes._native import Vocabulary
from lakhnes.grammar import Rules
from lakhnes.sampling.params import SamplingParams
from lakhnes.sampling.particle import Floats, KeptEvent, Particle
from lakhnes.sampling.proposals import Mask, Proposals, log
from lakhnes.sampling.row_schedule import Walker
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["RowProposals"]

FRAME = 733.791_52
"""Ticks of an NTSC frame."""

AT_ONCE = ("TEMPO_", "FINE_", "SWING_", "METER_")


class RowProposals(Proposals):
    """How particles continue; the parameters are those of `Proposals`, and the vocabulary."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        rules: Rules,
        densities: dict[int, float],
        rate: float,
        params: SamplingParams,
        generator: np.random.Generator,
        window: tuple[int, int],
    ) -> None:
        super().__init__(rules, densities, rate, params, generator, window)
        self.vocabulary = vocabulary
        symbols = vocabulary.symbols
        self.row_of, self.frame_of = (
            np.array([int(symbol[len(name) :]) if symbol.startswith(name) else 0 for symbol in symbols])
            for name in ("ROW_", "FRAME_")
        )  # (V,); 0: no such token
        self.first_row, self.first_frame = symbols.index("ROW_1") - 1, symbols.index("FRAME_1") - 1
        self.at_once = {place for place, symbol in enumerate(symbols) if symbol.startswith(AT_ONCE)}
        self.bar = symbols.index("BAR")

    def begin(self, prime: Sequence[int] = ()) -> Particle:
        """Return the song up to the end of what is given, ids."""
        particle = super().begin()
        particle.walker = Walker(self.vocabulary)
        for token in prime:
            particle.walker.read(token)
            particle.tick = particle.walker.tick
            if self.rules.voice[token] in particle.counts:
                self.count(particle, token)
        return particle

    def read(self, particle: Particle, token: int, logits: Floats) -> None:
        """Update a particle with a token that it proposed, and the logits that follow."""
        particle.walker = particle.walker.copy()  # particles that were alike share it
        particle.walker.read(token)
        passed = particle.walker.tick - particle.tick
        particle.tick = particle.walker.tick
        self.earn(particle, passed)
        self.look(particle, logits)

    def allowed(self, particle: Particle) -> Mask:
        """Return what may come next, ``(V,)``."""
        native = particle.walker.native
        row: Mask = native.allowed()[0] & ~native.restrikes()[0]
        return row

    def next(self, particle: Particle, kept: KeptEvent) -> list[int]:
        """Continue a particle towards a kept event; return the token to be read, or nothing at the end."""
        due = self.due(particle, kept)
        if kept.token in self.at_once:
            return self.place(particle, kept)
        if due == kept.token and kept.is_end:
            particle.arrived = True
            return []
        allowed = self.allowed(particle)
        here = self.speaking(particle, kept, allowed)
        early = self.early(particle, kept, allowed)
        probability = particle.probabilities
        now, soon = float(probability[here].sum()), float(probability[early].sum())
        then = 0.0 if particle.must_speak else float(probability[due])
        if particle.must_speak and now + soon == 0.0:
            now = soon = 0.0  # nothing that may be said has a probability: the weight says so, and something is said
            here = allowed & self.is_written
        total = now + soon + then
        particle.log_weight += log(total)
        choice = self.generator.random() * total
        if choice < now or (particle.must_speak and not early.any()):
            particle.must_speak = False
            return [self.speak(particle, here)]
        if choice < now + soon:
            particle.must_speak = True
            token = self.sample(particle, early)
            self.score(particle, token)
            particle.events.append(token)
            return [token]
        return self.place(particle, kept) if due == kept.token else self.go_to(particle, due)

    def due(self, particle: Particle, kept: KeptEvent) -> int:
        """Return what comes next where no new voice speaks: the row or frame of the kept event, or that itself."""
        place = particle.walker.place
        if kept.row > place.row:
            return self.first_row + kept.row
        if kept.row >= 0 and kept.frame > place.frame:
            return self.first_frame + kept.frame
        return kept.token

    def speaking(self, particle: Particle, kept: KeptEvent, allowed: Mask) -> Mask:
        """Return which events of new voices may come here, ``(V,)``."""
        here = allowed & self.is_written
        if not self.is_open(particle.tick) or (particle.budget < 1.0 and not particle.must_speak):
            return np.zeros_like(here)
        place = particle.walker.place
        if kept.row >= 0 and place.offset >= kept.offset:
            # Of one frame the voices speak in order; a bar that begins off its place has nothing before it there.
            here &= self.rules.voice < kept.voice if kept.voice >= 0 else kept.token != self.bar
        return here

    def early(self, particle: Particle, kept: KeptEvent, allowed: Mask) -> Mask:
        """Return which rows and frames lie before the kept event, so that a new voice speaks there, ``(V,)``."""
        place = particle.walker.place
        starts = np.array([place.row_start(row) for row in range(self.row_of.max() + 1)])
        offset = np.where(self.row_of > 0, starts[self.row_of], starts[place.row] + self.frame_of)
        early: Mask = allowed & ((self.row_of > 0) | (self.frame_of > 0)) & (offset < kept.offset)
        ahead = (offset - place.offset) * FRAME
        if self.rate > 0.0:
            early &= ahead * self.rate >= (1.0 - particle.budget) * TICKS_PER_SECOND
        early &= (particle.tick + ahead >= self.window[0]) & (particle.tick + ahead < self.window[1])
        early[self.due(particle, kept)] = False
        return early

    def go_to(self, particle: Particle, token: int) -> list[int]:
        """Go to the row or the frame of the kept event."""
        particle.events.append(token)
        return [token]
