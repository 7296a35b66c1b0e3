"""What long work calls to show how far it is; `lakhnes.cli.console.Console.progress` is one that prints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeAlias

__all__ = ["Advance", "Progress", "no_progress"]

Advance: TypeAlias = Callable[[int], object]
"""Called with the number of steps done since the last call."""

Progress: TypeAlias = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Begins to show a piece of work: its name, and its number of steps where that is known."""


@contextlib.contextmanager
def no_progress(description: str, total: int | None) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda steps: None
