"""A running average of the weights: smoother than any single step's (Polyak and Juditsky 1992)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """The exponential moving average of a model's weights.

    Parameters
    ----------
    model : nn.Module
    decay : float
        Of the average in a step. Over the first steps it is less, so that the initial weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.weights = [weight.detach().clone() for weight in model.parameters()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, of which there were `step` before."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.weights, list(self.model.parameters()), 1.0 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averaged weights for a while."""
        own = [weight.data for weight in self.model.parameters()]
        try:
            for weight, average in zip(self.model.parameters(), self.weights, strict=True):
                weight.data = average
            yield
        finally:
            for weight, before in zip(self.model.parameters(), own, strict=True):
                weight.data = before

    def tensors(self) -> dict[str, Tensor]:
        """Return the averages under names ``average.WEIGHT``."""
        names = (name for name, _ in self.model.named_parameters())
        return {f"average.{name}": weight for name, weight in zip(names, self.weights, strict=True)}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take the averages back that `tensors` returned; where there are none, begin with the present weights."""
        for (name, own), weight in zip(self.model.named_parameters(), self.weights, strict=True):
            weight.copy_(tensors.get(f"average.{name}", own.detach()))
