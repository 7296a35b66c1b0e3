"""Checkpoints of models: a directory of ``model.safetensors``, ``config.json`` and a model card.

The published models of LakhNES become such directories by `import_checkpoint`. Only `load_model` and `save_checkpoint`
need torch, and load it at their first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lakhnes.checkpoint.legacy import import_checkpoint
from lakhnes.checkpoint.zoo import BUNDLED

if TYPE_CHECKING:
    from lakhnes.checkpoint.native import load_model, save_checkpoint

__all__ = ["BUNDLED", "import_checkpoint", "load_model", "save_checkpoint"]

_LAZY = {"load_model": "lakhnes.checkpoint.native", "save_checkpoint": "lakhnes.checkpoint.native"}


def __getattr__(name: str) -> Any:
    """Load, at their first use, the names that need torch."""
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'lakhnes.checkpoint' has no attribute '{name}'")
