"""How a training run shows how far it is."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from lakhnes.cli.console import Console

__all__ = ["live"]


@contextlib.contextmanager
def live(console: Console, title: str = "train") -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function that shows the lines of a run's log: progress, and every evaluation."""
    with console.progress(title, 1.0) as advance:
        shown = 0.0

        def report(line: dict[str, Any]) -> None:
            nonlocal shown
            where = f"step {line['step']}  {line['tokens'] / 1e6:.1f} M tokens"
            if "valid" in line:
                console.note(f"{title}: {line['progress']:.1%}  {where}  valid PPL {line['valid']['ppl']:.3f}")
            else:
                speed = line["tokens"] / max(line["seconds"], 1e-9)
                advance(line["progress"] - shown, f"{where}  loss {line['loss']:.4f}  {speed:,.0f} tokens/s")
                shown = line["progress"]

        yield report
