"""At which size Table 2 is reproduced: which songs, which models, how long each is trained.

All rows of a scale see the same songs. The LSTM sees as many tokens as the Transformer-XL; so does fine-tuning, to
which pre-training comes on top, as in the paper.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from lakhnes.data.augmentation import PLAIN
from lakhnes.model.config import LSTMConfig
from lakhnes.training.config import TrainingConfig
from lakhnes.training.presets import PRESETS, SMALL

__all__ = ["MEASURE", "SCALES", "SHARES", "Row", "Scale"]

MEASURE: dict[str, Any] = {"batch_size": 10, "tgt_len": 128, "mem_len": 896}
"""How the paper measures."""

SHARES = (0.25, 0.5, 1.0)
"""Of the steps of pre-training: where the points of Figure 3 stand, besides 0."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    name, title : str
    order : int or None
        Of an n-gram model; or
    training : TrainingConfig or None
        how the model is trained.
    pretrained : float
        Share of the steps of pre-training after which this training begins; 0 for random weights.
    in_table : bool
        Whether it is a row of Table 2, or a point of Figure 3 only.
    """

    name: str
    title: str
    order: int | None = None
    training: TrainingConfig | None = None
    pretrained: float = 0.0
    in_table: bool = True


@dataclasses.dataclass(frozen=True)
class Scale:
    """One size of the reproduction.

    Attributes
    ----------
    name : str
    songs : int or None
        Songs of the train split, evenly spaced in the order of their names; ``None`` for all.
    transformer : TrainingConfig
        Of the Transformer-XL with augmentation; without, it is the same but for that.
    lstm : TrainingConfig
        Of the LSTM with augmentation.
    pretraining : TrainingConfig
        On other music. Its rate does not fall, so that every share of it is a run of that length.
    """

    name: str
    songs: int | None
    transformer: TrainingConfig
    lstm: TrainingConfig
    pretraining: TrainingConfig

    def rows(self) -> list[Row]:
        """Return all rows in the order of the paper."""
        augmented, recurrent = self.transformer, self.lstm
        rows = [
            Row("random", "Random", order=0),
            Row("unigram", "Unigram", order=1),
            Row("5-gram", "5-gram", order=5),
            Row("lstm", "LSTM", training=dataclasses.replace(recurrent, augmentation=PLAIN)),
            Row("lstm-augmented", "LSTM + augmentation", training=recurrent),
            Row("transformer-xl", "Transformer-XL", training=dataclasses.replace(augmented, augmentation=PLAIN)),
            Row("transformer-xl-augmented", "Transformer-XL + augmentation", training=augmented),
        ]
        for share in SHARES:
            whole = share == 1.0
            name = "transformer-xl-pretrained" + ("" if whole else f"-{round(100 * share)}")
            title = "Transformer-XL + augmentation + " + ("pre-training" if whole else f"{share:.0%} of pre-training")
            rows.append(Row(name, title, training=augmented, pretrained=share, in_table=whole))
        return rows


def _pretraining(training: TrainingConfig, steps: int) -> TrainingConfig:
    """Return a run on other music, at one rate and with the memory that training begins with."""
    return dataclasses.replace(
        training, steps=steps, minutes=None, decay=1.0, final_rate=1.0, plain_tail=0.0, memory_ramp=(0.0, 0.0),
        mem_len=training.mem_len_start,
    )  # fmt: skip


def _recurrent(training: TrainingConfig, model: LSTMConfig, rate: float) -> TrainingConfig:
    """Return the training of an LSTM on as many tokens, with AdamW: Muon is for matrices of feed-forward layers."""
    return dataclasses.replace(training, model=model, optimizer="adamw", learning_rate=rate)


_NOTHING_BETWEEN: dict[str, Any] = {"eval_every": 1e9, "samples": 0, "sample_every": 0.0}
"""Rows are measured when they are done."""

_TINY = dataclasses.replace(
    PRESETS["tiny"],
    model=dataclasses.replace(SMALL, n_layer=4, n_head=2, d_model=128, d_inner=512, mem_len=512),
    batch_size=16, mem_len=512, mem_len_start=256, memory_ramp=(0.4, 0.65), fresh_every=0, minutes=None, steps=2400,
    learning_rate=3e-3, warmup_steps=50, decay=0.5, plain_tail=0.2, save_every=1.0, **_NOTHING_BETWEEN,
)  # fmt: skip

_BUNDLED = dataclasses.replace(
    PRESETS["bundled"], model=SMALL, mem_len=768, memory_ramp=(0.4, 0.65), decay=0.25, plain_tail=0.3,
    minutes=None, steps=10_000, **_NOTHING_BETWEEN,
)  # fmt: skip

_PAPER = dataclasses.replace(PRESETS["paper"], **_NOTHING_BETWEEN)

SCALES = {
    "tiny": Scale(
        "tiny", 200, _TINY, _recurrent(_TINY, LSTMConfig(n_layer=2, d_model=224), 3e-3), _pretraining(_TINY, 2400)
    ),
    "bundled": Scale(
        "bundled", None, _BUNDLED, _recurrent(_BUNDLED, LSTMConfig(n_layer=3, d_model=448), 2e-3),
        _pretraining(_BUNDLED, 10_000),
    ),
    "paper": Scale(
        "paper", None, _PAPER, _recurrent(_PAPER, LSTMConfig(n_layer=4, d_model=1120), 5e-4),
        _pretraining(_PAPER, 400_000),
    ),
}  # fmt: skip
"""``tiny``: 200 songs and 4.9 M tokens a row, models of 0.9 M parameters, for two cores and an hour. With 400 songs
augmentation did not help the LSTM. ``bundled``: all songs, 20 M tokens a row, the size of the bundled model. ``paper``:
the sizes and lengths of the paper (41 M parameters), for a GPU."""
