"""Composing: events a second, beside the original's way of decoding with the same weights, and beside the music."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lakhnes.benchmarks import Figure
from lakhnes.benchmarks.songs import seconds_of
from lakhnes.extras import need

if TYPE_CHECKING:
    from lakhnes.model.engine import Engine

__all__ = ["measure_generate"]

MEMORY = 512
STEPS, SLOW_STEPS, BATCHED_STEPS = 200, 20, 5
BATCH = 64
LENGTH = 1024


def measure_generate(_: Sequence[Path]) -> dict[str, Figure]:
    """Measure steps of a model of the published size with its memory full, and whole songs of the bundled model.

    The weights of the first are random: their values do not matter to the time. Each figure is the median of its steps.
    """
    need("torch")
    import torch

    from lakhnes.benchmarks.original_decoding import OriginalDecoder
    from lakhnes.model.config import TransformerXLConfig
    from lakhnes.model.engine import DTYPES
    from lakhnes.model.model import Model
    from lakhnes.model.transformer_xl import TransformerXL

    torch.manual_seed(0)
    network = TransformerXL(TransformerXLConfig()).eval()
    slow = OriginalDecoder(network, 1, MEMORY)
    # A memory of anything: filling it step by step would take longer than all else here.
    slow.memory = [torch.randn(MEMORY, 1, network.config.d_model) for _ in slow.memory]
    original = 1.0 / statistics.median(seconds_of(lambda: slow.step(torch.ones(1, dtype=torch.int64)), SLOW_STEPS))
    figures = {"decode_original": Figure(original, "events/s", original)}
    model = Model.of(network)
    for dtype in DTYPES:
        speed = _speed(model.begin(1, memory=MEMORY, dtype=dtype), 1, STEPS)
        figures[f"decode_{dtype}"] = Figure(speed, "events/s", original, "the original's algorithm")
    together = _speed(model.begin(BATCH, memory=MEMORY, dtype="int8"), BATCH, BATCHED_STEPS)
    figures[f"decode_int8_batch_{BATCH}"] = Figure(together, "events/s", speed, "one song")
    return figures | {"generate": Figure(_speed_of_composing(), "x real time", 1.0)}


def _speed(engine: "Engine", songs: int, steps: int) -> float:
    """Events of all songs in a second, their memories full."""
    import numpy as np

    engine.feed(np.ones(MEMORY, dtype=np.int64), [0] * MEMORY)
    for song in range(1, songs):
        engine.fork(0, song)
    tokens = np.ones(songs, dtype=np.int64)
    return songs / statistics.median(seconds_of(lambda: engine.feed(tokens), steps))


def _speed_of_composing() -> float:
    """Seconds of music that the bundled model writes in a second, one song at a time, as `lakhnes generate` does."""
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling import generate

    model = load_model("bundled", "cpu")
    generate(model, length=8, min_length=8, seed=0, memory=MEMORY)  # what is made once for a model
    started = time.perf_counter()
    songs = generate(model, num=3, length=LENGTH, seed=1, batch_size=1, memory=MEMORY)
    return sum(song.duration for song in songs) / (time.perf_counter() - started)
