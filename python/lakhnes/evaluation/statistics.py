"""Statistics of songs, to compare what a model composes with what it was trained on.

The figures are simple on purpose. They show whether songs are empty, endless, monotonous or aimless, not whether they
are good.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, Vocabulary
from lakhnes.arranging import arrange as arrange_file
from lakhnes.data.layout import SPLITS, TEXTS
from lakhnes.errors import FormatError, LakhnesError
from lakhnes.files import PLAYABLE, base_name, format_to_read, known_format, read_limited
from lakhnes.grammar import faults
from lakhnes.progress import Advance
from lakhnes.songs import read
from lakhnes.units import TICKS_PER_SECOND, VOICES

__all__ = ["FIGURES", "Figures", "describe", "find_songs", "markdown", "measure", "self_similarity", "summarize"]

PITCHED = VOICES[:3]
"""Those that play pitches."""

WINDOW = 1.0
"""Seconds of the windows that are compared for the self-similarity."""

FRAMES = 12
"""Frames of the piano roll in a window."""


@dataclasses.dataclass(frozen=True)
class Figures:
    """The figures of one song.

    Attributes
    ----------
    events : int
        Of its TX1 text.
    faults : int
        Events that may not stand where they do (`lakhnes.grammar.faults`), one wait at each end left out; 0 but for
        texts.
    duration : float
        In seconds.
    voices : int
        How many of the four have notes.
    notes_per_second : float
    pitch_range : float
        Semitones between the lowest and the highest note of the pulses and the triangle; NaN without one.
    distinct_4grams : float
        The share of different ones among all sequences of four successive note-ons (voice and pitch); NaN below four.
    self_similarity : float
        See `self_similarity`.
    """

    events: int
    faults: int
    duration: float
    voices: int
    notes_per_second: float
    pitch_range: float
    distinct_4grams: float
    self_similarity: float


FIGURES = tuple(field.name for field in dataclasses.fields(Figures))


def describe(song: Song) -> Figures:
    """Measure a song."""
    notes = {name: rows for name, rows in song.voices.items() if len(rows)}
    pitches = np.concatenate([song.voices[name][:, 2] for name in PITCHED])
    return Figures(
        events=song.count_events(),
        faults=0,
        duration=song.duration,
        voices=len(notes),
        notes_per_second=sum(map(len, notes.values())) / song.duration if song.length else math.nan,
        pitch_range=float(np.ptp(pitches)) if len(pitches) else math.nan,
        distinct_4grams=_distinct(song, 4),
        self_similarity=self_similarity(song),
    )


def self_similarity(song: Song) -> float:
    """Return the mean cosine similarity of every two windows of a song, from 0 to 1; NaN for less than two.

    A window is a second of the piano roll of all four voices, 12 frames, each added up over its frames: how long every
    pitch of every voice sounds in it. A loop of a second has 1, a song that never sounds the same note twice 0.
    """
    count = int(song.duration / WINDOW)
    if count < 2:
        return math.nan
    windows = _windows(song, count)
    norms = np.sqrt(sum(np.square(row, dtype=np.int64) for row in windows))
    divisors = np.where(norms > 0, norms, 1.0)
    # The sum over all pairs, without the matrix of them.
    sums = np.array([(row / divisors).sum() for row in windows])
    total = float(np.square(sums).sum() - np.count_nonzero(norms))
    return total / (count * (count - 1))


def _windows(song: Song, count: int) -> npt.NDArray[np.uint8]:
    """Return in how many frames of each of the first windows each pitch of each voice sounds: (4 * 128, count).

    Pitch by pitch, for the piano roll of twelve hours takes 265 MB.
    """
    windows = np.zeros((len(VOICES), 128, count), dtype=np.uint8)
    length = count * FRAMES
    for voice, notes in zip(windows, song.voices.values(), strict=True):
        frames = np.floor(notes[:, :2] * (FRAMES / WINDOW) / TICKS_PER_SECOND).astype(np.int64).clip(max=length)
        for pitch in np.unique(notes[:, 2]):
            starts, ends = frames[notes[:, 2] == pitch].T
            changes = np.bincount(starts, minlength=length + 1) - np.bincount(ends, minlength=length + 1)
            sounds = np.cumsum(changes[:length]) > 0
            voice[pitch] = sounds.reshape(count, FRAMES).sum(axis=1)
    return windows.reshape(-1, count)


def _distinct(song: Song, length: int) -> float:
    voices = enumerate(song.voices.values())
    onsets = np.concatenate([np.column_stack([notes[:, 0], notes[:, 2] + 128 * voice]) for voice, notes in voices])
    codes = onsets[np.argsort(onsets[:, 0], kind="stable"), 1]  # at one tick in the order of the voices
    if len(codes) < length:
        return math.nan
    grams = np.lib.stride_tricks.sliding_window_view(codes, length) @ (512 ** np.arange(length))
    return len(np.unique(grams)) / len(grams)


def measure(
    paths: Sequence[Path],
    *,
    length: int | None = None,
    arrange: Mapping[str, Any] | None = None,
    failed: list[tuple[Path, Exception]] | None = None,
    advance: Advance = lambda songs: None,
) -> list[Figures]:
    """Measure the songs of some files.

    Parameters
    ----------
    paths : sequence of Path
        In any readable format.
    length : int, optional
        Measure only the first events of each song's TX1 text, this number of them.
    arrange : mapping, optional
        Options of `Song.arrange`, by which MIDI files without the voices of NES-MDB are arranged; refused if None.
    failed : list, optional
        Gets the files that cannot be read, each with its error, which is raised otherwise.
    advance : callable
        Called with the number of songs measured since the last call.
    """
    measured = []
    for path in paths:
        try:
            measured.append(_measure_file(path, length, arrange))
        except (LakhnesError, OSError) as error:
            if failed is None:
                raise
            failed.append((path, error))
        advance(1)
    return measured


def _measure_file(path: Path, length: int | None, arranging: Mapping[str, Any] | None) -> Figures:
    dialect = format_to_read(path)
    try:
        song = read(path)
    except FormatError:
        if arranging is None or dialect != "mid":
            raise
        song, _ = arrange_file(read_limited(path), dialect, name=str(path), **arranging)
    wrong = _faults_of_text(read_limited(path).decode("utf-8-sig"), dialect) if dialect in TEXTS else ()
    if length is not None and song.length:
        song = Song.from_tx1("\n".join(song.to_tx1().splitlines()[:length]))
    return dataclasses.replace(describe(song), faults=len(wrong))


def _faults_of_text(text: str, dialect: str) -> npt.NDArray[np.int64]:
    text = text.strip()
    if text.startswith("WT_"):
        text = text.partition("\n")[2]
    before, _, last = text.rpartition("\n")
    return faults(Vocabulary(dialect).encode(before if last.startswith("WT_") else text), dialect)


def find_songs(folder: Path) -> dict[str, list[Path]]:
    """Find the songs of a corpus by split, or those of a folder under its own name; a song of several formats once.

    Raises
    ------
    FormatError
        If the folder has no song.
    """
    splits = [folder / name for name in SPLITS if (folder / name).is_dir()]
    found = {place.name: songs for place in splits or [Path(os.path.realpath(folder))] if (songs := _songs_in(place))}
    if not found:
        raise FormatError(f"{folder}: no readable song in it")
    return found


def _songs_in(folder: Path) -> list[Path]:
    chosen: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        if (format_name := known_format(path, PLAYABLE)) is None:
            continue
        rank, name = PLAYABLE.index(format_name), base_name(path)
        if name not in chosen or rank < chosen[name][0]:
            chosen[name] = (rank, path)
    return [path for _, path in chosen.values()]


def summarize(songs: Iterable[Figures]) -> dict[str, Any]:
    """Summarise the figures of some songs.

    Returns
    -------
    dict
        ``songs``: how many; ``faulty``: the share of songs with an event where none may stand; ``three_voices``,
        ``over_5_s``: the share of songs with three voices or more, and of more than five seconds; and of each of
        `FIGURES` a dict of ``mean``, ``median``, ``lower`` and ``upper`` quartile over the songs that have it.
    """
    rows = list(songs)
    table = np.array([dataclasses.astuple(row) for row in rows], dtype=np.float64).reshape(-1, len(FIGURES))
    columns = dict(zip(FIGURES, table.T, strict=True))
    facts: dict[str, Any] = {
        "songs": len(rows),
        "faulty": _share(columns["faults"] > 0),
        "three_voices": _share(columns["voices"] >= 3),
        "over_5_s": _share(columns["duration"] > 5.0),
    }
    for name, column in columns.items():
        known = column[np.isfinite(column)]
        quartiles = np.quantile(known, [0.25, 0.5, 0.75]).tolist() if len(known) else [None] * 3
        mean = float(known.mean()) if len(known) else None
        facts[name] = {"mean": mean} | dict(zip(("lower", "median", "upper"), quartiles, strict=True))
    return facts


def _share(true: npt.NDArray[np.bool_]) -> float | None:
    return float(true.mean()) if len(true) else None


ROWS: tuple[tuple[str, Callable[[dict[str, Any]], float | None], str], ...] = (
    ("songs", lambda facts: facts["songs"], "d"),
    ("songs with an illegal event", lambda facts: facts["faulty"], ".0%"),
    ("longer than 5 s", lambda facts: facts["over_5_s"], ".0%"),
    ("three voices or more", lambda facts: facts["three_voices"], ".0%"),
    ("voices used (mean)", lambda facts: facts["voices"]["mean"], ".2f"),
    ("events (median)", lambda facts: facts["events"]["median"], ".0f"),
    ("duration (median, s)", lambda facts: facts["duration"]["median"], ".1f"),
    ("notes a second (median)", lambda facts: facts["notes_per_second"]["median"], ".1f"),
    ("range of pulses and triangle (median, semitones)", lambda facts: facts["pitch_range"]["median"], ".1f"),
    ("share of different 4-grams of note-ons (median)", lambda facts: facts["distinct_4grams"]["median"], ".2f"),
    ("self-similarity, one-second windows (median)", lambda facts: facts["self_similarity"]["median"], ".2f"),
)


def markdown(columns: dict[str, dict[str, Any]]) -> str:
    """Return what `summarize` gives as a table in Markdown, a column for each name."""
    rows = [["", *columns], ["---", *("---:" for _ in columns)]]
    for name, figure, form in ROWS:
        figures = [figure(facts) for facts in columns.values()]
        rows.append([name, *("" if value is None else format(value, form).replace("%", " %") for value in figures)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
