"""How like the part that a song had is the part that a model writes in its place.

One voice of a song is removed and written anew. The new part need not be the old one, but it should be one that the
song could have: about as dense, its drums with the other voices, its notes of their harmony, as probable to the model
as a song is. `compare` measures this; `summary` puts many songs together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, Vocabulary, quantize_events
from lakhnes.grammar import BOUNDARY, VOICES
from lakhnes.model.model import Model
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["Part", "Replacement", "compare", "part_of", "summary", "without"]

Notes = npt.NDArray[np.int64]

TOGETHER = TICKS_PER_SECOND // 120
"""Ticks between two notes that are heard as one: half a frame. Voices of NES music start a few ticks apart."""

NEAR = 2 * TICKS_PER_SECOND
"""Ticks around a note within which the other notes make its harmony."""

OCTAVE = 12


@dataclasses.dataclass(frozen=True)
class Part:
    """What can be counted in a voice.

    Attributes
    ----------
    density : float
        Notes a second.
    together : float
        Share of the notes that start with one of another voice.
    harmonic : float
        Share of the notes whose pitch class the other pitched voices have within two seconds; NaN for drums.
    length : float
        Median length of a note in seconds.
    """

    density: float
    together: float
    harmonic: float
    length: float


@dataclasses.dataclass(frozen=True)
class Replacement:
    """A removed part, the one that was written for it, and the mean nats an event of the songs with them."""

    voice: str
    old: Part
    new: Part
    old_loss: float
    new_loss: float


def without(song: Song, voice: str) -> Song:
    """Return a song without one of its voices, as long as it was."""
    flat = Song.from_tx1(song.to_tx1())
    silence = Song.from_tx1(f"WT_{flat.length}")
    return song.with_voices(silence, [voice])


def part_of(song: Song, voice: str) -> Part:
    """Count what is in a voice."""
    notes = song.voices[voice]
    if not len(notes):
        return Part(0.0, np.nan, np.nan, np.nan)
    others = [notes for name, notes in song.voices.items() if name != voice]
    starts = np.sort(np.concatenate([notes[:, 0] for notes in others]))
    first = np.searchsorted(starts, notes[:, 0] - TOGETHER)
    together = np.searchsorted(starts, notes[:, 0] + TOGETHER, side="right") > first
    pitched = np.concatenate([notes for name, notes in song.voices.items() if name not in (voice, "no")])
    harmonic = np.nan if voice == "no" else float(np.mean([_is_harmonic(note, pitched) for note in notes]))
    length = float(np.median(notes[:, 1] - notes[:, 0])) / TICKS_PER_SECOND
    return Part(len(notes) / song.duration, float(together.mean()), harmonic, length)


def _is_harmonic(note: Notes, others: Notes) -> bool:
    near = others[(others[:, 1] > note[0] - NEAR) & (others[:, 0] < note[0] + NEAR)]
    return bool(np.isin(note[2] % OCTAVE, near[:, 2] % OCTAVE))


def compare(model: Model, song: Song, made: Song, voice: str) -> Replacement:
    """Compare a song with the same in which one voice was written anew."""
    return Replacement(voice, part_of(song, voice), part_of(made, voice), _loss(model, song), _loss(model, made))


def _loss(model: Model, song: Song) -> float:
    ids = quantize_events(Vocabulary(model.config.vocabulary).events(song), False)
    return float(model.score(np.concatenate([[BOUNDARY], ids, [BOUNDARY]])).mean(dtype=np.float64))


def summary(found: Sequence[Replacement]) -> list[str]:
    """Return a table of what was written for each voice beside what was removed: a heading, and a line a voice."""
    lines = ["voice  songs  density, of removed  within 2x  together   harmonic   length, s  nats an event"]
    for voice in map(str.lower, VOICES):
        of_voice = [one for one in found if one.voice == voice]
        if not of_voice:
            continue
        ratios = np.array([one.new.density / one.old.density for one in of_voice])
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        close = np.mean((ratios >= 0.5) & (ratios <= 2.0))
        pairs = [_pair(of_voice, name) for name in ("together", "harmonic", "length")]
        losses = [np.mean([getattr(one, name) for one in of_voice]) for name in ("new_loss", "old_loss")]
        columns = [
            f"{middle:.2f} ({low:.2f} to {high:.2f})",
            f"{close:.0%}",
            *pairs,
            f"{losses[0]:.3f}|{losses[1]:.3f}",
        ]
        widths = (20, 10, 10, 10, 11, 13)
        cells = [f"{text:>{width}}" for text, width in zip(columns, widths, strict=True)]
        lines.append(f"{voice:>5}  {len(of_voice):>5}  " + " ".join(cells))
    return lines


def _pair(found: Sequence[Replacement], name: str) -> str:
    """Return the medians of a figure, of the new parts and of the old ones."""
    new, old = ([getattr(part, name) for part in parts] for parts in zip(*[(f.new, f.old) for f in found], strict=True))
    if np.isnan(old).all():
        return "-"
    return "|".join(f"{np.nanmedian(values):.2f}" if not np.isnan(values).all() else "-" for values in (new, old))
