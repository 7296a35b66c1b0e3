"""Scores as arrays of numpy, as they stand in ``.npz`` files: what NES-MDB publishes as pickles, without the pickle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakhnes import _native

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lakhnes._native import RegisterLog, Song

__all__ = ["from_arrays", "to_arrays"]


def to_arrays(
    played: Song | RegisterLog, kind: str, rate: float | None = None, *, exact: bool = False
) -> dict[str, npt.NDArray[Any]]:
    """Give a score as arrays: ``rate``, ``nsamps`` and the frames under the name of their kind.

    Parameters
    ----------
    played
        A song, or register writes, which are transcribed.
    kind
        ``exprsco``, uint8 frames of shape (4, 3): note, velocity and timbre of p1, p2, tr, no; ``seprsco``, (4,): their
        notes; ``blndsco``, (3,): those of p1, p2 and tr from low to high, zeros last; ``rawsco``, (4, 4): timer high,
        timer low, volume and timbre, with an array ``clock`` in Hz.
    rate
        Frames a second, above 0 and at most 44,100; 0 takes the lowest that keeps the notes, None 24, and 44,100 for
        ``rawsco``. At 44,100 an expressive and a raw score are given by runs: ``starts`` in samples, and ``values``.
    exact
        Transcribe true to the chip; see `RegisterLog.transcribe`.

    Raises
    ------
    LimitError
        If the frames would take more than 64 MiB.
    ValueError
        If the rate is out of range.
    """
    import numpy as np

    from lakhnes.songs import encode

    with np.load(io.BytesIO(encode(played, f"{kind}.npz", score_rate=rate, exact=exact))) as arrays:
        return dict(arrays)


def from_arrays(arrays: Mapping[str, npt.ArrayLike], kind: str, *, score: bool = False) -> Song | RegisterLog:
    """Make a song of a score; of a raw score its register writes, or with `score` its notes.

    The reverse of `to_arrays`.

    Raises
    ------
    FormatError
        If an array is missing, or is not that of a score; the message names it.
    LimitError
        If the frames take more than 64 MiB.
    """
    import numpy as np

    file = io.BytesIO()
    known: dict[str, np.ndarray] = {name: np.asarray(array) for name, array in arrays.items()}
    np.savez(file, **known)  # type: ignore[arg-type]
    played, _ = _native.decode(file.getvalue(), f"{kind}.npz", score=score)
    return played
