"""How fast lakhnes is on this machine: one module a suite.

A suite measures on songs and gives figures by name, each beside a reference that is taken in the same run. A new suite
is a module with a `Suite` function and a name in `SUITES`.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SUITES", "Figure", "load"]

SUITES = ("render", "tokenize", "generate")
"""The function of a suite is ``measure_NAME`` in the module of its name; it is imported when it runs."""


@dataclass(frozen=True)
class Figure:
    """One measured speed.

    Attributes
    ----------
    value
        The speed, in `unit`; more is faster.
    unit
        What it counts.
    reference
        What it is compared with, in the same unit.
    against
        What the reference is, in words; nothing where the unit says it.
    """

    value: float
    unit: str
    reference: float
    against: str = ""

    @property
    def ratio(self) -> float:
        """How many times the reference."""
        return self.value / self.reference


Suite = Callable[[Sequence[Path]], dict[str, Figure]]
"""Measures on these songs, or on songs that it makes where the list is empty."""


def load(name: str) -> Suite:
    """Import the function of a suite."""
    suite: Suite = getattr(importlib.import_module(f"lakhnes.benchmarks.{name}"), f"measure_{name}")
    return suite
