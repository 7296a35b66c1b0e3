"""A particle of the particle filter that writes new parts: a song up to some time, and its weight."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes.grammar import BOUNDARY

__all__ = ["KeptEvent", "NoteCount", "Particle"]

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class KeptEvent:
    """An event that stays: its tick, its voice (-1 for what no voice says) and its token.

    In a song of rows also where it stands: its row (-1 for a bar line where the bar before is over), the frame in the
    row, and the frames since the beginning of the bar.
    """

    tick: int
    voice: int = -1
    token: int = BOUNDARY
    row: int = -1
    frame: int = 0
    offset: int = 0

    @property
    def is_end(self) -> bool:
        """Whether this is the end of the song, where no event is."""
        return self.token == BOUNDARY


@dataclasses.dataclass(frozen=True)
class NoteCount:
    """How many notes a voice has played of late.

    Attributes
    ----------
    heard : int
        Tick of its last event.
    last : int
        Tick at which its last note began.
    recent, longer : float
        Its notes by then; older ones count for less, exponentially, over a short and over a long span.
    """

    heard: int = 0
    last: int = 0
    recent: float = 0.0
    longer: float = 0.0


@dataclasses.dataclass
class Particle:
    """A song up to some time.

    Attributes
    ----------
    counts : dict
        The notes of each new voice.
    budget : float
        Events that the new voices may have now.
    sequence : int
        The sequence of the engine that has read it. Particles that have not diverged share one.
    tick : int
    place, sounding : int
        The state of the grammar; see `lakhnes.grammar.Rules`.
    walker : Walker, optional
        The same in a song of rows (`lakhnes.sampling.row_schedule`); particles that are alike share it.
    log_weight : float
        Logarithm of how much more probable it is than it was to be proposed, up to a constant for all particles.
    events : list of int
        Its events since all particles were one, in the compact form (an exact wait of ``w`` ticks is ``-w``).
    log_probabilities, probabilities : float64 array, ``(V,)``
        Of what comes next: logarithms under the model as it is, and probabilities of what is allowed, tilted.
    must_speak : bool
        Whether it waited, before a kept event was due, for an event of a new voice.
    arrived : bool
        Whether it has reached the kept event that it was to reach.
    kept_loss, loss : float
        Negative log-likelihoods of kept and of written events, under the model as it is.
    written, spoken : int
        Events that were written, and how many of them are no waits.
    """

    counts: dict[int, NoteCount]
    budget: float
    sequence: int = 0
    tick: int = 0
    place: int = 0
    sounding: int = 0
    log_weight: float = 0.0
    events: list[int] = dataclasses.field(default_factory=list)
    log_probabilities: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    probabilities: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    must_speak: bool = False
    arrived: bool = False
    kept_loss: float = 0.0
    loss: float = 0.0
    written: int = 0
    spoken: int = 0
    walker: Any = None

    def copy(self) -> Particle:
        """Return a particle that continues on its own."""
        other = copy.copy(self)
        other.events, other.counts = list(self.events), dict(self.counts)
        return other
