"""TOML files of options: read within limits, and the line in which an option stands."""

from __future__ import annotations

import re
from typing import Any

from lakhnes.errors import CheckpointError

__all__ = ["MAX_BYTES", "located", "parse_toml"]

MAX_BYTES = 2**16
"""Of a configuration. One with all options has 2 kB."""

_TABLE = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_NAME = re.compile(r"[\w-]+\b(?!:)")


def parse_toml(text: str) -> dict[str, Any]:
    """Read a configuration as plain values.

    Raises
    ------
    CheckpointError
        If it is not TOML, or larger than `MAX_BYTES`.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if len(text) > MAX_BYTES:
        raise CheckpointError(f"training configuration: {len(text)} characters, expected at most {MAX_BYTES}")
    try:
        facts: dict[str, Any] = tomlkit.parse(text).unwrap()
    except (TOMLKitError, ValueError, OverflowError) as error:
        raise CheckpointError(f"training configuration: {error}") from None
    except RecursionError:
        raise CheckpointError("training configuration: tables within tables, too many to be read") from None
    return facts


def located(message: str, text: str) -> str:
    """Return a message about an option with the line in which that stands, if it is there."""
    lines = _lines(text)
    for name in _NAME.findall(message):
        if name in lines:
            return f"line {lines[name]}: {message}"
    return message


def _lines(text: str) -> dict[str, int]:
    """Return in which line each option, or table, stands first."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = _TABLE.match(line) or _KEY.match(line)
        if found is not None:
            for part in found[1].split("."):
                lines.setdefault(part.strip().strip("\"'"), number)
    return lines
