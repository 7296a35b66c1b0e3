"""A corpus that a test makes itself, and models that are small enough to train in a second."""

import dataclasses
import random

import numpy as np

from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.model import Model
from lakhnes.training.config import TrainingConfig

TINY = TransformerXLConfig(
    n_layer=2, n_head=2, d_model=32, d_head=16, d_inner=64, dropout=0.1, pre_norm=True, mem_len=32
)


def random_model(config, seed=5):
    """Return a model of random weights, the same with every version of numpy."""
    draw = np.random.RandomState(seed).standard_normal  # the generator whose numbers numpy has promised to keep
    weights = {}
    for name, shape in config.tensors.items():
        constant = np.full(shape, name.endswith("norm.weight"), dtype=np.float32)
        weights[name] = 0.02 * draw(shape).astype(np.float32) if len(shape) == 2 else constant
    return Model(config, weights)


def tiny_model(seed=5, **changes):
    """Return a small model of random weights."""
    return random_model(dataclasses.replace(TINY, **changes), seed)


def wide_model():
    """Return a small model with wide weights: what it remembers then shows in what it says."""
    narrow = tiny_model()
    return Model(narrow.config, {name: 3.0 * weight for name, weight in narrow.weights.items()})


def tiny_config(**changes):
    options = {
        "model": TINY,
        "batch_size": 3,
        "tgt_len": 16,
        "mem_len": 32,
        "mem_len_start": 16,
        "memory_ramp": (0.2, 0.6),
        "steps": 12,
        "learning_rate": 3e-3,
        "warmup_steps": 4,
        "precision": "float32",
    }
    return TrainingConfig(**(options | changes))


def tune(seed: int) -> str:
    """Return a TX1 text of a short theme played four times over a bass and a drum."""
    choose = random.Random(seed)
    theme = [choose.choice([60, 62, 64, 67, 69, 72]) for _ in range(6)]
    events = []
    for beat in range(24):
        events += [f"P1_NOTEON_{theme[beat % 6]}", f"TR_NOTEON_{theme[beat % 6] - 24}"]
        events += [f"NO_NOTEON_{choose.choice([4, 12])}", "WT_5880", "NO_NOTEOFF", "WT_735"]
    return "\n".join([*events, "P1_NOTEOFF", "TR_NOTEOFF", "WT_100"])


def make_corpus(folder, *, train=12, valid=4):
    for split, count, first in (("train", train, 0), ("valid", valid, 1000)):
        (folder / split).mkdir(parents=True)
        for index in range(count):
            (folder / split / f"{index:03}.tx1.txt").write_text(tune(first + index))
    return folder
