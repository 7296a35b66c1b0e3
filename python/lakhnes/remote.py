"""Files that are no files of this machine: addresses of object stores and other machines, by fsspec.

``s3://BUCKET/FOLDER``, ``gs://…``, ``sftp://HOST/…``, ``memory://…`` and whatever else fsspec knows, chained addresses
(``dir://FOLDER::file:///…``) too. Songs are copied to a file of this machine and read there; what is made of them is
written here and then put in its place, whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from errno import EACCES, ENOENT
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from lakhnes.errors import MAX_MESSAGE, LakhnesError, MissingExtraError, printable
from lakhnes.extras import load, need
from lakhnes.files import MAX_INPUT_BYTES, files_below, is_of_macos

__all__ = ["Remote", "at_once", "is_url", "uploaded"]

ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "memory"})
"""Protocols of object stores: what is put there appears when it is whole. Elsewhere it gets its name at the end."""

COPIES = 16
"""Files that are copied at the same time: stores answer slowly, but many requests at once."""


T = TypeVar("T")
R = TypeVar("R")


def is_url(place: object) -> bool:
    """Return whether a place is an address, and no path of this machine."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+(::[A-Za-z][A-Za-z0-9+.-]+)*://", str(place)) is not None


@dataclass(frozen=True)
class Remote:
    """A folder or a file behind an address; it can be pickled.

    Attributes
    ----------
    url : str
    """

    url: str

    @classmethod
    def of(cls, place: str | os.PathLike[str]) -> Remote:
        """Return the place of an address, or of a path of this machine.

        Raises
        ------
        MissingExtraError
            If fsspec, or its package for this protocol, is not installed.
        LakhnesError
            If fsspec does not know the protocol.
        """
        need("fsspec")
        text = os.fspath(place)
        remote = cls(text if is_url(text) else f"file://{Path(text).absolute().as_posix()}")
        remote._fs()
        return remote

    def at(self, name: str) -> str:
        """Return the address of a file below; of the place itself if the name is empty."""
        first, chain, rest = self.url.partition("::")
        return f"{first.rstrip('/')}/{name}{chain}{rest}" if name else self.url

    def files(self) -> dict[str, int]:
        """Return the size of each file below, by its path there; ``{"": size}`` if the place is a file itself.

        Hidden files and those of macOS count for nothing, and so do paths with ``..``.

        Raises
        ------
        FileNotFoundError
            If there is no such place.
        """
        fs, root = self._fs()
        with self._told():
            fs.invalidate_cache()
            found = fs.find(root, detail=True)
            if not found and not fs.exists(root):
                raise FileNotFoundError(2, "there is no such file or folder", self.url)
            if len(found) == 1 and (kind := next(iter(found.values()))["type"]) != "file" and not fs.isdir(root):
                raise LakhnesError(f"{self.url}: is no regular file ({kind}), expected a file or a folder")
        root = root.strip("/")
        sizes: dict[str, int] = {}
        for path, facts in found.items():
            name = path.strip("/").removeprefix(root).strip("/") if root else path.strip("/")
            hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)  # ".." too
            if facts["type"] == "file" and not hidden and not is_of_macos(PurePosixPath(name)):
                sizes[name] = int(facts["size"] or 0)
        return dict(sorted(sizes.items()))

    def read(self, name: str) -> bytes:
        """Read a file, at most a byte past `MAX_INPUT_BYTES`.

        Raises
        ------
        LakhnesError, OSError
            If it cannot be read.
        """
        fs, root = self._fs()
        with self._told(name):
            return bytes(fs.cat_file(_below(root, name), start=0, end=MAX_INPUT_BYTES + 1))

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file from there to a file of this machine.

        Raises
        ------
        LakhnesError, OSError
            If it cannot be read.
        """
        fs, root = self._fs()
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._told(name):
            fs.get_file(_below(root, name), str(target))

    def put(self, source: Path, name: str) -> None:
        """Put a file of this machine there; it appears when it is whole, and replaces what has its name.

        Raises
        ------
        LakhnesError, OSError
            If it cannot be written.
        """
        fs, root = self._fs()
        path = _below(root, name)
        folder, _, last = path.rpartition("/")
        with self._told(name):
            if _protocols(fs) & ATOMIC:
                fs.put_file(str(source), path)
                return
            if folder:
                fs.makedirs(folder, exist_ok=True)
            unfinished = f"{path[: len(path) - len(last)]}.{last[:100]}.{os.urandom(4).hex()}.part"
            try:
                fs.put_file(str(source), unfinished)
                fs.mv(unfinished, path)
            except BaseException:
                with contextlib.suppress(Exception):
                    fs.rm_file(unfinished)
                raise

    def _fs(self) -> tuple[Any, str]:
        with self._told():
            fs, path = load("fsspec.core").url_to_fs(self.url)
        return fs, path

    @contextlib.contextmanager
    def _told(self, name: str = "") -> Iterator[None]:
        """Say in a line, with the address, what a file system says is wrong: each has exceptions of its own."""
        where = self.at(name)
        try:
            yield
        except LakhnesError:
            raise
        except ImportError as error:
            raise MissingExtraError(f"{where}: {_text(error)} (with pip)") from None
        except (FileNotFoundError, PermissionError) as error:
            number = ENOENT if isinstance(error, FileNotFoundError) else EACCES
            raise type(error)(number, os.strerror(number), where) from None
        except OSError as error:
            if error.errno is None:
                raise LakhnesError(f"{where}: {_text(error)}") from None
            raise type(error)(error.errno, os.strerror(error.errno), where) from None
        except Exception as error:  # botocore, google.auth, paramiko, …
            raise LakhnesError(f"{where}: {_text(error)}") from None


def _text(error: Exception) -> str:
    return printable(" ".join(str(error).split()) or type(error).__name__, MAX_MESSAGE)


@contextlib.contextmanager
def uploaded(place: str, *, last: str, overwrite: bool) -> Iterator[Path]:
    """Give a folder of this machine that is not there yet; put what it holds behind an address at the end.

    The file `last` is put after all others: where it is, all are.

    Raises
    ------
    FileExistsError
        If there are files behind the address, and `overwrite` is false.
    """
    remote = Remote.of(place)
    with contextlib.suppress(FileNotFoundError):
        if not overwrite and remote.files():
            raise FileExistsError(17, "holds something (--force writes into it)", place)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "corpus"
        yield local
        names = files_below(local)
        names = [name for name in names if name != last] + [last] * (last in names)
        for some in (names[:-1], names[-1:]):
            for error in at_once(lambda name: remote.put(local / name, name), some):
                if isinstance(error, Exception):
                    raise error


def at_once(work: Callable[[T], R], items: Iterable[T]) -> list[R | Exception]:
    """Copy files, several at the same time; return of each what `work` does, or its error."""

    def tried(item: T) -> R | Exception:
        try:
            return work(item)
        except (LakhnesError, OSError) as error:
            return error

    with ThreadPoolExecutor(COPIES) as pool:
        return list(pool.map(tried, items))


def _below(root: str, name: str) -> str:
    return f"{root.rstrip('/')}/{name}" if name else root


def _protocols(fs: Any) -> set[str]:
    """Return how a file system is called, that below a chain of them."""
    while hasattr(fs, "fs"):
        fs = fs.fs
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
