"""Sound that is heard while it is made: where samples go, and when they are heard.

A `Sink` takes samples and says how much sound is waiting in it, so that whoever makes the sound can stay just ahead of
the ear. `open_sink` gives the sound card, a clock that plays to nobody, or a file.
"""

from __future__ import annotations

import collections
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes.audio import open_encoder
from lakhnes.errors import LakhnesError
from lakhnes.extras import missing
from lakhnes.files import AUDIO_FORMATS, format_of
from lakhnes.outputs import replacing

__all__ = ["ClockSink", "DeviceSink", "FileSink", "Sink", "open_sink"]

Samples = npt.NDArray[np.float32]

BLOCK = 0.01
"""Seconds of the blocks that the sound card asks for."""

SHORTEST = 1e-4
"""Seconds that are worth sleeping."""

LEAST = 3 * BLOCK
"""Seconds of sound that are kept ready for it even where its own buffers are as long as one would like to wait."""


class Sink:
    """Where sound goes; as it stands here, nobody waits for it to be heard.

    A context manager: it closes, and what is not finished is dropped.
    """

    underruns = 0
    """How often the sound ran out before more was there."""

    def write(self, samples: Samples) -> None:
        """Take samples, mono, in [-1, 1]; return at once."""
        raise NotImplementedError

    def waiting(self) -> float:
        """Return how many seconds a sample that is written now will wait until it is heard."""
        return 0.0

    def wait(self, seconds: float) -> None:
        """Return when at most this many seconds of sound are waiting."""

    def finish(self) -> None:
        """Return when all has been heard."""

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""


class ClockSink(Sink):
    """A clock in place of a sound card: it takes as long as one would, and nothing is heard.

    Parameters
    ----------
    sample_rate : int
    clock, sleep : callable
        As of the module `time`.
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.sample_rate, self.underruns = sample_rate, 0
        self._clock, self._sleep = clock, sleep
        self._end: float | None = None
        """When all that was written will have been heard."""

    def write(self, samples: Samples) -> None:
        """Take samples."""
        now = self._clock()
        if self._end is not None and self._end < now:
            self.underruns += 1
        self._end = max(now, self._end or now) + len(samples) / self.sample_rate

    def waiting(self) -> float:
        """Return how many seconds a sample that is written now will wait."""
        return max((self._end or 0.0) - self._clock(), 0.0)

    def wait(self, seconds: float) -> None:
        """Return when at most this many seconds of sound are waiting."""
        while (left := self.waiting() - seconds) > 0:
            self._sleep(max(left, SHORTEST))

    def finish(self) -> None:
        """Return when all has been heard."""
        self.wait(0.0)
        self._end = None


class FileSink(Sink):
    """A sound file, which is there when the sink closes; nobody waits for it to be heard.

    Parameters
    ----------
    path : path
        The end of its name says the format, one of `lakhnes.files.AUDIO_FORMATS`.
    sample_rate : int
    overwrite : bool
        Whether a file of that name may be replaced.
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate: int, *, overwrite: bool = True) -> None:
        self._format = format_of(path, AUDIO_FORMATS)
        self._rate = sample_rate
        self._target = replacing(path, overwrite=overwrite)
        self._file: Any = None

    def write(self, samples: Samples) -> None:
        """Take samples."""
        self._file.write(samples)

    def __enter__(self) -> FileSink:
        self._file = open_encoder(self._target.__enter__(), self._format, self._rate)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._target.__exit__(kind, error, trace)


class DeviceSink(Sink):
    """The sound card, through PortAudio.

    Parameters
    ----------
    sample_rate : int
    device : str or int, optional
        Its name, a part of it, or its number, as ``python -m sounddevice`` lists them; the system's default if not
        given.

    Raises
    ------
    LakhnesError
        If sounddevice or PortAudio is not installed, or there is no such device.
    """

    def __init__(self, sample_rate: int, device: str | int | None = None) -> None:
        self.underruns = 0
        self._rate = sample_rate
        self._blocks: collections.deque[Samples] = collections.deque()
        self._lock = threading.Lock()
        self._queued = 0  # samples that wait here
        self._playing = False  # since the first sample, until all has been heard
        sounddevice = _sounddevice()
        self._errors = (sounddevice.PortAudioError, ValueError)
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=sample_rate,
                channels=1,
                dtype="float32",
                device=device,
                blocksize=round(BLOCK * sample_rate),
                latency="low",
                callback=self._fill,
            )
        except self._errors as error:
            raise _silent(error) from None

    def _fill(self, block: npt.NDArray[np.float32], frames: int, moment: Any, status: Any) -> None:
        place = 0
        with self._lock:
            while place < frames and self._blocks:
                samples = self._blocks.popleft()
                taken = samples[: frames - place]
                block[place : place + len(taken), 0] = taken
                place += len(taken)
                if len(taken) < len(samples):
                    self._blocks.appendleft(samples[len(taken) :])
            self._queued -= place
            self.underruns += bool(self._playing and place < frames)
            self._playing = self._playing and place == frames
        block[place:] = 0.0

    def write(self, samples: Samples) -> None:
        """Take samples."""
        with self._lock:
            self._blocks.append(samples)
            self._queued += len(samples)
            self._playing = True

    def waiting(self) -> float:
        """Return how many seconds a sample that is written now will wait, in the card's own buffers too."""
        return self._queued / self._rate + float(self._stream.latency)

    def wait(self, seconds: float) -> None:
        """Return when at most this many seconds of sound are waiting, or hardly any outside the card."""
        kept = max(seconds - float(self._stream.latency), LEAST if seconds else 0.0)
        while (left := self._queued / self._rate - kept) > 0:
            time.sleep(max(left, BLOCK / 2))

    def finish(self) -> None:
        """Return when all has been heard."""
        with self._lock:
            self._playing = False
        self.wait(0.0)
        time.sleep(float(self._stream.latency))

    def __enter__(self) -> DeviceSink:
        try:
            self._stream.start()
        except self._errors as error:  # it is there, but another program holds it
            self._stream.close()
            raise _silent(error) from None
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.abort()
        self._stream.close()


def _silent(error: Exception) -> LakhnesError:
    return LakhnesError(
        f"no sound card to play on: {' '.join(str(error).split())}; --sink FILE.wav writes what would be heard"
    )


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise missing("sounddevice") from None
    except OSError as error:  # it is there, but its library is not
        raise LakhnesError(f"playing needs PortAudio ({error}): on Debian, apt install libportaudio2") from None
    return sounddevice


def open_sink(name: str, sample_rate: int, *, device: str | int | None = None, overwrite: bool = False) -> Sink:
    """Give the sink of a name: ``"device"``, the sound card; ``"null"``, a clock; else a sound file of that name.

    Raises
    ------
    LakhnesError
        If there is no sound card, or nothing to reach it with.
    FormatError
        If the name is no sound file's.
    OSError
        If the file is there and must not be replaced.
    """
    if name == "device":
        return DeviceSink(sample_rate, device)
    if name == "null":
        return ClockSink(sample_rate)
    return FileSink(name, sample_rate, overwrite=overwrite)
