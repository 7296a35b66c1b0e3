"""The Transformer-XL token by token on the CPU: the engine of ``rust/decoder``."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakhnes._native import DecoderModel, score_state_tables
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.engine import Engine, Floats, Tokens

__all__ = ["MAX_WINDOW", "NativeEngine", "pack", "thread_count"]

MAX_WINDOW = 65_536
"""Positions that a step can attend to."""


def thread_count() -> int:
    """Return the threads of an engine: ``OMP_NUM_THREADS``, or one for every processor that this process may use."""
    chosen = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if chosen.isdecimal() and int(chosen[:9]) > 0:
        return int(chosen)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pack(config: TransformerXLConfig, weights: dict[str, npt.NDArray[np.float32]], dtype: str) -> DecoderModel:
    """Return the weights of a model in the layout of the engine, stored as ``float32``, ``bfloat16`` or ``int8``."""
    state_rows, recall_rows, _ = score_state_tables() if config.score_state else (0, 0, 0)
    return DecoderModel(
        {name: np.ascontiguousarray(weight).reshape(-1) for name, weight in weights.items()},
        vocab_size=config.vocab_size,
        n_layer=config.n_layer,
        n_head=config.n_head,
        d_model=config.d_model,
        d_head=config.d_head,
        d_inner=config.d_inner,
        pre_norm=config.pre_norm,
        clamp_len=config.clamp_len,
        state_rows=state_rows,
        recall_rows=recall_rows,
        dtype=dtype,
    )


class NativeEngine(Engine):
    """Sequences of a Transformer-XL in Rust.

    The results of a sequence depend neither on the number of threads, nor on the sequences beside it, nor on how many
    tokens are read at once.

    Parameters
    ----------
    packed : DecoderModel
    sequences : int
    vocab_size : int
    window : int
        Positions that a step attends to, the present one among them; at most `MAX_WINDOW`.
    threads : int, optional
        `thread_count`, if not given.
    score_state : bool
        As of `Engine`.
    keeps : bool
        Whether there is room for what `keep` keeps: as much as a sequence takes.
    """

    separate = True

    def __init__(
        self,
        packed: DecoderModel,
        sequences: int,
        vocab_size: int,
        window: int,
        threads: int | None = None,
        *,
        score_state: bool = False,
        keeps: bool = False,
    ) -> None:
        super().__init__(sequences, vocab_size, score_state=score_state)
        self._all = list(range(sequences))
        sequences += keeps  # the last one is what is kept
        self._state = packed.begin(window=window, sequences=sequences, threads=threads or thread_count())
        self._lengths = np.zeros(sequences, dtype=np.int64)
        # Tokens that two sequences have in common since one was forked from the other: these are not copied again.
        self._common = np.zeros((sequences, sequences), dtype=np.int64)

    def _step(self, inputs: Tokens) -> Floats:
        return self._read(self._all, inputs)

    def _read(self, sequences: Sequence[int], inputs: Tokens) -> Floats:
        logits = self._state.feed(sequences, *self._split(inputs))
        np.add.at(self._lengths, sequences, 1)
        return logits.reshape(len(sequences), -1)

    def _split(self, inputs: Tokens) -> tuple[Tokens, Tokens | None]:
        """Return the tokens, and the states beside them."""
        return (inputs[:, 0], inputs[:, 1:]) if self.reads_state else (inputs, None)

    def _fork(self, source: int, target: int) -> None:
        self._state.fork(source, target, int(self._common[source, target]))
        self._common[target] = self._common[source]
        self._common[:, target] = self._common[:, source]
        self._common[source, target] = self._common[target, source] = self._lengths[source]
        self._lengths[target] = self._lengths[source]

    def _keep(self, sequence: int) -> None:
        self._fork(sequence, len(self._all))

    def _restore(self, sequence: int) -> None:
        self._fork(len(self._all), sequence)

    def _rewind(self, sequence: int) -> None:
        self._state.rewind(sequence)
        self._lengths[sequence] -= 1
        self._common[sequence] = np.minimum(self._common[sequence], self._lengths[sequence])
        self._common[:, sequence] = self._common[sequence]
