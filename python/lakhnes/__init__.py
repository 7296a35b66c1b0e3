"""lakhnes composes and performs music for the sound chip of the Nintendo Entertainment System."""

from lakhnes._native import Vocabulary, __version__
from lakhnes.errors import (
    CheckpointError,
    FormatError,
    LakhnesError,
    LimitError,
    TokenError,
    UnsafeCheckpointError,
)

__all__ = [
    "CheckpointError",
    "FormatError",
    "LakhnesError",
    "LimitError",
    "TokenError",
    "UnsafeCheckpointError",
    "Vocabulary",
    "__version__",
]
