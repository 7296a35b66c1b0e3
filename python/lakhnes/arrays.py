"""Scores as arrays in ``.npz`` files: what NES-MDB publishes as pickles, without the pickle."""

import io
import textwrap
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import (
    RegisterLog,
    Song,
    log_of_raw_score,
    raw_runs,
    raw_score,
    score_of_song,
    score_runs_of_song,
    song_of_raw_score,
    song_of_score,
    song_of_score_runs,
)
from lakhnes.errors import FormatError, LimitError
from lakhnes.files import ARCHIVE_RATE, MAX_SCORE_RATE

__all__ = ["from_arrays", "read_arrays", "to_arrays", "write_arrays"]

MAX_ARRAY_BYTES = 64 * 2**20
"""The most bytes that the arrays of a file may have, unpacked."""

MAX_MEMBERS = 1_000
"""The most arrays that a file may have."""

_SHAPES = {"exprsco": (4, 3), "seprsco": (4,), "blndsco": (3,), "rawsco": (4, 4)}
"""The shape of a frame of each kind of score."""

_BY_RUNS = ("exprsco", "rawsco")
"""The kinds that are written by runs at the full rate."""

Arrays = dict[str, npt.NDArray[Any]]


def to_arrays(played: Song | RegisterLog, kind: str, rate: float | None = None, *, exact: bool = False) -> Arrays:
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
    if rate is None:
        rate = MAX_SCORE_RATE if kind == "rawsco" else ARCHIVE_RATE
    arrays: Arrays = {}
    if kind == "rawsco" and rate == MAX_SCORE_RATE:
        clock, (starts, data) = raw_runs(played, exact=exact)
        arrays = {"clock": np.array(clock, np.int64), "starts": starts, "values": _frames(data, kind)}
    elif kind == "rawsco":
        clock, rate, data = raw_score(played, rate or None, exact=exact)
        arrays = {"clock": np.array(clock, np.int64), kind: _frames(data, kind)}
    else:
        song = played if isinstance(played, Song) else played.transcribe(exact=exact)
        if kind in _BY_RUNS and rate == MAX_SCORE_RATE:
            starts, data = score_runs_of_song(song)
            arrays = {"starts": starts, "values": _frames(data, kind)}
        else:
            rate, data = score_of_song(song, kind, rate or None)
            arrays = {kind: _frames(data, kind)}
    return {"rate": np.array(rate, np.float64), "nsamps": np.array(played.length, np.int64), **arrays}


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
    try:
        rate, nsamps = (np.asarray(arrays[name]) for name in ("rate", "nsamps"))
        by_runs = kind not in arrays and kind in _BY_RUNS
        name = "values" if by_runs else kind
        frames = np.asarray(arrays[name])
        starts = np.asarray(arrays["starts"]) if by_runs else None
        clock = np.asarray(arrays["clock"]) if kind == "rawsco" else np.array(0)
    except KeyError as error:
        raise FormatError(f"expected arrays rate, nsamps and {kind} (or starts and values): no array {error}") from None
    if frames.dtype != np.uint8 or frames.ndim != len(_SHAPES[kind]) + 1 or frames.shape[1:] != _SHAPES[kind]:
        shape = " x ".join(map(str, ("N", *_SHAPES[kind])))
        raise FormatError(f"{name}: expected uint8 of {shape}, found {frames.dtype} of {frames.shape}")
    for what, number, kinds in (("rate", rate, "iuf"), ("nsamps", nsamps, "iu"), ("clock", clock, "iuf")):
        if number.shape != () or number.dtype.kind not in kinds:
            raise FormatError(f"{what}: expected one number, found {number.dtype} of {number.shape}")
    for what, value, limit in (("nsamps", int(nsamps), 2**63), ("clock", float(clock), 2**32)):
        if not 0 <= value < limit:
            raise FormatError(f"{what}: expected 0 or more, below {limit}, found {value}")
    if starts is not None:
        if starts.ndim != 1 or starts.dtype.kind not in "iu":
            raise FormatError(f"starts: expected integers of shape N, found {starts.dtype} of {starts.shape}")
        starts = starts.astype(np.int64)
    length, data = int(nsamps), frames.tobytes()
    if kind == "rawsco":
        read = song_of_raw_score if score else log_of_raw_score
        return read(int(clock), float(rate), length, data, starts)
    if starts is not None:
        return song_of_score_runs(length, starts, data)
    return song_of_score(kind, float(rate), length, data)


def write_arrays(played: Song | RegisterLog, format: str, rate: float | None = None, *, exact: bool = False) -> bytes:
    """Give the bytes of an ``.npz`` file of the arrays that `to_arrays` gives for ``KIND.npz``."""
    file = io.BytesIO()
    arrays: dict[str, Any] = to_arrays(played, format.removesuffix(".npz"), rate, exact=exact)
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read_arrays(data: bytes, format: str, *, score: bool = False) -> Song | RegisterLog:
    """Read a score from the bytes of such a file, as `from_arrays` does. Nothing in it is executed.

    Raises
    ------
    FormatError
        If the arrays are missing, or are not those of a score.
    LimitError
        If they take more than 64 MiB.
    """
    kind = format.removesuffix(".npz")
    return from_arrays(_unpack(data, ("rate", "nsamps", "clock", "starts", "values", kind)), kind, score=score)


def _unpack(data: bytes, wanted: Iterable[str]) -> Arrays:
    """Take those of the wanted arrays that are there out of a ``.npz`` file."""
    if data.count(b"PK\1\2") > MAX_MEMBERS:  # before any is looked at: zipfile takes some hundred bytes for each
        raise LimitError(f"expected a .npz file of at most {MAX_MEMBERS} arrays")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except Exception as error:  # of damaged bytes zipfile raises errors of many modules
        raise FormatError(f"expected a .npz file: {_brief(error)}") from None
    with archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise LimitError(f"arrays of a .npz file: expected at most {MAX_ARRAY_BYTES} bytes, found {size}")
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        return {name: _unpack_array(archive, name) for name in wanted if name in names}


def _unpack_array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    try:
        with archive.open(f"{name}.npy") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # and so do the modules that unpack, and numpy
        raise FormatError(f"{name}: expected an array of a .npz file: {_brief(error)}") from None


def _brief(error: Exception) -> str:
    """Give what an error says, as far as it fits one line and is no part of the file."""
    words = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return textwrap.shorten(words, 80, placeholder=" …") or type(error).__name__


def _frames(data: bytes, kind: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, *_SHAPES[kind])
