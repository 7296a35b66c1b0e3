"""Where a published model lies: a folder, its ``model.pt``, or the ``.tar.gz`` in which it was published."""

from __future__ import annotations

import contextlib
import gzip
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lakhnes.checkpoint.config import MODEL_FILE
from lakhnes.checkpoint.unpickler import quote
from lakhnes.errors import CheckpointError

__all__ = ["VOCABULARY_FILE", "folder_of"]

VOCABULARY_FILE = "vocab.txt"

MAX_ARCHIVE_BYTES = 2 * 2**30
"""Of all members of an archive, unpacked. A published one has 0.2 GB."""

MAX_ARCHIVE_RATIO = 20
"""And at the most this many times its size as a file: weights hardly shrink."""


class _Bounded(gzip.GzipFile):
    """An unpacked archive that does not grow beyond the limits, and of which no large piece is read at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.limit = min(MAX_ARCHIVE_BYTES, MAX_ARCHIVE_RATIO * path.stat().st_size + 2**20)

    def check(self, size: int) -> None:
        if size > self.limit:
            raise CheckpointError(f"unpacks to more than {self.limit} bytes")

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= 2**24:  # a false header may ask for it
            raise CheckpointError("a header of more than 16 MiB: damaged")
        self.check(self.tell())
        return super().read(size)


@contextlib.contextmanager
def folder_of(source: Path) -> Iterator[Path]:
    """Give the folder of a published model; an archive's two files are unpacked into a temporary one.

    Raises
    ------
    CheckpointError
        If there is no such model, or the archive is damaged or beyond a limit.
    """
    if not source.exists():
        raise CheckpointError(f"{source}: no such file or folder; expected a folder with {MODEL_FILE}, or its .tar.gz")
    if source.is_dir():
        yield source
    elif source.name == MODEL_FILE:
        yield source.parent
    elif source.name.endswith((".tar.gz", ".tgz")):
        with tempfile.TemporaryDirectory(prefix="lakhnes-", ignore_cleanup_errors=True) as folder:
            try:
                with _Bounded(source) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as archive:
                    _unpack(archive, unpacked, Path(folder))
            except CheckpointError as error:
                raise CheckpointError(f"{source}: {error}") from None
            except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise CheckpointError(f"{source}: damaged archive ({quote(error)})") from None
            try:
                yield Path(folder)
            except CheckpointError as error:  # where its copy was means nothing to the user
                raise type(error)(str(error).replace(folder, str(source))) from None
    else:
        raise CheckpointError(f"{source}: expected a folder with {MODEL_FILE}, or a .tar.gz archive of one")


def _unpack(archive: tarfile.TarFile, unpacked: _Bounded, folder: Path) -> None:
    """Copy the two files of a model; only the last part of a path counts, so that none leads elsewhere."""
    total = 0
    for member in archive:
        total += member.size
        unpacked.check(total)
        name = PurePosixPath(member.name).name
        if not member.isreg() or name not in (MODEL_FILE, VOCABULARY_FILE):
            continue
        if (folder / name).exists():
            raise CheckpointError(f"holds two files {name}; expected one model")
        content = archive.extractfile(member)
        assert content is not None  # a regular file has content
        with (folder / name).open("wb") as copy:
            while piece := content.read(2**20):
                copy.write(piece)
    if not (folder / MODEL_FILE).exists():
        raise CheckpointError(f"no {MODEL_FILE} in it")
