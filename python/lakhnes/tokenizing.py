"""Many files at once as token ids, for whoever trains a model of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lakhnes import _native
from lakhnes.files import format_to_read

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Tokens", "tokenize_files"]


class Tokens(NamedTuple):
    """Songs as token ids in a row.

    Attributes
    ----------
    ids : int32 array, ``(n,)``
        The ids of all songs, without boundaries between them.
    offsets : int64 array, ``(songs + 1,)``
        Where each song begins and the last one ends: song ``i`` is ``ids[offsets[i] : offsets[i + 1]]``.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]


def tokenize_files(
    paths: Iterable[str | os.PathLike[str]],
    vocabulary: _native.Vocabulary | str = "tx1",
    *,
    jobs: int = 0,
    failed: list[tuple[Path, Exception]] | None = None,
) -> Tokens:
    """Read songs and number their events, on several cores and without a Python object a note.

    The ids of a song are those of ``vocabulary.encode(lakhnes.read(path).to_tx1())`` (or `to_tx2`); those of a text of
    the vocabulary's own are those of ``vocabulary.encode(text)``.

    Parameters
    ----------
    paths
        Files of any readable format; register writes are transcribed.
    vocabulary
        A vocabulary, or ``"tx1"`` or ``"tx2"``.
    jobs
        How many files at once; 0 stands for one a core. The result does not depend on it.
    failed
        Gets the files that cannot be read, each with its error; they are left out. Without it the first is raised.

    Returns
    -------
    Tokens
        ``ids, offsets``.

    Raises
    ------
    FormatError, TokenError, LimitError
        For the first file that is not what its name says; the message names file and place. A name that no format has
        is refused in any case.
    OSError
        If it cannot be read.
    """
    chosen = _native.Vocabulary(vocabulary) if isinstance(vocabulary, str) else vocabulary
    files = [(path, format_to_read(path)) for path in paths]
    ids, offsets, errors = _native.tokenize_files(files, chosen, threads=jobs)
    for index, error in errors:
        if failed is None:
            raise error
        failed.append((Path(files[index][0]), error))
    return Tokens(ids, offsets)
