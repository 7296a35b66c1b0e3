"""Shapes and schedules that are known to work."""

from __future__ import annotations

import dataclasses

from lakhnes._native import Vocabulary
from lakhnes.data.augmentation import Augmentation
from lakhnes.model.config import TransformerXLConfig
from lakhnes.training.config import TrainingConfig

__all__ = ["FINETUNING", "PRESETS", "ROWS", "SMALL"]

GENTLE = Augmentation(transpose=0.7, stretch=0.3, switch_pulses=0.5, ensemble=0.1, tempo=0.15, controls=0.5)
"""Variations for runs of a few epochs. Waits of NES music are whole frames of 1/60 s: a model that does not see every
song at many speeds learns them best from songs that mostly keep theirs. Only TX1 and TX2 stretch; only TX3 has a tempo
and facts."""

SMALL = TransformerXLConfig(
    n_layer=6, n_head=4, d_model=256, d_head=64, d_inner=1152, dropout=0.0, pre_norm=True, mem_len=896
)
"""A model of TX1: 5.7 M parameters, 11.4 MB in half precision."""

ROWS = dataclasses.replace(
    SMALL, vocabulary="tx3", vocab_size=len(Vocabulary("tx3")), d_inner=1120, mem_len=1536, score_state=True
)
"""The bundled model: nearly the same for TX3 with the state of the score, 12.0 MB; its memory holds some 40 seconds."""

PRESETS = {
    "tiny": TrainingConfig(
        model=dataclasses.replace(ROWS, n_layer=2, n_head=2, d_model=128, d_inner=512, mem_len=256),
        augmentation=GENTLE, plain_tail=0.3, batch_size=8, tgt_len=128, mem_len=256, mem_len_start=128, fresh_every=16,
        memory_ramp=(0.4, 0.65), minutes=5.0, learning_rate=3e-3, warmup_steps=100, decay=0.5, final_rate=0.01,
        optimizer="muon", weight_decay=0.05, eval_every=2.0, save_every=1.0, samples=3,
    ),
    "bundled": TrainingConfig(
        model=ROWS, augmentation=GENTLE, plain_tail=0.15, batch_size=8, tgt_len=256, mem_len=1024, mem_len_start=256,
        fresh_every=16, memory_ramp=(0.15, 0.7), minutes=120.0, learning_rate=2e-3, decay=0.3, final_rate=0.01,
        optimizer="muon", weight_decay=0.05, samples=3, sample_every=30.0,
    ),
    "paper": TrainingConfig(
        model=TransformerXLConfig(mem_len=512), batch_size=30, tgt_len=128, mem_len=512, mem_len_start=512,
        steps=400_000, learning_rate=2e-4, warmup_steps=2000, beta2=0.999, weight_decay=0.0, clip=0.25, final_rate=0.0,
        samples=3, sample_every=60.0,
    ),
    "gpu": TrainingConfig(
        model=ROWS, augmentation=GENTLE, plain_tail=0.15, batch_size=64, tgt_len=256, mem_len=1024, mem_len_start=512,
        fresh_every=16, memory_ramp=(0.2, 0.3), minutes=9.0, learning_rate=4e-3, warmup_steps=100, decay=0.5,
        final_rate=0.01, optimizer="muon", weight_decay=0.05, samples=0, eval_every=60.0, save_every=2.0, resident=4,
    ),
}  # fmt: skip
"""``tiny``: minutes, to check that training works. ``bundled``: the checkpoint of the package. ``paper``: the size of
the published LakhNES models (41.3 M parameters), post-norm, with all their augmentations; it needs a GPU and days.
``gpu``: the model of the package in minutes of one CUDA device, with songs in its memory and a step that is replayed as
a graph. It was tried on CPUs only, without graphs."""

FINETUNING = TrainingConfig(
    augmentation=GENTLE, plain_tail=0.3, batch_size=8, tgt_len=256, mem_len=768, mem_len_start=384, fresh_every=16,
    memory_ramp=(0.1, 0.4), minutes=30.0, learning_rate=5e-4, warmup_steps=50, decay=0.75, final_rate=0.01,
    optimizer="muon", weight_decay=0.05, samples=3,
)  # fmt: skip
"""For a trained model: a quarter of the bundled model's rate, falling for most of the run."""
