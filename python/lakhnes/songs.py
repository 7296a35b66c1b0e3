"""Songs from files, songs to files, songs to sound."""

import gzip
import os
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lakhnes._native import RegisterLog, Song
from lakhnes.arrays import read_arrays, write_arrays
from lakhnes.audio import write_audio
from lakhnes.errors import FormatError, LakhnesError, warn_of
from lakhnes.files import (
    ARRAYS,
    AUDIO_FORMATS,
    LOGS,
    PLAYABLE,
    WRITABLE,
    format_of,
    read_limited,
    write_bytes,
)

__all__ = ["decode", "encode", "read", "read_log", "render", "write"]

Mixer = Literal["nes", "linear"]
Filter = Literal["nes", "famicom", "none"]
Expression = Literal["plain", "natural"]


def read(path: str | os.PathLike[str], format: str | None = None) -> Song:
    """Read a song.

    Parameters
    ----------
    path
        A file that holds a score: ``.tx1.txt .tx2.txt .mid .midi``, ``.pkl`` or ``.npz`` after ``.exprsco``,
        ``.seprsco`` or ``.blndsco``; or register writes, which are transcribed: ``.vgm .vgz .rawsco.npz``, or ``.txt``,
        ``.json`` or ``.pkl`` after ``.ndr``, ``.ndf`` or ``.nlm``.
    format
        One of `PLAYABLE`, such as ``mid``, where the name does not say it.

    Raises
    ------
    FormatError, TokenError, LimitError
        If the file is not what its name says, in one line that names the place; if it holds more than 64 MiB.
    OSError
        If the file cannot be read.
    """
    chosen = format or format_of(path, PLAYABLE)
    played = decode(read_limited(path), chosen, name=os.fspath(path), score=True)
    return played if isinstance(played, Song) else played.transcribe()


def read_log(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    downsample: float | None = None,
    expression: Expression = "plain",
) -> RegisterLog:
    """Read what the chip plays: the register writes of a file that has them, or those that perform a song.

    Parameters
    ----------
    path
        A file of any format that `read` takes.
    format
        One of `PLAYABLE`, where the name does not say it.
    downsample, expression
        See `Song.perform`.

    Raises
    ------
    FormatError, TokenError, LimitError, OSError
        As `read` does.
    """
    played = decode(read_limited(path), format or format_of(path, PLAYABLE), name=os.fspath(path))
    return perform(played, downsample, expression)


def perform(
    played: Song | RegisterLog, downsample: float | None = None, expression: Expression = "plain"
) -> RegisterLog:
    """Give the register writes of a song; a log as it is."""
    if isinstance(played, RegisterLog):
        return played
    return played.perform(downsample=downsample, expression=expression)


def decode(data: bytes, format: str, *, name: str, score: bool = False) -> Song | RegisterLog:
    """Read a song or a log from the bytes of a file; `name` opens the message when they are wrong.

    A raw score is both: it gives its register writes, or with `score` its notes.
    """
    try:
        if format in ARRAYS:
            return read_arrays(data, format, score=score)
        if format in LOGS:
            played: Song | RegisterLog = (log := RegisterLog.from_bytes(data, format))
            warnings = log.warnings
        else:
            played, warnings = Song.from_bytes_and_warnings(data, format)
    except LakhnesError as error:
        raise type(error)(f"{name}: {error}") from None
    warn_of(name, warnings)
    return played


def encode(
    played: Song | RegisterLog,
    format: str,
    expression: Expression = "plain",
    score_rate: float | None = None,
    *,
    exact: bool = False,
    long_waits: bool = False,
    title: str = "",
) -> bytes:
    """Give the bytes of a file of any format of `WRITABLE` but sound; the parameters are those of `write`.

    Raises
    ------
    FormatError
        If the format is none of these.
    """
    if format in ("tx1", "tx2", "mid"):
        song = played if isinstance(played, Song) else played.transcribe(exact=exact)
        if format == "mid":
            return song.to_midi()
        return (song.to_tx1() if format == "tx1" else song.to_tx2()).encode()
    if format in ARRAYS:
        return write_arrays(played, format, score_rate, exact=exact)
    if format not in WRITABLE or format in AUDIO_FORMATS:
        raise FormatError(
            f"{format}: expected one of {' '.join(name for name in WRITABLE if name not in AUDIO_FORMATS)}"
        )
    log = perform(played, expression=expression)
    if format == "vgm":
        return log.to_vgm(long_waits=long_waits)
    if format == "vgz":
        # Without the time the same song gives the same bytes.
        return gzip.compress(log.to_vgm(long_waits=long_waits), mtime=0)
    if format == "nsf":
        return log.to_nsf(title=title)
    disassembly, _, form = format.partition(".")
    return (log.to_json(disassembly) if form == "json" else log.to_text(disassembly)).encode()


def render(
    song: Song | RegisterLog,
    *,
    sample_rate: int = 44_100,
    mixer: Mixer = "nes",
    filter: Filter = "nes",
    stems: bool = False,
    max_duration: float = 3600.0,
    loops: int = 1,
    fade: float = 0.0,
    expression: Expression = "plain",
) -> npt.NDArray[np.float32]:
    """Play a song on the chip.

    Parameters
    ----------
    song
        A score, or the register writes themselves.
    sample_rate
        In Hz, 8,000 to 192,000.
    mixer
        ``"nes"`` mixes by the console's non-linear formulas, ``"linear"`` adds the voices. Stems are always linear.
    filter
        ``"nes"``, ``"famicom"``: that console's output filters; ``"none"``: the mixer's own level, with its offset.
    stems
        Whether to give every voice by itself.
    max_duration
        Refuse what would last longer than so many seconds.
    loops, fade
        How often the part from the loop point on is played, and how many seconds of it fade out after that; without
        effect on a log that does not loop.
    expression
        ``"natural"`` gives a score without dynamics, such as every TX1, those of NES music; see `Song.perform`.

    Returns
    -------
    float32 array in [-1, 1]
        Shape (frames,); with `stems`, (voices, frames).

    Raises
    ------
    LimitError
        If the sound would be longer than `max_duration`.
    ValueError
        If an option is outside its range.
    """
    log = perform(song, expression=expression)
    options: dict[str, Any] = {
        "sample_rate": sample_rate,
        "filter": filter,
        "max_duration": max_duration,
        "loops": loops,
        "fade": fade,
    }
    return log.render_stems(**options) if stems else log.render(mixer=mixer, **options)


def write(
    song: Song | RegisterLog,
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    overwrite: bool = True,
    sample_rate: int = 44_100,
    expression: Expression = "plain",
    score_rate: float | None = None,
    exact: bool = False,
    long_waits: bool = False,
    title: str = "",
    **options: Any,
) -> None:
    """Write a song as text, MIDI, register writes or sound.

    Parameters
    ----------
    song
        A score, or register writes, which become a score where the format holds one.
    path
        The file; the end of its name says the format: ``.tx1.txt .tx2.txt .mid .exprsco.npz .seprsco.npz .blndsco.npz
        .rawsco.npz .vgm .vgz .nsf .wav .flac .ogg``, and ``.txt`` or ``.json`` after ``.ndr``, ``.ndf`` or ``.nlm``.
    format
        One of `WRITABLE`, such as ``mid``, where the name does not say it.
    overwrite
        Whether a file of that name may be replaced.
    sample_rate, **options
        How sound is made; see `render`.
    expression
        How register writes and sound are performed; see `render`.
    score_rate
        The frames a second of ``.npz`` scores, above 0 and at most 44,100; 0 takes the lowest rate that keeps the
        notes, None 24, and 44,100 for raw scores.
    exact
        Transcribe register writes true to the chip; see `RegisterLog.transcribe`.
    long_waits
        Write every wait of a ``.vgm`` as its longest command, as ``nesmdb`` does, for files that are its to the byte.
    title
        What an ``.nsf`` is called whose song has no title of its own.

    Raises
    ------
    FormatError
        If the format is none of these, or cannot hold what is given.
    OSError
        If the file cannot be written; nothing is left behind then.
    """
    chosen = format or format_of(path, WRITABLE)
    if chosen in AUDIO_FORMATS:
        log = perform(song, expression=expression)
        samples = log.render_int16(sample_rate=sample_rate, **options)
        loop = log.loop_samples(sample_rate=sample_rate, loops=options.get("loops", 1))
        write_audio(path, samples, sample_rate, format=chosen, overwrite=overwrite, loop=loop)
    else:
        data = encode(song, chosen, expression, score_rate, exact=exact, long_waits=long_waits, title=title)
        write_bytes(path, data, overwrite=overwrite)
