"""What is checked of the parts of a corpus before they are joined: they have been copied from other machines.

``files.sha256`` holds the hash of every file of a part, as ``sha256sum`` writes and checks them. What the plan and the
lines of the report say is checked too, for the merge goes by it, and names files after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from lakhnes.data.layout import SPLITS, TEXTS
from lakhnes.errors import FormatError, shown
from lakhnes.files import file_sha256, files_below, read_limited
from lakhnes.outputs import write_bytes

__all__ = ["SUMS", "check_end", "check_files", "check_line", "check_plan", "write_sums"]

SUMS = "files.sha256"

MAX_SUMS_BYTES = 2**30

SUM = re.compile(rb"(\\?)([0-9a-f]{64})  ([^\n]+)")

MAX_INDEX = 2**40
"""More inputs than there are."""

Check = Callable[[Any], bool]
Facts = Mapping[str, Any]


def write_sums(folder: Path, without: Iterable[str]) -> None:
    """Write the hashes of the files of a part, but those named."""
    names = (name for name in files_below(folder) if name not in (SUMS, *without))
    lines = []
    for name in names:
        written = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        line = f"{chr(92) * (written != name)}{file_sha256(folder / name)}  {written}\n"
        lines.append(line.encode("utf-8", "surrogateescape"))
    write_bytes(folder / SUMS, b"".join(lines))


def check_files(folder: Path, anew: str) -> None:
    """Refuse a part of which a file is missing or has changed; `anew` is how to make it again.

    Raises
    ------
    FormatError, OSError
    """
    path = folder / SUMS
    for number, line in enumerate(read_limited(path, MAX_SUMS_BYTES).splitlines(), 1):
        found = SUM.fullmatch(line)
        name = found[3].decode("utf-8", "surrogateescape") if found else ""
        if found and found[1]:
            name = re.sub(r"\\(.)", lambda escape: {"n": "\n", "r": "\r"}.get(escape[1], escape[1]), name)
        file = folder / name
        if found is None or not name or ".." in file.parts or not file.is_relative_to(folder):
            raise FormatError(f"{path}: line {number}: expected a hash and the name of a file of this folder")
        if file.is_symlink():
            raise FormatError(f"{file}: is a link, expected a file")
        if file_sha256(file).encode() != found[2]:
            raise FormatError(f"{file}: changed since the part was complete; {anew}")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MAX_INDEX


def _is_digest(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**64


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < MAX_INDEX  # NaN is not


def _is_share(value: Any) -> bool:
    return _is_number(value) and value <= 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_name(value: Any) -> bool:
    """Return whether a value is the name of a file, and no way to another folder."""
    return isinstance(value, str) and bool(value) and not set(value) & set("/\\\0") and value not in (".", "..")


def _is_split(value: Any) -> bool:
    return value in SPLITS


def _is_optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _are(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_row(*checks: Check) -> Check:
    """Return a check of lists with an element for each check."""

    def is_row(value: Any) -> bool:
        same = isinstance(value, list) and len(value) == len(checks)
        return same and all(check(each) for check, each in zip(checks, value, strict=True))

    return is_row


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(each in TEXTS for each in value)


def _is_folder(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(rf"({'|'.join(SPLITS)})/[a-z0-9]+-[0-9]{{5,9}}", value) is not None


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


def _is_how(value: Any) -> bool:
    return isinstance(value, dict) and _is_count(value.get("seed")) and _is_flag(value.get("arrange"))


PLANS: dict[str, dict[str, Check]] = {
    "adapt": {
        "source": _is_text, "formats": _are_texts, "valid": _is_share, "test": _is_share, "how": _is_how,
        "inputs": _is_count,
    },
    "nesmdb": {"source": _is_text, "formats": _are_texts},
    "nsf": {"source": _is_text, "formats": _are_texts, "valid": _is_share, "test": _is_share, "seed": _is_count},
    "shard": {"vocabularies": _are_texts, "to": lambda value: value in ("npy", "parquet")},
}  # fmt: skip
"""What the merge needs of the plan of each command."""

ENDS: dict[str, dict[str, Check]] = {
    "adapt": {}, "nesmdb": {"inputs": _is_count}, "nsf": {"inputs": _is_count}, "shard": {"text_bytes": _counts},
}  # fmt: skip
"""What it needs of ``done.json``."""

LINES: dict[str, dict[str, Check]] = {
    "adapt": {
        "path": _is_text, "name": _is_name, "songs": _is_count, "seconds": _is_number, "events": _are(_is_count),
        "trimmed": _is_count, "arranged": _is_flag, "like": _is_optional(_is_row(_is_text, _is_share)),
        "dropped": _are(_is_row(_is_text, _is_count, _is_count, _is_text)), "reason": _is_optional(_is_text),
        "detail": _is_optional(_is_text), "digest": _is_optional(_is_digest),
    },
    "nesmdb": {"path": _is_text, "name": _is_name, "split": _is_split, "events": _are(_is_count)},
    "nsf": {
        "path": _is_text, "number": _is_count, "title": _is_text, "name": _is_name, "game": _is_count,
        "digest": _is_text, "reason": _is_text, "detail": _is_text, "seconds": _is_number, "events": _counts,
        "notes": _is_optional(_is_text), "like": _is_flag, "split": _is_split,
    },
    "shard": {
        "folder": _is_folder, "vocabulary": lambda value: value in TEXTS, "split": _is_split, "songs": _are(_is_count),
        "events": _is_count,
    },
}  # fmt: skip
"""And of the lines of the report; those with an error have ``path`` and the error instead."""


def check_plan(path: Path, plan: Facts) -> None:
    """Refuse the plan of a part that the merge cannot go by."""
    if plan.get("command") not in PLANS:
        raise FormatError(f"{path}: command is {shown(plan.get('command'))}, which this version does not know")
    _check(str(path), PLANS[plan["command"]], plan)


def check_end(path: Path, command: str, end: Facts) -> None:
    """Refuse what the end of a part says, where the merge cannot go by it."""
    _check(str(path), ENDS[command], end)


def check_line(path: Path, number: int, plan: Facts, line: Any) -> None:
    """Refuse a line of a report that the merge cannot go by."""
    where = f"{path}: line {number}"
    if not isinstance(line, dict):
        raise FormatError(f"{where}: expected an object of JSON")
    checks = LINES[plan["command"]] if "error" not in line else {"path": _is_text, "error": _is_text}
    _check(where, {"index": _is_count, "melody": _is_optional(_is_row(_is_count, _is_count))} | checks, line)
    if isinstance(events := line.get("events"), list) and len(events) != len(plan["formats"]):
        raise FormatError(f"{where}: events of {len(events)} formats, expected {len(plan['formats'])}")


def _check(where: str, checks: Mapping[str, Check], facts: Facts) -> None:
    for name, check in checks.items():
        if not check(facts.get(name)):
            raise FormatError(f"{where}: {name} is {shown(facts.get(name))}, which no command has written")
