"""A running average of the weights: smoother than any single step's (Polyak and Juditsky 1992)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """The exponential moving average of a model's weights.

    Parameters
    ----------
    model : nn.Module
    decay : float
        Of the average in a step; smaller over the first steps, so that the initial weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.weights = [weight.detach().clone() for weight in model.parameters()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after a step to the average; `step` steps were taken before."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.weights, list(self.model.parameters()), 1.0 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the averaged weights within the block."""
        own = [weight.data for weight in self.model.parameters()]
        try:
            for weight, average in zip(self.model.parameters(), self.weights, strict=True):
                weight.data = average
            yield
        finally:
            for weight, before in zip(self.model.parameters(), own, strict=True):
                weight.data = before

    def state(self) -> dict[str, Tensor]:
        """Return the averages by the names of the weights."""
        names = (name for name, _ in self.model.named_parameters())
        return dict(zip(names, self.weights, strict=True))

    @torch.no_grad()
    def load(self, averages: Mapping[str, Tensor]) -> None:
        """Take averages back that `state` returned, or begin with weights of these names.

        Raises
        ------
        KeyError
            If one is missing.
        """
        for (name, _), weight in zip(self.model.named_parameters(), self.weights, strict=True):
            weight.copy_(averages[name])
