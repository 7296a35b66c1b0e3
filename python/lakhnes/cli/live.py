"""How a training run shows where it stands: a live line on a terminal, a line now and then elsewhere."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from lakhnes.cli.console import Console

__all__ = ["live"]

LINES_BETWEEN = 5
"""Lines of the log from one note to the next where there is no terminal."""


@contextlib.contextmanager
def live(console: Console, shown: bool = True) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function to report the lines of the log to."""
    if not shown or console.quiet:
        yield lambda line: None
    elif sys.stderr.isatty():
        with _on_a_terminal() as report:
            yield report
    else:
        yield _Notes(console)


class _Notes:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.lines = 0

    def __call__(self, line: dict[str, Any]) -> None:
        if "valid" not in line:
            self.lines += 1
            if self.lines % LINES_BETWEEN:
                return
        self.console.note(f"{line['progress']:6.1%}  step {line['step']}  {_facts(line)}")


def _facts(line: dict[str, Any]) -> str:
    seen = f"{line['tokens'] / 1e6:.1f} M tokens"
    if "valid" in line:
        return f"{seen}  valid PPL {line['valid']['ppl']:.3f}"
    return f"{seen}  loss {line['loss']:.4f}  {line['tokens'] / max(line['seconds'], 1e-9):,.0f} tokens/s"


@contextlib.contextmanager
def _on_a_terminal() -> Iterator[Callable[[dict[str, Any]], None]]:
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("step {task.fields[step]}  {task.fields[facts]}{task.fields[score]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Terminal(stderr=True)) as bar:
        task = bar.add_task("", total=1.0, step=0, facts="", score="")

        def report(line: dict[str, Any]) -> None:
            if "valid" in line:
                changes: dict[str, Any] = {"score": f"  valid PPL {line['valid']['ppl']:.3f}"}
                bar.console.print(f"step {line['step']}  {_facts(line)}", highlight=False)
            else:
                changes = {"facts": _facts(line)}
            bar.update(task, completed=line["progress"], step=line["step"], **changes)

        yield report
