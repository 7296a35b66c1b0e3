"""How many songs are composed at once: as many as are worth it, and as there is memory for."""

from __future__ import annotations

from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.model import Model
from lakhnes.sampling.params import SamplingParams

__all__ = ["most_at_once"]

MOST_AT_ONCE = 256
"""Songs composed at once: of more, each would take no less time."""

MOST_ON_A_DEVICE = 4_096
"""The same with `--device`, where a step takes about as long for one song as for hundreds."""

AT_ONCE_BYTES = 2**30
"""Of keys and values, the most that songs which are composed at once have together; one song may have more."""

DEVICE_SHARE = 0.8
"""The share of a GPU's free memory that takes the place of it: the rest is for what a step computes on the way."""


def most_at_once(model: Model, params: SamplingParams, given: int = 0) -> int:
    """Return how many songs are composed at once at the most, whatever the batch: memory is taken for as many."""
    config = model.config
    if not isinstance(config, TransformerXLConfig):
        return MOST_AT_ONCE
    kept = min(config.mem_len if params.memory is None else params.memory, 1 + given + params.most_events)
    song = 2 * 4 * config.n_layer * config.n_head * config.d_head * (kept + 1)
    room, most = AT_ONCE_BYTES, MOST_AT_ONCE
    if model.on_device:
        free, most = model.device_bytes(), MOST_ON_A_DEVICE
        room = AT_ONCE_BYTES if free is None else int(DEVICE_SHARE * free)
        song //= 2 if params.dtype == "bfloat16" else 1
    return max(1, min(room // song, most))
