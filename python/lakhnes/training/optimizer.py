"""Which optimizer updates which weights, and its moments."""

from __future__ import annotations

import torch
from torch import Tensor, nn, optim

from lakhnes.training.config import TrainingConfig
from lakhnes.training.muon import Muon

__all__ = ["load_moments", "make_optimizers", "moments"]


def make_optimizers(model: nn.Module, config: TrainingConfig) -> list[optim.Optimizer]:
    """Return the optimizers of a run; the rate is set before every step.

    Matrices decay; vectors (biases, norms) and the embedding do not. With Muon, which updates the matrices of the
    layers, one rate suits all: its updates are scaled to the root mean square of AdamW's.
    """
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in model.named_parameters():
        (matrices if weight.ndim == 2 and name.endswith(".weight") and "layers." in name else others).append(weight)
    betas = (0.9, config.beta2)
    if config.optimizer == "muon":
        return [
            Muon(matrices, lr=config.learning_rate, weight_decay=config.weight_decay),
            optim.AdamW(others, lr=config.learning_rate, betas=betas, weight_decay=0.0, fused=True),
        ]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)]


def moments(optimizers: list[optim.Optimizer]) -> dict[str, Tensor]:
    """Return the running moments of all weights, by names ``I.WEIGHT.NAME``: optimizer, weight, moment."""
    tensors = {}
    for index, optimizer in enumerate(optimizers):
        for weight, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                tensors[f"{index}.{weight}.{name}"] = torch.as_tensor(value)
    return tensors


def load_moments(optimizers: list[optim.Optimizer], tensors: dict[str, Tensor]) -> None:
    """Give the optimizers the moments that `moments` returned."""
    for index, optimizer in enumerate(optimizers):
        state = optimizer.state_dict()
        for key, value in tensors.items():
            owner, weight, name = key.split(".")
            if int(owner) == index:
                state["state"].setdefault(int(weight), {})[name] = value
        optimizer.load_state_dict(state)
