"""Relative attention (Dai et al. 2019, section 3.3 and appendix B), for training and for reading alike.

With T queries that are scaled already, K keys and the projected sinusoids of the distances K - 1 … 0 between them::

    weights = softmax(content . key + position . distance + mask)        read = weights . value

arranged so that the T x K matrix of scores is passed over as few times as possible: it is what training on a CPU waits
for (a test compares it with the formula written out).

* Heads come first, so that the product with the H x K projected distances is H large matrix products.
* The relative shift is a view: the row of a query begins one column earlier than that of the query before it, which is
  a stride.
* Only the last T columns can lie in the future, so only they need a mask.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["RelativeScores", "attend"]


def _shifted(by_distance: Tensor) -> Tensor:
    """View ``(H * B, T, K)`` scores by distance as scores by key.

    Key j of row t lies in column ``j + T - 1 - t``. What would lie beyond the row's end is in the future of t.
    """
    batch, rows, keys = by_distance.shape
    return by_distance.as_strided((batch, rows, keys), (rows * keys, keys - 1, 1), rows - 1)


def _unshifted(by_key: Tensor) -> Tensor:
    """Copy ``(H * B, T, K)`` gradients by key, zero in the future, to gradients by distance: `_shifted` undone."""
    batch, rows, keys = by_key.shape
    flat = by_key.new_empty(batch, rows * keys)
    flat[:, : rows - 1] = 0
    # The last column is in the future of every row but the last, and there it comes last of all.
    flat[:, rows - 1 : -1].view(batch, rows, keys - 1).copy_(by_key[:, :, :-1])
    flat[:, -1] = by_key[:, -1, -1]
    return flat.view(batch, rows, keys)


def _weights(content: Tensor, position: Tensor, key: Tensor, distances: Tensor, mask: Tensor) -> Tensor:
    """Return the weights of the values, ``(H * B, T, K)``; the parameters are those of `attend`."""
    heads, batch, rows, width = content.shape
    keys = key.shape[2]
    by_distance = torch.bmm(position.reshape(heads, batch * rows, width), distances.transpose(1, 2))
    scores = torch.baddbmm(
        _shifted(by_distance.view(heads * batch, rows, keys)),
        content.reshape(heads * batch, rows, width),
        key.reshape(heads * batch, keys, width).transpose(1, 2),
    )
    scores.view(heads, batch, rows, keys)[..., keys - mask.shape[-1] :] += mask
    return torch.softmax(scores, dim=-1)


def attend(content: Tensor, position: Tensor, key: Tensor, value: Tensor, distances: Tensor, mask: Tensor) -> Tensor:
    """Read the values by softmax of content and position scores.

    Parameters
    ----------
    content, position : Tensor, ``(H, B, T, E)``
        Scaled queries of both kinds.
    key, value : Tensor, ``(H, B, K, E)``
    distances : Tensor, ``(H, K, E)``
        Of the distances K - 1 … 0.
    mask : Tensor, ``(T, N)``
        0 or minus infinity, for the last N keys.

    Returns
    -------
    Tensor, ``(H, B, T, E)``
    """
    if torch.is_grad_enabled():
        result: Tensor = RelativeScores.apply(content, position, key, value, distances, mask)
        return result
    read = torch.empty_like(content)
    # On a CPU a sequence at a time: its H x T x K scores are passed over five times, and stay in the processor's cache.
    alone = content.device.type == "cpu" and content.shape[2] > 1
    for some in [slice(one, one + 1) for one in range(content.shape[1])] if alone else [slice(None)]:
        weights = _weights(content[:, some], position[:, some], key[:, some], distances, mask)
        values = value[:, some]
        read[:, some] = torch.bmm(weights, values.reshape(-1, *values.shape[2:])).view_as(content[:, some])
    return read


class RelativeScores(torch.autograd.Function):
    """`attend` with a gradient of its own; queries, keys and values are contiguous."""

    @staticmethod
    def forward(
        ctx: Any, content: Tensor, position: Tensor, key: Tensor, value: Tensor, distances: Tensor, mask: Tensor
    ) -> Tensor:
        """Return what was read, ``(H, B, T, E)``."""
        weights = _weights(content, position, key, distances, mask)
        read = torch.bmm(weights, value.view(-1, *value.shape[2:]))
        ctx.save_for_backward(content, position, key, value, distances, weights)
        return read.view_as(content)

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
