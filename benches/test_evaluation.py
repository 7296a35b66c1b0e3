"""Reading songs in segments, as evaluation does, beside reading the whole memory anew, as the original does.

The figure that matters is the ratio of the two, taken in one run:
``pytest benches/test_evaluation.py --benchmark-columns=median,iqr,rounds``.
"""

import pytest
import torch

from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.transformer_xl import TransformerXL

STREAMS, SEGMENT, MEMORY = 10, 128, 896
BUNDLED = TransformerXLConfig(n_layer=6, n_head=4, d_model=256, d_head=64, d_inner=1152, pre_norm=True)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return TransformerXL(BUNDLED).eval()


@pytest.mark.parametrize("memory", ["keys and values", "hidden states"])
def test_read_a_segment(benchmark, model, memory):
    kept = model.cache() if memory == "keys and values" else None
    tokens = torch.ones(STREAMS, SEGMENT, dtype=torch.int64)

    @torch.inference_mode()
    def read():
        nonlocal kept
        hidden, kept = model(tokens, kept, MEMORY)
        model.logits(hidden)

    for _ in range(MEMORY // SEGMENT):
        read()
    benchmark.pedantic(read, rounds=20, warmup_rounds=2)
