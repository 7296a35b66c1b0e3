r"""lakhnes composes and performs music for the sound chip of the Nintendo Entertainment System.

>>> import lakhnes
>>> song = lakhnes.Song.from_tx1("P1_NOTEON_69\nWT_44100\nP1_NOTEOFF")
>>> song.duration
1.0
>>> lakhnes.render(song).shape
(44100,)

What needs torch (`load_model`, `generate`) is loaded at its first use, so that rendering and converting start at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lakhnes._native import Apu, LivePlayer, NsfFile, RegisterLog, Song, Vocabulary, __version__, write_nsf_album
from lakhnes.audio import write_audio
from lakhnes.errors import (
    CheckpointError,
    FormatError,
    LakhnesError,
    LakhnesWarning,
    LimitError,
    TokenError,
    UnsafeCheckpointError,
)
from lakhnes.songs import read, read_log, render, write
from lakhnes.tokenizing import tokenize_files

if TYPE_CHECKING:
    from lakhnes.checkpoint import load_model
    from lakhnes.model.base import Model
    from lakhnes.sampling import accompany, continue_song, generate, infill, stream

__all__ = [
    "Apu",
    "CheckpointError",
    "FormatError",
    "LakhnesError",
    "LakhnesWarning",
    "LimitError",
    "LivePlayer",
    "Model",
    "NsfFile",
    "RegisterLog",
    "Song",
    "TokenError",
    "UnsafeCheckpointError",
    "Vocabulary",
    "__version__",
    "accompany",
    "continue_song",
    "generate",
    "infill",
    "load_model",
    "read",
    "read_log",
    "render",
    "stream",
    "tokenize_files",
    "write",
    "write_audio",
    "write_nsf_album",
]

_LAZY = {
    "Model": "lakhnes.model.base",
    "accompany": "lakhnes.sampling",
    "continue_song": "lakhnes.sampling",
    "generate": "lakhnes.sampling",
    "infill": "lakhnes.sampling",
    "load_model": "lakhnes.checkpoint",
    "stream": "lakhnes.sampling",
}


def __getattr__(name: str) -> Any:
    """Load, at their first use, the names that need torch."""
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'lakhnes' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
