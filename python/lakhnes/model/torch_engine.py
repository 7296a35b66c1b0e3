"""The Transformer-XL token by token in torch: for GPUs, and for more memory than the native engine takes.

Sequences that are read in step have their keys and values side by side, however long each is, and a step of all is one
of the network: tokens go to the device once, and logits come back once, for they are drawn from where the grammar is.
Sequences that are read on their own have a cache each and are read one after the other, until there is a step of all.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from lakhnes.model.cache import KeyValueCache
from lakhnes.model.engine import Engine, Floats, Tokens
from lakhnes.model.network import Network

__all__ = ["TorchEngine"]


class TorchEngine(Engine):
    """Sequences of a Transformer-XL in torch.

    Parameters
    ----------
    network : TransformerXL
        In evaluation mode, on the device that computes.
    sequences : int
    memory : int
        Positions before the present one that a step attends to.
    dtype : str, optional
        How weights, keys and values are stored: ``float32`` or ``bfloat16``; as the network's own if not given.
    """

    def __init__(self, network: Network, sequences: int, memory: int, dtype: str | None = None) -> None:
        reads_state = getattr(network.config, "score_state", False)
        super().__init__(sequences, network.config.vocab_size, score_state=reads_state)
        wanted = None if dtype is None else getattr(torch, dtype)
        as_it_is = wanted in (None, next(network.parameters()).dtype)
        self._network = network if as_it_is else copy.deepcopy(network).to(wanted)
        # With same_length the present position is one of the `memory` keys: there is always one.
        self._memory = max(memory, int(getattr(network.config, "same_length", False)))
        self._together: KeyValueCache | None = network.cache()
        self._alone: list[KeyValueCache] = []
        self._rewound = [True] * sequences
        self._kept: tuple[KeyValueCache, bool] = network.cache(), True

    def _step(self, inputs: Tokens) -> Floats:
        if self._together is None:
            self._together, self._alone = KeyValueCache.joined(self._alone), []
        self._rewound = [False] * len(inputs)
        return self._forward(inputs[:, None], self._together)[:, 0]

    def _read(self, sequences: Sequence[int], inputs: Tokens) -> Floats:
        self._part()
        rows = np.empty((len(inputs), self.logits.shape[1]), dtype=np.float32)
        done = 0
        while done < len(inputs):  # a run of tokens of one sequence is one segment
            sequence, start = sequences[done], done
            while done < len(inputs) and sequences[done] == sequence:
                done += 1
            self._rewound[sequence] = False
            rows[start:done] = self._forward(inputs[None, start:done], self._alone[sequence])[0]
        return rows

    def _fork(self, source: int, target: int) -> None:
        self._part()
        self._alone[target], self._rewound[target] = self._alone[source].copy(), self._rewound[source]

    def _keep(self, sequence: int) -> None:
        together, alone = self._together, self._alone
        cache = alone[sequence].copy() if together is None else together.only(sequence)
        self._kept = cache, self._rewound[sequence]

    @torch.inference_mode()
    def _restore(self, sequence: int) -> None:
        cache, self._rewound[sequence] = self._kept
        if self._together is None or not self._together.put(sequence, cache):
            self._part()
            self._alone[sequence] = cache.copy()

    def _rewind(self, sequence: int) -> None:
        if self._rewound[sequence]:
            raise ValueError(f"sequence {sequence}: nothing was read that could be taken back")
        self._part()
        self._alone[sequence].rewind(self._memory)
        self._rewound[sequence] = True

    def _part(self) -> None:
        """Give every sequence a cache of its own."""
        if self._together is not None:
            count = len(self._rewound)
            read = self._together.length > 0 or not all(self._rewound)
            self._alone = self._together.split() if read else [self._network.cache() for _ in range(count)]
            self._together = None

    @torch.inference_mode()
    def _forward(self, inputs: Tokens, cache: KeyValueCache) -> Floats:
        """Read a segment, ``(B, T)`` or ``(B, T, 1 + F + 2P)``; return the logits after each token, ``(B, T, V)``."""
        segment = torch.from_numpy(inputs).to(self._network.device)
        count = segment.shape[1]
        # At once only while nothing leaves the memory: else the first token would attend to more than a step does.
        at_once = count if cache.length + count <= self._memory else 1
        parts = []
        for start in range(0, count, at_once):
            hidden, _ = self._network(segment[:, start : start + at_once], cache, self._memory)
            parts.append(self._network.logits(hidden))
        logits: Floats = torch.cat(parts, dim=1).float().cpu().numpy()
        return logits
