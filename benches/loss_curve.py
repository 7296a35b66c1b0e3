"""The loss over the tokens seen, of the original's training step and of this one: one model, data, rate, first weights.

``python benches/loss_curve.py CORPUS [STEPS]`` prints the mean loss of every tenth of the run and tokens a second. Both
train with dropout 0.1, whose draws differ; two seeds of each way show how much that makes.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from lakhnes import Vocabulary
from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import StreamPacker
from lakhnes.training.allocator import keep_freed_memory
from training_steps import MEMORY, ROWS, STREAMS, Original, original_step, our_model, our_step

RATE = 5e-4
PARTS = 10


def as_original(weights):
    """Give weights of a Transformer-XL of this project the names that they have in `Original`."""
    names = {
        "attention.qkv_net": "qkv", "attention.r_net": "distance", "attention.o_net": "out",
        "attention.r_w_bias": "content_bias", "attention.r_r_bias": "position_bias",
        "attention_norm": "norms.0", "feed_forward_norm": "norms.1", "output_bias": "bias",
    }  # fmt: skip
    renamed = {}
    for name, weight in weights.items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        renamed[name] = weight
    return renamed


def segments(corpus, seed):
    order = np.random.default_rng(seed).permutation(len(corpus))
    return StreamPacker(lambda place: corpus.ids(int(order[place % len(order)])), None, STREAMS, ROWS)


def curve(step, packer, steps):
    losses, started = [], time.perf_counter()
    for _ in range(steps):
        inputs, targets = (torch.from_numpy(np.ascontiguousarray(part)).long() for part in packer.next_segment())
        losses.append(step(inputs, targets))
    seconds = time.perf_counter() - started
    return np.array(losses[: steps // PARTS * PARTS]).reshape(PARTS, -1).mean(1), steps * STREAMS * ROWS / seconds


def main():
    corpus = Corpus.load(Path(sys.argv[1]), "train", Vocabulary.tx1())
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    keep_freed_memory()
    print(f"{STREAMS} streams of {ROWS}, memory {MEMORY}, rate {RATE}; loss of each tenth of {steps} steps")
    for seed in (0, 1):
        torch.manual_seed(0)
        model = our_model(0.1)
        first = as_original(model.state_dict())
        twin = Original()
        twin.load_state_dict(first)
        ways = {
            "original": original_step(twin, torch.optim.Adam(twin.parameters(), lr=RATE)),
            "ours": our_step(model, torch.optim.Adam(model.parameters(), lr=RATE, fused=True), torch.bfloat16),
        }
        for name, step in ways.items():
            torch.manual_seed(seed)
            losses, speed = curve(step, segments(corpus, 0), steps)
            print(
                f"{name:10}seed {seed}  {' '.join(f'{loss:.3f}' for loss in losses)}  {speed:,.0f} tokens/s", flush=True
            )


if __name__ == "__main__":
    main()
