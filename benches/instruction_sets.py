"""What the processor's instructions give: a step of the model with AVX-512, with AVX2 and with plain code.

``python benches/instruction_sets.py`` prints a table for ``docs/performance.md``: events a second of one song with its
memory of 512 full, of a model of the published size with random weights, and of the bundled model. Each choice is
forced by ``LAKHNES_SIMD`` in a process of its own, with one thread; they take turns, and each figure is the median of
the turns. A second is one of the processor's time, so that a program which shares the core takes no part of it.
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
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.engine import DTYPES
from lakhnes.model.model import Model

NAMES = ("avx512", "avx2", "portable")
TURNS, STEPS, MEMORY = 3, 100, 512


def random_model(config):
    draw = np.random.default_rng(0).standard_normal
    return Model(config, {name: 0.02 * draw(shape, dtype=np.float32) for name, shape in config.tensors.items()})


def step_of(model, dtype):
    """Return the median processor time of an event, in seconds, the memory full."""
    engine, token = model.begin(1, memory=MEMORY, dtype=dtype), np.ones(1, dtype=np.int64)
    engine.feed(np.ones(MEMORY, dtype=np.int64), [0] * MEMORY)
    steps = []
    for _ in range(STEPS):
        started = time.process_time()
        engine.feed(token)
        steps.append(time.process_time() - started)
    return statistics.median(steps)


def measure():
    """Return events a second by model and type of weights, with the instructions of this process."""
    figures = {}
    for name, model in (("published", random_model(TransformerXLConfig())), ("bundled", lakhnes.load_model())):
        for dtype in DTYPES:
            figures[f"{name} {dtype}"] = 1.0 / step_of(model, dtype)
    return {"instructions": build_info()["instructions"], "figures": figures}


def main():
    turns = {}
    for _ in range(TURNS):
        for name in NAMES:
            command = [sys.executable, __file__, "one"]
            environment = os.environ | {"LAKHNES_SIMD": name, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
            result = json.loads(done.stdout)
            if result["instructions"] == name:  # else this processor does not have them
                turns.setdefault(name, []).append(result["figures"])
    print(f"| events a second | {' | '.join(turns)} |\n| --- |{' ---: |' * len(turns)}")
    for kind in next(iter(turns.values()))[0]:
        medians = [statistics.median(turn[kind] for turn in found) for found in turns.values()]
        print(f"| {kind} | {' | '.join(f'{value:,.0f}' for value in medians)} |")


if __name__ == "__main__":
    print(json.dumps(measure())) if sys.argv[1:] else main()
