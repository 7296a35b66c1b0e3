"""Composing, token by token, beside the original's way of doing it.

The original keeps hidden states and projects the whole memory to keys and values at every step; `slow` restates that
with the same weights (the model's own forward pass over one token). The figure that matters is the ratio of the two,
taken in one run: ``pytest benches/test_decoding.py --benchmark-columns=median,iqr,rounds``.
"""

import pytest
import torch

from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.transformer_xl import TransformerXL
from lakhnes.sampling.decoder import Decoder

MEMORY = 512
SHAPES = {
    "bundled": TransformerXLConfig(n_layer=6, n_head=4, d_model=256, d_head=64, d_inner=1152, pre_norm=True),
    "published": TransformerXLConfig(),
}


@pytest.fixture(params=SHAPES, scope="module")
def model(request):
    torch.manual_seed(0)
    return TransformerXL(SHAPES[request.param]).eval()


@pytest.mark.parametrize("batch_size", [1, 8])
def test_cached(benchmark, model, batch_size):
    decoder = Decoder(model, batch_size, MEMORY)
    token = torch.ones(batch_size, dtype=torch.int64)
    for _ in range(MEMORY):
        decoder.step(token)
    benchmark.pedantic(decoder.step, args=(token,), rounds=100, warmup_rounds=5)


@pytest.mark.parametrize("batch_size", [1, 8])
def test_slow(benchmark, model, batch_size):
    token = torch.ones(batch_size, 1, dtype=torch.int64)
    memory = torch.zeros(model.config.n_layer + 1, batch_size, MEMORY, model.config.d_model)

    @torch.inference_mode()
    def step():
        hidden, _ = model(token, memory, MEMORY)
        model.logits(hidden)

    benchmark.pedantic(step, rounds=20, warmup_rounds=2)
