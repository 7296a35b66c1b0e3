"""Composing: a model's next-token scores become songs."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lakhnes.sampling.accompaniment import accompaniments, accompany, accompany_ids
    from lakhnes.sampling.composer import Composition
    from lakhnes.sampling.composing import compose, compositions, continue_song, generate
    from lakhnes.sampling.infilling import Infilling, infill, infillings
    from lakhnes.sampling.params import SamplingParams
    from lakhnes.sampling.streaming import stream

__all__ = [
    "Composition",
    "Infilling",
    "SamplingParams",
    "accompaniments",
    "accompany",
    "accompany_ids",
    "compose",
    "compositions",
    "continue_song",
    "generate",
    "infill",
    "infillings",
    "stream",
]

_MODULES = {
    "accompaniment": "accompaniments accompany accompany_ids",
    "composer": "Composition",
    "composing": "compose compositions continue_song generate",
    "infilling": "Infilling infill infillings",
    "params": "SamplingParams",
    "streaming": "stream",
}
"""The public names of each module."""


def __getattr__(name: str) -> Any:
    """Import a name at its first use: the command line reads defaults from `params` alone."""
    for module, names in _MODULES.items():
        if name in names.split():
            return getattr(importlib.import_module(f"lakhnes.sampling.{module}"), name)
    raise AttributeError(f"module 'lakhnes.sampling' has no attribute '{name}'")
