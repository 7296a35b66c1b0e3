"""Which optimizer moves which weights."""

from __future__ import annotations

from torch import Tensor, nn, optim

from lakhnes.training.config import TrainingConfig

__all__ = ["make_optimizers"]


def make_optimizers(model: nn.Module, config: TrainingConfig) -> list[optim.Optimizer]:
    """Return the optimizers of a run; the rate is set before every step.

    Matrices decay; vectors (biases, norms) and the embedding do not. Under Muon the matrices of the layers are
    orthogonalised updates, scaled to the root mean square of AdamW's so that one rate suits both (Liu et al. 2025).
    """
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in model.named_parameters():
        (matrices if weight.ndim == 2 and name.endswith(".weight") and "layers." in name else others).append(weight)
    betas = (0.9, config.beta2)
    if config.optimizer == "muon":
        return [
            optim.Muon(
                matrices, lr=config.learning_rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
            ),
            optim.AdamW(others, lr=config.learning_rate, betas=betas, weight_decay=0.0, fused=True),
        ]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)]
