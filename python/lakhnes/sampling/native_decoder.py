"""One token a step on the CPU: the kernel of ``rust/decoder`` behind the interface of the decoders."""

from __future__ import annotations

import weakref
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lakhnes._native import DecoderModel
from lakhnes.model.transformer_xl import TransformerXL
from lakhnes.sampling.torch_decoder import window_of

__all__ = ["MAX_WINDOW", "NativeDecoder", "packed"]

MAX_WINDOW = 65_536
"""Positions that a step of the kernel can see."""

State: TypeAlias = tuple[tuple[int, int], ...]

# Packing takes as long as a hundred steps, and songs are composed batch by batch: what was packed is kept as long as
# its model, and packed again when a weight has changed.
_packed: weakref.WeakKeyDictionary[TransformerXL, dict[str, tuple[State, DecoderModel]]] = weakref.WeakKeyDictionary()


def packed(model: TransformerXL, dtype: str) -> DecoderModel:
    """Return the weights of a model as the kernel reads them, ``float32``, ``bfloat16`` or ``int8``."""
    known = _packed.setdefault(model, {})
    state = tuple(
        (weight.data_ptr(), -1 if weight.is_inference() else weight._version) for weight in model.parameters()
    )
    if dtype not in known or known[dtype][0] != state:
        config = model.config
        weights = DecoderModel(
            {name: _flat(weight) for name, weight in model.named_parameters()},
            vocab_size=config.vocab_size,
            n_layer=config.n_layer,
            n_head=config.n_head,
            d_model=config.d_model,
            d_head=config.d_head,
            d_inner=config.d_inner,
            pre_norm=config.pre_norm,
            clamp_len=config.clamp_len,
            dtype=dtype,
        )
        known[dtype] = (state, weights)
    return known[dtype][1]


def _flat(weight: Tensor) -> npt.NDArray[np.float32]:
    flat: npt.NDArray[np.float32] = weight.detach().float().contiguous().view(-1).numpy()
    return flat


class NativeDecoder:
    """The state of some songs being read or written in step.

    Parameters
    ----------
    model : TransformerXL
        On the CPU.
    batch_size : int
    mem_len : int
        Positions before the present one that a step attends to; older ones are forgotten.
    dtype : str
        How weights, keys and values are kept: ``float32``, ``bfloat16`` or ``int8``.
    threads : int, optional
        As many as torch uses, if not given. The numbers do not depend on it, nor on the batch.
    """

    def __init__(
        self, model: TransformerXL, batch_size: int, mem_len: int, dtype: str = "float32", threads: int | None = None
    ) -> None:
        self.batch_size, self.vocab_size = batch_size, model.config.vocab_size
        self.state = packed(model, dtype).begin(
            window=window_of(model, mem_len), sequences=batch_size, threads=threads or torch.get_num_threads()
        )

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token of every song, ``(B,)`` ids; return logits of the next, ``(B, vocab_size)``."""
        logits = self.state.feed(tokens.contiguous().numpy())
        return torch.from_numpy(logits).view(self.batch_size, self.vocab_size)

    def read(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after the last, ``(B, vocab_size)``."""
        logits = self.state.feed(tokens.T.reshape(-1).contiguous().numpy())
        return torch.from_numpy(logits).view(self.batch_size, self.vocab_size)

    def read_all(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after each, ``(B, T, vocab_size)``."""
        logits = self.state.feed(tokens.T.reshape(-1).contiguous().numpy(), all=True)
        return torch.from_numpy(logits).view(-1, self.batch_size, self.vocab_size).transpose(0, 1)
