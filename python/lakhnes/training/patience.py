"""What keeps a run answering while it works: steps that are asked to stop, and steps that take long."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

__all__ = ["SLOW_STEP", "Abandoned", "telling_if_slow"]

SLOW_STEP = 10.0
"""Seconds of a step after which a line says how long it takes."""


class Abandoned(Exception):  # noqa: N818 (no error: the user asked for it)
    """Raised by the handler of a signal in what can be given up and done again."""


@contextlib.contextmanager
def telling_if_slow(tell: Callable[[], object], seconds: float = SLOW_STEP) -> Iterator[None]:
    """Call `tell`, on a thread of its own, if the block takes longer than this."""
    timer = threading.Timer(seconds, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
