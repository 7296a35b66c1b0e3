"""Pictures of songs."""

import logging
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import VOICE_COLORS, Song, source_bars
from lakhnes.errors import FormatError, in_utf8, printable
from lakhnes.outputs import replacing
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["COLORS", "PICTURES", "arrangement_figure", "piano_roll_figure", "plot_arrangement", "plot_song"]

COLORS = VOICE_COLORS
"""The colour of each voice."""

PICTURES = (".png", ".svg", ".pdf")
"""The ends of the names of pictures that can be written."""

MOST_BARS = 20_000
"""The most notes of a voice that are drawn one by one: of more, those that touch each other in a column are one bar."""

COLUMNS = 4_000
"""Of a picture, from its beginning to its end, that are distinguished then; fewer where that leaves too many bars."""

DRUMS = 9
"""The MIDI channel of the drums, from 0."""


def piano_roll_figure(song: Song, title: str | None = None) -> Any:
    """Draw the piano roll of a song: the three pitched voices by MIDI note, the noise below by its number.

    Returns
    -------
    matplotlib.figure.Figure
    """
    _quiet()
    from lakhnes.figures import NotebookFigure

    figure = NotebookFigure(figsize=(10, 4), layout="constrained")
    pitched, noise = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    _draw_voices(song, pitched, noise)
    if title:
        pitched.set_title(_plain(title))
    return figure


def arrangement_figure(data: bytes, song: Song, report: Mapping[str, Any], title: str | None = None) -> Any:
    """Draw a MIDI file and what `Song.arrange` made of it, one above the other.

    Before by channel, after by voice. Crosses mark the notes that are left out, but for those that another doubles.

    Returns
    -------
    matplotlib.figure.Figure
    """
    _quiet()
    from matplotlib import colormaps

    from lakhnes.figures import NotebookFigure

    notes = source_bars(data, 2 * MOST_BARS)
    figure = NotebookFigure(figsize=(10, 8), layout="constrained")
    before, drums, pitched, noise = figure.subplots(4, 1, sharex=True, height_ratios=[4, 1, 4, 1])
    colors = colormaps["tab20"].colors  # type: ignore[attr-defined]
    for channel in np.unique(notes[:, 2]):
        axes = drums if channel == DRUMS else before
        chosen = notes[:, 2] == channel
        starts, ends, pitches = (notes[chosen, column] for column in (0, 1, 3))
        color = COLORS["no"] if channel == DRUMS else colors[channel % len(colors)]
        _draw_notes(axes, starts, ends, pitches, color, f"channel {channel + 1}")
    for axes, is_drums in ((before, False), (drums, True)):
        unplaced = [row for row in report["unplaced"] if (row[1] == DRUMS) == is_drums and row[3] != "doubled"]
        if unplaced:
            column = max(int(song.duration * TICKS_PER_SECOND) // COLUMNS, 1)
            marks = {(tick // column, pitch): tick for tick, _, pitch, _ in unplaced}
            ticks, pitches = np.array([(tick, pitch) for (_, pitch), tick in marks.items()]).T
            axes.plot(ticks / TICKS_PER_SECOND, pitches, "kx", markersize=3, markeredgewidth=0.6, label="left out")
    before.set_ylabel("before: MIDI note")
    if before.has_data():
        _legend(before)
    drums.set_ylabel("drums")
    _draw_voices(song, pitched, noise)
    pitched.set_ylabel("after: MIDI note")
    low, high = zip(before.get_ylim(), pitched.get_ylim(), strict=True)
    if before.has_data() and pitched.has_data():
        before.set_ylim(min(low), max(high))
        pitched.set_ylim(min(low), max(high))
    facts = f"{report['placed']} of {report['notes']} notes"
    before.set_title(f"{_plain(title)}: {facts}" if title else facts)
    return figure


def _draw_voices(song: Song, pitched: Any, noise: Any) -> None:
    for name, notes in song.voices.items():
        axes = noise if name == "no" else pitched
        _draw_notes(axes, notes[:, 0], notes[:, 1], notes[:, 2], COLORS[name], name)
    pitched.set_ylabel("pitch (MIDI note)")
    if any(len(notes) for name, notes in song.voices.items() if name != "no"):
        _legend(pitched)
    noise.set_ylabel("noise")
    noise.set_ylim(0, 17)
    noise.set_xlabel("seconds")
    noise.set_xlim(0, max(song.duration, 0.1))


def _legend(axes: Any) -> None:
    """Name what is drawn, beside the notes."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize="small")


def _draw_notes(
    axes: Any,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    pitches: npt.NDArray[np.int64],
    color: Any,
    label: str,
) -> None:
    from matplotlib.collections import PolyCollection

    starts, ends, pitches = _seen(starts, ends, pitches)
    # One collection: thousands of bars by themselves take seconds.
    left, right = starts / TICKS_PER_SECOND, ends / TICKS_PER_SECOND
    low, high = pitches - 0.45, pitches + 0.45
    corners = np.stack([np.stack(corner, -1) for corner in ((left, low), (right, low), (right, high), (left, high))], 1)
    axes.add_collection(PolyCollection(list(corners), facecolors=[color], linewidths=0, label=label))
    axes.autoscale_view()


def _quiet() -> None:
    """Keep matplotlib from telling of its folder and of the cache of fonts that it makes at its first use."""
    logger = logging.getLogger("matplotlib")
    logger.setLevel(max(logger.level, logging.ERROR))


def _seen(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], pitches: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return notes that look the same as these, but are not more than can be seen beside each other."""
    columns = COLUMNS
    while len(starts) > MOST_BARS and columns:  # one column has a bar of each pitch
        starts, ends, pitches = _merged(starts, ends, pitches, columns)
        columns //= 2
    return starts, ends, pitches


def _merged(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], pitches: npt.NDArray[np.int64], columns: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return notes in this number of columns, those that touch each other as one."""
    width = int(ends.max()) // columns + 1
    edges = np.zeros((int(pitches.max()) + 1, columns + 2), dtype=np.int64)  # of each pitch: how many begin, less ends
    np.add.at(edges, (pitches, starts // width), 1)
    np.add.at(edges, (pitches, -(-ends // width)), -1)
    sounds = np.pad(edges.cumsum(axis=1) > 0, ((0, 0), (1, 0))).astype(np.int8)
    changes = np.diff(sounds, axis=1)
    (rows, first), (_, last) = np.nonzero(changes == 1), np.nonzero(changes == -1)
    return first * width, last * width, rows


def _plain(title: str) -> str:
    """Return a title as matplotlib shows it as it is: it takes what stands between dollars for a formula."""
    return printable(in_utf8(title), 80).replace("$", r"\$")


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
    _save(lambda: piano_roll_figure(song, title), path, dpi=dpi, overwrite=overwrite)


def plot_arrangement(
    data: bytes,
    song: Song,
    report: Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    dpi: int = 100,
    overwrite: bool = True,
) -> None:
    """Write the picture of a MIDI file and of its arrangement; see `arrangement_figure` and `plot_song`."""
    _save(lambda: arrangement_figure(data, song, report, title), path, dpi=dpi, overwrite=overwrite)


def _save(draw: Callable[[], Any], path: str | os.PathLike[str], *, dpi: int, overwrite: bool) -> None:
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURES:
        raise FormatError(f"{path}: the name must end in one of {' '.join(PICTURES)}")
    figure = draw()
    with replacing(path, overwrite=overwrite) as temporary:
        # Without a date the same song gives the same bytes.
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix)
        with warnings.catch_warnings():  # a letter of a title that the font lacks is drawn as a box
            warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
            figure.savefig(temporary, format=suffix[1:], dpi=dpi, metadata=metadata)
