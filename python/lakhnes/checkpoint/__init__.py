"""Checkpoints of models: a directory of ``model.safetensors``, ``config.json`` and a model card.

The published models of LakhNES become such directories by `import_checkpoint`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lakhnes.checkpoint.native import load_model, save_checkpoint
from lakhnes.checkpoint.zoo import BUNDLED

if TYPE_CHECKING:
    from lakhnes.checkpoint.legacy import import_checkpoint

__all__ = ["BUNDLED", "import_checkpoint", "load_model", "save_checkpoint"]


def __getattr__(name: str) -> Any:
    """Import what unpacks archives and pickles at its first use."""
    if name == "import_checkpoint":
        return importlib.import_module("lakhnes.checkpoint.legacy").import_checkpoint
    raise AttributeError(f"module 'lakhnes.checkpoint' has no attribute '{name}'")
