"""Pictures of songs."""

import os
from pathlib import Path
from typing import Any

from lakhnes._native import Song
from lakhnes.errors import FormatError
from lakhnes.files import replacing

__all__ = ["COLORS", "PICTURES", "piano_roll_figure", "plot_song"]

COLORS = {"p1": "#c8102e", "p2": "#e98300", "tr": "#0057b7", "no": "#5b6770"}
"""The colour of each voice."""

PICTURES = (".png", ".svg", ".pdf")
"""The ends of the names of pictures that can be written."""

TICKS_PER_SECOND = 44_100


def piano_roll_figure(song: Song, title: str | None = None) -> Any:
    """Draw the piano roll of a song: the three pitched voices by MIDI note, the noise below by its number.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    pitched, noise = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    for name, notes in song.voices.items():
        axes = noise if name == "no" else pitched
        starts, ends, pitches = notes[:, 0] / TICKS_PER_SECOND, notes[:, 1] / TICKS_PER_SECOND, notes[:, 2]
        axes.barh(pitches, ends - starts, left=starts, height=0.9, color=COLORS[name], label=name, linewidth=0)
    pitched.set_ylabel("pitch (MIDI note)")
    if any(len(notes) for name, notes in song.voices.items() if name != "no"):
        pitched.legend(loc="upper right", ncols=3, frameon=False)
    noise.set_ylabel("noise")
    noise.set_ylim(0, 17)
    noise.set_xlabel("seconds")
    noise.set_xlim(0, max(song.duration, 0.1))
    if title:
        pitched.set_title(title)
    return figure


def plot_song(
    song: Song, path: str | os.PathLike[str], *, title: str | None = None, dpi: int = 100, overwrite: bool = True
) -> None:
    """Write the piano roll of a song as a picture: PNG, SVG or PDF, as the name says.

    Raises
    ------
    FormatError
        If the name ends in none of these.
    OSError
        If the file cannot be written; nothing is left behind then.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURES:
        raise FormatError(f"{path}: the name must end in one of {' '.join(PICTURES)}")
    with replacing(path, overwrite=overwrite) as temporary:
        # Without a date the same song gives the same bytes.
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix)
        piano_roll_figure(song, title).savefig(temporary, format=suffix[1:], dpi=dpi, metadata=metadata)
