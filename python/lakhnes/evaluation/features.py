"""Features of songs that may distinguish composed from human ones: rhythm, pitch, lengths, repetition.

Times are counted in video frames. Nobody hears what lies within a frame, so songs of any source are brought to their
own best grid of frames first (`Song.on_frames`), both sides of a comparison alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, tx3_facts
from lakhnes.units import VOICES

__all__ = ["TABLE", "features_of", "row_grid"]

Array = npt.NDArray[np.float64]

PITCHED = VOICES[:3]
PERIODS = np.arange(4.0, 8.0, 1 / 32)
"""Frames a row that are tried, in steps fine enough for a song of a minute."""

TOLERANCE = 0.75
"""Frames by which an onset may miss a row."""

TABLE = (
    "onsets on rows", "frames a row", "three commonest distances, bass", "repeated pitches, pulses",
    "mean step, p1", "mean step, p2", "different 4-grams, p1", "different 4-grams, bass", "notes a second",
    "note length, p1", "note length, p2", "note length, tr", "bars heard before",
)  # fmt: skip
"""The features that `lakhnes data compare` prints for all songs, whatever tells them apart."""


def row_grid(onsets: Array) -> tuple[float, float]:
    """Find the grid of rows on which most onsets lie.

    Parameters
    ----------
    onsets : float64, ``(N,)``
        In frames.

    Returns
    -------
    share : float
        Of the onsets, within three quarters of a frame of a row of the best grid: the one whose share is furthest above
        chance, which is a row's 1.5 frames by its length. NaN below eight onsets.
    period : float
        Frames a row, from 4 to 8.
    """
    if len(onsets) < 8:
        return math.nan, math.nan
    shares = np.empty(len(PERIODS))
    for index, period in enumerate(PERIODS):
        phases = np.sort(onsets % period)
        around = np.concatenate([phases, phases + period])
        # The most onsets within any window of twice the tolerance, around the circle of one row.
        ends = np.searchsorted(around, phases + 2 * TOLERANCE, side="right")
        shares[index] = (ends - np.arange(len(phases))).max() / len(phases)
    chance = 2 * TOLERANCE / PERIODS
    best = int(np.argmax((shares - chance) / (1 - chance)))
    return float(shares[best]), float(PERIODS[best])


def features_of(song: Song, *, events: int | None = None) -> dict[str, float]:
    """Measure a song.

    Parameters
    ----------
    song : Song
    events : int, optional
        Measure only the first events of its TX1 text, this number of them, so that length tells nothing.

    Returns
    -------
    dict
        The same names for every song; NaN for what it does not have, as the steps of a voice that is silent.
    """
    song = song.on_frames()
    facts = tx3_facts(song)
    frame = facts["frame_period"]
    notes = {voice: rows[:, :3].astype(np.float64) for voice, rows in song.voices.items()}
    end = song.length
    if events is not None:
        end = _end_of(notes, events, end)
        notes = {voice: rows[rows[:, 0] < end] for voice, rows in notes.items()}
    for rows in notes.values():
        rows[:, :2] = np.round(rows[:, :2] / frame)
    seconds = end / 44_100
    onsets = np.unique(np.concatenate([rows[:, 0] for rows in notes.values()]))
    share, period = row_grid(onsets)
    found = {"onsets on rows": share, "frames a row": period, "key strength": _number(facts["key_strength"])}
    found["notes a second"] = sum(map(len, notes.values())) / seconds if seconds else math.nan
    found["voices"] = float(sum(len(rows) > 0 for rows in notes.values()))
    for voice, rows in notes.items():
        found |= _of_voice(voice, rows, seconds, end / frame)
    found["three commonest distances, bass"] = found["three commonest distances, tr"]
    found["different 4-grams, bass"] = found["different 4-grams, tr"]
    found["repeated pitches, pulses"] = _mean([found["repeated pitches, p1"], found["repeated pitches, p2"]])
    found |= _together(notes)
    found["bars heard before"] = _returning(notes, facts, frame)
    return found


def _end_of(notes: dict[str, Array], events: int, end: int) -> int:
    """Return the tick at which about this number of events has passed: four a note, which has two waits in TX1."""
    onsets = np.sort(np.concatenate([rows[:, 0] for rows in notes.values()]))
    most = events // 4
    return int(onsets[most]) if len(onsets) > most else end


def _of_voice(voice: str, rows: Array, seconds: float, frames: float) -> dict[str, float]:
    starts, ends, pitches = rows.T if len(rows) else np.zeros((3, 0))
    distances, lengths, steps = np.diff(starts), ends - starts, np.diff(pitches)
    moved = np.abs(steps[steps != 0])
    found = {
        "notes a second": len(rows) / seconds if seconds else math.nan,
        "share of the time": float(lengths.sum()) / frames if frames else math.nan,
        "note length": _median(lengths),
        "spread of lengths": _spread(lengths),
        "three commonest lengths": _commonest(lengths, 3),
        "distance": _median(distances),
        "spread of distances": _spread(distances),
        "three commonest distances": _commonest(distances, 3),
        "entropy of distances": _entropy(distances),
        "legato": _mean(ends[:-1] >= starts[1:]),
        "repeated pitches": _mean(steps == 0),
        "pitch": _mean(pitches),
        "range": float(np.ptp(pitches)) if len(pitches) else math.nan,
        "entropy of pitches": _entropy(pitches % 12 if voice in PITCHED else pitches),
        "mean step": _mean(moved),
        "steps of an octave": _mean(moved == 12),
        "leaps": _mean(moved > 7),
        "turns": _mean(np.sign(steps[1:]) * np.sign(steps[:-1]) < 0),
        "different 4-grams": _different(pitches, 4),
        "different rhythms": _different(distances, 4),
        "entropy of the next pitch": _conditional_entropy(pitches),
    }
    return {f"{name}, {voice}": value for name, value in found.items()}


def _together(notes: dict[str, Array]) -> dict[str, float]:
    """How voices go together: onsets at one frame, and the intervals between pitches that begin at one."""
    found = {}
    for first, second in (("p1", "p2"), ("p1", "tr"), ("p2", "tr"), ("p1", "no"), ("tr", "no")):
        one, other = notes[first], notes[second]
        common, here, there = np.intersect1d(one[:, 0], other[:, 0], return_indices=True)
        fewest = min(len(one), len(other))
        found[f"onsets together, {first} {second}"] = len(common) / fewest if fewest else math.nan
        if second != "no":
            intervals = (one[here, 2] - other[there, 2]) % 12
            found[f"consonance, {first} {second}"] = _mean(np.isin(intervals, (0, 3, 4, 7, 8, 9)))
            found[f"unisons, {first} {second}"] = _mean(intervals == 0)
    return found


def _returning(notes: dict[str, Array], facts: dict[str, Any], frame: float) -> float:
    """Return the share of bars that are the same in all voices, note for note, as one before; NaN below four bars."""
    length = facts["frames_a_row"] * facts["rows_a_bar"]
    bars: dict[int, list[tuple[int, ...]]] = {}
    rows = np.concatenate([np.column_stack([np.full(len(n), v), n]) for v, n in enumerate(notes.values())])
    if not len(rows) or not length:
        return math.nan
    numbers = np.floor((rows[:, 1] + 0.5) / length)
    table = np.column_stack([rows[:, 0], np.round(rows[:, 1] - numbers * length), rows[:, 3]]).astype(int)
    for number, row in zip(numbers.astype(int).tolist(), table.tolist(), strict=True):
        bars.setdefault(number, []).append(tuple(row))
    seen: set[tuple[tuple[int, ...], ...]] = set()
    again = 0
    for number in sorted(bars):
        bar = tuple(sorted(bars[number]))
        again += bar in seen
        seen.add(bar)
    return again / len(bars) if len(bars) >= 4 else math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mean(values: Any) -> float:
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else math.nan


def _median(values: Array) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _spread(values: Array) -> float:
    """Return the standard deviation as a share of the mean."""
    return float(values.std() / max(values.mean(), 1e-9)) if len(values) else math.nan


def _commonest(values: Array, count: int) -> float:
    counts = np.sort(np.unique(values, return_counts=True)[1])[::-1]
    return float(counts[:count].sum() / counts.sum()) if len(values) else math.nan


def _entropy(values: Array) -> float:
    """Return the entropy of values in bits."""
    counts = np.unique(values, return_counts=True)[1]
    shares = counts / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) if len(values) else math.nan


def _conditional_entropy(values: Array) -> float:
    """Return the entropy in bits of a value when the one before is known."""
    if len(values) < 4:
        return math.nan
    return _entropy(values[:-1] * 1000 + values[1:]) - _entropy(values[:-1])


def _different(values: Array, length: int) -> float:
    """Return the share of different ones among the sequences of some successive values."""
    if len(values) < length + 4:
        return math.nan
    windows = np.lib.stride_tricks.sliding_window_view(values, length)
    return len(np.unique(windows, axis=0)) / len(windows)
