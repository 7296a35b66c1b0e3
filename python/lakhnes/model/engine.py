"""The interface of incremental decoding: sequences that a model reads token by token.

An engine keeps what it has computed of the tokens that were read, so that a token costs one step of the model. There
are three: `lakhnes.model.native_engine` (the Transformer-XL in Rust, on the CPU), `lakhnes.model.torch_engine` (the
same in torch, on any device) and `lakhnes.model.recurrent_engine` (LSTM and n-gram models). `Model.begin` chooses one.
Numpy arrays go in and come out. Shapes have B sequences, R tokens that are read, and V = ``vocab_size``.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lakhnes._native import ScoreStates

__all__ = ["DTYPES", "Engine", "Floats", "Tokens", "losses_of"]

Floats: TypeAlias = npt.NDArray[np.float32]
Tokens: TypeAlias = npt.NDArray[np.int64]

DTYPES = ("float32", "bfloat16", "int8")
"""How weights, keys and values can be stored."""


class Engine(abc.ABC):
    """Sequences of tokens, each with a memory of its own.

    Parameters
    ----------
    sequences, vocab_size : int
        B and V.
    score_state : bool
        Whether the model reads the state of the score, of F features, beside each token.

    Attributes
    ----------
    logits : float32 array, ``(B, V)``
        Unnormalised log-probabilities of the next token of each sequence; zeros for a sequence of no token. The array
        is not changed later: every call that changes the logits makes a new one.
    separate : bool
        Whether a token of one sequence costs the same whether or not others are read with it, so that leaving out
        those that have ended saves their share of the time.
    """

    separate = False

    def __init__(self, sequences: int, vocab_size: int, *, score_state: bool = False) -> None:
        self._score = ScoreStates(sequences + 1) if score_state else None  # the last one is what is kept
        self.logits: Floats = np.zeros((sequences, vocab_size), dtype=np.float32)
        self._before = self.logits
        self._kept_logits = self.logits[0], self.logits[0]

    def feed(self, tokens: Tokens, sequences: Sequence[int] | None = None) -> Floats:
        """Read tokens.

        Parameters
        ----------
        tokens : int64 array, ``(R,)``
        sequences : sequence of int, length R, optional
            The sequence of each token; one that is named again reads its tokens one after the other. Without it there
            is one token for every sequence.

        Returns
        -------
        float32 array, ``(R, V)``
            The logits after each token.

        Raises
        ------
        ValueError
            If a token or a sequence is unknown, or there is not one token for each sequence.
        """
        if sequences is None:
            if len(tokens) != len(self.logits):
                raise ValueError(f"tokens: expected one for each of {len(self.logits)} sequences, found {len(tokens)}")
            self._before, self.logits = self.logits, self._step(self._inputs(tokens, range(len(tokens))))
            return self.logits
        rows = self._read(sequences, self._inputs(tokens, sequences))
        logits, before = self.logits.copy(), self._before.copy()
        for sequence, row in zip(sequences, rows, strict=True):
            before[sequence] = logits[sequence]
            logits[sequence] = row
        self.logits, self._before = logits, before
        return rows

    def fork(self, source: int, target: int) -> None:
        """Replace a sequence by a copy of another; both then continue on their own."""
        self._fork(source, target)
        if self._score is not None:
            self._score.fork(source, target)
        self.logits, self._before = self.logits.copy(), self._before.copy()
        self.logits[target], self._before[target] = self.logits[source], self._before[source]

    def keep(self, sequence: int) -> None:
        """Keep a copy of a sequence, in place of what was kept before, for `restore`."""
        self._keep(sequence)
        if self._score is not None:
            self._score.fork(sequence, len(self.logits))
        self._kept_logits = self.logits[sequence].copy(), self._before[sequence].copy()

    def restore(self, sequences: Sequence[int]) -> None:
        """Replace each of some sequences by a copy of what was kept, which later calls can copy again."""
        self.logits, self._before = self.logits.copy(), self._before.copy()
        for sequence in sequences:
            self._restore(sequence)
            if self._score is not None:
                self._score.fork(len(self.logits), sequence)
            self.logits[sequence], self._before[sequence] = self._kept_logits

    def rewind(self, sequence: int) -> None:
        """Take back the last token of a sequence; only once between two calls of `feed` that name it.

        Raises
        ------
        ValueError
            If the sequence has read nothing since it was rewound.
        """
        self._rewind(sequence)
        if self._score is not None:
            self._score.rewind(sequence)
        self.logits = self.logits.copy()
        self.logits[sequence] = self._before[sequence]

    @property
    def reads_state(self) -> bool:
        """Whether the model reads the state of the score beside each token."""
        return self._score is not None

    def _inputs(self, tokens: Tokens, sequences: Sequence[int]) -> Tokens:
        """Return what the model reads: the tokens, ``(R,)``, or ``(R, 1 + F + 2P)`` with the state behind each."""
        return tokens if self._score is None else self._score.feed(np.ascontiguousarray(tokens), sequences)

    @abc.abstractmethod
    def _step(self, inputs: Tokens) -> Floats:
        """Read one token of every sequence, ``(B,)`` or ``(B, 1 + F + 2P)``; return new logits, ``(B, V)``."""

    @abc.abstractmethod
    def _read(self, sequences: Sequence[int], inputs: Tokens) -> Floats:
        """Read tokens of the named sequences, ``(R,)`` or ``(R, 1 + F + 2P)``; return the logits after each."""

    @abc.abstractmethod
    def _fork(self, source: int, target: int) -> None: ...

    @abc.abstractmethod
    def _keep(self, sequence: int) -> None: ...

    @abc.abstractmethod
    def _restore(self, sequence: int) -> None: ...

    @abc.abstractmethod
    def _rewind(self, sequence: int) -> None: ...


def losses_of(logits: Floats, tokens: Tokens) -> Floats:
    """Return the negative log-likelihoods of tokens in nats, ``(R, V)`` and ``(R,)`` to ``(R,)``."""
    largest = logits.max(axis=-1)
    total: Floats = np.log(np.exp(logits - largest[:, None]).sum(axis=-1)) + largest
    return total - np.take_along_axis(logits, tokens[:, None], axis=-1)[:, 0]
