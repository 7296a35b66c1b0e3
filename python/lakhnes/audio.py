"""Sound files: WAV, FLAC and Ogg Vorbis through libsndfile, 16 bits, written whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lakhnes._native import wav_loop_chunk
from lakhnes.errors import FormatError
from lakhnes.files import AUDIO_FORMATS, format_of, replacing

__all__ = ["encode_audio", "encode_blocks", "write_audio", "write_blocks"]

SUBTYPES = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS")}
"""What libsndfile calls each format and the coding of its samples."""

BLOCK = 65_536
"""Frames that libsndfile gets at once; its Vorbis encoder takes stack in proportion to them."""

Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32] | npt.NDArray[np.float64]


def write_audio(
    path: str | os.PathLike[str],
    samples: Samples,
    sample_rate: int = 44_100,
    *,
    format: str | None = None,
    overwrite: bool = True,
    loop: tuple[int, int] | None = None,
) -> None:
    """Write sound to a WAV, FLAC or Ogg Vorbis file.

    Parameters
    ----------
    path
        The file; the end of its name says the format.
    samples
        int16, or float in [-1, 1]; shape (frames,) or (frames, channels).
    sample_rate
        In Hz.
    format
        ``"wav"``, ``"flac"`` or ``"ogg"``, where the name does not say it.
    overwrite
        Whether a file of that name may be replaced.
    loop
        The first frame of a loop and the one after its last, which a WAV file gets as a ``smpl`` chunk; other formats
        have no place for them.

    Raises
    ------
    FormatError
        If the name ends in none of ``.wav .flac .ogg``, or the samples have more than two dimensions.
    OSError
        If the file cannot be written; nothing is left behind then.
    """
    coding = format or format_of(path, AUDIO_FORMATS)
    with replacing(path, overwrite=overwrite) as temporary, Path(temporary).open("wb") as file:
        encode_audio(file, samples, sample_rate, coding, loop)


def write_blocks(
    path: str | os.PathLike[str],
    blocks: Iterable[npt.NDArray[np.int16]],
    sample_rate: int,
    *,
    format: str,
    overwrite: bool = True,
    loop: tuple[int, int] | None = None,
) -> int:
    """Write mono sound as it comes, and give the number of its frames; as `write_audio` in all else."""
    with replacing(path, overwrite=overwrite) as temporary, Path(temporary).open("wb") as file:
        return encode_blocks(file, blocks, sample_rate, format, loop=loop)


def encode_audio(
    file: BinaryIO, samples: Samples, sample_rate: int, format: str, loop: tuple[int, int] | None = None
) -> None:
    """Write sound to an open, seekable file; the parameters are those of `write_audio`."""
    if samples.ndim not in (1, 2):
        raise FormatError(f"samples of {samples.ndim} dimensions, expected (frames,) or (frames, channels)")
    blocks = (samples[start : start + BLOCK] for start in range(0, len(samples), BLOCK))
    encode_blocks(file, blocks, sample_rate, format, channels=1 if samples.ndim == 1 else samples.shape[1], loop=loop)


def encode_blocks(
    file: BinaryIO,
    blocks: Iterable[Samples],
    sample_rate: int,
    format: str,
    *,
    channels: int = 1,
    loop: tuple[int, int] | None = None,
) -> int:
    """Write sound to an open, seekable file as it comes, in blocks of any size, and give the number of its frames."""
    import soundfile

    if format not in SUBTYPES:
        raise FormatError(f"{format}: expected one of {' '.join(SUBTYPES)}")
    container, subtype = SUBTYPES[format]
    sink: Any = soundfile.SoundFile(file, "w", sample_rate, channels, subtype=subtype, format=container)
    frames = 0
    try:
        for block in blocks:
            sink.write(block)
            frames += len(block)
    except soundfile.LibsndfileError as error:
        raise OSError(f"{getattr(file, 'name', 'stdout')}: {error}") from error
    finally:
        sink.close()
    if loop is not None and format == "wav":
        _append(file, wav_loop_chunk(*loop, sample_rate))
    return frames


def _append(file: BinaryIO, chunk: bytes) -> None:
    """Put a chunk at the end of a RIFF file; chunks begin on even offsets."""
    end = file.seek(0, os.SEEK_END)
    file.write(b"\0" * (end % 2) + chunk)
    size = file.tell() - 8
    file.seek(4)
    file.write(size.to_bytes(4, "little"))
    file.seek(0, os.SEEK_END)
