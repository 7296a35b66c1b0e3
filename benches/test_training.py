"""A step of training, beside the original's. What matters is the ratio of tokens a second in one run::

pytest benches/test_training.py --benchmark-columns=median,iqr,rounds
"""

import pytest
import torch

from lakhnes.training.allocator import keep_freed_memory
from training_steps import ROWS, STREAMS, WORDS, Original, original_step, our_model, our_step


def original():
    model = Original()
    return original_step(model, torch.optim.Adam(model.parameters(), lr=2e-4))


def ours(dtype, dropout):
    model = our_model(dropout)
    return our_step(model, torch.optim.AdamW(model.parameters(), lr=2e-4, fused=True), dtype)


WAYS = {
    "original, float32": original,
    "ours, float32, dropout 0.1": lambda: ours(torch.float32, 0.1),
    "ours, float32": lambda: ours(torch.float32, 0.0),
    "ours, bfloat16, dropout 0.1": lambda: ours(torch.bfloat16, 0.1),
    "ours, bfloat16": lambda: ours(torch.bfloat16, 0.0),
}


@pytest.mark.parametrize("way", WAYS)
def test_step(benchmark, way):
    keep_freed_memory()
    torch.manual_seed(0)
    tokens = torch.randint(0, WORDS, (STREAMS, ROWS + 1))
    step = WAYS[way]()
    benchmark.pedantic(step, args=(tokens[:, :-1], tokens[:, 1:]), rounds=6, warmup_rounds=3)
    benchmark.extra_info["tokens_per_second"] = STREAMS * ROWS / benchmark.stats.stats.median
