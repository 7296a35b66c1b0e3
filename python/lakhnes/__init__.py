r"""lakhnes composes and performs music for the sound chip of the Nintendo Entertainment System.

>>> import lakhnes
>>> song = lakhnes.Song.from_tx1("P1_NOTEON_69\nWT_44100\nP1_NOTEOFF")
>>> song.duration
1.0
>>> lakhnes.render(song).shape
(44100,)

Every name is loaded at its first use: the command line starts without numpy, and rendering without a model.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakhnes import progress
    from lakhnes._native import Apu, LivePlayer, NsfFile, RegisterLog, Song, Vocabulary, __version__, write_nsf_album
    from lakhnes.audio import write_audio
    from lakhnes.checkpoint import load_model
    from lakhnes.errors import (
        CheckpointError,
        FormatError,
        LakhnesError,
        LakhnesWarning,
        LimitError,
        MissingExtraError,
        TokenError,
        UnsafeCheckpointError,
    )
    from lakhnes.model.model import Model
    from lakhnes.sampling import accompany, continue_song, generate, infill, stream
    from lakhnes.songs import read, read_log, render, write
    from lakhnes.tokenizing import tokenize_files

__all__ = [
    "Apu",
    "CheckpointError",
    "FormatError",
    "LakhnesError",
    "LakhnesWarning",
    "LimitError",
    "LivePlayer",
    "MissingExtraError",
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
    "progress",
    "read",
    "read_log",
    "render",
    "stream",
    "tokenize_files",
    "write",
    "write_audio",
    "write_nsf_album",
]

_MODULES = {
    "_native": "Apu LivePlayer NsfFile RegisterLog Song Vocabulary __version__ write_nsf_album",
    "audio": "write_audio",
    "checkpoint": "load_model",
    "errors": "CheckpointError FormatError LakhnesError LakhnesWarning LimitError MissingExtraError TokenError "
    "UnsafeCheckpointError",
    "model.model": "Model",
    "progress": "",
    "sampling": "accompany continue_song generate infill stream",
    "songs": "read read_log render write",
    "tokenizing": "tokenize_files",
}
"""The public names of each module of the package; of `progress`, the module itself."""

if not TYPE_CHECKING:  # else every misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        """Load a public name, or a module of the package, at its first use."""
        for module, names in _MODULES.items():
            if name == module or name in names.split():
                loaded = importlib.import_module(f"lakhnes.{module}")
                return loaded if name == module else globals().setdefault(name, getattr(loaded, name))
        raise AttributeError(f"module 'lakhnes' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
