"""LSTM and n-gram models token by token: a state of one size, however much was read. Numpy on the CPU is all they need.

Sequences are read one by one, so that the songs of a seed do not depend on the batch: a product of matrices rounds
otherwise than products of their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lakhnes.model.config import LSTMConfig
from lakhnes.model.engine import Engine, Floats, Tokens
from lakhnes.model.ngram import NGram

__all__ = ["Cell", "LSTMCell", "NGramCell", "RecurrentEngine"]

State = npt.NDArray[Any]


class Cell(Protocol):
    """One step of a recurrent model."""

    initial: State
    """The state before the first token."""

    def step(self, state: State, token: int) -> tuple[State, Floats]:
        """Return the state after a token, a new array, and the logits of the next, ``(V,)``."""
        ...


class LSTMCell:
    """A stack of LSTM layers, as `lakhnes.model.lstm` has it. The state is ``(2, L, D)``: outputs and cells."""

    def __init__(self, config: LSTMConfig, weights: dict[str, Floats]) -> None:
        self.config, self.weights = config, weights
        self.initial = np.zeros((2, config.n_layer, config.d_model), dtype=np.float32)

    def step(self, state: State, token: int) -> tuple[State, Floats]:
        """Return the state after a token and the logits of the next, ``(V,)``."""
        weights, after = self.weights, np.empty_like(state)
        hidden = weights["embedding.weight"][token] * np.float32(self.config.d_model**0.5)  # (D,)
        for layer, (output, cell) in enumerate(zip(*state, strict=True)):
            gates = weights[f"layers.weight_ih_l{layer}"] @ hidden + weights[f"layers.bias_ih_l{layer}"]
            gates += weights[f"layers.weight_hh_l{layer}"] @ output + weights[f"layers.bias_hh_l{layer}"]
            keep, forget, new, show = gates.reshape(4, -1)
            cell = _sigmoid(forget) * cell + _sigmoid(keep) * np.tanh(new)
            hidden = _sigmoid(show) * np.tanh(cell)
            after[0, layer], after[1, layer] = hidden, cell
        return after, weights["embedding.weight"] @ hidden + weights["output_bias"]


def _sigmoid(x: Floats) -> Floats:
    half: Floats = np.tanh(x * np.float32(0.5)) * np.float32(0.5) + np.float32(0.5)  # does not overflow
    return half


class NGramCell:
    """An n-gram model. The state is its context: the last ``order - 1`` tokens, zeros where a song had not begun."""

    def __init__(self, ngram: NGram) -> None:
        self.ngram = ngram
        self.initial = np.zeros(ngram.config.mem_len, dtype=np.int64)

    def step(self, state: State, token: int) -> tuple[State, Floats]:
        """Return the context after a token and the logits of the next, ``(V,)``."""
        context = np.append(state, token)[1:] if token and len(state) else self.initial
        return context, self.ngram.log_probabilities(context[None])[0]


class RecurrentEngine(Engine):
    """Sequences of a recurrent model.

    Parameters
    ----------
    cell : Cell
    sequences : int
    vocab_size : int
    """

    separate = True

    def __init__(self, cell: Cell, sequences: int, vocab_size: int) -> None:
        super().__init__(sequences, vocab_size)
        self._cell = cell
        self._states = [cell.initial] * sequences
        self._last: list[State | None] = [None] * sequences
        """The state of each sequence before its last token."""
        self._kept: tuple[State, State | None] = cell.initial, None

    def _step(self, tokens: Tokens) -> Floats:
        return self._read(range(len(tokens)), tokens)

    def _read(self, sequences: Sequence[int], tokens: Tokens) -> Floats:
        size = self.logits.shape[1]
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < size:
            raise ValueError(f"tokens: expected ids from 0 to {size - 1}")
        rows = np.empty((len(tokens), size), dtype=np.float32)
        for place, (sequence, token) in enumerate(zip(sequences, tokens.tolist(), strict=True)):
            self._last[sequence] = self._states[sequence]
            self._states[sequence], rows[place] = self._cell.step(self._states[sequence], token)
        return rows

    def _fork(self, source: int, target: int) -> None:
        self._states[target], self._last[target] = self._states[source], self._last[source]

    def _keep(self, sequence: int) -> None:
        self._kept = self._states[sequence], self._last[sequence]

    def _restore(self, sequence: int) -> None:
        self._states[sequence], self._last[sequence] = self._kept

    def _rewind(self, sequence: int) -> None:
        last = self._last[sequence]
        if last is None:
            raise ValueError(f"sequence {sequence}: nothing was read that could be taken back")
        self._states[sequence], self._last[sequence] = last, None
