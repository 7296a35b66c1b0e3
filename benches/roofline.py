"""What this machine's memory and multipliers allow for composing in batches, and how near the decoder comes.

    python benches/roofline.py [MODEL] --batches 1 8 64 --dtypes float32 int8

A step of B songs multiplies each weight B times and reads the keys and values of B memories once. Two bounds follow:
the products at the rate of the largest matrix product that numpy makes here, and the bytes at the rate of reading an
array that no cache holds. Both are measured in the same run, with as many threads. Read once a step are the weights (in
16 bits where they are 16-bit floats) and the projected distances, and once a song its keys and values, in int8 with a
scale each. Where the weights and the memories of all songs fit into the caches, the second bound does not hold, and a
share may exceed 1.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import lakhnes
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.model import Model
from lakhnes.model.native_engine import thread_count

BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}
ARRAY = 2**28
"""Bytes of an array that no cache holds."""

SIDE = 2_048


def main() -> None:
    """Print both rates, and a line for each form and batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="bundled")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "int8"], choices=list(BYTES))
    parser.add_argument("--memory", type=int, default=1_024)
    options = parser.parse_args()
    model, threads = lakhnes.load_model(options.model), thread_count()
    config = model.config
    if not isinstance(config, TransformerXLConfig):
        parser.error(f"{options.model}: expected a Transformer-XL")
    read, multiply = bytes_a_second(threads), operations_a_second()
    print(f"{threads} threads read {read / 1e9:.1f} GB/s, multiply {multiply / 1e9:.0f} GFLOP/s in float32")
    print("| form | songs | tokens/s | by memory, at most | by products, at most | of the lower |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for dtype in options.dtypes:
        for batch in options.batches:
            a_step, a_song = bytes_read(model, config, options.memory, dtype)
            by_memory = read * batch / (a_step + batch * a_song)
            # Products of 8 bits: four in the place of one of 32.
            by_products = multiply * (4 if dtype == "int8" else 1) / (2 * products(config, options.memory, dtype))
            found = tokens_a_second(model, batch, options.memory, dtype)
            print(
                f"| {dtype} | {batch} | {found:,.0f} | {by_memory:,.0f} | {by_products:,.0f} "
                f"| {found / min(by_memory, by_products):.0%} |",
                flush=True,
            )


def weights(config: TransformerXLConfig) -> int:
    """Return the weights that a step multiplies with."""
    inner = config.n_head * config.d_head
    layer = config.d_model * (4 * inner + 2 * config.d_inner)
    return config.n_layer * layer + config.vocab_size * config.d_model


def products(config: TransformerXLConfig, memory: int, dtype: str) -> int:
    """Return the products of a token: with weights, keys, distances and values, which int8 weighs in two digits."""
    values = 2 if dtype == "int8" else 1
    return weights(config) + config.n_layer * config.n_head * config.d_head * memory * (2 + values)


def bytes_read(model: Model, config: TransformerXLConfig, memory: int, dtype: str) -> tuple[int, int]:
    """Return the bytes that are read once a step, and those that are read once a song."""
    size = BYTES[dtype]
    halves = dtype == "float32" and all(np.array_equal(w, w.astype(np.float16)) for w in model.weights.values())
    numbers = config.n_layer * config.n_head * config.d_head * memory
    scales = 2 * 4 * config.n_layer * config.n_head * memory if dtype == "int8" else 0
    return (2 if halves else size) * weights(config) + size * numbers, 2 * size * numbers + scales


def bytes_a_second(threads: int) -> float:
    """Measure how fast as many threads read memory."""
    arrays = [np.ones(ARRAY // 8) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        return threads * ARRAY / fastest(lambda: list(pool.map(np.max, arrays)))


def operations_a_second() -> float:
    """Measure a product of large matrices, two operations a multiplication."""
    matrix = np.ones((SIDE, SIDE), dtype=np.float32)
    return 2 * SIDE**3 / fastest(lambda: matrix @ matrix)


def fastest(work: Callable[[], object], times: int = 5) -> float:
    """Return the seconds of the fastest of some times."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def tokens_a_second(model: Model, batch: int, memory: int, dtype: str, steps: int = 40) -> float:
    """Measure the decoder with full memories; drawing is left out."""
    engine = model.begin(batch, memory=memory, length=memory + 10 * steps, dtype=dtype)
    random = np.random.default_rng(1)
    ids = random.integers(1, model.config.vocab_size, memory)
    engine.feed(ids, [0] * memory)
    for song in range(1, batch):
        engine.fork(0, song)
    rows = random.integers(1, model.config.vocab_size, (steps, batch))

    def step() -> None:
        for tokens in rows:
            engine.feed(tokens)

    return steps * batch / fastest(step, 3)


if __name__ == "__main__":
    main()
