"""How far long work is: what it calls, and the bars that show it, on a terminal or in a notebook.

`lakhnes.cli.console.Console.progress` is what the commands use; off a terminal it prints lines in place of a bar.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

__all__ = ["Advance", "Advancing", "Progress", "bar", "in_notebook", "no_progress"]

Advance: TypeAlias = Callable[[int], object]
"""Called with the number of steps done since the last call."""

Progress: TypeAlias = Callable[[str, "int | None"], AbstractContextManager[Advance]]
"""Begins to show a piece of work: its name, and its number of steps where that is known."""

REFRESH = 0.1
"""Seconds between two states of a bar."""


class Advancing(Protocol):
    """What `bar` gives."""

    def __call__(self, steps: float, facts: str = "") -> None:
        """Note that steps are done; `facts` are shown beside their number."""


@contextlib.contextmanager
def no_progress(description: str, total: int | None) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda steps: None


def in_notebook() -> bool:
    """Tell whether this program is the kernel of a notebook, whose page is what the user sees."""
    module = sys.modules.get("IPython")
    return hasattr(module.get_ipython(), "kernel") if module else False


@contextlib.contextmanager
def bar(description: str, total: float | None = None) -> Iterator[Advancing]:
    """Show a bar while work is done: on stderr or, in a notebook, below the cell. It goes when the work has ended.

    Parameters
    ----------
    description
        The work, in a word.
    total
        Its number of steps; None if that is not known, or 1.0 if the steps are shares of the work, which are shown as a
        percentage.

    Examples
    --------
    ::

        with lakhnes.progress.bar("compose") as advance:
            songs = lakhnes.generate(model, num=100, advance=advance)
    """
    # Imported here: rich takes longer to load than most commands take to run.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    count = TaskProgressColumn() if isinstance(total, float) else MofNCompleteColumn()
    # Results that are written to a file must get there, not above the bar.
    end = () if total is None else (TimeRemainingColumn(), TextColumn("left"))
    bars = Bars(
        TextColumn("{task.description}"), BarColumn(), count, TextColumn("{task.fields[facts]}"), TimeElapsedColumn(),
        *end,
        console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty(),
    )  # fmt: skip
    task = bars.add_task(description, total=total, facts="")
    with (_below_the_cell if in_notebook() else _on_the_terminal)(bars) as refresh:

        def advance(steps: float, facts: str = "") -> None:
            bars.update(task, advance=steps)
            if facts:
                bars.update(task, facts=facts)
            refresh()

        yield advance


@contextlib.contextmanager
def _on_the_terminal(bars: Any) -> Iterator[Callable[[], None]]:
    """Show bars whose own thread draws them."""
    with bars:
        yield lambda: None


@contextlib.contextmanager
def _below_the_cell(bars: Any) -> Iterator[Callable[[], None]]:
    """Show bars as an output that is replaced: rich alone would need ipywidgets in the kernel and in the page."""
    display = importlib.import_module("IPython.display")
    shown, last = display.display(bars, display_id=True), time.monotonic()

    def refresh() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REFRESH:
            last = now
            shown.update(bars)

    try:
        yield refresh
    finally:
        shown.update(display.HTML(""))
