"""libgme, the player that others use for NSF, through ctypes: to compare with, in sound and in speed.

Debian and Ubuntu have it as ``libgme0``. Functions and types are those of ``gme.h`` 0.6.
"""

import ctypes
import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["Equalizer", "Player", "load", "open_nsf"]


class Equalizer(ctypes.Structure):
    """``gme_equalizer_t``: treble in dB at 20 kHz (0 is flat), the high-pass in Hz (about 15 as good as off)."""

    _fields_ = (("treble", ctypes.c_double), ("bass", ctypes.c_double), ("reserved", ctypes.c_double * 8))


@cache
def load() -> ctypes.CDLL | None:
    """Give the library, or None where it is not installed."""
    name = ctypes.util.find_library("gme")
    try:
        library = ctypes.CDLL(name or "libgme.so.0")
    except OSError:
        return None
    emulator, error = ctypes.c_void_p, ctypes.c_char_p
    signatures: dict[str, tuple[object, list[object]]] = {
        "gme_open_data": (error, [ctypes.c_char_p, ctypes.c_long, ctypes.POINTER(emulator), ctypes.c_int]),
        "gme_start_track": (error, [emulator, ctypes.c_int]),
        "gme_play": (error, [emulator, ctypes.c_int, ctypes.POINTER(ctypes.c_short)]),
        "gme_warning": (error, [emulator]),
        "gme_delete": (None, [emulator]),
        "gme_ignore_silence": (None, [emulator, ctypes.c_int]),
        "gme_enable_accuracy": (None, [emulator, ctypes.c_int]),
        "gme_set_stereo_depth": (None, [emulator, ctypes.c_double]),
        "gme_set_equalizer": (None, [emulator, ctypes.POINTER(Equalizer)]),
    }
    for function, (result, arguments) in signatures.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


class Player:
    """A file that is being played. `open_nsf` makes one."""

    def __init__(self, library: ctypes.CDLL, emulator: ctypes.c_void_p) -> None:
        self._library, self._emulator = library, emulator

    def start(self, track: int = 0) -> None:
        """Begin a track again; its first silence is kept."""
        self._library.gme_ignore_silence(self._emulator, 1)
        _check(self._library.gme_start_track(self._emulator, track))
        warning = self._library.gme_warning(self._emulator)
        if warning:
            raise RuntimeError(warning.decode())

    def play(self, frames: int) -> npt.NDArray[np.int16]:
        """Play on: shape (frames,); both sides of the stereo are equal, and one is given."""
        stereo = np.empty((frames, 2), dtype=np.int16)
        pointer = stereo.ctypes.data_as(ctypes.POINTER(ctypes.c_short))
        _check(self._library.gme_play(self._emulator, 2 * frames, pointer))
        return stereo[:, 0]

    def equalize(self, treble: float = 0.0, bass: float = 15.0) -> None:
        """Set treble (dB at 20 kHz) and bass (Hz of the high-pass); flat as it is called without arguments."""
        self._library.gme_set_equalizer(self._emulator, ctypes.byref(Equalizer(treble, bass)))


@contextmanager
def open_nsf(data: bytes, sample_rate: int = 44_100) -> Iterator[Player]:
    """Open an NSF file and start its first track.

    Raises
    ------
    RuntimeError
        If libgme is not installed, or has something to say against the file.
    """
    library = load()
    if library is None:
        raise RuntimeError("libgme is not installed (Debian: libgme0)")
    emulator = ctypes.c_void_p()
    _check(library.gme_open_data(data, len(data), ctypes.byref(emulator), sample_rate))
    try:
        player = Player(library, emulator)
        player.start()
        yield player
    finally:
        library.gme_delete(emulator)


def _check(error: bytes | None) -> None:
    if error:
        raise RuntimeError(error.decode())
