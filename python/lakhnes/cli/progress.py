"""How far long work is, on stderr: a bar on a terminal, elsewhere a line now and then."""

import contextlib
import time
from collections.abc import Callable, Iterator

import click

from lakhnes.progress import Advancing, bar

__all__ = ["Advancing", "bar", "lines"]

FIRST = 10.0
"""Seconds after which the first line is printed: short work prints none."""

BETWEEN = 30.0
"""The fewest seconds between two lines."""

SHARE = 0.1
"""The share of the work between two lines, unless it takes longer than"""

LONGEST = 300.0
"""these seconds."""


class _Lines:
    def __init__(self, description: str, total: float | None, clock: Callable[[], float]) -> None:
        self.description, self.total, self.clock = description, total, clock
        self.done, self.started = 0.0, clock()
        self.printed: tuple[float, float] | None = None  # when, and how much was done

    def __call__(self, steps: float, facts: str = "") -> None:
        self.done += steps
        now = self.clock()
        if self._is_due(now):
            self.printed = now, self.done
            minutes, seconds = divmod(round(now - self.started), 60)
            parts = (f"{self.description}: {self._count()}", facts, f"{minutes}:{seconds:02}")
            click.echo("  ".join(part for part in parts if part), err=True)

    def _is_due(self, now: float) -> bool:
        if self.printed is None:
            return now - self.started >= FIRST
        when, done = self.printed
        share = 1.0 if not self.total else (self.done - done) / self.total
        return now - when >= (BETWEEN if share >= SHARE else LONGEST)

    def _count(self) -> str:
        if isinstance(self.total, float):
            return f"{self.done / self.total:.1%}"
        return f"{self.done:,.0f}" + (f" of {self.total:,} ({self.done / self.total:.0%})" if self.total else "")


@contextlib.contextmanager
def lines(description: str, total: float | None, clock: Callable[[], float] = time.monotonic) -> Iterator[Advancing]:
    """Print a line now and then: the first after ten seconds, the next ones ever more seldom."""
    yield _Lines(description, total, clock)
