"""Composing in large batches: what a step takes the engine, and what it takes the host to choose the events.

    python benches/batches.py [MODEL] --device cuda --songs 64 256 1024 --dtype bfloat16
    python benches/batches.py --device cpu --songs 8 --dtype float32        # the engine in Rust
    python benches/batches.py --device cpu:0 --songs 8 --dtype float32      # the same step as on a GPU, on the CPU

Whole steps of composing, with memories that are full, songs that end, and others in their place. The engine's part
holds the way to the device and back; the rest is the host's: grammar, corrections, drawing, the state of the score. The
two take turns. The processor time of the host's part says what it takes where other work shares the machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import lakhnes
from lakhnes.model.model import Model
from lakhnes.sampling.batches import most_at_once
from lakhnes.sampling.composer import Composer
from lakhnes.sampling.params import SONG, SamplingParams

WARMUP = 8
"""Steps that are not counted: graphs are recorded in them, and memory is taken."""


class Clock:
    """The seconds of some work, by the clock and of the processor."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    def timed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same work, whose time is counted."""

        def counted(*arguments: Any) -> Any:
            started, processor = time.perf_counter(), time.process_time()
            result = work(*arguments)
            self.seconds += time.perf_counter() - started
            self.processor += time.process_time() - processor
            return result

        return counted


def main() -> None:
    """Print a line for each number of songs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="bundled")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16", help="float32, bfloat16 or, on the CPU, int8")
    parser.add_argument("--songs", type=int, nargs="+", default=[64, 256, 1_024])
    parser.add_argument("--memory", type=int, help="positions; the model's own, if not given")
    parser.add_argument("--seconds", type=float, default=25.0, help="at most for each line, without filling the memory")
    options = parser.parse_args()
    model = lakhnes.load_model(options.model, device=options.device)
    params = dataclasses.replace(SONG, memory=options.memory, dtype=options.dtype)
    print(f"{model.config.description}; {options.dtype} on {options.device}")
    print("| songs | steps | engine, ms a step | host, ms a step | host, µs of processor a song | tokens/s |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for songs in options.songs:
        if model.on_device and songs > (most := most_at_once(model, params)):
            print(f"| {songs:,} | more than the {most:,} that there is memory for | | | | |")
            continue
        print(line(model, songs, params, options.seconds), flush=True)


def line(model: Model, songs: int, params: SamplingParams, seconds: float) -> str:
    """Compose for some seconds; return a line of the table."""
    composer, seeds = begun(model, songs, params)
    whole, engine = Clock(), Clock()
    composer.engine._step = engine.timed(composer.engine._step)  # type: ignore[method-assign]
    steps, following = 0, whole.timed(composer.steps().__next__)
    while steps <= WARMUP or whole.seconds < seconds:
        if steps == WARMUP:
            whole.seconds = whole.processor = engine.seconds = engine.processor = 0.0
        step = following()
        for place in np.flatnonzero(step.over).tolist():
            composer.begin(place, next(seeds))
        steps += 1
    steps -= WARMUP
    host = whole.seconds - engine.seconds
    return (
        f"| {songs:,} | {steps} | {1e3 * engine.seconds / steps:.2f} | {1e3 * host / steps:.2f} "
        f"| {1e6 * (whole.processor - engine.processor) / steps / songs:.1f} | {steps * songs / whole.seconds:,.0f} |"
    )


def begun(model: Model, songs: int, params: SamplingParams) -> tuple[Composer, Any]:
    """Return songs whose memories are full, of anything, and the seeds of those that follow."""
    seeds = itertools.count(songs)
    composer = Composer(model, range(songs), params, another=lambda: next(seeds))
    composer.read(())
    engine, memory = composer.engine, model.config.mem_len if params.memory is None else params.memory
    tokens = np.random.default_rng(1).integers(1, model.config.vocab_size, max(memory - 1, 0))
    if len(tokens):
        engine.feed(tokens, [0] * len(tokens))
    for song in range(1, songs):
        engine.fork(0, song)
    return composer, seeds


if __name__ == "__main__":
    main()
