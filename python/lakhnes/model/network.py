"""What the torch modules of all architectures have in common: training, the evaluation of corpora, and GPUs need them.

A network reads segments of token ids and remembers what it read before them: `forward` gives the state after every
position and the memory for the next segment, `logits` turns a state into scores of the next token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes.model.architectures import build
from lakhnes.model.config import ModelConfig
from lakhnes.model.device import unavailable
from lakhnes.torch_extra import Tensor, nn, torch

__all__ = ["Network", "network_of", "pick_device"]


class Network(nn.Module):
    """A language model over token ids as a torch module.

    Attributes
    ----------
    config : ModelConfig
    memory_songs : int
        The dimension of a memory tensor that counts the songs of a batch.
    """

    config: ModelConfig
    memory_songs = 1

    def forward(self, tokens: Tensor, memory: Any = None, mem_len: int = 0) -> tuple[Tensor, Any]:
        """Read one segment.

        Parameters
        ----------
        tokens : Tensor, int64, ``(B, T)``
        memory : optional
            What this method returned for the segment before: in training a tensor, whose shape is the network's own.
            To read without gradients, begin with what `cache` gives.
        mem_len : int
            How many positions the returned memory holds at the most, where memory is a row of positions.

        Returns
        -------
        hidden : Tensor, ``(B, T, …)``
            The state after every position.
        memory
            Detached.
        """
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """Return unnormalised log-probabilities of the next token, ``(B, T, …)`` to ``(B, T, vocab_size)``."""
        raise NotImplementedError

    def score(self, tokens: Tensor, memory: Any, mem_len: int, dtype: torch.dtype) -> tuple[Tensor, Any]:
        """Read one segment with matrix products in `dtype`; return float32 logits, ``(B, T, V)``, and the memory."""
        with torch.autocast(tokens.device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            hidden, memory = self(tokens, memory, mem_len)
            logits = self.logits(hidden)
        return logits.float(), memory

    def memory_shape(self, songs: int) -> tuple[int | None, ...]:
        """Return the shape of the memory of training for this number of songs; ``None`` stands for any length."""
        raise NotImplementedError

    def memory_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """Return the type in which that is kept where matrix products are in `dtype`."""
        return torch.float32

    def cache(self) -> Any:
        """Return the memory with which reading without gradients begins; ``None``, if it is that of training."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(tensor.device for tensor in (*self.parameters(), *self.buffers()))


def network_of(config: ModelConfig, weights: Mapping[str, npt.NDArray[Any]], device: str = "auto") -> Network:
    """Return a network with a copy of these weights on a device, in evaluation mode.

    Raises
    ------
    CheckpointError
        If there is no such device.
    """
    with torch.device("meta"):  # initialising weights that are replaced takes longer than replacing them
        network = build(config)
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()}, assign=True)
    return network.to(pick_device(device)).eval()


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of a name; ``"auto"`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    CheckpointError
        If there is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise unavailable(name) from None
    return device
