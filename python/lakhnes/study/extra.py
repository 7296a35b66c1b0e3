"""The packages of the extra ``study``."""

from __future__ import annotations

import importlib
from types import ModuleType

from lakhnes.errors import LakhnesError

__all__ = ["need"]


def need(name: str) -> ModuleType:
    """Import a module of the extra.

    Raises
    ------
    LakhnesError
        If it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.split(".")[0]
        raise LakhnesError(
            f"listening studies need {package}, which is not installed: pip install 'lakhnes[study]'"
        ) from None
