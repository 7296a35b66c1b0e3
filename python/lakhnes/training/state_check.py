"""Whether a state that was read is one of this run: what the next step would trip over."""

from __future__ import annotations

import torch
from torch import Tensor, optim

from lakhnes.errors import shown
from lakhnes.model.config import ModelConfig
from lakhnes.model.network import Network
from lakhnes.training.config import TrainingConfig
from lakhnes.training.run_state import RunState

__all__ = ["check_state"]

MOMENTS = ("step", "exp_avg", "exp_avg_sq", "momentum_buffer")
"""Of AdamW and of Muon."""


def check_state(state: RunState, config: TrainingConfig, model: Network, optimizers: list[optim.Optimizer]) -> None:
    """Refuse a state of another shape, or with numbers that are not finite.

    Raises
    ------
    ValueError
    """
    if len(state.streams) != config.batch_size:
        raise ValueError(f"{len(state.streams)} streams, expected {config.batch_size}")
    for stream in state.streams:
        if stream.dtype != torch.int64 or not _is_song(stream, config.model):
            raise ValueError("a stream that is no row of token ids")
    own = model.state_dict()
    for name, tensor in (*state.model.items(), *state.average.items()):
        if name in own and (tensor.shape != own[name].shape or not _is_finite(tensor)):
            raise ValueError(f"{name}: expected finite numbers of shape {tuple(own[name].shape)}")
    _check_moments(state.optimizer, optimizers)
    if state.memory is not None:
        shape, found = model.memory_shape(config.batch_size), tuple(state.memory.shape)
        fits = len(found) == len(shape) and all(most in (None, size) for size, most in zip(found, shape, strict=True))
        if not fits or not _is_finite(state.memory):
            raise ValueError(f"a memory of shape {found}, expected {shape}")
    expected = torch.get_rng_state()
    if any(random.dtype != expected.dtype or random.shape != expected.shape for random in state.random):
        raise ValueError("no state of the random numbers")


def _check_moments(moments: dict[str, Tensor], optimizers: list[optim.Optimizer]) -> None:
    weights = {
        f"{index}.{place}": weight.shape
        for index, optimizer in enumerate(optimizers)
        for place, weight in enumerate(weight for group in optimizer.param_groups for weight in group["params"])
    }
    for key, value in moments.items():
        place, _, name = key.rpartition(".")
        shape = torch.Size() if name == "step" else weights.get(place)
        if place not in weights or name not in MOMENTS or value.shape != shape or not _is_finite(value):
            raise ValueError(f"the moment {shown(key)} is that of no weight, or not finite")


def _is_finite(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and bool(torch.isfinite(tensor).all())


def _is_song(stream: Tensor, config: ModelConfig) -> bool:
    """Tell whether a stream is what a model reads of a song."""
    if stream.numel() == 0:
        return True
    if stream.ndim not in (1, 2):
        return False
    ids = stream if stream.ndim == 1 else stream[:, 0]
    beside = config.inputs(ids[:0].numpy()).shape[1:]
    return tuple(stream.shape[1:]) == beside and _within(ids, config.vocab_size)


def _within(ids: Tensor, size: int) -> bool:
    return ids.numel() == 0 or bool((ids >= 0).all() and (ids < size).all())
