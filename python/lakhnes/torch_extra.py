"""Torch, for the modules that a program may import first: where it is missing, the error says how to get it.

They write ``from lakhnes.torch_extra import torch``. Modules that are reached through these import torch itself.
"""

from __future__ import annotations

from typing import Any

from lakhnes.extras import missing

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
except ModuleNotFoundError as error:
    if error.name != "torch":  # it is there, and something of its own is not
        raise
    raise missing("torch") from None

__all__ = ["Tensor", "functional", "nn", "torch", "torch_facts"]


def torch_facts() -> dict[str, Any]:
    """Return the version of torch, and the name of the GPU that CUDA offers, if any."""
    return {
        "version": str(torch.__version__),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
