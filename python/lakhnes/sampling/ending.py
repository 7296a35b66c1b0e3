"""How a song ends as its time runs out: the boundary becomes more probable where an ending would be heard as one.

Left alone, a model ends a song when it is over, which may be minutes later. So, as the limit comes near, ``<S>`` gets
log-odds at bar lines (in songs of waits: where no voice sounds), the more, the nearer. What still goes on then ends
with the last bar that is over in time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lakhnes.model.engine import Floats
from lakhnes.sampling.grammar import Grammar
from lakhnes.sampling.params import SamplingParams

__all__ = ["MAX_NATS", "due", "log_odds"]

Flags = npt.NDArray[np.bool_]

MAX_NATS = 8.0
"""Nats by which the end of a song is more probable at the limit; they grow from 0 evenly."""


def log_odds(grammar: Grammar, params: SamplingParams) -> Floats | None:
    """Return by how many nats ``<S>`` is more probable than under the model alone, ``(B,)``; None where by none."""
    limit = params.limit_ticks
    if limit is None:
        return None
    near = 1.0 - (limit - grammar.ticks) / max(params.seeking_ticks, 1)
    nats: Floats = (MAX_NATS * near.clip(0.0, 1.0) * grammar.at_rest).astype(np.float32)
    return nats if nats.any() else None


def due(grammar: Grammar, params: SamplingParams) -> Flags:
    """Return which songs end here, at a bar line, for another bar would be one too many or too late, ``(B,)``."""
    ends = np.zeros(len(grammar.ticks), dtype=np.bool_)
    if params.limit_ticks is not None:
        ends |= grammar.ticks + grammar.bar_ticks > params.limit_ticks
    if params.bars is not None:
        ends |= grammar.bars >= params.bars
    ends &= grammar.at_bar
    return ends
