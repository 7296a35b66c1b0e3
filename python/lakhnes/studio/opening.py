"""Any file as a song of the studio: what can be read is read, and any other MIDI file is arranged."""

from __future__ import annotations

import os
from pathlib import Path

from lakhnes._native import Song
from lakhnes.arranging import arrange, told
from lakhnes.errors import LakhnesError
from lakhnes.files import format_to_read, read_limited
from lakhnes.songs import read

__all__ = ["opened_bytes", "opened_file"]


def opened_file(path: str | os.PathLike[str], format: str | None = None) -> tuple[Song, str]:
    """Read a file; return the song, and a line about it.

    Raises
    ------
    FormatError, TokenError, LimitError, OSError
        If it cannot be read.
    """
    chosen = format or format_to_read(path)
    if chosen == "mid":
        return opened_bytes(read_limited(path), os.fspath(path))
    return read(path, chosen), f"opened {Path(path).name}"


def opened_bytes(data: bytes, name: str) -> tuple[Song, str]:
    """Read the bytes of a MIDI file: in the form of NES-MDB as they are, any other arranged; see `opened_file`."""
    shown = Path(name).name
    try:
        song = Song.from_bytes(data, "mid")
        if any(len(notes) for notes in song.voices.values()):
            return song, f"opened {shown}"
    except LakhnesError:
        pass  # it is no such file; the arranger says what is wrong with it, if anything is
    song, report = arrange(data, "mid", name=name)
    return song, f"arranged {shown}: {told(report)}"
