"""Sound files of 16 bits, written whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lakhnes import _native
from lakhnes.errors import FormatError
from lakhnes.files import AUDIO_FORMATS, format_of
from lakhnes.outputs import check_target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32] | npt.NDArray[np.float64]

__all__ = ["open_encoder", "write_audio"]

FULL_SCALE = 32_767
"""What a sample of 1.0 becomes."""

FULL = "not all samples could be written; is the disk full?"

MOST_CHANNELS = 1_024
"""As libsndfile takes."""


def write_audio(
    path: str | os.PathLike[str],
    samples: Samples,
    sample_rate: int = 44_100,
    *,
    format: str | None = None,
    overwrite: bool = True,
    loop: tuple[int, int] | None = None,
) -> None:
    """Write sound to a file, such as WAV, FLAC or Ogg Vorbis.

    Parameters
    ----------
    path
        The file; the end of its name says the format.
    samples
        int16, or float in [-1, 1]; shape (frames,) or (frames, channels).
    sample_rate
        In Hz.
    format
        One of `lakhnes.files.AUDIO_FORMATS`, such as ``"wav"``, where the name does not say it.
    overwrite
        Whether a file of that name may be replaced.
    loop
        The first frame of a loop and the one after its last, which a WAV file gets as a ``smpl`` chunk; other formats
        have no place for them.

    Raises
    ------
    FormatError
        If the name stands for no such format, or the samples have more than two dimensions.
    OSError
        If the file cannot be written; nothing is left behind then.
    """
    import numpy as np

    coding = format or format_of(path, AUDIO_FORMATS)
    if samples.ndim not in (1, 2):
        raise FormatError(f"samples of {samples.ndim} dimensions, expected (frames,) or (frames, channels)")
    check_target(path, overwrite=overwrite)
    if samples.dtype != np.int16:
        samples = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE - 1, FULL_SCALE)
    channels = samples.shape[1] if samples.ndim == 2 else 1
    if not 1 <= channels <= MOST_CHANNELS:
        raise FormatError(f"samples of {channels} channels, expected 1 to {MOST_CHANNELS}")
    frames = np.ascontiguousarray(samples.reshape(len(samples), channels), dtype=np.int16)
    _native.export_samples(frames, sample_rate, path, coding, open_encoder, overwrite=overwrite, loop=loop)


class _Encoder:
    """A file of libsndfile; what it refuses is an `OSError`. Its name and the usual coding are those of the format."""

    def __init__(
        self, path: str | os.PathLike[str], format: str, sample_rate: int, channels: int, **coding: Any
    ) -> None:
        import soundfile

        self._refusal = soundfile.LibsndfileError
        try:
            self._file = soundfile.SoundFile(path, "w", sample_rate, channels, format=format.upper(), **coding)
        except self._refusal as error:
            raise OSError(str(error)) from error

    def tag(self, title: str, artist: str, copyright: str) -> None:
        for name, text in (("title", title), ("artist", artist), ("copyright", copyright)):
            if text:
                setattr(self._file, name, text)

    def write(self, samples: Samples) -> None:
        try:
            self._file.write(samples)
        except (self._refusal, AssertionError) as error:  # it asserts that all were written
            raise OSError(str(error) or FULL) from error

    def close(self) -> None:
        try:
            self._file.close()
        except (self._refusal, AssertionError) as error:
            raise OSError(str(error) or FULL) from error
        finally:
            # Here and not when this object goes, for that may be on the main thread: Ctrl-C would be raised in the
            # `__del__` of the file, where Python drops every exception.
            del self._file


def open_encoder(path: str | os.PathLike[str], format: str, sample_rate: int, channels: int = 1, **coding: Any) -> Any:
    """Begin a sound file whose samples libsndfile codes, with methods ``tag``, ``write``, ``close``; on any thread.

    `coding` may name another ``subtype`` and ``compression_level`` than the format's usual ones, as soundfile has them.
    """
    return _Encoder(path, format, sample_rate, channels, **coding)
