"""Composing, token by token, beside the original's way of doing it.

The figures that matter are ratios taken in one run. They are printed as a table:
``pytest benches/test_decoding.py -s -k table``; the single benchmarks show how even the steps are:
``pytest benches/test_decoding.py -k "not table" --benchmark-columns=median,iqr,rounds``.
"""

import statistics
import time

import numpy as np
import pytest
import torch

from lakhnes.benchmarks.original_decoding import OriginalDecoder
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.model import Model
from lakhnes.model.torch_engine import TorchEngine
from lakhnes.model.transformer_xl import TransformerXL

MEMORY = 512
DTYPES = ("float32", "bfloat16", "int8")
FEW, BATCH = 8, 64


@pytest.fixture(scope="module")
def network():
    """Published size; random weights, for their values do not matter to the time."""
    torch.manual_seed(0)
    return TransformerXL(TransformerXLConfig()).eval()


@pytest.fixture(scope="module")
def model(network):
    return Model.of(network)


def original(network, batch=1):
    """A step of one token of every song, the memories full, of anything."""
    decoder = OriginalDecoder(network, batch, MEMORY)
    decoder.memory = [torch.randn(MEMORY, batch, network.config.d_model) for _ in decoder.memory]
    token = torch.ones(batch, dtype=torch.int64)
    return lambda: decoder.step(token)


def full(engine):
    """The same with an engine."""
    engine.feed(np.ones(MEMORY, dtype=np.int64), [0] * MEMORY)
    for song in range(1, len(engine.logits)):
        engine.fork(0, song)
    token = np.ones(len(engine.logits), dtype=np.int64)
    return lambda: engine.feed(token)


def native(model, dtype, batch=1):
    return full(model.begin(batch, memory=MEMORY, dtype=dtype))


def median(step, steps):
    seconds = []
    for count in range(steps + 2):
        started = time.perf_counter()
        step()
        if count >= 2:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def plain_read(network):
    """Seconds to add up as many bytes as the float32 weights have: what the memory gives two threads at the best."""
    numbers = torch.ones(sum(weight.numel() for weight in network.parameters()))
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def test_table(network, model):
    """All ratios of one run. With one song the original and the kernels take turns, so that a busy moment hits all."""
    steps = {"the original": original(network), "torch, cached": full(TorchEngine(network, 1, MEMORY))}
    steps |= {dtype: native(model, dtype) for dtype in DTYPES}
    taken = {name: [] for name in steps}
    for _ in range(5):
        for name, step in steps.items():
            taken[name].append(median(step, 4 if name == "the original" else 20))
    alone = {name: statistics.median(times) for name, times in taken.items()}
    print(f"\nplain read of the float32 weights: {plain_read(network) * 1e3:.2f} ms, {torch.get_num_threads()} threads")
    for name, seconds in alone.items():
        print(f"{name}: {seconds * 1e3:.2f} ms a step, {alone['the original'] / seconds:.1f} x the original")
    steps.clear()
    # The step that a GPU replays, beside that of the engine in Rust.
    few = {"torch": full(TorchEngine(network, FEW, MEMORY)), "native": native(model, "float32", FEW)}
    taken = {name: statistics.median(median(step, 5) for _ in range(3)) for name, step in few.items()}
    few.clear()
    ratio = taken["torch"] / taken["native"]
    print(f"float32, {FEW} songs: {taken['torch'] * 1e3:.1f} ms a step in torch, {ratio:.2f} x the native engine's")
    for dtype in reversed(DTYPES):
        seconds = median(native(model, dtype, BATCH), 5)
        gain = BATCH * alone[dtype] / seconds
        print(f"{dtype}, {BATCH} songs: {seconds * 1e3:.1f} ms a step, {gain:.1f} x the tokens/s of one", flush=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel(benchmark, model, dtype):
    benchmark.pedantic(native(model, dtype), rounds=200, warmup_rounds=5)


def test_torch(benchmark, network):
    benchmark.pedantic(full(TorchEngine(network, 1, MEMORY)), rounds=100, warmup_rounds=5)


def test_original(benchmark, network):
    benchmark.pedantic(original(network), rounds=20, warmup_rounds=2)
