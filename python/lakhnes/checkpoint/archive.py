"""Where a published model lies: a folder, its ``model.pt``, or the ``.tar.gz`` in which it was published."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lakhnes.checkpoint.config import MODEL_FILE
from lakhnes.checkpoint.unpickler import quote
from lakhnes.errors import CheckpointError
from lakhnes.tar import DAMAGED, TarReader

__all__ = ["VOCABULARY_FILE", "folder_of"]

VOCABULARY_FILE = "vocab.txt"

RATIO, ROOM = 20, 2**20
"""An archive may unpack to this many times its size, and this number of bytes: weights hardly shrink."""

MAX_BYTES = 2 * 2**30
"""And to this number in any case. A published one has 0.2 GB."""

PIECE = 2**20


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
                with TarReader(source, lambda size: min(RATIO * size + ROOM, MAX_BYTES)) as archive:
                    _unpack(archive, Path(folder))
            except CheckpointError as error:
                raise CheckpointError(f"{source}: {error}") from None
            except DAMAGED as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise CheckpointError(f"{source}: damaged archive ({quote(error)})") from None
            try:
                yield Path(folder)
            except CheckpointError as error:  # where its copy was means nothing to the user
                raise type(error)(str(error).replace(folder, str(source))) from None
    else:
        raise CheckpointError(f"{source}: expected a folder with {MODEL_FILE}, or a .tar.gz archive of one")


def _unpack(archive: TarReader, folder: Path) -> None:
    """Copy the two files of a model; only the last part of a path counts, so that none leads elsewhere."""
    for entry in archive:
        name = PurePosixPath(entry.name).name
        if not entry.is_file or name not in (MODEL_FILE, VOCABULARY_FILE):
            continue
        if (folder / name).exists():
            raise CheckpointError(f"holds two files {name}; expected one model")
        with (folder / name).open("wb") as copy:
            while piece := archive.read(PIECE):
                copy.write(piece)
    if not (folder / MODEL_FILE).exists():
        raise CheckpointError(f"no {MODEL_FILE} in it")
