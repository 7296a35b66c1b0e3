"""The Transformer-XL token by token in torch: for GPUs, and for more memory than the native engine takes.

All sequences have their keys and values in one ring buffer, however long each is, and a token of every one is one step
of the network, whose shapes do not change (`lakhnes.model.recorded_step`). Tokens go to the device once a step, and
logits come back once, for they are drawn from where the grammar is. Tokens of some sequences, one of each, are a step
as well, in which the others stay where they are; a run of tokens of one sequence, as a prime is, is read as a segment.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from lakhnes.model.engine import Engine, Floats, Tokens
from lakhnes.model.network import Network
from lakhnes.model.recorded_step import RecordedStep
from lakhnes.model.recorder import CudaRecorder, Recorder
from lakhnes.model.ring import Ring, RingRow
from lakhnes.model.transformer_xl import TransformerXL

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
    recorder : Recorder, optional
        What records the steps; if not given, CUDA graphs where the device has them.

    Raises
    ------
    LimitError
        If the device has less memory than the keys and values take.
    """

    def __init__(
        self,
        network: Network,
        sequences: int,
        memory: int,
        dtype: str | None = None,
        *,
        recorder: Recorder | None = None,
    ) -> None:
        assert isinstance(network, TransformerXL)
        config = network.config
        super().__init__(sequences, config.vocab_size, score_state=config.score_state)
        wanted = None if dtype is None else getattr(torch, dtype)
        as_it_is = wanted in (None, network.embedding.weight.dtype)
        self._network = network if as_it_is else copy.deepcopy(network).to(wanted)
        # With same_length the present position is one of the `memory` keys: there is always one.
        self._memory = max(memory, int(config.same_length))
        self._ring = Ring(self._network, sequences, self._memory + (not config.same_length))
        if recorder is None and network.device.type == "cuda":
            recorder = CudaRecorder(network.device)
        self._make_step = RecordedStep(self._network, self._ring, recorder)
        self._inputs_of_all = np.zeros((sequences, self._make_step.inputs.shape[1] - 1), dtype=np.int64)
        self._rewound = np.ones(sequences, dtype=np.bool_)
        self._kept_rewound = True

    def _step(self, inputs: Tokens) -> Floats:
        logits = self._make_step(self._checked(inputs), self._ring.counts)
        self._ring.counts += 1
        self._rewound[:] = False
        return logits

    def _read(self, sequences: Sequence[int], inputs: Tokens) -> Floats:
        self._checked(inputs)
        if len(set(sequences)) == len(sequences):
            return self._read_some(sequences, inputs)
        rows, done = [], 0
        while done < len(inputs):  # a run of tokens of one sequence is one segment
            sequence, start = sequences[done], done
            while done < len(inputs) and sequences[done] == sequence:
                done += 1
            rows.append(self._read_run(sequence, inputs[start:done]))
        return np.concatenate(rows)

    def _read_some(self, sequences: Sequence[int], inputs: Tokens) -> Floats:
        """Read a token of each of some sequences, in a step in which the others only seem to read one."""
        chosen = np.asarray(sequences, dtype=np.int64)
        self._inputs_of_all[chosen] = inputs.reshape(len(chosen), -1)
        logits = self._make_step(self._inputs_of_all, self._ring.counts)
        self._ring.counts[chosen] += 1
        self._rewound[chosen] = False
        return logits[chosen]

    @torch.inference_mode()
    def _read_run(self, sequence: int, inputs: Tokens) -> Floats:
        """Read tokens of one sequence, ``(T,)`` or ``(T, 1 + F + 2P)``; return the logits after each, ``(T, V)``."""
        # At once only while nothing leaves the memory: else the first token would attend to more than a step does.
        if len(inputs) == 1 or self._ring.counts[sequence] + len(inputs) > self._memory:
            return np.concatenate([self._read_some([sequence], one) for one in np.split(inputs, len(inputs))])
        self._rewound[sequence] = False
        segment = torch.from_numpy(np.ascontiguousarray(inputs))[None].to(self._network.device)
        hidden, _ = self._network(segment, RingRow(self._ring, sequence), self._memory)
        logits: Floats = self._network.logits(hidden)[0].float().cpu().numpy()
        return logits

    def _checked(self, inputs: Tokens) -> Tokens:
        """Return what is read, if it has rows in the tables: a GPU would stop for good at what has none.

        Raises
        ------
        ValueError
        """
        tokens, size = inputs.reshape(len(inputs), -1)[:, 0], self.logits.shape[1]
        if len(tokens) and (tokens.min() < 0 or tokens.max() >= size):
            strange = tokens[(tokens < 0) | (tokens >= size)][0]
            raise ValueError(f"tokens: expected ids below {size}, found {strange}")
        return inputs

    def _fork(self, source: int, target: int) -> None:
        self._ring.fork(source, target)
        self._rewound[target] = self._rewound[source]

    def _keep(self, sequence: int) -> None:
        self._ring.keep(sequence)
        self._kept_rewound = bool(self._rewound[sequence])

    def _restore(self, sequence: int) -> None:
        self._ring.restore(sequence)
        self._rewound[sequence] = self._kept_rewound

    def _rewind(self, sequence: int) -> None:
        if self._rewound[sequence]:
            raise ValueError(f"sequence {sequence}: nothing was read that could be taken back")
        self._ring.counts[sequence] -= 1
        self._rewound[sequence] = True
