"""Composing, token by token, beside the original's way of doing it.

The figures that matter are ratios taken in one run. They are printed as a table:
``pytest benches/test_decoding.py -s -k table``; the single benchmarks show how even the steps are:
``pytest benches/test_decoding.py -k "not table" --benchmark-columns=median,iqr,rounds``.
"""

import statistics
import time

import pytest
import torch

from lakhnes.benchmarks.original_decoding import OriginalDecoder
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.transformer_xl import TransformerXL
from lakhnes.sampling.native_decoder import NativeDecoder
from lakhnes.sampling.torch_decoder import TorchDecoder

MEMORY = 512
DTYPES = ("float32", "bfloat16", "int8")
BATCH = 64


@pytest.fixture(scope="module")
def model():
    """Published size; random weights, for their values do not matter to the time."""
    torch.manual_seed(0)
    return TransformerXL(TransformerXLConfig()).eval()


def original(model, batch=1):
    decoder = OriginalDecoder(model, batch, MEMORY)
    decoder.memory = [torch.randn(MEMORY, batch, model.config.d_model) for _ in decoder.memory]  # full, of anything
    return decoder


def full(decoder, batch):
    decoder.read(torch.ones(batch, MEMORY, dtype=torch.int64))
    return decoder


def median(decoder, batch, steps):
    token, seconds = torch.ones(batch, dtype=torch.int64), []
    for step in range(steps + 2):
        started = time.perf_counter()
        decoder.step(token)
        if step >= 2:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def plain_read(model):
    """Seconds to add up as many bytes as the float32 weights have: what the memory gives two threads at the best."""
    numbers = torch.ones(sum(weight.numel() for weight in model.parameters()))
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def test_table(model):
    """All ratios of one run. With one song the original and the kernels take turns, so that a busy moment hits all."""
    decoders = {"the original": original(model), "torch, cached": full(TorchDecoder(model, 1, MEMORY), 1)}
    decoders |= {dtype: full(NativeDecoder(model, 1, MEMORY, dtype), 1) for dtype in DTYPES}
    taken = {name: [] for name in decoders}
    for _ in range(5):
        for name, decoder in decoders.items():
            taken[name].append(median(decoder, 1, 4 if name == "the original" else 20))
    alone = {name: statistics.median(times) for name, times in taken.items()}
    print(f"\nplain read of the float32 weights: {plain_read(model) * 1e3:.2f} ms, {torch.get_num_threads()} threads")
    for name, seconds in alone.items():
        print(f"{name}: {seconds * 1e3:.2f} ms a step, {alone['the original'] / seconds:.1f} x the original")
    decoders.clear()
    for dtype in reversed(DTYPES):
        seconds = median(full(NativeDecoder(model, BATCH, MEMORY, dtype), BATCH), BATCH, 5)
        gain = BATCH * alone[dtype] / seconds
        print(f"{dtype}, {BATCH} songs: {seconds * 1e3:.1f} ms a step, {gain:.1f} x the tokens/s of one", flush=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel(benchmark, model, dtype):
    decoder = full(NativeDecoder(model, 1, MEMORY, dtype), 1)
    benchmark.pedantic(decoder.step, args=(torch.ones(1, dtype=torch.int64),), rounds=200, warmup_rounds=5)


def test_torch(benchmark, model):
    decoder = full(TorchDecoder(model, 1, MEMORY), 1)
    benchmark.pedantic(decoder.step, args=(torch.ones(1, dtype=torch.int64),), rounds=100, warmup_rounds=5)


def test_original(benchmark, model):
    decoder = original(model)
    benchmark.pedantic(decoder.step, args=(torch.ones(1, dtype=torch.int64),), rounds=20, warmup_rounds=2)
