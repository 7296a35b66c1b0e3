"""A model that can be watched and stopped while it composes.

Everything that composes asks its engine for the next logits. A `WatchedModel` lets a `Watch` see each of these steps:
it remembers the tokens of every sequence, so that a song can be shown while it is written, and it can end the work
there, within one step of the model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from lakhnes.model.engine import Engine, Floats, Tokens
from lakhnes.model.model import Model

__all__ = ["Watch", "WatchedModel"]


class Watch:
    """What is known of a composition while it is written.

    Parameters
    ----------
    check : callable
        Called before each step of the model; what it raises ends the composition.
    """

    def __init__(self, check: Callable[[], object]) -> None:
        self.check = check
        self._lock = threading.Lock()
        self._read: list[list[int]] = []
        self._kept: list[int] = []

    def begin(self, sequences: int) -> None:
        """Forget what was read: an engine begins some sequences."""
        with self._lock:
            self._read = [[] for _ in range(sequences)]

    def read(self, sequences: Sequence[int], tokens: Tokens) -> None:
        """Remember the tokens that sequences read."""
        self.check()
        with self._lock:
            for sequence, token in zip(sequences, tokens.tolist(), strict=True):
                self._read[sequence].append(token)

    def fork(self, source: int, target: int) -> None:
        """Remember that a sequence has become a copy of another."""
        with self._lock:
            self._read[target] = list(self._read[source])

    def keep(self, sequence: int) -> None:
        """Remember what a sequence has read, for `restore`."""
        with self._lock:
            self._kept = list(self._read[sequence])

    def restore(self, sequence: int) -> None:
        """Remember that a sequence has become a copy of what was kept."""
        with self._lock:
            self._read[sequence] = list(self._kept)

    def rewind(self, sequence: int) -> None:
        """Remember that a sequence took its last token back."""
        with self._lock:
            self._read[sequence].pop()

    def ids(self) -> list[list[int]]:
        """Return the tokens that each sequence has read so far."""
        with self._lock:
            return [list(ids) for ids in self._read]


class _WatchedEngine(Engine):
    """An engine each step of which a `Watch` sees."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        super().__init__(*engine.logits.shape, score_state=engine.reads_state)
        self._engine, self._watch, self.separate = engine, watch, engine.separate
        watch.begin(len(engine.logits))

    def _step(self, inputs: Tokens) -> Floats:
        self._watch.read(range(len(inputs)), self._tokens(inputs))
        return self._engine._step(inputs)

    def _read(self, sequences: Sequence[int], inputs: Tokens) -> Floats:
        self._watch.read(sequences, self._tokens(inputs))
        return self._engine._read(sequences, inputs)

    def _tokens(self, inputs: Tokens) -> Tokens:
        return inputs[:, 0] if self.reads_state else inputs

    def _fork(self, source: int, target: int) -> None:
        self._watch.fork(source, target)
        self._engine._fork(source, target)

    def _keep(self, sequence: int) -> None:
        self._watch.keep(sequence)
        self._engine._keep(sequence)

    def _restore(self, sequence: int) -> None:
        self._watch.restore(sequence)
        self._engine._restore(sequence)

    def _rewind(self, sequence: int) -> None:
        self._watch.rewind(sequence)
        self._engine._rewind(sequence)


class WatchedModel(Model):
    """A model that composes as another does, with its weights, and is watched.

    Parameters
    ----------
    model : Model
    watch : Watch
    """

    def __init__(self, model: Model, watch: Watch) -> None:
        self.__dict__.update(model.__dict__)  # the weights that are packed already are shared
        self._watch = watch

    def begin(self, sequences: int = 1, **options: Any) -> Engine:
        """Begin sequences of tokens; see `Model.begin`."""
        self._watch.check()
        return _WatchedEngine(super().begin(sequences, **options), self._watch)
