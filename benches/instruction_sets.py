"""What the processor's instructions give: a step of the model with AVX-512, with AVX2 and with plain code.

``python benches/instruction_sets.py`` prints a table for ``docs/performance.md``: events a second of one song with its
memory of 512 full, of a model of the published size with random weights, and of the bundled model; and how many times
faster than it plays music is rendered. Each choice is forced by ``LAKHNES_SIMD`` in a process of its own; they take
turns, and each figure is the median of the turns. Time is that of the processor, on one thread, so that a busy machine
gives nearly the figures of a quiet one.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

import lakhnes
from lakhnes._native import build_info
from lakhnes.benchmarks.songs import made_songs
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.engine import DTYPES
from lakhnes.model.model import Model

NAMES = ("avx512", "avx2", "portable")
ONE_THREAD = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
TURNS, STEPS, MEMORY = 3, 40, 512
SONG_SECONDS = 60


def random_model(config):
    draw = np.random.default_rng(0).standard_normal
    return Model(config, {name: 0.02 * draw(shape, dtype=np.float32) for name, shape in config.tensors.items()})


def step_of(model, dtype):
    """Return the median seconds of an event, the memory full."""
    engine, token = model.begin(1, memory=MEMORY, dtype=dtype), np.ones(1, dtype=np.int64)
    engine.feed(np.ones(MEMORY, dtype=np.int64), [0] * MEMORY)
    return median_of(lambda: engine.feed(token), STEPS)


def median_of(work, repeats):
    """Return the median seconds of processor time of some repetitions."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def measure():
    """Return events a second by model and type of weights, with the instructions of this process."""
    figures = {}
    for name, model in (("published", random_model(TransformerXLConfig())), ("bundled", lakhnes.load_model())):
        for dtype in DTYPES:
            figures[f"{name} {dtype}"] = 1.0 / step_of(model, dtype)
    (song,) = made_songs(1, SONG_SECONDS)
    log = song.perform()
    figures["rendering, x real time"] = log.duration / median_of(log.render_int16, 10)
    return {"instructions": build_info()["instructions"], "figures": figures}


def main():
    turns = {}
    for _ in range(TURNS):
        for name in NAMES:
            command = [sys.executable, __file__, "one"]
            done = subprocess.run(
                command, env=os.environ | ONE_THREAD | {"LAKHNES_SIMD": name}, capture_output=True, check=True
            )
            result = json.loads(done.stdout)
            if result["instructions"] == name:  # else this processor does not have them
                turns.setdefault(name, []).append(result["figures"])
    print(f"| events a second of processor time | {' | '.join(turns)} |\n| --- |{' ---: |' * len(turns)}")
    for kind in next(iter(turns.values()))[0]:
        medians = [statistics.median(turn[kind] for turn in found) for found in turns.values()]
        print(f"| {kind} | {' | '.join(f'{value:,.0f}' for value in medians)} |")


if __name__ == "__main__":
    print(json.dumps(measure())) if sys.argv[1:] else main()
