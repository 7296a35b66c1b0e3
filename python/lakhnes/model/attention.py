"""The scores of relative attention with a gradient of its own.

The same mathematics as the three products, the shift and the softmax written out (a test compares them), arranged so
that the T x K matrix of scores is passed over as few times as possible: it is what training on a CPU waits for.

* Heads come first, so that the product with the H x K projected distances is H large matrix products.
* The relative shift (Dai et al. 2019, appendix B) is a view: the row of a query begins one column earlier than that of
  the query before it, which is a stride.
* Only the last T columns can lie in the future, so only they need a mask.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def shifted(by_distance: Tensor) -> Tensor:
    """View ``(H * B, T, K)`` scores by distance as scores by key.

    Key j of row t lies in column ``j + T - 1 - t``. What would lie beyond the row's end is in the future of t.
    """
    batch, rows, keys = by_distance.shape
    return by_distance.as_strided((batch, rows, keys), (rows * keys, keys - 1, 1), rows - 1)


def _unshifted(by_key: Tensor) -> Tensor:
    """Copy ``(H * B, T, K)`` gradients by key, zero in the future, to gradients by distance: `shifted` undone."""
    batch, rows, keys = by_key.shape
    flat = by_key.new_empty(batch, rows * keys)
    flat[:, : rows - 1] = 0
    # The last column is in the future of every row but the last, and there it comes last of all.
    flat[:, rows - 1 : -1].view(batch, rows, keys - 1).copy_(by_key[:, :, :-1])
    flat[:, -1] = by_key[:, -1, -1]
    return flat.view(batch, rows, keys)


class RelativeScores(torch.autograd.Function):
    """Read the values by softmax of content and position scores.

    ``apply(content_query, position_query, key, value, distances, mask)`` with shapes ``(H, B, T, E)`` twice,
    ``(H, B, K, E)`` twice, ``(H, K, E)`` for the distances K - 1 … 0 and ``(T, N)`` for the mask (0 or minus infinity)
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
        scores = torch.baddbmm(
            shifted(by_distance.view(heads * batch, rows, keys)),
            content.view(heads * batch, rows, width),
            key.view(heads * batch, keys, width).transpose(1, 2),
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
        by_distance = _unshifted(scores_gradient).view(heads, batch * rows, keys)
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
