"""One token a step: keys and values of what was read are kept, so a step costs what one position costs.

The original re-projects its whole memory of hidden states at every step. Here they are computed once: on the CPU by the
kernel of ``rust/decoder``, elsewhere by torch.
"""

from __future__ import annotations

import copy
from typing import Protocol

import torch
from torch import Tensor

from lakhnes.errors import LakhnesError
from lakhnes.model.base import Model
from lakhnes.model.transformer_xl import TransformerXL
from lakhnes.sampling.native_decoder import MAX_WINDOW, NativeDecoder
from lakhnes.sampling.torch_decoder import SLACK, TorchDecoder, window_of

__all__ = [
    "DTYPES",
    "SLACK",
    "Decoder",
    "SegmentDecoder",
    "Stepper",
    "as_dtype",
    "check_segments",
    "make_decoder",
    "native_dtype",
]

DTYPES = ("float32", "bfloat16", "int8")
"""How weights, keys and values can be kept."""


class Stepper(Protocol):
    """The state of some songs that are read or written one token a step."""

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token of every song, ``(B,)`` ids; return logits of the next, ``(B, vocab_size)``."""
        ...

    def read_all(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after each, ``(B, T, vocab_size)``."""
        ...


def make_decoder(model: Model, batch_size: int, mem_len: int, dtype: str | None = None) -> Stepper:
    """Return what steps through songs with a model; the parameters are those of `Decoder`."""
    if isinstance(model, TransformerXL):
        return Decoder(model, batch_size, mem_len, dtype)
    check_segments(dtype)
    return SegmentDecoder(model, mem_len)


def check_segments(dtype: str | None) -> None:
    """Refuse a dtype that only Transformer-XL models have."""
    if dtype not in (None, "float32"):
        raise LakhnesError(f"dtype: {dtype} is for Transformer-XL models, expected float32")


def native_dtype(model: TransformerXL, mem_len: int, dtype: str | None) -> str | None:
    """Return how the kernel of ``rust/decoder`` keeps the weights; ``None`` if torch has to do it.

    The parameters, and what is raised, are those of `Decoder`.
    """
    if dtype not in (None, *DTYPES):
        raise ValueError(f"dtype is {dtype}, expected {', '.join(DTYPES)}")
    weight = model.embedding.weight
    if weight.device.type == "cpu" and window_of(model, mem_len) <= MAX_WINDOW:
        return dtype or ("bfloat16" if weight.dtype == torch.bfloat16 else "float32")
    if dtype == "int8":
        raise LakhnesError(f"dtype: int8 runs on the CPU with at most {MAX_WINDOW - 1} positions of memory")
    return None


class SegmentDecoder:
    """Steps of any model: segments of one token. For models whose step costs the same however much was read.

    Parameters
    ----------
    model : Model
        In evaluation mode.
    mem_len : int
        Positions that are remembered, where memory is a row of positions.
    """

    def __init__(self, model: Model, mem_len: int) -> None:
        self.model, self.mem_len = model, mem_len
        self.memory: Tensor | None = None

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token of every song, ``(B,)`` ids; return logits of the next, ``(B, vocab_size)``."""
        return self.read_all(tokens[:, None])[:, 0]

    @torch.inference_mode()
    def read_all(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after each, ``(B, T, vocab_size)``."""
        hidden, self.memory = self.model(tokens, self.memory, self.mem_len)
        return self.model.logits(hidden)


class Decoder:
    """The state of some songs being read or written in step.

    Parameters
    ----------
    model : TransformerXL
        In evaluation mode.
    batch_size : int
    mem_len : int
        Positions before the present one that a step attends to; older ones are forgotten.
    dtype : str, optional
        How weights, keys and values are kept, one of `DTYPES`; as the model's own if not given.
    threads : int, optional
        Of the native kernel; as many as torch uses if not given.

    Raises
    ------
    LakhnesError
        If the model's device has no such dtype.
    """

    def __init__(
        self,
        model: TransformerXL,
        batch_size: int,
        mem_len: int,
        dtype: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.kernel: NativeDecoder | TorchDecoder
        form = native_dtype(model, mem_len, dtype)
        if form is not None:
            self.kernel = NativeDecoder(model, batch_size, mem_len, form, threads)
        else:
            self.kernel = TorchDecoder(as_dtype(model, dtype), batch_size, mem_len)

    def step(self, tokens: Tensor) -> Tensor:
        """Read one token of every song, ``(B,)`` ids; return logits of the next, ``(B, vocab_size)``."""
        return self.kernel.step(tokens)

    def read(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after the last, ``(B, vocab_size)``."""
        return self.kernel.read(tokens)

    def read_all(self, tokens: Tensor) -> Tensor:
        """Read ``(B, T)`` ids, T at least 1; return the logits after each, ``(B, T, vocab_size)``."""
        return self.kernel.read_all(tokens)


def as_dtype(model: TransformerXL, dtype: str | None) -> TransformerXL:
    """Return a model with weights of a dtype; itself, if it has them."""
    if dtype is None or model.embedding.weight.dtype == getattr(torch, dtype):
        return model
    converted: TransformerXL = copy.deepcopy(model).to(getattr(torch, dtype))
    return converted
