"""Tables of TOML with known keys: what is read is checked key by key, and an error names file, line and key."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lakhnes.errors import FormatError
from lakhnes.files import read_limited

__all__ = ["Key", "Toml", "among", "between", "flag", "text", "whole"]

MAX_BYTES = 2**20
"""Of a file in TOML that a study reads."""


@dataclasses.dataclass(frozen=True)
class Key:
    """What a key may hold: a predicate of its value, and the same in words."""

    holds: Callable[[Any], bool]
    expected: str


def whole(least: int, most: int) -> Key:
    """Return the key of a whole number."""
    return Key(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
        f"a whole number from {least:,} to {most:,}",
    )


def between(least: float, most: float) -> Key:
    """Return the key of a number."""
    return Key(
        lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most,
        f"a number from {least:g} to {most:g}",
    )


def text(longest: int = 2_000) -> Key:
    """Return the key of a text that is not empty."""
    return Key(
        lambda value: isinstance(value, str) and len(value.strip()) > 0 and len(value) <= longest,
        f"a text of 1 to {longest:,} characters",
    )


def among(*names: str) -> Key:
    """Return the key of one of some names."""
    return Key(lambda value: value in names, "one of " + ", ".join(f'"{name}"' for name in names))


flag = Key(lambda value: isinstance(value, bool), "true or false")


class Toml:
    """A file in TOML, and where its keys stand.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FormatError
        If it is not TOML.
    LimitError
        If it has more than `MAX_BYTES`.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        self.path = path
        try:
            self.text = read_limited(path, MAX_BYTES).decode("utf-8-sig")
            self.root: dict[str, Any] = tomlkit.parse(self.text).unwrap()
        except UnicodeDecodeError:
            raise FormatError(f"{path}: not UTF-8, expected TOML") from None
        except TOMLKitError as error:
            raise FormatError(f"{path}: {error}") from None

    def error(self, place: tuple[str, ...], expected: str) -> FormatError:
        """Return the error of a key: its path in the file, and what was expected there."""
        line = self._line(place)
        at = f"line {line}: " if line else ""
        return FormatError(f"{self.path}: {at}{'.'.join(place) or 'the file'}: {expected}")

    def table(self, given: Any, keys: Mapping[str, Key], place: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the values of a table after each was checked.

        Raises
        ------
        FormatError
            If it is no table, or a key is unknown or holds what it may not.
        """
        if not isinstance(given, dict):
            raise self.error(place, "expected a table")
        for name, value in given.items():
            if name not in keys:
                raise self.error((*place, name), f"unknown key; expected one of {', '.join(keys)}")
            if not keys[name].holds(value):
                raise self.error((*place, name), f"is {_shown(value)}, expected {keys[name].expected}")
        return dict(given)

    def _line(self, place: tuple[str, ...]) -> int:
        """Return the line of a key, or of the table that should have it; 0 if neither stands on a line of its own."""
        header: tuple[str, ...] = ()
        nearest = 0
        for number, line in enumerate(self.text.splitlines(), 1):
            if match := re.match(r"\s*\[+([^\]]+)\]", line):
                header = tuple(part.strip().strip("\"'") for part in match[1].split("."))
                if place[: len(header)] == header:
                    nearest = number
                if place == header:
                    return number
            elif match := re.match(r"\s*([\w\-\"'. ]+?)\s*=", line):
                written = (*header, *(part.strip().strip("\"'") for part in match[1].split(".")))
                if written == place or (len(written) > len(header) and written == place[: len(written)]):
                    return number
        return nearest


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
