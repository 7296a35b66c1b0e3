"""Songs from files, songs to files, songs to sound."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from lakhnes import _native
from lakhnes._native import RegisterLog, Song
from lakhnes.audio import open_encoder
from lakhnes.errors import in_utf8, warn_of
from lakhnes.files import WRITABLE, format_of, format_to_read, read_limited
from lakhnes.outputs import check_target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["decode", "encode", "read", "read_log", "render", "write"]

Mixer = Literal["nes", "linear"]
Filter = Literal["nes", "famicom", "none"]
Expression = Literal["plain", "natural"]
MidiForm = Literal["nesmdb", "gm"]


def read(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    track: int | None = None,
    max_duration: float | None = None,
) -> Song:
    """Read a song.

    Parameters
    ----------
    path
        A file of any readable format, by the end of its name: ``.mid``, ``.tx1.txt``, ``.vgm``, …; register writes are
        transcribed. See `lakhnes.files.FORMATS` and the page of formats.
    format
        One of `lakhnes.files.PLAYABLE`, such as ``mid``, where the name does not say it.
    track
        Which song of an ``.nsf`` or ``.nsfe``, from 1; the one that the file begins with if None.
    max_duration
        How many seconds of such a track are taken at the most; 300 if None.

    Raises
    ------
    FormatError, TokenError, LimitError
        If the file is not what its name says, in one line that names the place; if it holds more than 64 MiB.
    ValueError
        If the file has no such track.
    OSError
        If the file cannot be read.
    """
    chosen = format or format_to_read(path)
    name = os.fspath(path)
    played = decode(read_limited(path), chosen, name=name, score=True, track=track, max_duration=max_duration)
    return played if isinstance(played, Song) else played.transcribe()


def read_log(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    downsample: float | None = None,
    expression: Expression = "plain",
    track: int | None = None,
    max_duration: float | None = None,
) -> RegisterLog:
    """Read what the chip plays: the register writes of a file that has them, or those that perform a song.

    Parameters
    ----------
    path
        A file of any format that `read` takes.
    format
        One of `lakhnes.files.PLAYABLE`, where the name does not say it.
    downsample, expression
        See `Song.perform`.
    track, max_duration
        See `read`.

    Raises
    ------
    FormatError, TokenError, LimitError, OSError
        As `read` does.
    """
    chosen, name = format or format_to_read(path), os.fspath(path)
    played = decode(read_limited(path), chosen, name=name, track=track, max_duration=max_duration)
    return perform(played, downsample, expression)


def perform(
    played: Song | RegisterLog, downsample: float | None = None, expression: Expression = "plain"
) -> RegisterLog:
    """Give the register writes of a song; a log as it is."""
    if isinstance(played, RegisterLog):
        return played
    return played.perform(downsample=downsample, expression=expression)


def decode(
    data: bytes,
    format: str,
    *,
    name: str,
    score: bool = False,
    track: int | None = None,
    max_duration: float | None = None,
    fade: float = 0.0,
) -> Song | RegisterLog:
    """Read a song or a log from the bytes of a file; `name` opens the message when they are wrong.

    A raw score is both: it gives its register writes, or with `score` its notes. For `track` and `max_duration` see
    `read`; a track that is cut off there fades for `fade` seconds.
    """
    played, warnings = _native.decode(
        data, format, in_utf8(name), score=score, track=track, max_duration=max_duration, fade=fade
    )
    warn_of(name, warnings)
    return played


def encode(played: Song | RegisterLog, format: str, **options: Any) -> bytes:
    """Give the bytes of a file of any format of `WRITABLE`; the options are those of `write`."""
    file = io.BytesIO()
    _native.export(played, file, format, open_encoder, **options)
    return file.getvalue()


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
        Refuse what would last longer than this number of seconds.
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
    path: str | os.PathLike[str] | BinaryIO,
    format: str | None = None,
    *,
    overwrite: bool = True,
    **options: Any,
) -> None:
    """Write a song as text, MIDI, arrays, register writes or sound.

    Parameters
    ----------
    song
        A score, or register writes, which become a score where the format holds one.
    path
        The file; the end of its name says the format: ``.mid``, ``.tx1.txt``, ``.vgm``, ``.wav``, … See
        `lakhnes.files.FORMATS` and the page of formats. Or an open binary stream, with `format`.
    format
        One of `lakhnes.files.WRITABLE`, such as ``mid``, where the name does not say it.
    overwrite
        Whether a file of that name may be replaced.
    sample_rate, mixer, filter, max_duration, loops, fade : optional
        How sound is made; see `render`.
    dither : bool, optional
        Whether sound gets triangular dither before it is rounded; see `RegisterLog.blocks`.
    expression, downsample : optional
        How register writes and sound are performed; see `Song.perform`.
    score_rate : float, optional
        The frames a second of ``.npz`` scores, above 0 and at most 44,100; 0 takes the lowest rate that keeps the
        notes, None 24, and 44,100 for raw scores.
    exact : bool, optional
        Transcribe register writes true to the chip; see `RegisterLog.transcribe`.
    long_waits : bool, optional
        Write every wait of a ``.vgm`` as its longest command, as ``nesmdb`` does, for files that are its to the byte.
    title : str, optional
        What an ``.nsf``, ``.nsfe``, ``.flac`` or ``.ogg`` is called whose song has no title of its own.
    tags : mapping, optional
        What ``.nsf``, ``.vgm`` and sound files say, whatever the song says itself: ``title``, ``artist`` and
        ``copyright``.
        With any of them, `title` is that of ``.vgm`` and ``.wav`` files, too.
    midi : str, optional
        The form of ``.mid`` files; see `Song.to_midi`.
    loop_start : int, optional
        The tick of 1/44,100 s from which register writes and sound go on when they have ended.
    gain : float, optional
        By how many decibels sound is louder.
    normalize : tuple, optional
        How loud sound is made before that: ``(-1.0, "dBFS")``, its highest sample, or ``(-14.0, "LUFS")``, its loudness
        by ITU-R BS.1770-4.

    Raises
    ------
    FormatError
        If the format is unknown, or cannot hold what is given; if sound would go beyond full scale.
    OSError
        If the file cannot be written; nothing is left behind then.
    """
    if isinstance(path, (str, os.PathLike)):
        format = format or format_of(path, WRITABLE)
        check_target(path, overwrite=overwrite)
    if format is None:
        raise TypeError("a stream has no name that says the format: expected format=")
    _native.export(song, path, format, open_encoder, overwrite=overwrite, **options)
