"""Muon: momentum that is orthogonalised before it is added to a matrix.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). An update ``M = U S V'`` is replaced by
about ``U V'``: five steps of a Newton-Schulz iteration raise every singular value to between some 0.7 and 1.2. The
update is scaled to the root mean square of AdamW's (Liu et al., "Muon is Scalable for LLM Training", 2025).

The products of the iteration run in the type that the machine multiplies fastest: bfloat16, which is exact enough
(Jordan et al.), takes longer than all else of a step together where it is emulated. Matrices of one shape are
orthogonalised side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, optim

from lakhnes.training.precision import fast_dtype

__all__ = ["Muon", "orthogonalised"]

POLYNOMIAL = (3.4445, -4.7750, 2.0315)
"""Coefficients of x, x^3 and x^5 in a step on the singular values (Jordan et al. 2024)."""

ITERATIONS = 5

MOMENTUM = 0.95

LEAST_NORM = 1e-7
"""By which an update is divided at the least: one of zeros stays so."""

RMS = 0.2
"""The root mean square of AdamW's updates (Liu et al. 2025)."""


def orthogonalised(matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the nearest matrices with equal singular values, nearly.

    Parameters
    ----------
    matrices : Tensor, ``(N, A, B)``
        With A at most B: the products are then the smallest.
    dtype : torch.dtype
        Of the products.

    Returns
    -------
    Tensor, ``(N, A, B)``
        In `dtype`.
    """
    linear, cubic, quintic = POLYNOMIAL
    # No singular value is above the Frobenius norm.
    x: Tensor = (matrices / torch.linalg.matrix_norm(matrices, keepdim=True).clamp_min(LEAST_NORM)).to(dtype)
    for _ in range(ITERATIONS):
        squares = torch.bmm(x, x.mT)  # (N, A, A)
        factor = torch.baddbmm(squares, squares, squares, beta=cubic, alpha=quintic)
        x = torch.baddbmm(x, factor, x, beta=linear)
    return x


class Muon(optim.Optimizer):
    """The optimizer of the matrices of layers.

    Its state has one tensor for each matrix, ``momentum_buffer``: the running average of its gradients.

    Parameters
    ----------
    matrices : iterable of Tensor
        Of two dimensions, all on one device.
    lr, weight_decay : float
        The rate, one for all shapes, and the decoupled decay.
    dtype : torch.dtype, optional
        Of the products of the iteration; the fastest on the device of the matrices, if not given.
    """

    def __init__(
        self, matrices: Iterable[Tensor], lr: float, weight_decay: float, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})
        self.dtype = dtype or fast_dtype(self.param_groups[0]["params"][0].device)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients = [weight.grad for weight in weights]
            averages = [self._average(weight) for weight in weights]
            torch._foreach_lerp_(averages, gradients, 1.0 - MOMENTUM)
            updates = torch._foreach_lerp(gradients, averages, MOMENTUM)  # Nesterov's
            torch._foreach_mul_(weights, 1.0 - group["lr"] * group["weight_decay"])
            for places in _alike(weights):
                self._move([weights[place] for place in places], [updates[place] for place in places], group["lr"])

    def _average(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        average: Tensor = state["momentum_buffer"]
        return average

    def _move(self, weights: list[Tensor], updates: list[Tensor], rate: float) -> None:
        """Add to matrices, which are of one shape or transposed, their updates, orthogonalised."""
        wide = orthogonalised(torch.stack([_wide(update) for update in updates]), self.dtype).to(weights[0].dtype)
        size = RMS * math.sqrt(max(weights[0].shape))
        for weight, update in zip(weights, wide, strict=True):
            _wide(weight).add_(update, alpha=-rate * size)


def _wide(matrix: Tensor) -> Tensor:
    """View a matrix with its shorter side first."""
    return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix


def _alike(weights: list[Tensor]) -> list[list[int]]:
    """Return the places of matrices of the same two sides, together."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, weight in enumerate(weights):
        places.setdefault(tuple(sorted(weight.shape)), []).append(place)
    return list(places.values())
