"""Files that are written: whole or not at all, where they may be, with their name in every error."""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = [
    "check_target",
    "check_writable",
    "is_special",
    "naming",
    "remove_unfinished",
    "replacing",
    "unfinished_name",
    "write_bytes",
]

TRIAL_BYTES = 2**16
"""What is written to see whether a folder takes it: more than a file system may keep in its own tables."""


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse, before any work is done, a target whose folder is missing or that exists and must not be replaced.

    Raises
    ------
    FileNotFoundError
        If the folder of the target does not exist.
    IsADirectoryError
        If the target is a folder.
    FileExistsError
        If the target exists and `overwrite` is false.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "the folder does not exist", str(target.parent))
    if target.is_dir():
        raise IsADirectoryError(21, "is a folder, expected a file", str(target))
    if not overwrite and target.exists():
        raise FileExistsError(17, "exists already (--force replaces it)", str(target))


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name a file in the error of a full disk, which does not: Python knows no name where it writes."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def check_writable(folder: Path) -> None:
    """Make a folder, if it is missing, and refuse one in which nothing can be written: a full disk is one too.

    Raises
    ------
    OSError
    """
    folder.mkdir(parents=True, exist_ok=True)
    trial = unfinished_name(folder / "trial")
    try:
        trial.write_bytes(bytes(TRIAL_BYTES))
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(folder)) from None
    finally:
        trial.unlink(missing_ok=True)


def unfinished_name(target: Path) -> Path:
    """Return a hidden, unused name beside a file or folder, for what will take its name when it is complete.

    File systems take names of up to 255 bytes, so of a long name the start is kept.
    """
    start = os.fsencode(target.name)[:200].decode(errors="ignore")
    return target.with_name(f".{start}.{os.urandom(4).hex()}.part")


def remove_unfinished(files: Iterable[Path]) -> None:
    """Remove what processes that were killed have left beside files, which others have written since."""
    names: dict[Path, set[bytes]] = {}
    for file in files:
        names.setdefault(file.parent, set()).add(os.fsencode(file.name)[:200])
    for folder, here in names.items():
        for path in folder.iterdir():
            unfinished = re.fullmatch(rb"\.(.+)\.[0-9a-f]{8,16}\.part", os.fsencode(path.name), re.DOTALL)
            if unfinished and unfinished[1][:200] in here:
                path.unlink(missing_ok=True)


def is_special(path: Path) -> bool:
    """Return whether a path is neither a file nor a folder nor unused: a pipe, a device."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Write a file whole or not at all.

    Gives a temporary path in the same folder. When the block ends without an exception, what was written there takes
    the name of the target in one step; otherwise it is deleted. A pipe or device stays what it is: it gets the whole
    file at the end.

    Raises
    ------
    OSError
        As `check_target` does, or when the disk refuses.
    """
    target = Path(path)
    check_target(target, overwrite=overwrite)
    if is_special(target):
        with _filling(target) as temporary:
            yield temporary
        return
    temporary = unfinished_name(target)
    try:
        yield temporary
        if not overwrite and target.exists():
            check_target(target, overwrite=False)
        temporary.replace(target)
    except OSError as error:  # of a full disk Python does not name the file, and else its name for the time being
        if error.filename not in (None, os.fspath(temporary)):
            raise
        words = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, words, os.fspath(target)) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _filling(target: Path) -> Iterator[Path]:
    """Give a path in a temporary folder; copy what was written there into a pipe or a device."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "whole")
        with Path(folder, "whole").open("rb") as whole, target.open("wb") as sink:  # a pipe waits for its reader
            shutil.copyfileobj(whole, sink)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = True) -> None:
    """Write `data` to a file, whole or not at all."""
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)
