"""The scores of relative attention with a gradient of its own.

The same mathematics as the three products, the shift and the softmax written out (a test compares them), arranged so
that the T x K matrix of scores is passed over as few times as possible: it is what training on a CPU waits for.

* Heads come first, so that the product with the H x K projected distances is H large matrix products.
* The distance table has one row more than there are keys. Its product is then already the padded matrix of the
  relative shift (Dai et al. 2019, appendix B), and the shift is a view of it.
* Only the last T columns can lie in the future, so only they need a mask.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _shifted(padded: Tensor, keys: int) -> Tensor:
    """View ``(H * B, T, K + 1)`` scores by distance as ``(H * B, T, K)`` scores by key."""
    batch, rows, _ = padded.shape
    return padded.view(batch, rows * (keys + 1))[:, rows:].view(batch, rows, keys)


class RelativeScores(torch.autograd.Function):
    """Read the values by softmax of content and position scores.

    ``apply(content_query, position_query, key, value, distances, mask)`` with shapes ``(H, B, T, E)`` twice,
    ``(H, B, K, E)`` twice, ``(H, K + 1, E)`` for the distances K … 0 and ``(T, N)`` for the mask (0 or minus infinity)
    of the last N keys; returns ``(H, B, T, E)``. The queries are scaled already.
    """

    @staticmethod
    def forward(
        ctx: Any, content: Tensor, position: Tensor, key: Tensor, value: Tensor, distances: Tensor, mask: Tensor
    ) -> Tensor:
        """Return what was read, ``(H, B, T, E)``."""
        heads, batch, rows, width = content.shape
        keys = key.shape[2]
        by_distance = torch.bmm(position.view(heads, batch * rows, width), distances.transpose(1, 2))
        shifted = _shifted(by_distance.view(heads * batch, rows, keys + 1), keys)
        scores = torch.baddbmm(
            shifted, content.view(heads * batch, rows, width), key.view(heads * batch, keys, width).transpose(1, 2)
        )
        scores[:, :, keys - mask.shape[1] :] += mask
        weights = torch.softmax(scores, dim=-1)
        read = torch.bmm(weights, value.view(heads * batch, keys, width))
        ctx.save_for_backward(content, position, key, value, distances, weights)
        return read.view(heads, batch, rows, width)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments of `forward`, given that of its result."""
        content, position, key, value, distances, weights = ctx.saved_tensors
        heads, batch, rows, width = content.shape
        keys = key.shape[2]
        gradient = gradient.contiguous().view(heads * batch, rows, width)
        value_gradient = torch.bmm(weights.transpose(1, 2), gradient)
        weights_gradient = torch.bmm(gradient, value.view(heads * batch, keys, width).transpose(1, 2))
        scores_gradient = torch._softmax_backward_data(weights_gradient, weights, -1, weights.dtype)
        content_gradient = torch.bmm(scores_gradient, key.view(heads * batch, keys, width))
        key_gradient = torch.bmm(scores_gradient.transpose(1, 2), content.view(heads * batch, rows, width))
        padded = scores_gradient.new_empty(heads * batch, rows, keys + 1)
        flat = padded.view(heads * batch, rows * (keys + 1))
        flat[:, :rows] = 0
        flat[:, rows:] = scores_gradient.view(heads * batch, rows * keys)
        by_distance = padded.view(heads, batch * rows, keys + 1)
        position_gradient = torch.bmm(by_distance, distances)
        distances_gradient = torch.bmm(by_distance.transpose(1, 2), position.view(heads, batch * rows, width))
        return (
            content_gradient.view_as(content),
            position_gradient.view_as(position),
            key_gradient.view_as(key),
            value_gradient.view_as(value),
            distances_gradient,
            None,
        )
