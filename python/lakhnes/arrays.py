"""Scores as arrays in ``.npz`` files: what NES-MDB publishes as pickles, without the pickle."""

import io
import zipfile
from typing import Any

import numpy as np

from lakhnes._native import Song, score_of_song, song_of_score
from lakhnes.errors import FormatError, LimitError
from lakhnes.files import ARCHIVE_RATE

__all__ = ["read_arrays", "write_arrays"]

MAX_ARRAY_BYTES = 64 * 2**20
"""The most bytes that the arrays of a file may have, unpacked."""

_SHAPES = {"exprsco": (4, 3), "seprsco": (4,), "blndsco": (3,)}
"""The shape of a frame of each kind of score."""


def write_arrays(song: Song, format: str, rate: float | None = ARCHIVE_RATE) -> bytes:
    """Give the bytes of an ``.npz`` file of ``rate``, ``nsamps`` and the frames, a uint8 array named for its kind.

    Parameters
    ----------
    song
        The song.
    format
        ``exprsco.npz``, frames of shape (4, 3); ``seprsco.npz``, (4,); ``blndsco.npz``, (3,) with zeros last.
    rate
        Frames a second; None takes the lowest that keeps the notes.

    Raises
    ------
    LimitError
        If the frames would take more than 64 MiB.
    ValueError
        If the rate is out of range.
    """
    kind = format.removesuffix(".npz")
    chosen, data = score_of_song(song, kind, rate)
    frames = np.frombuffer(data, dtype=np.uint8).reshape(-1, *_SHAPES[kind])
    file = io.BytesIO()
    arrays: dict[str, Any] = {"rate": np.float64(chosen), "nsamps": np.int64(song.length), kind: frames}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read_arrays(data: bytes, format: str) -> Song:
    """Read a song from the bytes of such a file. Nothing in it is executed.

    Raises
    ------
    FormatError
        If the arrays are missing, or are not those of a score.
    LimitError
        If they take more than 64 MiB.
    """
    kind = format.removesuffix(".npz")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise LimitError(f"arrays of {size} bytes, expected at most {MAX_ARRAY_BYTES}")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            rate, nsamps, frames = (np.asarray(arrays[name]) for name in ("rate", "nsamps", kind))
    except LimitError:
        raise
    except (ValueError, OSError, KeyError, EOFError, MemoryError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"expected arrays rate, nsamps and {kind} in a .npz file: {error}") from None
    except zipfile.BadZipFile as error:
        raise FormatError(f"expected a .npz file: {str(error).lower()}") from None
    if frames.dtype != np.uint8 or frames.shape[1:] != _SHAPES[kind] or frames.ndim != len(_SHAPES[kind]) + 1:
        shape = " x ".join(map(str, ("N", *_SHAPES[kind])))
        raise FormatError(f"{kind}: expected uint8 of {shape}, found {frames.dtype} of {frames.shape}")
    if rate.shape != () or nsamps.shape != () or rate.dtype.kind not in "iuf" or nsamps.dtype.kind not in "iu":
        raise FormatError("expected one number as rate and one integer as nsamps")
    if int(nsamps) < 0:
        raise FormatError(f"nsamps: expected 0 or more, found {int(nsamps)}")
    return song_of_score(kind, float(rate), int(nsamps), frames.tobytes())
