"""The log of a run: JSON lines, one every some steps and one for each evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from lakhnes.files import read_limited
from lakhnes.outputs import naming, write_bytes

__all__ = ["Report", "RunLog", "is_log_step", "read_log"]

EARLY_STEPS = (1, 2, 5, 10)
"""The first steps that are logged, so that a run that goes wrong is seen at once."""

LOG_STEPS = 20
"""After them, every multiple of this is logged."""

LOG_SECONDS = 60.0
"""Seconds of training after which a step is logged in any case."""

MAX_BYTES = 2**28
"""Of a log that is read: more than a million lines."""

Report: TypeAlias = Callable[[dict[str, Any]], None]
"""Called with each line of the log as it is written."""


def is_log_step(step: int, seconds: float) -> bool:
    """Return whether the loss after a step is logged; `seconds` have passed since the last line."""
    return step in EARLY_STEPS or step % LOG_STEPS == 0 or seconds >= LOG_SECONDS


class RunLog:
    """Appends lines to a file, and reports them.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, line: dict[str, Any]) -> None:
        """Write a line.

        Raises
        ------
        OSError
            If the disk refuses; the error names the file.
        """
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def forget_after(self, step: int) -> None:
        """Remove the lines of later steps: they will be done again."""
        if self.path.exists():
            lines = [json.dumps(line) for line in read_log(self.path) if line["step"] <= step]
            write_bytes(self.path, "".join(f"{line}\n" for line in lines).encode())


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a run's log; lines that are cut off or damaged are left out.

    Raises
    ------
    LimitError
        If it is larger than `MAX_BYTES`.
    OSError
        If it is no regular file.
    """
    text = read_limited(path, MAX_BYTES).decode("utf-8", "replace")
    return [line for line in map(_parsed, text.split("\n")) if line is not None]


def _parsed(text: str) -> dict[str, Any] | None:
    """Return a line of the log; None for anything else."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or not all(is_number(line.get(name)) for name in ("step", "tokens")):
        return None
    valid = line.get("valid", {"loss": 0.0})
    numbers = [line.get("loss", 0.0), valid.get("loss") if isinstance(valid, dict) else None]
    return line if all(map(is_number, numbers)) else None


def is_number(value: object) -> bool:
    """Return whether a value of JSON is a number of some use: one that a float holds."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e300
