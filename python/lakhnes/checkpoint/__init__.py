"""Checkpoints of models: a directory of ``model.safetensors``, ``config.json`` and a model card."""

from lakhnes.checkpoint.native import BUNDLED, load_model, save_checkpoint

__all__ = ["BUNDLED", "load_model", "save_checkpoint"]
