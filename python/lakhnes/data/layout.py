"""How a corpus lies on disk: a folder for each split, and in it a text ``NAME.tx1.txt`` for each song."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from lakhnes.outputs import naming, unfinished_name

__all__ = ["PUBLISHED", "SPLITS", "TEXTS", "staged_folder", "text_name"]

SPLITS = ("train", "valid", "test")
"""The folders of a corpus."""

TEXTS = ("tx1", "tx2", "tx3")
"""The texts that a corpus may hold of each song."""

PUBLISHED = ("tx1", "tx2")
"""Those of LakhNES, which are written where nothing else is asked for."""


def text_name(name: str, dialect: str) -> str:
    """Return the file name of a song's text."""
    return f"{name}.{dialect}.txt"


@contextlib.contextmanager
def staged_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Write a folder whole or not at all.

    Gives an unused path beside `target`. When the block ends without an exception, the folder that was made there
    takes the name of the target, or its files are moved into the target if that exists. A block that makes no folder
    leaves no target, nor does one that is interrupted.

    Raises
    ------
    OSError
        If `target` is a file, or holds something and `overwrite` is false.
    """
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(20, "is a file, expected a folder", str(target))
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise FileExistsError(17, "is a folder that is not empty (--force writes into it)", str(target))
    staging = unfinished_name(target.absolute())
    try:
        try:
            with naming(target):
                yield staging
        except KeyboardInterrupt as stop:
            if stop.args:
                raise
            raise KeyboardInterrupt(f"nothing was written to {target}") from None
        except OSError as error:
            if str(error.filename).startswith(str(staging)):
                error.filename = f"{target}{str(error.filename).removeprefix(str(staging))}"
            raise
        if staging.exists():
            _publish(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _publish(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
        return
    for path in sorted(staging.rglob("*")):
        place = target / path.relative_to(staging)
        if path.is_dir():
            place.mkdir(exist_ok=True)
        else:
            path.replace(place)
